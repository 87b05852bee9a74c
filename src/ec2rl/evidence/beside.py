"""A machine with what somebody saved beside it: each answers what the other was not asked."""

from __future__ import annotations

from ec2rl.host import Host
from ec2rl.host.forwarding import ForwardingHost
from ec2rl.host.recording import RecordedHost
from ec2rl.model import Evidence, Unreadable, Why

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    from ec2rl.host.query import Query

    T = TypeVar("T")


class Beside(ForwardingHost):
    """A sosreport or a volume; of what nobody collected there, the files beside it tell.

    Logs, and the time at which it was recorded, are the machine's own.
    """

    def __init__(self, host: Host, files: RecordedHost) -> None:
        super().__init__(host)
        self.name = f"{host.name} with {files.name}"
        self._files = files

    def _missing(self, answer: object) -> bool:
        return isinstance(answer, Unreadable) and answer.why is Why.NOT_COLLECTED

    def read(self, path: str) -> Evidence | Unreadable:
        answer = self.host.read(path)
        return self._files.read(path) if self._missing(answer) else answer

    def names(self, path: str) -> tuple[str, ...] | Unreadable:
        answer = self.host.names(path)
        return self._files.names(path) if self._missing(answer) else answer

    def query(self, query: Query[T]) -> T | Unreadable:
        answer = self.host.query(query)
        return self._files.query(query) if self._missing(answer) else answer
