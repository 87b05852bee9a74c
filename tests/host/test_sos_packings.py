"""Archives that are whole and cannot be unpacked here, and such as end in a large record."""

from __future__ import annotations

import lzma
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from host.test_sos_members import pack, report, told
from test_offline import judged

ZSTD = shutil.which("zstd") or ""
CANNOT = "the archive cannot be unpacked here"


def zstd(data: bytes, *options: str) -> bytes:
    command = [ZSTD, "-qc", *options]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


def dictionary(data: bytes, size: int) -> bytes:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": size}]
    return lzma.compress(data, lzma.FORMAT_XZ, filters=filters)


@pytest.mark.skipif(not ZSTD, reason="no zstd here")
@pytest.mark.more
def test_a_window_that_is_too_large(tmp_path: Path) -> None:
    report(tmp_path)
    path = pack(tmp_path)
    data = path.read_bytes()
    for options in (["-1"], ["--long=24"], ["--long=26"]):
        path.write_bytes(zstd(data, *options))
        assert told(path)[0] == "", options
    for options in (["--long=27"], ["--long=28"], ["--ultra", "-22"]):
        path.write_bytes(zstd(data, *options))
        gap = "zstd: more than 64 MiB of memory are needed to unpack it: not read"
        assert told(path) == (CANNOT, gap)
        assert judged(tmp_path, f"--sos={path}")["verdict"] == "UNKNOWN"


@pytest.mark.skipif(not os.access("/usr/bin/xz", os.X_OK), reason="no xz here")
def test_a_dictionary_that_is_too_large(tmp_path: Path) -> None:
    report(tmp_path)
    path = pack(tmp_path)
    data = path.read_bytes()
    for size in (1 << 20, 64 << 20, 96 << 20):
        path.write_bytes(dictionary(data, size))
        assert told(path)[0] == "", size
    path.write_bytes(dictionary(data, 192 << 20))
    gap = "xz: more than 128 MiB of memory are needed to unpack it: not read"
    assert told(path) == (CANNOT, gap)


@pytest.mark.more
def test_a_packing_that_is_not_known(tmp_path: Path) -> None:
    report(tmp_path, noise=os.urandom(2000))
    path = pack(tmp_path)
    data = path.read_bytes()
    for other, gap in (
        (b"PK\3\4" + data, "it is no tar, alone or in gzip, xz, bzip2 or zstd"),
        (b"LZIP\1" + data, "no lzip here: not read"),
    ):
        path.write_bytes(other)
        assert told(path) == (CANNOT, gap)
        found = judged(tmp_path, f"--sos={path}")
        assert found["verdict"] == "UNKNOWN"
        assert CANNOT in found["summary"]
    path.write_bytes(data[:1536] + b"x" + data[1536:])
    assert told(path)[0] == "the archive is cut or damaged"


@pytest.mark.parametrize("blocks", [20, 2048, 4096, 16384, 32768, 131072])
def test_a_record_of_a_tape(tmp_path: Path, blocks: int) -> None:
    """Up to 64 MiB of blanks are behind its end."""
    report(tmp_path)
    path = pack(tmp_path, "-b", str(blocks))
    assert path.stat().st_size == blocks * 512
    assert told(path) == ("", "")


def test_a_record_that_is_blank_as_a_whole(tmp_path: Path) -> None:
    """Where what is in it ends, with one block of the two, where a record ends."""
    report(tmp_path)
    path = pack(tmp_path)
    data = path.read_bytes().rstrip(b"\0")
    data += bytes(-len(data) % 512)
    room = (8 << 20) * 2 - len(data) - 512 - 512
    fill = _member("x", room)
    path.write_bytes(data + fill + bytes(512 + (8 << 20)))
    assert path.stat().st_size % (8 << 20) == 0
    assert told(path) == ("", "")


def _member(name: str, size: int) -> bytes:
    from hostile.archives import header, padded

    return header(name, b"0", size) + padded(bytes(1) * size)


@pytest.mark.parametrize("size", [5 << 20, 8 << 20, 30 << 20, 70 << 20])
@pytest.mark.more
def test_a_download_that_was_given_its_room(tmp_path: Path, size: int) -> None:
    """Its size is that of the whole archive, in records of 10 KiB."""
    report(tmp_path)
    path = pack(tmp_path)
    data = path.read_bytes()
    place = data.index(b"sosreport", 2000) // 512 * 512
    path.write_bytes(data[:place].ljust(size // 10240 * 10240, b"\0"))
    assert told(path)[0] == "the archive is cut or damaged"
