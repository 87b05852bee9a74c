"""Kernels and initrds told by their bytes: whole, cut at any place, and what nobody can tell."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from ec2rl.host.images.initrd import walk
from ec2rl.host.images.kernel import tell
from ec2rl.host.queries.boot_image import INITRD, BootImage
from ec2rl.model import Evidence, Unreadable


def cpio(*names: str, size: int = 300) -> bytes:
    """An archive of the kernel's form (buffer-format.rst), filled up to whole blocks."""
    made = b""
    for name in (*names, "TRAILER!!!"):
        body = b"\x5a\x00\xa5" * (size // 3) if name != "TRAILER!!!" else b""
        fields = (1, 0o100644, 0, 0, 1, 0, len(body), 0, 0, 0, 0, len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08x" % one for one in fields) + name.encode() + b"\0"
        made += head + bytes(-len(head) % 4) + body + bytes(-len(body) % 4)
    return made + bytes(-len(made) % 512)


def kernel(release: str, size: int = 4096) -> bytes:
    """What stands at the beginning of an x86 kernel, and enough behind it."""
    head = bytearray(0x800)
    head[0x1F1], head[0x202:0x206] = 3, b"HdrS"
    struct.pack_into("<I", head, 0x1F4, size // 16)
    struct.pack_into("<HxxxxxxH", head, 0x206, 0x20F, 0x500)
    head[0x236] = 1
    head[0x700 : 0x700 + len(release) + 2] = f"{release} (".encode()
    return bytes(head) + bytes(size)


def told(data: bytes) -> tuple[str, bool | None]:
    found = walk(lambda at, size: data[at : at + size], len(data))
    return " ".join(kind for kind, _, _ in found.parts), found.is_whole


def packed(program: str, data: bytes) -> bytes:
    if shutil.which(program.split()[0]) is None:
        pytest.skip(f"no {program.split()[0]}")
    return subprocess.run(program.split(), input=data, capture_output=True, check=True).stdout


EARLY = cpio("kernel/x86/microcode/GenuineIntel.bin")
MAIN = cpio(*(f"usr/lib/modules/6.1/kernel/{number}.ko" for number in range(40)), "init")


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("cpio", lambda data: data),
        ("gzip", gzip.compress),
        ("xz", lambda data: lzma.compress(data, check=lzma.CHECK_CRC32)),
        ("zstd", lambda data: packed("zstd -qc", data)),
        ("zstd", lambda data: packed("zstd -qc --no-check --long=20 -19", data)),
        ("lz4", lambda data: packed("lz4 -lqc", data)),
    ],
    ids=["cpio", "gzip", "xz", "zstd", "zstd long", "lz4"],
)
def test_whole_and_cut_at_many_places(name: str, pack: object) -> None:
    main = pack(MAIN)  # type: ignore[operator]
    assert told(main) == (name, True)
    assert told(EARLY + main + bytes(512)) == (f"cpio {name}", True)
    ends = range(8, len(main.rstrip(b"\0")) - 8, max(len(main) // 60, 1))
    assert [end for end in ends if told(EARLY + main[:end])[1] is True] == []


def test_what_is_not_told_is_not_whole() -> None:
    assert told(b"") == ("", False)
    assert told(bytes(4096)) == ("", False)
    assert told(b"no initrd at all") == ("", None)
    assert told(bz2.compress(MAIN)) == ("bzip2", None)
    assert told(EARLY + b"junk behind it") == ("cpio", None)
    assert told(EARLY * 70)[1] is None
    assert told(b"070701" + b"g" * 200) == ("cpio", False)


def test_kernels() -> None:
    whole = kernel("6.1.0-50-cloud-amd64")
    found = tell(lambda at, size: whole[at : at + size])
    assert (found.form, found.release, found.machine) == ("bzImage", "6.1.0-50-cloud-amd64", 62)
    assert found.needs == len(whole)
    for data in (b"", b"MZ", b"\x7fELF", whole[:0x206], bytes(5000), b"MZ" + b"\xff" * 5000):
        tell(lambda at, size, data=data: data[at : at + size])  # type: ignore[misc]
    gzipped = gzip.compress(b"an arm64 Image")
    assert tell(lambda at, size: gzipped[at : at + size]).form == "gzip"


def test_a_file_and_what_is_none(tmp_path: Path) -> None:
    path = tmp_path / "initrd"
    path.write_bytes(EARLY)
    found = BootImage(str(path), INITRD).ask()
    assert isinstance(found, Evidence)
    assert "parts: cpio\nwhole: yes\n" in found.text
    assert isinstance(BootImage(str(tmp_path), INITRD).ask(), Unreadable)
    with path.open("wb") as file:
        file.truncate(1 << 40)
    found = BootImage(str(path), INITRD).ask()
    assert isinstance(found, Evidence)
