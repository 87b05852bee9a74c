"""A host as it would be if some of its files had other texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ec2rl.facts.conf_files import final
from ec2rl.host import Clock, Door, Entries, Host, Journal, Phrase, Search
from ec2rl.model import Evidence, Unreadable, Why


class Overlay:
    """A host seen with the texts of `files` in place of its own; None for a file taken away."""

    def __init__(self, host: Host, files: Mapping[str, str | None]) -> None:
        self.name = host.name
        self._host = host
        self._files = dict(files)

    def read(self, path: str) -> Evidence | Unreadable:
        end = path if path in self._files else final(self._host, path)
        if end not in self._files:
            return self._host.read(path)
        text = self._files[end]
        return Unreadable(path, Why.ABSENT) if text is None else Evidence(path, text)

    def read_own(self, path: str) -> Evidence | Unreadable:
        return self._host.read_own(path)

    def names(self, path: str) -> tuple[str, ...] | Unreadable:
        found = self._host.names(path)
        inside = path.rstrip("/") + "/"
        added, taken = set(), set()
        for name, text in self._files.items():
            if name.startswith(inside):
                first, _, deeper = name[len(inside) :].partition("/")
                if text is not None:
                    added.add(first)
                elif not deeper:
                    taken.add(first)
        if isinstance(found, Unreadable):
            return tuple(sorted(added)) if added and found.why is Why.ABSENT else found
        return tuple(sorted({*found, *added} - taken))

    def link(self, path: str) -> str | Unreadable:
        if path in self._files:
            return Unreadable(path, Why.ABSENT, "not a symbolic link")
        return self._host.link(path)

    def clock(self) -> Clock:
        return self._host.clock()

    def inode(self, path: str) -> int | Unreadable:
        return self._host.inode(path)

    def search(
        self, paths: Sequence[str], phrases: Sequence[Phrase]
    ) -> tuple[Search | Unreadable, ...]:
        return self._host.search(paths, phrases)

    def journal(self, phrases: Sequence[Phrase]) -> Journal | Unreadable:
        return self._host.journal(phrases)

    def ethtool(self, interface: str) -> Evidence | Unreadable:
        return self._host.ethtool(interface)

    def conntrack_stats(self) -> Evidence | Unreadable:
        return self._host.conntrack_stats()

    def conntrack_entries(self, first: int) -> Entries | Unreadable:
        return self._host.conntrack_entries(first)

    def within(self, door: Door) -> Host:
        return Overlay(self._host.within(door), self._files)

    def later(self, seconds: float) -> Host:
        return Overlay(self._host.later(seconds), self._files)
