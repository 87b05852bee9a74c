"""One large plain file, looked at by two threads: each takes half of it, cut at a line's end."""

from __future__ import annotations

import os

from ec2rl.host import Line, Phrase
from ec2rl.host.scan import CUT, Scan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ec2rl.host.unpack import Source

_LONGEST = 1 << 20
"""Bytes; where a line around the middle is longer than that, one thread takes the whole."""


def middle(fd: int, size: int) -> int | None:
    """Tell where the first line begins that starts in the second half.

    None for a line without end.
    """
    place = size // 2
    data = os.pread(fd, _LONGEST, place - 1)
    newline = data.find(b"\n")
    return None if newline < 0 else place + newline


def scan_halves(
    fd: int,
    cut: int,
    phrases: Sequence[Phrase],
    keep: int,
    part: Callable[[int], Source],
    deadline: float,
) -> tuple[Halves, str]:
    """Look at both halves side by side; OSError where one of them could not be read at all.

    `part(offset)` gives the file as a source from there on; `keep` bounds the lines' memory.
    """
    from threading import Thread

    halves = [Scan(phrases, keep // 2, is_large=True, offset=offset) for offset in (0, cut)]
    gaps = ["", ""]
    errors: list[OSError] = []

    def run(half: int, limit: int) -> None:
        try:
            gaps[half] = halves[half].run(part((0, cut)[half]), limit, deadline)
        except OSError as error:
            errors.append(error)

    second = Thread(target=run, args=(1, 1 << 62), daemon=True)
    second.start()
    run(0, cut)
    second.join()
    if errors:
        raise errors[0]
    # That the first half ends at its limit is no gap.
    if halves[0].unpacked == cut:
        gaps[0] = ""
    return Halves(fd, cut, halves[0], halves[1]), "; ".join(filter(None, gaps))


class Halves:
    """What two scans found, put together as if one had gone over the whole."""

    def __init__(self, fd: int, cut: int, first: Scan, second: Scan) -> None:
        self._fd, self._cut = fd, cut
        self._first, self._second = first, second
        self.hits = first.hits + second.hits
        self.unpacked = first.unpacked + second.unpacked
        self.hole = "; ".join(filter(None, (first.hole, second.hole)))

    def lines(self) -> tuple[list[Line], int | None]:
        """Give, as `Scan.lines`, the lines kept, and how many stand before those left out."""
        first, split = self._first.lines()
        second, later = self._second.lines()
        known = {line.offset for line in second}
        between = [line for line in self._across() if line.offset not in known]
        if split is None and later is not None:
            split = len(first) + len(between) + later
        return first + sorted(between + second, key=lambda line: line.offset), split

    def _across(self) -> list[Line]:
        """The lines of the second half that were wanted behind a hit of the first."""
        lines: list[Line] = []
        offset = self._cut
        data = os.pread(self._fd, _LONGEST, offset) if self._first.wanted else b""
        for text in data.split(b"\n")[: self._first.wanted]:
            if offset < self._cut + len(data):
                shown = text[:CUT].removesuffix(b"\r").decode("utf-8", "backslashreplace")
                lines.append(Line(offset, shown, hit=False))
            offset += len(text) + 1
        return lines
