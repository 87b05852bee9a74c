"""The features of ext4 and XFS by the first bytes of a device."""

from __future__ import annotations

import struct

import pytest

from ec2rl.host.queries.root_features import features


def block(at: int, form: str, *values: int, magic: tuple[int, bytes]) -> bytes:
    data = bytearray(2048)
    data[magic[0] : magic[0] + len(magic[1])] = magic[1]
    struct.pack_into(form, data, at, *values)
    return bytes(data)


EXT4 = block(1024 + 0x60, "<II", 0x2C2, 0x1046B, magic=(1024 + 0x38, b"\x53\xef"))
XFS = block(212, ">II", 0xD, 0x2B, magic=(0, b"XFSB"))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (EXT4, {"incompat": 0x2C2, "ro": 0x1046B}),
        (XFS[:100] + b"\xb4\xa5" + XFS[102:], {"incompat": 0x2B, "ro": 0xD}),
        (XFS[:100] + b"\xb4\xa4" + XFS[102:], {}),
        (bytes(2048), {}),
        (EXT4[:1500], {}),
        (b"", {}),
    ],
    ids=["ext4", "xfs", "xfs of version 4", "nothing", "cut", "empty"],
)
def test_features(data: bytes, told: dict[str, int]) -> None:
    assert features(data) == told
