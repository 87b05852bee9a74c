"""What an initrd has inside: several parts, whatever they are packed by, bombs, and what is cut."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
from pathlib import Path

import pytest

from ec2rl.host.queries.initrd_content import InitrdContent
from ec2rl.model import Evidence
from host.test_boot_images import EARLY, cpio, packed

MAIN = cpio("init", "usr/lib/modules/6.1/kernel/drivers/nvme-core.ko.xz", "lib/modules/6.1/ena.ko")


def content(path: Path, data: bytes) -> dict[str, str]:
    path.write_bytes(data)
    found = InitrdContent(str(path)).ask()
    assert isinstance(found, Evidence), found
    return dict(line.partition(": ")[::2] for line in found.text.splitlines())


@pytest.mark.parametrize(
    "pack",
    [
        bytes,
        gzip.compress,
        bz2.compress,
        lambda data: lzma.compress(data, check=lzma.CHECK_CRC32),
        lambda data: packed("zstd -qc", data),
        lambda data: packed("lz4 -lqc", data),
    ],
    ids=["cpio", "gzip", "bzip2", "xz", "zstd", "lz4"],
)
def test_all_parts_are_read(tmp_path: Path, pack: object) -> None:
    data = EARLY + pack(MAIN + cpio("second.ko"))  # type: ignore[operator]
    found = content(tmp_path / "initrd", data)
    assert (found["init"], found["releases"]) == ("yes", "6.1")
    assert found["modules"] == "ena nvme_core second"
    assert (found["whole"], found["unread"]) == ("yes", "")
    if pack is not bytes:
        assert content(tmp_path / "cut", data[: len(data) - 40])["whole"] != "yes"


def test_what_is_not_unpacked_is_said(tmp_path: Path) -> None:
    assert "lzop" in content(tmp_path / "lzo", b"\x89LZO\x00\r\n\x1a\n" + os.urandom(99))["unread"]
    assert content(tmp_path / "none", b"no archive")["whole"] == "unknown"
    assert content(tmp_path / "bad", gzip.compress(b"no archive" * 99))["whole"] == "no"


@pytest.mark.more
def test_a_bomb_ends(tmp_path: Path) -> None:
    bomb = gzip.compress(cpio("init")[:-512] + bytes(64 << 20)) * 40
    found = content(tmp_path / "bomb", bomb)
    assert found["whole"] != "yes" or found["unread"]
