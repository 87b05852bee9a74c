"""A connection-tracking table that somebody saved: counted as it streams past, and a sample kept.

What `conntrack -L [-o extended]` printed, or the text of /proc/net/nf_conntrack.  Its entries come
in any order (sorted by address, say), so the sample is drawn from all of it (a reservoir:
Vitter's algorithm R), and drawn alike each time.
"""

from __future__ import annotations

import re

from ec2rl.host import Entries
from ec2rl.model import Unreadable, Why

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Read = Callable[[int], bytes]

KEPT = 10_000
"""Entries of a sample: shares within 1 % in 95 of 100 cases."""

_PIECE = 256 << 10
_LONGEST = 1024  # bytes of a line that is kept; an entry has some 200
_COUNTED = rb"conntrack v\S+ \(conntrack-tools\): (\d{1,12}) flow entries have been shown\."


def read_table(name: str, read: Read, modified: float) -> Entries | Unreadable:
    """The table in a stream; FAILED where there is no entry in it, and nobody says that it is empty."""
    reader = _Reader()
    rest = b""
    error = ""
    try:
        while piece := read(_PIECE):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                reader.add(line)
            rest = rest[: _LONGEST + 1]
    except OSError as failed:
        error = failed.strerror or str(failed)
    if not reader.total and reader.counted is None:
        return Unreadable(
            name, Why.FAILED, error or "no line of it is an entry of a conntrack table"
        )
    text = "".join(f"{line.decode('ascii', 'backslashreplace')}\n" for line in reader.sample())
    gaps = (error, reader.gap(), "its last line is cut off" if rest else "")
    return Entries(name, text, reader.total, modified, "; ".join(filter(None, gaps)))


class _Reader:
    def __init__(self) -> None:
        from random import Random

        self.total = 0
        self.counted: int | None = None
        self._others = 0
        self._kept: list[tuple[int, bytes]] = []
        self._chance = Random(1).random  # noqa: S311 - a sample, not a secret

    def add(self, line: bytes) -> None:
        if line.count(b" src=") != 2 or len(line) > _LONGEST:
            self._other(line)
            return
        if len(self._kept) < KEPT:
            self._kept.append((self.total, line))
        else:
            place = int(self._chance() * (self.total + 1))
            if place < KEPT:
                self._kept[place] = self.total, line
        self.total += 1

    def _other(self, line: bytes) -> None:
        said = re.fullmatch(_COUNTED, line.strip())
        if said is not None:
            self.counted = (self.counted or 0) + int(said[1])
        else:
            self._others += bool(line.strip())

    def sample(self) -> list[bytes]:
        """The lines that were kept, in their order."""
        return [line for _, line in sorted(self._kept)]

    def gap(self) -> str:
        said = []
        if self._others:
            said.append(f"{self._others} lines are no entries")
        if self.counted is not None and self.counted > self.total:
            said.append(f"conntrack had counted {self.counted} entries")
        return "; ".join(said)
