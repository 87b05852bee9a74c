"""The lines of the sysctl files that speak of the wanted settings, as one reader applies them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
from ec2rl.next_boot.rules import Rules
from ec2rl.record import record

MAX_LINES = 10_000
MAX_PATTERNS = 100
"""Lines about wanted settings, and patterns, in all files together; no host needs more."""


@record(frozen=True)
class Line:
    """A line in its place among all that one reader applies."""

    number: int
    item: Assignment


@record(frozen=True)
class Lines:
    """`named` are the lines that name a path, `writes` what comes of all lines for a path.

    `after_unread` are the files that come after all that could not be read.
    """

    reader: Reader
    named: Mapping[str, Sequence[Line]]
    patterns: Sequence[Line]
    writes: Mapping[str, Sequence[Line]]
    malformed: Sequence[NoAssignment]
    unread: tuple[Unreadable, ...]
    after_unread: frozenset[str]

    def blind(self, winner: Assignment | None) -> Unreadable | None:
        """Tell what was not read and may decide in place of `winner` (None: of the default)."""
        if not self.unread:
            return None
        # A line that names the key anywhere exempts it from patterns.
        if winner is not None and not winner.is_pattern() and winner.path in self.after_unread:
            return None
        return self.unread[-1]

    def about(self, paths: Sequence[str]) -> list[Evidence]:
        """Give every line that gives one of these paths a value, whatever comes of it."""
        found = _ordered(self.named, paths)
        for line in self.patterns:
            if any(matches(line.item.key, path, self.reader) for path in paths):
                found.append(line)
        found.sort(key=_number)
        return [line.item.evidence() for line in found if line.item.value is not None]

    def written(self, paths: Sequence[str]) -> list[Line]:
        """Tell what is written to these paths, in the order of writing."""
        return _ordered(self.writes, paths)

    def all_named(self) -> list[Line]:
        """Give every line that names a path, in the order of the files."""
        return _ordered(self.named, tuple(self.named))


def _ordered(lines: Mapping[str, Sequence[Line]], paths: Sequence[str]) -> list[Line]:
    found = [line for path in paths for line in lines.get(path, ())]
    found.sort(key=_number)
    return found


def _number(line: Line) -> int:
    return line.number


def read_lines(host: Host, reader: Reader, rules: Rules, prefixes: Sequence[str] = ()) -> Lines:
    """Read the sysctl files of a host as `reader` does.

    With `prefixes` only keys below these paths count, as with `systemd-sysctl --prefix=`.
    """

    found = _Collected(rules, prefixes)
    for text in files(host, reader):
        if isinstance(text, Unreadable):
            found.not_read(text)
            continue
        found.after.add(text.source)
        for item in parse(text.source, text.text, reader):
            found.take(item)
            if found.is_too_much():
                unread = (*found.unread, Unreadable(text.source, Why.PARTIAL, "too many lines"))
                return Lines(reader, {}, (), {}, (), unread, frozenset())
    existing = rules.existing([line.item.key for line in found.patterns])
    written: dict[str, list[Line]] = {}
    allowed = [path for path in existing if found.allows(path)]
    for number, (path, item) in enumerate(writes(found.items, reader, allowed)):
        written.setdefault(path, []).append(Line(number, item))
    return Lines(
        reader,
        found.named,
        found.patterns,
        written,
        found.malformed,
        tuple(found.unread),
        frozenset(found.after),
    )


def _is_no_key(path: str) -> bool:
    """Whether a path can be none below /proc/sys: `sysctl -w a.b`, `/proc/sys/a/b`."""
    return any(map(str.isspace, path)) or path.startswith("proc/sys/")


class _Collected:
    """The lines of all files so far that are about wanted settings."""

    def __init__(self, rules: Rules, prefixes: Sequence[str]) -> None:
        self.rules, self.prefixes = rules, prefixes
        self.items: list[Assignment] = []
        self.patterns: list[Line] = []
        self.named: dict[str, list[Line]] = {}
        self.malformed: list[NoAssignment] = []
        self.unread: list[Unreadable] = []
        self.after: set[str] = set()

    def allows(self, path: str) -> bool:
        return not self.prefixes or any(f"{path}/".startswith(f"{one}/") for one in self.prefixes)

    def not_read(self, what: Unreadable) -> None:
        self.unread.append(what)
        self.after.clear()

    def is_too_much(self) -> bool:
        lines = len(self.items) + len(self.malformed)
        return lines > MAX_LINES or len(self.patterns) > MAX_PATTERNS

    def take(self, item: Assignment | NoAssignment) -> None:
        if isinstance(item, NoAssignment):
            if self.rules.speaks(item.text):
                self.malformed.append(item)
        elif _is_no_key(item.key) and self.rules.speaks(item.text):
            self.malformed.append(NoAssignment(item.path, item.line, item.text))
        elif item.is_pattern() and alternatives(item.key) is None:
            self.not_read(Unreadable(item.path, Why.PARTIAL, "a pattern too long"))
        elif item.is_pattern():
            self.patterns.append(Line(len(self.items), item))
            self.items.append(item)
        elif self.rules.wants(item.key) and self.allows(item.key):
            self.named.setdefault(item.key, []).append(Line(len(self.items), item))
            self.items.append(item)
