"""The lines of the sysctl files that speak of connection tracking, as one reader applies them."""

from __future__ import annotations

from collections.abc import Sequence

from ec2rl.conntrack.boot.keys import paths_of, setting_of
from ec2rl.facts.sysctl_conf import (
    Assignment,
    NoAssignment,
    Reader,
    alternatives,
    files,
    matches,
    parse,
    writes,
)
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import record

MAX_LINES = 2_000
"""Lines about connection tracking in all files together; a host that needs more is no host."""


@record(frozen=True)
class Lines:
    """`items` in the order of the files; `writes` is what comes of them, in order of writing.

    `after_unread` are the files that come after all that could not be read.
    """

    reader: Reader
    items: tuple[Assignment, ...]
    writes: tuple[tuple[str, Assignment], ...]
    malformed: tuple[NoAssignment, ...]
    unread: tuple[Unreadable, ...]
    after_unread: frozenset[str]

    def blind(self, winner: Assignment | None) -> Unreadable | None:
        """What was not read and may decide in place of `winner` (None: of the default)."""
        if not self.unread:
            return None
        # A line that names the key anywhere exempts it from patterns.
        if winner is not None and not winner.is_pattern() and winner.path in self.after_unread:
            return None
        return self.unread[-1]

    def about(self, setting: str) -> list[Evidence]:
        """Every line that gives this setting a value, whatever comes of it."""
        return [
            item.evidence()
            for item in self.items
            if item.value is not None
            and (
                any(matches(item.key, path, self.reader) for path in paths_of(setting))
                if item.is_pattern()
                else setting_of(item.key) == setting
            )
        ]


def read_lines(
    host: Host, reader: Reader, existing: Sequence[str], prefixes: Sequence[str] = ()
) -> Lines:
    """Read the sysctl files of a host as `reader` does.

    With `prefixes` only keys below these paths count, as with `systemd-sysctl --prefix=`.
    """

    def allowed(path: str) -> bool:
        return not prefixes or any(f"{path}/".startswith(f"{one}/") for one in prefixes)

    items: list[Assignment] = []
    malformed: list[NoAssignment] = []
    unread: list[Unreadable] = []
    after: set[str] = set()
    for text in files(host, reader):
        if isinstance(text, Unreadable):
            unread.append(text)
            after.clear()
            continue
        after.add(text.source)
        for item in parse(text.source, text.text, reader):
            if isinstance(item, NoAssignment):
                if "conntrack" in item.text:
                    malformed.append(item)
            elif item.is_pattern() and alternatives(item.key) is None:
                unread.append(Unreadable(text.source, Why.PARTIAL, "a pattern too long"))
                after.clear()
            elif item.is_pattern() or (setting_of(item.key) and allowed(item.key)):
                items.append(item)
            if len(items) + len(malformed) > MAX_LINES:
                unread.append(Unreadable(text.source, Why.PARTIAL, "too many lines"))
                return Lines(reader, (), (), (), tuple(unread), frozenset())
    found = tuple(writes(items, reader, [path for path in existing if allowed(path)]))
    return Lines(reader, tuple(items), found, tuple(malformed), tuple(unread), frozenset(after))
