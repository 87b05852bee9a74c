"""A host behind another: what one kind does otherwise is all that its class says."""

from __future__ import annotations

from ec2rl.host import Clock, Door, Host, Journal, Phrase, Search
from ec2rl.model import Evidence, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeVar

    from ec2rl.host.query import Query

    T = TypeVar("T")


class ForwardingHost:
    """Any host, asked for each look."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.name = host.name

    @property
    def is_live(self) -> bool:
        return self.host.is_live

    def clock(self) -> Clock:
        return self.host.clock()

    def read(self, path: str) -> Evidence | Unreadable:
        return self.host.read(path)

    def read_own(self, path: str) -> Evidence | Unreadable:
        return self.host.read_own(path)

    def names(self, path: str) -> tuple[str, ...] | Unreadable:
        return self.host.names(path)

    def link(self, path: str) -> str | Unreadable:
        return self.host.link(path)

    def inode(self, path: str) -> int | Unreadable:
        return self.host.inode(path)

    def search(
        self, paths: Sequence[str], phrases: Sequence[Phrase]
    ) -> tuple[Search | Unreadable, ...]:
        return self.host.search(paths, phrases)

    def journal(self, phrases: Sequence[Phrase]) -> Journal | Unreadable:
        return self.host.journal(phrases)

    def query(self, query: Query[T]) -> T | Unreadable:
        return self.host.query(query)

    def within(self, door: Door) -> Host:
        return self.host.within(door)

    def later(self, seconds: float) -> Host:
        return self.host.later(seconds)
