"""What the superblock of the file system says that a machine's root lies on, read by us.

fs/ext4/ext4.h, struct ext4_super_block, the same from 2.6.36 on: at byte 1024 of the device, little
endian.  XFS and btrfs keep no note of errors there.  Nothing is written, and no blkid or mount(8)
is asked, which may.
"""

from __future__ import annotations

import os

from ec2rl.host.files import unreadable
from ec2rl.host.mount_of import mount_of
from ec2rl.host.query import RootQuery, decode_text, encode_text
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ec2rl.host.query import Encoded

SECONDS = 5.0
"""A device that does not answer keeps who reads it; it is left to a process of its own."""
_AT, _SIZE = 1024, 1024
_EXT = ("ext2", "ext3", "ext4")
_MAGIC = 0xEF53


@record(frozen=True)
class Superblock(RootQuery[Evidence]):
    """Lines of `name: value`: `device`, `kind`, and of ext2 to ext4 what was noted of errors."""

    @property
    def key(self) -> str:
        return "superblock /"

    def below(self, root: int) -> Evidence | Unreadable:
        from ec2rl.process import Limits, LostError, run

        try:
            device, kind = mount_of(root)
        except OSError as error:
            return unreadable(self.key, error)
        if not device:
            words = "the folder is no whole file system of a device"
            return Unreadable(self.key, Why.ABSENT, words)
        if kind not in _EXT:
            return Evidence(self.key, f"device: {device}\nkind: {kind}\n")
        try:
            data = run(lambda: first_bytes(device, _AT, _SIZE), Limits(SECONDS), _SIZE)
        except (LostError, OSError) as error:
            return Unreadable(self.key, Why.FAILED, f"its reader {error}")
        if not data:
            return Unreadable(self.key, Why.DENIED, "needs root")
        told = fields(data)
        if not told:
            return Unreadable(self.key, Why.FAILED, "no superblock of ext4 where it should be")
        text = "".join(f"{name}: {value}\n" for name, value in told.items())
        return Evidence(self.key, f"device: {device}\nkind: {kind}\n{text}")

    def encode(self, answer: Evidence) -> Encoded:
        return encode_text(answer.text)

    def decode(self, source: str, text: str, notes: Mapping[str, str]) -> Evidence:
        return Evidence(source, decode_text(text, notes))


def first_bytes(device: str, at: int, size: int) -> bytes:
    """Read bytes of a block device; none where we may not, and one for what is no such device."""
    import stat

    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        if not stat.S_ISBLK(os.stat(device).st_mode):
            return bytes(1)
        fd = os.open(device, flags)
        return os.pread(fd, size, at) if stat.S_ISBLK(os.fstat(fd).st_mode) else bytes(1)
    except PermissionError:
        return b""


def fields(data: bytes) -> dict[str, object]:
    """Read what a superblock of ext4 says of its state and its errors; {} for none."""
    from struct import unpack_from

    if len(data) < _SIZE or unpack_from("<H", data, 0x38)[0] != _MAGIC:
        return {}
    first, line = data[0x1A8:0x1C8], unpack_from("<I", data, 0x1C8)[0]
    function = first.split(b"\0")[0].decode("ascii", "backslashreplace")
    return {
        "state": unpack_from("<H", data, 0x3A)[0],
        "errors": unpack_from("<I", data, 0x194)[0],
        "first error": unpack_from("<I", data, 0x198)[0],
        "first place": f"{function}:{line}" if function else "",
        "last error": unpack_from("<I", data, 0x1CC)[0],
        "last check": unpack_from("<I", data, 0x40)[0],
    }
