"""The links of a sosreport: what stands at their ends answers for their names as well."""

from __future__ import annotations

from ec2rl.host.sos_layout import Use, use
from ec2rl.model import Evidence, Unreadable
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container

    from ec2rl.host.caching import Observation

_LINKS, _DEPTH = 2_000, 8


class Links:
    """Links by their paths, as they come, in a recording of at most `most` looks."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._ends: dict[str, str] = {}
        self._wanted: list[str] = []

    def add(self, path: str, end: str, is_wanted: bool) -> str:
        """Note where a link ends; what is lost by that, if anything.

        `is_wanted` is one whose name stands for evidence that must be somewhere in the archive.
        """
        if path in self._ends:
            return "" if self._ends[path] == end else "it came again, and ends elsewhere"
        if len(self._ends) >= _LINKS:
            return "a link, beyond what is kept" if is_wanted else ""
        self._ends[path] = end
        if is_wanted:
            self._wanted.append(path)
        return ""

    def follow(self, memory: dict[str, Observation]) -> None:
        """Let what stands at the end of links answer for their names, links to links too."""
        for _ in range(_DEPTH):
            folders: dict[str, list[str]] = {}
            for key in memory:
                kind, _, path = key.rpartition(" ") if key[:1] != "/" else ("", "", key)
                if kind in ("", "search") and path[:1] == "/":
                    at = len(path)
                    while at > 0:
                        folders.setdefault(path[1:at], []).append(key)
                        at = path.rfind("/", 0, at)
            before = len(memory)
            for link, target in self._ends.items():
                for key in folders.get(target, ()):
                    self._alias(memory, key, key.replace(f"/{target}", f"/{link}", 1))
            if len(memory) == before:
                return

    def _alias(self, memory: dict[str, Observation], key: str, other: str) -> None:
        if other in memory or len(memory) >= self._most:
            return
        look = memory[key]
        if isinstance(look, (Evidence, Unreadable)):
            look = replace(look, source=other.removeprefix("search "))
        memory[other] = look

    def unread(self, memory: Container[str], read: Container[int]) -> list[tuple[str, str]]:
        """Give the wanted ones, with their ends, of which nothing was read; `follow` comes first.

        `read` has the hashes of the paths that were.
        """
        wanted = ((path, self._end(path)) for path in self._wanted)
        return [(path, end) for path, end in wanted if not self._is_read(path, end, memory, read)]

    def _end(self, path: str) -> str:
        for _ in range(_DEPTH):
            path = self._ends.get(path, path)
        return path

    def _is_read(self, path: str, end: str, memory: Container[str], read: Container[int]) -> bool:
        found, other = use(path), use(end)
        if found is None:
            return True
        what, key = found
        # A command's output has one key wherever it stands: another may have answered there.
        if key[:1] == "/" and (key in memory or f"search {key}" in memory):
            return True
        if other is None or end in self._ends or hash(end) not in read:
            return False
        # What is searched is searched for the same, whatever it is called.
        return other == found or (other[0] is what and what not in (Use.TEXT, Use.STREAM))
