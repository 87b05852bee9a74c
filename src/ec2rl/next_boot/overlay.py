"""A host as it would be if some of its files had other texts."""

from __future__ import annotations

from collections.abc import Mapping

from ec2rl.facts.conf_files import final
from ec2rl.host import Door, Host
from ec2rl.host.forwarding import ForwardingHost
from ec2rl.model import Evidence, Unreadable, Why


class Overlay(ForwardingHost):
    """A host seen with the texts of `files` in place of its own; None for a file taken away."""

    def __init__(self, host: Host, files: Mapping[str, str | None]) -> None:
        super().__init__(host)
        self._files = dict(files)

    def read(self, path: str) -> Evidence | Unreadable:
        end = path if path in self._files else final(self.host, path)
        if end not in self._files:
            return self.host.read(path)
        text = self._files[end]
        return Unreadable(path, Why.ABSENT) if text is None else Evidence(path, text)

    def names(self, path: str) -> tuple[str, ...] | Unreadable:
        found = self.host.names(path)
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
        return self.host.link(path)

    def within(self, door: Door) -> Host:
        return Overlay(self.host.within(door), self._files)

    def later(self, seconds: float) -> Host:
        return Overlay(self.host.later(seconds), self._files)
