"""Entries that were kept of a table: a sample, or what somebody recorded."""

from __future__ import annotations

from ec2rl.conntrack.table.capture import Capture
from ec2rl.conntrack.table.census import Census, census
from ec2rl.conntrack.table.stream import TRAIL
from ec2rl.conntrack.table.tally import Tally

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ec2rl.conntrack.queries.saved_text import Entries


def count_entries(
    entries: Entries, settings: Mapping[str, int], counted: int | None, keep: int = 100
) -> Census:
    """Count entries that are text, or the kernel's bytes in hexadecimal."""
    tally, capture = Tally(settings), Capture()
    text = [line for line in entries.text.splitlines(keepends=True) if "=" in line]
    for entry in capture.entries([line.encode() for line in text]):
        tally.add(entry)
    raw = [line for line in entries.text.splitlines() if "=" not in line and _is_hex(line)]
    tally.add_bodies([bytes.fromhex(line) + bytes(TRAIL) for line in raw])
    gaps = [entries.gap] if entries.gap else []
    if capture.others:
        no = "1 is no entry" if capture.others == 1 else f"{capture.others} are no entries"
        gaps.append(f"of the lines looked at, {no}")
    return census(tally, settings, entries.source, counted, tuple(gaps), keep)


def _is_hex(line: str) -> bool:
    return len(line) % 2 == 0 and set(line) <= set("0123456789abcdef")
