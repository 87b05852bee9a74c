"""Entries that were kept of a table: a sample, or what somebody recorded."""

from __future__ import annotations

from ec2rl.conntrack.queries.entry_lines import EntryLines
from ec2rl.conntrack.table.capture import masked
from ec2rl.conntrack.table.census import Census, census
from ec2rl.conntrack.table.stream import TRAIL
from ec2rl.conntrack.table.tally import Tally
from ec2rl.conntrack.table.text_tally import TextTally

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ec2rl.conntrack.queries.kept import Entries


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


def _is_hex(line: str) -> bool:
    return len(line) % 2 == 0 and set(line) <= set("0123456789abcdef")
