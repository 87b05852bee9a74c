"""Entries that were kept of a table: a sample, or what somebody recorded."""

from __future__ import annotations

from ec2rl.conntrack.queries.entry_lines import EntryLines
from ec2rl.conntrack.table.capture import Capture, masked, undecoded
from ec2rl.conntrack.table.census import Census, census
from ec2rl.conntrack.table.netlink import decode
from ec2rl.conntrack.table.stream import TRAIL
from ec2rl.conntrack.table.tally import Tally
from ec2rl.conntrack.table.text_tally import TextTally
from ec2rl.netlink import MalformedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ec2rl.conntrack.queries.kept import Entries
    from ec2rl.conntrack.table.entry import Entry


def count_entries(
    entries: Entries, settings: Mapping[str, int], counted: int | None, keep: int = 100
) -> Census:
    """Count entries that are text, or the kernel's bytes in hexadecimal."""
    tally, reader = Tally(settings), EntryLines()
    columns = TextTally(tally)
    text = "".join(line for line in entries.text.splitlines(keepends=True) if "=" in line)
    for lines, shapes in reader.blocks([text.encode()]):
        columns.add(lines, shapes)
    raw = [line for line in entries.text.splitlines() if "=" not in line and _is_hex(line)]
    tally.add_bodies([bytes.fromhex(line) + bytes(TRAIL) for line in raw])
    gaps = [entries.gap] if entries.gap else []
    others = reader.others + columns.malformed
    if others:
        no = "1 is no entry" if others == 1 else f"{others} are no entries"
        gaps.append(f"of the lines looked at, {no}")
    gaps += masked(columns.masked)
    return census(tally, settings, entries.source, counted, tuple(gaps), keep)


class KeptEntries:
    """Entries that were kept, decoded one by one; `counted` is how many the table had, if known.

    `gaps` is the whole account once all have been taken.
    """

    def __init__(self, kept: Entries, counted: int | None) -> None:
        self._kept, self._counted = kept, counted
        self._capture = Capture()
        self._listed = self._malformed = 0

    def __iter__(self) -> Iterator[Entry]:
        for entry in self._decoded():
            self._listed += 1
            yield entry

    def _decoded(self) -> Iterator[Entry]:
        lines = self._kept.text.splitlines(keepends=True)
        yield from self._capture.entries(["".join(line for line in lines if "=" in line).encode()])
        for line in map(str.strip, lines):
            if "=" not in line and _is_hex(line):
                try:
                    yield decode(bytes.fromhex(line))
                except MalformedError:
                    self._malformed += 1

    def gaps(self) -> tuple[str, ...]:
        """Say what stands between them and the whole table; () for nothing."""
        gaps = [self._kept.gap] if self._kept.gap else []
        gaps += [*self._capture.gaps(), *undecoded(self._malformed)]
        if self._counted is not None and self._listed < self._counted:
            gaps.append(f"{self._listed} of {self._counted} entries were recorded")
        return tuple(gaps)


def _is_hex(line: str) -> bool:
    return len(line) % 2 == 0 and set(line) <= set("0123456789abcdef")
