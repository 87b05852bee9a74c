"""One pass over one text: which lines hold a phrase, in constant memory and at grep's speed.

A window over the text moves on by half a MiB; C loops (memmem, find, split) look at its bytes, and
Python only at the lines that are kept.
"""

from __future__ import annotations

import time

from ec2rl.host import BEYOND, Line, Phrase
from ec2rl.host.holes import Holes
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Iterator, Sequence
    from mmap import mmap
    from typing import Protocol, Union

    from ec2rl.host.unpack import Source

    class Find(Protocol):
        def __call__(self, phrase: bytes, start: int, end: int, /) -> int: ...

    Text = Union[bytes, bytearray, mmap]
    Found = list[tuple[int, bytes, bool]]
    """Offset, text and `Line.hit` of lines to keep."""

LINE = 384
"""Bytes; what a kept `Line` takes beside its text (CPython 3.11)."""

CUT = 4096
CARRY = 64 << 10
WINDOW = 512 << 10

_AROUND = 80
"""Bytes that are quoted on both sides of words beyond the cut."""

_DENSE = 512
"""Bytes of text for each hit; with more hits it is faster to split all lines than to find each."""


def cost(line: bytes | str) -> int:
    """Estimate the memory that a kept line takes, in bytes; other than ASCII can take 4 a byte."""
    return LINE + len(line) * (1 if line.isascii() else 4)


class Scan:
    """Look for phrases in one text, and keep the lines at both ends of what was found.

    `keep` bounds the memory of the lines kept, in bytes; the sizes of the buffer are parameters so
    that tests can have every line cross an edge: carry > cut, and carry >= the longest phrase.
    `offset` is where in the whole text this part of it begins.
    """

    def __init__(
        self,
        phrases: Sequence[Phrase],
        keep: int,
        window: int = WINDOW,
        carry: int = CARRY,
        cut: int = CUT,
        is_large: bool = False,
        offset: int = 0,
    ) -> None:
        self.hits = 0
        self.unpacked = 0
        self._holes = Holes(offset)
        self._phrases = phrases
        self._reach = max(len(phrase.text) for phrase in phrases) - 1
        self._cut = cut
        self._carry = carry
        self._buffer: bytearray | mmap
        self._find: Find
        if is_large:
            from ec2rl.host.aligned import aligned

            self._buffer, self._find = aligned(carry + window)
        else:
            self._buffer = bytearray(carry + window)
            self._find = self._buffer.find
        self._offset = offset
        self._base = offset - carry  # offset in the text of the first byte of the buffer
        self._pending = 0
        self._above: tuple[int, bytes, bool] | None = None  # the line above, if none kept it
        self._is_above_wanted = any(phrase.before for phrase in phrases)
        self._long: tuple[int, bytes, int] | None = None
        self._is_dense = False
        self._kept = _Kept(phrases, max(keep // 2, 1), cut)

    def run(self, source: Source, limit: int, deadline: float) -> str:
        """Read `source` to its end; return what was not read and why, "" for nothing.

        What is NULs was not read either, and `hole` tells of it.

        It ends after `limit` bytes, or at the time.monotonic() `deadline`; raises OSError where
        nothing could be read at all.
        """
        gap = ""
        carry, start = self._carry, self._carry
        with memoryview(self._buffer) as whole, whole[carry:] as window:
            while True:
                if self.unpacked >= limit:
                    gap = f"stopped at byte {self.unpacked} of the text: that is the limit"
                elif time.monotonic() > deadline:
                    gap = f"stopped at byte {self.unpacked} of the text: no time left"
                try:
                    size = 0 if gap else source.readinto(window[: limit - self.unpacked])
                except OSError as error:
                    if not self.unpacked:
                        raise
                    gap = f"stopped at byte {self.unpacked} of the text: {error.strerror}"
                    size = 0
                end = carry + size
                self.unpacked += size
                self._holes.look(self._buffer, self._find, carry, end)
                self._base = self._offset + self.unpacked - end
                rest = self._lines(start, end, size == 0)
                if not size:
                    return gap or source.gap
                start = carry - (end - rest)
                whole[start:carry] = whole[rest:end]

    @property
    def hole(self) -> str:
        """Say what of the text is a run of NULs, "" for nothing; to be asked when it was read."""
        return self._holes.told()

    @property
    def wanted(self) -> int:
        """How many lines are still wanted behind the last one that was looked at."""
        return self._pending

    def lines(self) -> tuple[list[Line], int | None]:
        """Give the lines kept, in order, and how many before those left out (None: all kept)."""
        first, last = self._kept.ends()
        lines = [
            Line(offset, text.decode("utf-8", "backslashreplace"), hit)
            for offset, text, hit in first + last
        ]
        return lines, len(first) if self._kept.is_tail else None

    def _lines(self, start: int, end: int, is_last: bool) -> int:
        """Tell the lines in a part of the buffer; return where the unfinished last one begins."""
        if self._long is not None:
            start = self._go_on(start, end, is_last)
            if self._long is not None:
                return start
        stop = end if is_last else self._buffer.rfind(b"\n", start, end) + 1 or start
        if stop > start:
            self._whole_lines(start, stop)
        if end - stop <= self._carry:
            return stop
        text = bytes(memoryview(self._buffer)[stop : stop + self._cut])
        after = max((one.after for one in self._phrases if one.text in text), default=-1)
        self._long = self._base + stop, text, after
        return self._go_on(stop + self._cut - self._reach, end, is_last)

    def _go_on(self, start: int, end: int, is_last: bool) -> int:
        # A line that is longer than what is carried on: only its beginning is remembered, whether
        # a phrase was in it, and how many lines behind it are wanted (-1: none was).
        assert self._long is not None
        offset, text, after = self._long
        newline = self._buffer.find(b"\n", start, end)
        stop = end if newline < 0 else newline
        quoted = text[self._cut :]
        for phrase, quote in _beyond(self._buffer, self._find, self._phrases, start, stop):
            after = max(after, phrase.after)
            if phrase.text not in quoted:
                text, quoted = text + quote, quoted + quote
        if newline < 0 and not is_last:
            self._long = offset, text, after
            return max(start, end - self._reach)
        self._long = None
        if after >= 0 or self._pending:
            self._kept.put([(offset, text, after >= 0)])
        self.hits += after >= 0
        self._pending = max(self._pending - 1, after, 0)
        return min(stop + 1, end)

    def _whole_lines(self, start: int, end: int) -> None:
        if self._is_dense and self._kept.is_tail:
            block = bytes(memoryview(self._buffer)[start:end])
            hits, pending = _count(block, self._phrases, self._pending)
            if hits * _DENSE >= len(block):
                self._kept.put_block(_Block(self._base + start, block, self._pending), hits)
                self.hits += hits
                self._pending = pending
                self._above = None
                return
        found, self._pending = _pick(
            self._buffer,
            self._find,
            self._phrases,
            start,
            end,
            self._base,
            self._pending,
            self._cut,
        )
        hits = sum(hit for _, _, hit in found)
        self._is_dense = hits * _DENSE >= end - start
        self.hits += hits
        if self._is_above_wanted:
            found = self._with_above(found, start, end)
        if found:
            self._kept.put(found)

    def _with_above(self, found: Found, start: int, end: int) -> Found:
        """Put the last line of the part before this one above a hit that this one begins with."""
        if self._above and found and found[0][0] == self._base + start and found[0][2]:
            found = [self._above, *found]
        last = self._buffer.rfind(b"\n", start, end - 1) + 1 or start
        text = bytes(memoryview(self._buffer)[last : min(end, last + self._cut)])
        above = self._base + last, text.rstrip(b"\r\n"), False
        self._above = None if found and found[-1][0] == above[0] else above
        return found


@record(frozen=True)
class _Block:
    """Lines that were counted and not yet looked at one by one."""

    offset: int
    text: bytes
    pending: int


class _Kept:
    """The first and the last of the lines found, as many as `half` bytes of memory hold each."""

    def __init__(self, phrases: Sequence[Phrase], half: int, cut: int) -> None:
        self.is_tail = False
        self._phrases = phrases
        self._half = half
        self._cut = cut
        self._first: Found = []
        self._first_cost = 0
        self._last: deque[tuple[int, Found | _Block]] | None = None
        self._last_cost = 0

    def put(self, found: Found) -> None:
        taken = 0
        while not self.is_tail and taken < len(found):
            self._first_cost += cost(found[taken][1])
            self.is_tail = self._first_cost > self._half
            taken += not self.is_tail
        self._first += found[:taken]
        rest = found[taken:]
        if rest:
            self._push(sum(cost(text) for _, text, _ in rest), rest)

    def put_block(self, block: _Block, hits: int) -> None:
        self._push(hits * LINE, block)  # at least that

    def ends(self) -> tuple[Found, Found]:
        last: Found = []
        for _, found in self._last or ():
            if isinstance(found, _Block):
                end = len(found.text)
                found, _ = _pick(
                    found.text, found.text.find, self._phrases, 0, end,
                    found.offset, found.pending, self._cut,
                )  # fmt: skip
            last += found
        room = self._half
        start = len(last)
        while start and (room := room - cost(last[start - 1][1])) >= 0:
            start -= 1
        return self._first, last[start:]

    def _push(self, least: int, found: Found | _Block) -> None:
        if self._last is None:
            from collections import deque  # for as many hits as few logs have

            self._last = deque()
        self._last.append((least, found))
        self._last_cost += least
        while self._last_cost - self._last[0][0] >= self._half:
            self._last_cost -= self._last.popleft()[0]


def _pick(
    text: Text,
    find: Find,
    phrases: Sequence[Phrase],
    start: int,
    end: int,
    base: int,
    pending: int,
    cut: int,
) -> tuple[Found, int]:
    """Find the lines to keep between two line starts, and how many are wanted behind them."""
    found: Found = []
    places = [_place(find, phrase, start, end) for phrase in phrases]
    reach = max(len(phrase.text) for phrase in phrases) - 1
    is_above_wanted = any(phrase.before for phrase in phrases)

    def keep(line: int, stop: int, hit: bool) -> None:
        stop -= stop > line and text[stop - 1] == 13
        shown = bytes(text[line : min(stop, line + cut)])
        if hit:
            rest = max(line, line + cut - reach)
            quotes = _beyond(text, find, phrases, rest, stop) if stop > line + cut else ()
            shown += b"".join(quote for _, quote in quotes)
        found.append((base + line, shown, hit))

    while True:
        place = min(places)
        while pending and start < end:
            stop = _line_end(text, start, end)
            if place <= stop and place < end:
                break
            keep(start, stop, False)
            pending -= 1
            start = stop + 1
        if place >= end:
            return found, pending
        line = text.rfind(b"\n", start, place) + 1 or start
        if is_above_wanted and line > start:
            keep(text.rfind(b"\n", start, line - 1) + 1 or start, line - 1, False)
        stop = _line_end(text, place, end)
        keep(line, stop, True)
        start = min(stop + 1, end)
        pending = max(pending - 1, 0)
        for index, phrase in enumerate(phrases):
            if places[index] < stop:
                pending = max(pending, phrase.after)
                places[index] = _place(find, phrase, start, end)


def _beyond(
    text: Text, find: Find, phrases: Sequence[Phrase], start: int, end: int
) -> Iterator[tuple[Phrase, bytes]]:
    """The phrases that stand in a part of a line, each with what stands around it there."""
    for phrase in phrases:
        size = len(phrase.text)
        place = find(phrase.text, start, end)
        if place >= 0:
            first, last = max(start, place - _AROUND), min(place + size + _AROUND, end)
            yield phrase, BEYOND.encode() + bytes(text[first:last])


def _place(find: Find, phrase: Phrase, start: int, end: int) -> int:
    place = find(phrase.text, start, end)
    return end if place < 0 else place


def _line_end(text: Text, start: int, end: int) -> int:
    stop = text.find(b"\n", start, end)
    return end if stop < 0 else stop


def _count(block: bytes, phrases: Sequence[Phrase], pending: int) -> tuple[int, int]:
    """Count the lines that hold a phrase, and the lines wanted behind the last."""
    lines = block.split(b"\n")
    if not lines[-1]:
        lines.pop()
    rest = lines
    for phrase in phrases:
        text = phrase.text
        rest = [line for line in rest if text not in line]
    pending = max(pending - len(lines), 0)
    reach = max(phrase.after for phrase in phrases)
    for distance, line in enumerate(reversed(lines[-reach:] if reach else [])):
        for phrase in phrases:
            if phrase.after - distance > pending and phrase.text in line:
                pending = phrase.after - distance
    return len(lines) - len(rest), pending
