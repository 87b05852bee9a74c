"""The units that have failed, and are not well again since, asked of systemd itself."""

from __future__ import annotations

from ec2rl.host.manager_bus import MANAGER, PRIVATE, ROOT, ManagerBus, Reader, text
from ec2rl.host.queries.system_state import no_answer
from ec2rl.host.query import TextQuery
from ec2rl.model import Evidence, Unreadable
from ec2rl.record import record

_UNITS, _RESULTS = 256, 32
_WITH_RESULT = ("Service", "Mount", "Swap", "Socket", "Timer", "Path", "Automount", "Scope")


@record(frozen=True)
class FailedUnits(TextQuery):
    """Lines as of `systemctl list-units --failed`, with the property Result in place of SUB."""

    path: str = PRIVATE

    @property
    def key(self) -> str:
        return f"failed units {self.path}"

    def ask(self) -> Evidence | Unreadable:
        try:
            return Evidence(self.key, _asked(self.path))
        except (OSError, ValueError) as error:
            return no_answer(self.path, error)


def _asked(path: str) -> str:
    bus = ManagerBus(path)
    try:
        wanted = text("failed")
        body = len(wanted).to_bytes(4, "little") + wanted
        order, answer = bus.call(ROOT, f"{MANAGER}.Manager", "ListUnitsFiltered", "as", body)
        units = _listed(Reader(order, answer))
        lines = []
        for number, (unit, said, loaded, result, object_path) in enumerate(units):
            kind = unit.rpartition(".")[2].capitalize()
            if number < _RESULTS and kind in _WITH_RESULT:
                result = bus.get(object_path, f"{MANAGER}.{kind}", "Result")
            lines.append(" ".join(f"{unit} {loaded} failed {result} {said}".split()))
    finally:
        bus.close()
    return "".join(f"{line}\n" for line in lines)


def _listed(answer: Reader) -> list[tuple[str, str, str, str, str]]:
    """Read a(ssssssouso): name, description, load, active, sub, following, path, and its job."""
    size = answer.number()
    answer.align(8)
    end = answer.at + size
    found: list[tuple[str, str, str, str, str]] = []
    while answer.at < end and len(found) < _UNITS:
        answer.align(8)
        name, said, loaded, _, sub, _, path = (answer.text() for _ in range(7))
        answer.number()
        answer.text()
        answer.text()
        found.append((name, said, loaded, sub, path))
    return found
