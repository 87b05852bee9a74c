"""Entries that were kept of a table: a sample, or what somebody recorded."""

from __future__ import annotations

from ec2rl.conntrack.table.capture import Capture
from ec2rl.conntrack.table.census import Census, census
from ec2rl.conntrack.table.netlink import decode
from ec2rl.conntrack.table.stream import TRAIL
from ec2rl.conntrack.table.tally import Tally
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
    tally, kept = Tally(settings), Kept(entries)
    for entry in kept.of_text():
        tally.add(entry)
    tally.add_bodies([body + bytes(TRAIL) for body in kept.bodies()])
    return census(tally, settings, entries.source, counted, kept.gaps(), keep)


class Kept:
    """Entries that were kept, one by one; `counted` is how many the table had, if that is known.

    `gaps` is the whole account once all have been taken.
    """

    def __init__(self, kept: Entries, counted: int | None = None) -> None:
        self._kept, self._counted = kept, counted
        self._capture = Capture()
        self._listed = self._malformed = 0

    def of_text(self) -> Iterator[Entry]:
        """Read those that are text."""
        text = (line for line in self._kept.text.splitlines(keepends=True) if "=" in line)
        return self._capture.entries(line.encode() for line in text)

    def bodies(self) -> Iterator[bytes]:
        """Give those that are the kernel's bytes."""
        lines = self._kept.text.splitlines()
        return (bytes.fromhex(line) for line in lines if "=" not in line and _is_hex(line))

    def entries(self) -> Iterator[Entry]:
        """Read all."""
        for entry in self.of_text():
            self._listed += 1
            yield entry
        for body in self.bodies():
            try:
                entry = decode(body)
            except MalformedError:
                self._malformed += 1
            else:
                self._listed += 1
                yield entry

    def gaps(self) -> tuple[str, ...]:
        """Say what stands between them and the whole table; () for nothing."""
        gaps = [self._kept.gap] if self._kept.gap else []
        others = self._capture.others + self._malformed
        if others:
            no = "1 is no entry" if others == 1 else f"{others} are no entries"
            gaps.append(f"of the lines looked at, {no}")
        if self._counted is not None and self._listed < self._counted:
            gaps.append(f"{self._listed} of {self._counted} entries were recorded")
        return tuple(gaps)


def _is_hex(line: str) -> bool:
    return len(line) % 2 == 0 and set(line) <= set("0123456789abcdef")
