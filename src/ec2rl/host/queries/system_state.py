"""How far systemd has brought this machine, asked of systemd itself over its own socket.

The property SystemState of the manager, which `systemctl is-system-running` prints.
"""

from __future__ import annotations

from ec2rl.host.files import unreadable
from ec2rl.host.manager_bus import MANAGER, PRIVATE, ROOT, ManagerBus
from ec2rl.host.query import TextQuery
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import record


@record(frozen=True)
class SystemState(TextQuery):
    """What `systemctl is-system-running` says: `running`, `degraded`, `maintenance`, ..."""

    path: str = PRIVATE

    @property
    def key(self) -> str:
        return f"systemd state {self.path}"

    def ask(self) -> Evidence | Unreadable:
        try:
            return Evidence(self.key, f"{_asked(self.path)}\n")
        except (OSError, ValueError) as error:
            return no_answer(self.path, error)


def no_answer(path: str, error: OSError | ValueError) -> Unreadable:
    """Say why systemd was not asked, or gave no answer."""
    if isinstance(error, OSError) and error.errno is not None:
        return unreadable(path, error)
    return Unreadable(path, Why.FAILED, str(error) or "no answer in time")


def _asked(path: str) -> str:
    bus = ManagerBus(path)
    try:
        word = bus.get(ROOT, f"{MANAGER}.Manager", "SystemState")
    finally:
        bus.close()
    if not (word.isascii() and word.isalpha()) or len(word) > 32:
        raise ValueError("the answer is no word")
    return word
