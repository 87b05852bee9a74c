"""The superblock of a volume: read by us, of a whole file system alone."""

from __future__ import annotations

import os
from pathlib import Path
from struct import pack_into

from ec2rl.host.mounted import MountedHost
from ec2rl.host.queries.superblock import Superblock, fields
from ec2rl.model import Evidence, Unreadable, Why


def block(state: int, errors: int) -> bytes:
    data = bytearray(1024)
    pack_into("<HH", data, 0x38, 0xEF53, state)
    pack_into("<II", data, 0x194, errors, 1795470000)
    data[0x1A8:0x1B3] = b"ext4_lookup"
    pack_into("<II", data, 0x1C8, 1787, 1795480000)
    return bytes(data)


def test_what_ext4_notes_of_errors() -> None:
    assert fields(block(2, 4)) == {
        "state": 2,
        "errors": 4,
        "first error": 1795470000,
        "first place": "ext4_lookup:1787",
        "last error": 1795480000,
        "last check": 0,
    }


def test_garbage_is_no_superblock() -> None:
    assert fields(bytes(1024)) == {}
    assert fields(os.urandom(56) + b"\0" * 968) == {}
    assert fields(block(1, 0)[:1000]) == {}


def test_a_name_of_bytes_is_escaped() -> None:
    data = bytearray(block(2, 1))
    data[0x1A8:0x1C8] = b"\xff\x1b[31m" + b"a" * 26
    place = str(fields(bytes(data))["first place"])
    assert place.isascii()
    assert place.endswith(":1787")


def test_a_folder_is_no_file_system(tmp_path: Path) -> None:
    found = MountedHost(str(tmp_path)).query(Superblock())
    assert isinstance(found, Unreadable)
    assert found.why is Why.ABSENT


def test_it_is_written_down_and_read_again() -> None:
    query, told = Superblock(), Evidence("superblock /", "device: /dev/vda\nkind: xfs\n")
    text, notes = query.encode(told)
    assert notes == {}
    assert query.decode("superblock /", text, {}) == told
