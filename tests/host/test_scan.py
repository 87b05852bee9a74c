"""The search core: against an oracle that looks at every line by itself."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2rl.host import BEYOND, Line, Phrase
from ec2rl.host.scan import LINE, Scan, cost
from ec2rl.record import replace
from support.examples import examples

pytestmark = pytest.mark.more


def naive(data: bytes, phrases: Sequence[Phrase], cut: int) -> tuple[list[Line], int]:
    """Every line to keep, and the number of hits."""
    lines, hits, offset, pending = [], 0, 0, 0
    rows = data.split(b"\n")
    if not rows[-1]:
        rows.pop()
    for row in rows:
        afters = [phrase.after for phrase in phrases if phrase.text in row]
        if afters or pending:
            text = quoted(row[:-1] if row.endswith(b"\r") else row, phrases if afters else (), cut)
            lines.append(Line(offset, text.decode("utf-8", "backslashreplace"), bool(afters)))
        hits += bool(afters)
        pending = max([pending - 1, 0, *afters])
        offset += len(row) + 1
    return lines, hits


def quoted(row: bytes, phrases: Sequence[Phrase], cut: int) -> bytes:
    """A line up to where it is cut, and what stands around the phrases behind that."""
    text = row[:cut]
    start = max(0, cut - max((len(phrase.text) for phrase in phrases), default=0) + 1)
    for phrase in phrases if len(row) > cut else ():
        place = row.find(phrase.text, start)
        if place >= 0:
            end = place + len(phrase.text) + 80
            text += BEYOND.encode() + row[max(start, place - 80) : end]
    return text


def rough(
    lines: Sequence[Line], phrases: Sequence[Phrase]
) -> list[tuple[int, str, bool, set[str]]]:
    """The same but for how much stands around words beyond the cut, which windows decide."""
    words = {phrase.text.decode("utf-8", "backslashreplace") for phrase in phrases}
    told = []
    for line in lines:
        head, *quotes = line.text.split(BEYOND)
        held = {word for word in words if any(word in quote for quote in quotes)}
        told.append((line.offset, head, line.hit, held))
    return told


def ends(lines: list[Line], half: int) -> list[Line]:
    """The first and the last lines that fit into `half` each."""

    def fitting(some: list[Line]) -> int:
        room = half
        for count, line in enumerate(some):
            room -= cost(line.text)
            if room < 0:
                return count
        return len(some)

    first = fitting(lines)
    rest = lines[first:]
    return lines[:first] + rest[len(rest) - fitting(rest[::-1]) :]


class Pieces:
    """A text that arrives in pieces of chosen sizes."""

    gap = ""

    def __init__(self, data: bytes, sizes: Sequence[int]) -> None:
        self.left = data
        self.sizes = list(sizes)

    def readinto(self, view: memoryview) -> int:
        size = min(len(view), self.sizes.pop() if self.sizes else len(view))
        piece, self.left = self.left[:size], self.left[size:]
        view[: len(piece)] = piece
        return len(piece)

    def close(self) -> None: ...


texts = st.lists(
    st.sampled_from(
        [b"ab", b"abc", b"b", b"c", b"\n", b"\n", b"\r\n", b"\0", b"\xff", b"x" * 9, b"y" * 40]
    ),
    max_size=60,
).map(b"".join)
some_phrases = st.lists(
    st.builds(Phrase, st.sampled_from([b"abc", b"bb", b"c", b"xa", b"\xff"]), st.integers(0, 3)),
    min_size=1,
    max_size=3,
)


@examples(1500)
@given(
    texts,
    some_phrases,
    st.lists(st.integers(1, 20), max_size=20),
    st.integers(1, 24),
    st.booleans(),
)
def test_every_edge(
    data: bytes, phrases: list[Phrase], sizes: list[int], window: int, is_large: bool
) -> None:
    scan = Scan(phrases, 1 << 30, window, 10, 8, is_large)

    assert scan.run(Pieces(data, sizes), 1 << 30, float("inf")) == ""
    lines, hits = naive(data, phrases, 8)
    assert rough(scan.lines()[0], phrases) == rough(lines, phrases)
    assert (scan.hits, scan.unpacked) == (hits, len(data))


@examples(1500)
@given(
    st.lists(st.sampled_from([b"abc\n", b"a\n", b"b\n", b"bb c\r\n", b"\n", b"xyz"]), max_size=30),
    some_phrases,
    st.lists(st.integers(1, 20), max_size=20),
    st.integers(1, 24),
)
def test_the_line_above_a_hit_is_kept_across_every_edge(
    rows: list[bytes], phrases: list[Phrase], sizes: list[int], window: int
) -> None:
    data = b"".join(rows)
    scan = Scan([replace(phrase, before=True) for phrase in phrases], 1 << 30, window, 64, 64)
    scan.run(Pieces(data, sizes), 1 << 30, float("inf"))
    every = naive(data, [Phrase(b"", 0)], 64)[0]
    kept = {line.offset: line for line in naive(data, phrases, 64)[0]}
    above = {
        line.offset: replace(line, hit=False)
        for line, below in zip(every, every[1:])
        if below.offset in kept and kept[below.offset].hit
    }
    assert scan.lines()[0] == [line for _, line in sorted({**above, **kept}.items())]


@examples(500)
@given(
    st.lists(st.sampled_from([b"abc\n", b"abcabc b\n", b"c" * 30 + b"\n", b"x\n", b"abc\r\n"])),
    st.integers(1, 60),
    some_phrases,
    st.integers(1, 12),
    st.integers(1, 200),
)
def test_floods_keep_both_ends(
    rows: list[bytes], times: int, phrases: list[Phrase], room: int, window: int
) -> None:
    data = b"".join(rows) * times
    scan = Scan(phrases, room * LINE, window, 32, 24)
    lines, hits = naive(data, phrases, 24)

    scan.run(Pieces(data, ()), 1 << 30, float("inf"))

    assert (scan.lines()[0], scan.hits) == (ends(lines, room * LINE // 2), hits)
