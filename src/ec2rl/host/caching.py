"""A host that looks once: every module hears the same words, and the words can be saved.

Each look has a key that a person can read (`/proc/meminfo`, `ls /proc`, `ethtool -S eth0`); a look
from a network namespace has `netns FILE: ` before it, a look after a pause `later: `.
"""

from __future__ import annotations

from ec2rl.host import Clock, Door, Host, Journal, Phrase, Search
from ec2rl.host.forwarding import ForwardingHost
from ec2rl.host.query import Answer
from ec2rl.model import Evidence, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Callable, TypeVar, Union

    from ec2rl.host.query import Query

    Observation = Union[
        Clock, Evidence, Unreadable, "tuple[str, ...]", str, int, Search, Journal, Answer
    ]
    T = TypeVar("T")


LATER = "later: "


class CachingHost(ForwardingHost):
    """Any host, with a memory of its looks: key to answer, in the order of the first look.

    With `recording` a stream is kept as well, as far as its query says.
    """

    def __init__(
        self,
        host: Host,
        memory: dict[str, Observation] | None = None,
        prefix: str = "",
        recording: bool = False,
    ) -> None:
        super().__init__(host)
        self._recording = recording
        self.memory: dict[str, Observation] = {} if memory is None else memory
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

    def query(self, query: Query[T]) -> T | Unreadable:
        kept = query.kept
        if kept is not query and not self._recording:  # a stream, which is read once
            return self.host.query(query)
        answer = self._once(kept.key, lambda: self._ask(kept))
        return answer.value if isinstance(answer, Answer) else answer

    def _ask(self, query: Query[T]) -> Answer | Unreadable:
        answer = self.host.query(query)
        return answer if isinstance(answer, Unreadable) else Answer(query, answer)

    def within(self, door: Door) -> CachingHost:
        return self._seen_as(self.host.within(door), f"{self._prefix}netns {door.path}: ")

    def later(self, seconds: float) -> CachingHost:
        return self._seen_as(self.host.later(seconds), LATER + self._prefix)

    def _seen_as(self, host: Host, prefix: str) -> CachingHost:
        return CachingHost(host, self.memory, prefix, self._recording)
