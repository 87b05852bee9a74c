"""The features that the file system has which a volume's root lies on, read by us.

fs/ext4/ext4.h, struct ext4_super_block, at byte 1024, little endian; fs/xfs/libxfs/xfs_format.h,
struct xfs_dsb, at byte 0, big endian: a superblock of version 5 alone has them.
"""

from __future__ import annotations

from ec2rl.host.files import unreadable
from ec2rl.host.mount_of import mount_of
from ec2rl.host.queries.superblock import SECONDS, first_bytes
from ec2rl.host.query import RootQuery, TextQuery
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import record

_SIZE = 2048


@record(frozen=True)
class RootFeatures(TextQuery, RootQuery[Evidence]):
    """Lines of `name: value`: `device`, `kind`; `incompat` and `ro`, the features' bits in hex."""

    @property
    def key(self) -> str:
        return "features /"

    def below(self, root: int) -> Evidence | Unreadable:
        from ec2rl.process import Limits, LostError, run

        try:
            device, kind = mount_of(root)
        except OSError as error:
            return unreadable(self.key, error)
        if not device:
            words = "the folder is no whole file system of a device"
            return Unreadable(self.key, Why.ABSENT, words)
        try:
            data = run(lambda: first_bytes(device, 0, _SIZE), Limits(SECONDS), _SIZE)
        except (LostError, OSError) as error:
            return Unreadable(self.key, Why.FAILED, f"its reader {error}")
        if not data:
            return Unreadable(self.key, Why.DENIED, "needs root")
        told = "".join(f"{name}: {bits:x}\n" for name, bits in features(data).items())
        return Evidence(self.key, f"device: {device}\nkind: {kind}\n{told}")


def features(data: bytes) -> dict[str, int]:
    """Read the features of ext4 and XFS by the first bytes of a device; {} for another kind."""
    from struct import unpack_from

    if len(data) < _SIZE:
        return {}
    if unpack_from("<H", data, 1024 + 0x38)[0] == 0xEF53:
        incompat, ro = unpack_from("<II", data, 1024 + 0x60)
        return {"incompat": incompat, "ro": ro}
    if data[:4] == b"XFSB" and unpack_from(">H", data, 100)[0] & 0xF == 5:
        ro, incompat = unpack_from(">II", data, 212)
        return {"incompat": incompat, "ro": ro}
    return {}
