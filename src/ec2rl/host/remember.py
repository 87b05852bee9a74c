"""A host that looks once: every module hears the same words, and the words can be saved.

Each look has a key that a person can read (`/proc/meminfo`, `ls /proc`, `ethtool -S eth0`); a look
from a network namespace has `netns FILE: ` before it, a look after a pause `later: `.
"""

from __future__ import annotations

from ec2rl.host import Clock, Door, Entries, Host, Journal, Phrase, Search
from ec2rl.model import Evidence, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Callable, TypeVar, Union

    Look = Union[Clock, Evidence, Unreadable, "tuple[str, ...]", str, int, Search, Journal, Entries]
    T = TypeVar("T")


LATER = "later: "


class Remember:
    """Any host, with a memory of its looks: key to answer, in the order of the first look."""

    def __init__(self, host: Host, memory: dict[str, Look] | None = None, prefix: str = "") -> None:
        self.host = host
        self.name = host.name
        self.memory: dict[str, Look] = {} if memory is None else memory
        self._prefix = prefix

    def _once(self, what: str, look: Callable[[], T]) -> T:
        key = self._prefix + what
        if key not in self.memory:
            self.memory[key] = look()  # type: ignore[assignment]  # a key stands for one kind
        return self.memory[key]  # type: ignore[return-value]

    def clock(self) -> Clock:
        return self._once("clock", self.host.clock)

    def read(self, path: str) -> Evidence | Unreadable:
        return self._once(path, lambda: self.host.read(path))

    def read_own(self, path: str) -> Evidence | Unreadable:
        return self._once(path, lambda: self.host.read_own(path))

    def names(self, path: str) -> tuple[str, ...] | Unreadable:
        return self._once(f"ls {path}", lambda: self.host.names(path))

    def link(self, path: str) -> str | Unreadable:
        return self._once(f"link {path}", lambda: self.host.link(path))

    def inode(self, path: str) -> int | Unreadable:
        return self._once(f"inode {path}", lambda: self.host.inode(path))

    def search(
        self, paths: Sequence[str], phrases: Sequence[Phrase]
    ) -> tuple[Search | Unreadable, ...]:
        keys = [f"{self._prefix}search {path}" for path in paths]
        new = [path for path, key in zip(paths, keys) if key not in self.memory]
        for path, found in zip(new, self.host.search(new, phrases) if new else ()):
            self.memory[f"{self._prefix}search {path}"] = found
        return tuple(self.memory[key] for key in keys)  # type: ignore[misc]

    def journal(self, phrases: Sequence[Phrase]) -> Journal | Unreadable:
        return self._once("journal", lambda: self.host.journal(phrases))

    def ethtool(self, interface: str) -> Evidence | Unreadable:
        return self._once(f"ethtool -S {interface}", lambda: self.host.ethtool(interface))

    def conntrack_stats(self) -> Evidence | Unreadable:
        return self._once("conntrack -S", self.host.conntrack_stats)

    def conntrack_entries(self, first: int) -> Entries | Unreadable:
        return self._once("conntrack -L", lambda: self.host.conntrack_entries(first))

    def within(self, door: Door) -> Remember:
        return Remember(self.host.within(door), self.memory, f"{self._prefix}netns {door.path}: ")

    def later(self, seconds: float) -> Remember:
        return Remember(self.host.later(seconds), self.memory, LATER + self._prefix)
