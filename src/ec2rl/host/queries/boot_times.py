"""When systemd began and ended to bring the machine up, and what it still waits for."""

from __future__ import annotations

from ec2rl.host.manager_bus import MANAGER, PRIVATE, ROOT, ManagerBus, Reader
from ec2rl.host.queries.system_state import no_answer
from ec2rl.host.query import TextQuery
from ec2rl.model import Evidence, Unreadable
from ec2rl.record import record

_JOBS = 256
_STAMPS = (("userspace", "UserspaceTimestampMonotonic"), ("finish", "FinishTimestampMonotonic"))


@record(frozen=True)
class BootTimes(TextQuery):
    """Lines of `userspace` and `finish` with µs since the kernel began, and `job UNIT TYPE STATE`.

    `finish` is 0 while systemd still brings units up.
    """

    path: str = PRIVATE

    @property
    def key(self) -> str:
        return f"boot times {self.path}"

    def ask(self) -> Evidence | Unreadable:
        try:
            return Evidence(self.key, _asked(self.path))
        except (OSError, ValueError) as error:
            return no_answer(self.path, error)


def _asked(path: str) -> str:
    bus = ManagerBus(path)
    manager = f"{MANAGER}.Manager"
    try:
        lines = [f"{name} {bus.get_number(ROOT, manager, what)}" for name, what in _STAMPS]
        if lines[-1] == "finish 0":
            lines += _jobs(Reader(*bus.call(ROOT, manager, "ListJobs", "", b"")))
    finally:
        bus.close()
    return "".join(f"{line}\n" for line in lines)


def _jobs(answer: Reader) -> list[str]:
    """Read a(usssoo): number, unit, type, state, and two paths."""
    size = answer.number()
    answer.align(8)
    end = answer.at + size
    found: list[str] = []
    while answer.at < end and len(found) < _JOBS:
        answer.align(8)
        answer.number()
        unit, kind, state, _, _ = (answer.text() for _ in range(5))
        found.append(" ".join(f"job {unit} {kind} {state}".split()))
    return found
