"""Text in several codings, one behind the other, and what is no text between its lines."""

from __future__ import annotations

import gzip
import lzma
import zlib
from io import BytesIO
from pathlib import Path

import pytest

from ec2rl.conntrack.queries.entry_lines import EntryLines
from ec2rl.host.codings import Decoder, decoded
from ec2rl.host.transcode import plain_text
from host.test_sos import MESSAGE
from test_door import judged, verdict
from test_offline import QUIET, saved

LINE = f"[ 5000.000000] {MESSAGE}\n"
CODINGS = ("ascii", "utf-16-le", "utf-16-be", "utf-16")
MIXED = {
    f"{first}, {then}": (QUIET.encode(first), LINE.encode(then))
    for first in CODINGS
    for then in CODINGS
}


@pytest.mark.parametrize("parts", MIXED.values(), ids=MIXED)
@pytest.mark.parametrize("size", [1, 7, 100, 1 << 18])
def test_each_part_is_read_in_its_coding(parts: tuple[bytes, ...], size: int) -> None:
    data, decoder = b"".join(parts), Decoder()
    pieces = [decoder.feed(data[at : at + size]) for at in range(0, len(data), size)]
    assert b"".join((*pieces, decoder.feed(b"", last=True))).decode() == QUIET + LINE


@pytest.mark.parametrize("coding", CODINGS)
def test_back_to_the_first_coding_and_other_letters(coding: str) -> None:
    text = "[    1.000000] Gerät im Café: 漢字 ready for use\n"
    data = (LINE + text).encode(coding if coding != "ascii" else "utf-8")
    assert decoded(data + LINE.encode() + data).decode() == LINE + text + LINE + LINE + text


@pytest.mark.parametrize("coding", CODINGS[1:])
@pytest.mark.parametrize("place", [40, 41, 77])
def test_a_lost_byte_is_told_and_what_follows_is_read(coding: str, place: int) -> None:
    data = (QUIET + LINE).encode(coding)
    decoder = Decoder()
    text = decoder.feed(data[:place] + data[place + 1 :], last=True).decode()
    assert text.endswith(LINE)
    assert "a byte out of step" in decoder.gap or text == QUIET + LINE


def test_what_is_no_letter_is_told() -> None:
    decoder = Decoder()
    decoder.feed("a lone half: ".encode("utf-16") + b"\x00\xd8\n\0", last=True)
    assert decoder.gap == "no letters in its coding at byte 28: a part of it may be missing"


@pytest.mark.parametrize("text", [b"", b"a", b"\0", b"\xff\xfe", b"\0" * 99, bytes(range(256))])
def test_what_is_no_utf_16_stays_as_it_is(text: bytes) -> None:
    assert decoded(text) == text.removeprefix(b"\xff\xfe")


def test_the_entries_of_a_table_that_goes_on_in_another_coding() -> None:
    one, two, three = (
        f"udp      17 29 src=192.0.2.1 dst=192.0.2.2 sport={port} dport=53 [UNREPLIED] "
        f"src=192.0.2.2 dst=192.0.2.1 sport=53 dport={port} mark=0 use=1\n"
        for port in (5, 6, 7)
    )
    reader = EntryLines()
    data = one.encode("utf-16") + two.encode() + three.encode("utf-16-be")
    entries = [entry for lines, _ in reader.blocks([data]) for entry in lines]
    assert entries == [line.strip().encode() for line in (one, two, three)]
    assert reader.gaps() == ()


PACKED = {
    "gzip": gzip.compress(LINE.encode() * 9, mtime=0),
    "xz": lzma.compress(LINE.encode() * 9),
    "zlib": zlib.compress(b"".join(b"%d" % (n * n) for n in range(900))),
}


@pytest.mark.parametrize("how", PACKED)
def test_binary_data_in_a_text_is_told(how: str) -> None:
    data = QUIET.encode() + PACKED[how] + b"\n" + LINE.encode()
    text = plain_text(BytesIO(data).read, data[:100])
    while text.read(1000):
        pass
    what = "no text" if how == "zlib" else "a packed file"
    assert text.gap().startswith(f"{what} at byte {len(QUIET)}: ")


@pytest.mark.parametrize("words", ["Gerät für Café, übermäßig", "日本語のメッセージです" * 9])
@pytest.mark.parametrize("coding", ["utf-8", "latin-1", "shift-jis", "gbk"])
def test_another_language_is_no_binary_data(words: str, coding: str) -> None:
    data = (QUIET + f"app: {words}\n").encode(coding, "replace")
    text = plain_text(BytesIO(data).read, data[:100])
    while text.read(1000):
        pass
    assert text.gap() == ""


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.sampled(2)
def test_a_line_that_was_added_in_another_coding_is_found(tmp_path: Path, coding: str) -> None:
    data = QUIET.encode("utf-16" if coding == "ascii" else "ascii") + LINE.encode(coding)
    (one,) = judged(tmp_path, saved(tmp_path, "log", data))
    assert verdict(one) == "PROBLEM"


@pytest.mark.more
def test_no_success_beside_a_packed_tail(tmp_path: Path) -> None:
    data = QUIET.encode() + gzip.compress(LINE.encode(), mtime=0)
    (one,) = judged(tmp_path, saved(tmp_path, "log", data))
    assert verdict(one) == "UNKNOWN"
