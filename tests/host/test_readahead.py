"""A source read ahead gives the same text, the same end and the same errors."""

from __future__ import annotations

import gzip
import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2rl.host import Phrase, Search
from ec2rl.host.readahead import Ahead
from ec2rl.host.search import search_files
from support.examples import examples


class Pieces:
    """A source of given pieces; an OSError in their place is raised."""

    def __init__(self, pieces: list[bytes | OSError], gap: str = "") -> None:
        self.pieces = pieces
        self.gap = gap
        self.closed = False

    def readinto(self, view: memoryview) -> int:
        piece = self.pieces.pop(0) if self.pieces else b""
        if isinstance(piece, OSError):
            raise piece
        view[: len(piece)] = piece[: len(view)]
        return len(piece)

    def close(self) -> None:
        self.closed = True


@examples(100)
@given(st.lists(st.binary(min_size=1, max_size=16), max_size=20), st.integers(1, 40))
def test_the_same_text_comes_through(pieces: list[bytes], size: int) -> None:
    source = Pieces(list(pieces), "ended early")
    ahead = Ahead(source, 16)
    view = bytearray(size)
    text = b""
    while got := ahead.readinto(memoryview(view)):
        text += view[:got]
    assert ahead.readinto(memoryview(view)) == 0, "the end stays the end"
    ahead.close()
    assert (text, ahead.gap, source.closed) == (b"".join(pieces), "ended early", True)


def test_an_error_arrives_in_its_place() -> None:
    source = Pieces([b"abc", OSError(5, "broken")])
    ahead = Ahead(source, 16)
    view = memoryview(bytearray(16))
    assert ahead.readinto(view) == 3
    with pytest.raises(OSError, match="broken"):
        ahead.readinto(view)
    ahead.close()
    assert source.closed


def test_it_can_be_closed_before_the_end() -> None:
    source = Pieces([b"abc"] * 100)
    ahead = Ahead(source, 16)
    assert ahead.readinto(memoryview(bytearray(2))) == 2
    ahead.close()
    assert source.closed


@pytest.mark.more
def test_a_large_archive_gives_what_its_text_gives(tmp_path: Path) -> None:
    dice = random.Random(1)
    lines = [b"%x" % dice.getrandbits(400) for _ in range(60_000)]
    for number in range(0, len(lines), 997):
        lines[number] = b"here it is %d" % number
    text = b"\n".join(lines)
    plain, packed = tmp_path / "log", tmp_path / "log.gz"
    plain.write_bytes(text)
    packed.write_bytes(gzip.compress(text, 1))
    assert packed.stat().st_size > 2 << 20, "large enough to be read ahead"
    answers = []
    for path in (plain, packed):
        fd = os.open(path, os.O_RDONLY)
        (found,) = search_files([("log", fd)], [Phrase(b"here it is", after=1)])
        os.close(fd)
        assert isinstance(found, Search)
        answers.append((found.lines, found.hits, found.unpacked, found.gap))
    assert answers[0] == answers[1]
