"""A connection-tracking table as text: counted as it streams past, and a sample kept.

What `conntrack -L [-o extended]` printed, or the text of /proc/net/nf_conntrack.  Its entries come
in any order (sorted by address, say), so the sample is drawn from all of it (a reservoir:
Vitter's algorithm R), and drawn alike each time.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

from ec2rl.model import Unreadable, Why
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    Read = Callable[[int], bytes]

KEPT = 10_000
"""Entries of a sample: shares within 1 % in 95 of 100 cases."""

SECONDS = 60.0
"""For one table: a million entries take one."""

_PIECE = 256 << 10
_LONGEST = 512  # bytes of a line that is kept; an entry has some 200
# Rough, to be fast: what it admits is parsed by whoever wants to know.
_ENDS = rb" src=[0-9a-fA-F.:]+ dst=[0-9a-fA-F.:]+"
_ENTRY = (
    rb"(?:ipv[46] +\d+ +)?[\w-]+ +\d+(?: [\w]+)*" + _ENDS + rb"(?: .*?)?" + _ENDS + rb"(?: .*)?"
)
_TOOLS = b" (conntrack-tools): "
_COUNTED = rb"conntrack v\S+ \(conntrack-tools\): (\d{1,12}) flow entries have been shown\.\r?$"


@record(frozen=True)
class Entries:
    """Entries of a connection-tracking table, one a line of `text`: a uniform sample of it.

    A line is the hexadecimal of ctnetlink's bytes, or text as /proc/net/nf_conntrack has it.  Of a
    table that somebody saved, `total` is how many entries it holds (None for a live one),
    `modified` its file's mtime in seconds since the epoch, and `gap` says what of it was not read.
    """

    source: str
    text: str
    total: int | None = None
    modified: float = 0.0
    gap: str = ""


def read_table(
    name: str,
    reads: Sequence[Read],
    modified: float,
    seconds: float = SECONDS,
    kept: int = KEPT,
) -> Entries | Unreadable:
    """The table in streams; FAILED where no entry is in it, and nobody says that it is empty."""
    reader = _Reader(kept)
    gaps = []
    until = time.monotonic() + seconds
    for read in reads:
        rest = b""
        try:
            while piece := read(_PIECE):
                lines, newline, rest = (rest + piece).rpartition(b"\n")
                reader.add_all(lines + newline)
                rest = rest[: _LONGEST + 1]
                if time.monotonic() > until:
                    gaps.append("no time was left to read it to its end")
                    break
        except OSError as error:
            gaps.append(error.strerror or str(error))
        if rest:
            gaps.append("its last line is cut off")
    if not reader.total and reader.counted is None:
        no = "no line of it is an entry of a conntrack table"
        return Unreadable(name, Why.FAILED, "; ".join(gaps) or no)
    text = "".join(f"{line.decode('ascii', 'backslashreplace')}\n" for line in reader.sample())
    gap = "; ".join(filter(None, (reader.gap(), *gaps)))
    return Entries(name, text, reader.total, modified, gap)


class _Reader:
    def __init__(self, room: int) -> None:
        from random import Random

        self.total = 0
        self._room = room
        self.counted: int | None = None
        self._others = 0
        self._torn = b""
        self._kept: list[tuple[int, bytes]] = []
        self._is_entry = re.compile(_ENTRY).fullmatch
        self._chance = Random(1).random  # noqa: S311 - a sample, not a secret

    def add_all(self, lines: bytes) -> None:
        """Take whole lines, each with its end."""
        if self._torn or b" src=" in lines or _TOOLS in lines:
            for line in lines.split(b"\n")[:-1]:
                self._add(line)
        else:  # as in a file that is no table at all, and maybe large
            self._others += len(re.findall(rb"[^\s][^\n]*", lines))

    def _add(self, line: bytes) -> None:
        line, self._torn = self._torn + line, b""
        if len(line) > _LONGEST or not self._is_entry(line) or _TOOLS in line:
            self._other(line)
            return
        if len(self._kept) < self._room:
            self._kept.append((self.total, line))
        else:
            place = int(self._chance() * (self.total + 1))
            if place < self._room:
                self._kept[place] = self.total, line
        self.total += 1

    def _other(self, line: bytes) -> None:
        # It says this on its other stream, which `2>&1` puts into the middle of a line.
        said = re.search(_COUNTED, line[-_LONGEST:])
        if said is not None:
            self.counted = (self.counted or 0) + int(said[1])
            self._torn = line[: -len(said[0])] if len(line) <= _LONGEST else b""
        else:
            self._others += bool(line.strip())

    def sample(self) -> list[bytes]:
        """The lines that were kept, in their order."""
        return [line for _, line in sorted(self._kept)]

    def gap(self) -> str:
        said = []
        if self._others:
            one = self._others == 1
            said.append("1 line is no entry" if one else f"{self._others} lines are no entries")
        if self.counted is not None and self.counted > self.total:
            said.append(f"conntrack had counted {self.counted} entries")
        return "; ".join(said)
