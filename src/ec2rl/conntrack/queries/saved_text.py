"""A conntrack table as text: counted as it streams past, and a sample kept.

Its entries come in any order (sorted by address, say), so the sample is drawn from all of it (a
reservoir: Vitter's algorithm R), and drawn alike each time.
"""

from __future__ import annotations

import time

from ec2rl.conntrack.queries.entry_lines import EntryLines
from ec2rl.conntrack.queries.kept import Entries
from ec2rl.model import Unreadable, Why

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Callable

    Read = Callable[[int], bytes]

KEPT = 10_000
"""Entries of a sample: shares within 1 % in 95 of 100 cases."""

SECONDS = 60.0
"""For one table: a million entries take one."""

_PIECE = 256 << 10


def read_table(
    name: str,
    reads: Sequence[Read],
    modified: float,
    seconds: float = SECONDS,
    kept: int = KEPT,
    needs_all: bool = False,
) -> Entries | Unreadable:
    """Read the table in streams, in so many `seconds`.

    FAILED where no entry is in it, and nobody says that it is empty; with `needs_all` PARTIAL where
    there was no time to read it to its end.
    """
    sample, reader, gaps, is_late = _Sample(kept), EntryLines(), [], False
    until = time.monotonic() + seconds
    for read in reads:
        try:
            for lines, _ in reader.blocks(iter(lambda read=read: read(_PIECE), b"")):  # type: ignore[misc]
                sample.add(lines)
                if time.monotonic() > until:
                    is_late = True
                    gaps.append("no time was left to read it to its end")
                    break
        except OSError as error:
            gaps.append(error.strerror or str(error))
    if needs_all and is_late:
        words = f"{reader.total} entries were read in {seconds:.0f} s, and not the others"
        return Unreadable(name, Why.PARTIAL, words)
    if not reader.total and reader.counted is None:
        return Unreadable(name, Why.FAILED, "; ".join((*gaps, reader.none())))
    gaps = [*reader.gaps(), *gaps]
    text = "".join(f"{line.decode('ascii', 'backslashreplace')}\n" for line in sample.lines())
    return Entries(name, text, reader.total, modified, "; ".join(gaps))


class _Sample:
    """So many lines of those that come, each as likely as any other."""

    def __init__(self, room: int) -> None:
        from random import Random

        self._seen = 0
        self._room = room
        self._kept: list[tuple[int, bytes]] = []
        self._chance = Random(1).random  # noqa: S311 - a sample, not a secret

    def add(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            if len(self._kept) < self._room:
                self._kept.append((self._seen, line))
            else:
                place = int(self._chance() * (self._seen + 1))
                if place < self._room:
                    self._kept[place] = self._seen, line
            self._seen += 1

    def lines(self) -> list[bytes]:
        """The lines that were kept, in their order."""
        return [line for _, line in sorted(self._kept)]
