"""Unpacking compressed logs: cut and damaged at every byte, nothing lost before the damage."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ec2rl.host import Phrase, Search
from ec2rl.host.search import search_files, search_stream
from ec2rl.host.unpack import HEAD, kind_of, open_archive
from ec2rl.host.unpack_program import Program
from ec2rl.model import Unreadable, Why

WORD = Phrase(b"table full")
TEXT = b"".join(b"%d nf_conntrack: table full, dropping packet\n" % n for n in range(30))
ZSTD = next((p for p in ("/usr/bin/zstd", "/bin/zstd") if os.access(p, os.X_OK)), "")


def zstd(data: bytes) -> bytes:
    if not ZSTD:
        pytest.skip("no zstd program")
    return subprocess.run([ZSTD, "-qc"], input=data, stdout=subprocess.PIPE, check=True).stdout


PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "bzip2": bz2.compress,
    "zstd": zstd,
}


def search(path: Path, data: bytes) -> Search:
    path.write_bytes(data)
    fd = os.open(path, os.O_RDONLY)
    try:
        (found,) = search_files([(str(path), fd)], [WORD])
    finally:
        os.close(fd)
    assert isinstance(found, Search), found
    return found


@pytest.mark.parametrize("kind", PACK)
def test_whole(tmp_path: Path, kind: str) -> None:
    packed = PACK[kind](TEXT)

    found = search(tmp_path / "log", packed + packed)

    assert kind_of(packed) == kind
    assert (found.hits, found.unpacked, found.gap) == (60, 2 * len(TEXT), "")


@pytest.mark.parametrize("kind", PACK)
def test_cut_at_every_byte(tmp_path: Path, kind: str) -> None:
    packed = PACK[kind](TEXT)
    for size in range(6, len(packed), 1 if kind != "zstd" else 5):
        found = search(tmp_path / "log", packed[:size])

        assert found.gap.startswith(f"{kind}: unpacked up to byte {found.unpacked} of the text: ")
        lines = [line.text for line in found.lines]
        assert lines[:-1] == TEXT.decode().splitlines()[: max(len(lines) - 1, 0)]


class Packed:
    """Packed bytes, given in pieces of `size`."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data, self._size, self._at = data, size, 0

    def read(self, size: int) -> bytes:
        start, self._at = self._at, self._at + min(size, self._size)
        return self._data[start : self._at]

    def rewind(self) -> bool:
        self._at = 0
        return True


def unpacked(data: bytes, is_large: bool, size: int = 50, room: int = 70) -> tuple[bytes, str]:
    """The text of a gzip file, and why it is not whole, "" where it is."""
    source = open_archive("gzip", data[:HEAD], Packed(data, size), None, float("inf"), is_large)
    assert not isinstance(source, str)
    view = memoryview(bytearray(room))
    text = b""
    while part := source.readinto(view):
        text += view[:part]
    source.close()
    assert not source.gap or source.gap.startswith(f"gzip: unpacked up to byte {len(text)} of the")
    return text, source.gap.partition(" of the text: ")[2]


def check_libz(data: bytes, size: int = 50, room: int = 70) -> None:
    """That libz gives what zlib gives; and the byte that zlib drops where it meets damage."""
    libz, why = unpacked(data, True, size, room)
    zlib, same = unpacked(data, False, size, room)
    assert why == same, data
    assert libz == zlib or (why and libz[:-1] == zlib), (data, size, room)


def test_libz_gives_what_zlib_gives_of_a_file_cut_or_damaged_at_every_byte() -> None:
    packed = gzip.compress(TEXT) + gzip.compress(TEXT[:100])
    for place in range(6, len(packed)):
        damaged = packed[:place] + bytes([packed[place] ^ 4]) + packed[place + 1 :]
        for data in (packed[:place], damaged):
            check_libz(data)
    assert unpacked(packed, is_large=True) == (TEXT + TEXT[:100], "")


@pytest.mark.parametrize("kind", ["gzip", "xz"])
def test_padding_of_zeros(tmp_path: Path, kind: str) -> None:
    found = search(tmp_path / "log", PACK[kind](TEXT) + bytes(100_000) + PACK[kind](TEXT))

    assert (found.hits, found.gap) == (60, "")


@pytest.mark.parametrize("kind", ["gzip", "xz", "bzip2"])
def test_what_follows_is_no_archive(tmp_path: Path, kind: str) -> None:
    found = search(tmp_path / "log", PACK[kind](TEXT) + TEXT)

    assert (found.hits, found.gap) == (
        30,
        f"{kind}: unpacked up to byte {len(TEXT)} of the text: what follows there is no {kind}",
    )


def test_a_wrong_checksum_costs_no_text(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(TEXT))
    packed[-8] ^= 1

    found = search(tmp_path / "log", bytes(packed))

    # zlib drops the byte, here a newline, that it unpacks in the call that meets the checksum.
    assert (found.hits, found.unpacked) == (30, len(TEXT) - 1)
    assert found.gap.startswith(f"gzip: unpacked up to byte {len(TEXT) - 1} of the text: Error -3")


def test_xz_that_needs_much_memory(tmp_path: Path) -> None:
    if not os.access("/usr/bin/xz", os.X_OK):
        pytest.skip("no xz program")

    found = search(tmp_path / "log", lzma.compress(TEXT, preset=9))

    assert (found.hits, found.gap) == (30, "")


def test_no_zstd_is_not_read() -> None:
    if sys.version_info >= (3, 14):
        pytest.skip("this Python has zstd")
    data = [b"\x28\xb5\x2f\xfd" + bytes(20)]

    found = search_stream("x", lambda _: data.pop() if data else b"", [WORD])

    assert found == Unreadable("x", Why.FAILED, "no zstd here: not read")


def test_a_program_that_is_slow_is_ended(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"")
    fd = os.open(tmp_path / "in", os.O_RDONLY)
    program = Program("zstd", "/bin/sleep", ("sleep", "600"), fd, time.monotonic() + 0.1)
    try:
        size = program.readinto(memoryview(bytearray(10)))
    finally:
        program.close()
        os.close(fd)

    assert (size, program.gap) == (0, "zstd: unpacked up to byte 0 of the text: no time left")
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@pytest.mark.parametrize("text", [b"", b"BZhere", b"BZh1 is a format", b"\x1f\x8b", b"P*M", b"BZh"])
def test_plain_text(text: bytes) -> None:
    assert kind_of(text) == ""
