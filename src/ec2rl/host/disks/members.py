"""Members of something larger: MD arrays, LVM2, and LUKS."""

from __future__ import annotations

from binascii import crc32
from struct import unpack_from

from ec2rl.host.disks.content import Content, dashed, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.host.disks import At

_MD = b"\xfc\x4e\x2b\xa9"
_LUKS = (b"LUKS\xba\xbe", b"SKUL\xba\xbe")


def identify(at: At, size: int) -> Content | None:
    """Tell whose member a device of `size` bytes is; None for nobody's."""
    return _md(at, size) or _lvm2(at) or _luks(at)


def _md(at: At, size: int) -> Content | None:
    """include/uapi/linux/raid/md_p.h: 1.1 begins it, 1.2 is at 4 KiB, 1.0 and 0.90 at the end."""
    old = (size & ~0xFFFF) - 0x10000
    for offset, minor in ((0, 1), (4096, 2), ((size & ~0xFFF) - 0x2000, 0), (old, 90)):
        data = at(offset, 256) if offset >= 0 else b""
        if len(data) < 256 or data[:4] != _MD:
            continue
        if minor == 90:
            (disk,) = unpack_from("<I", at(offset + 3968, 4).ljust(4, b"\0"))
            uuid = dashed(data[20:24] + data[52:64])
            return Content("linux_raid_member", uuid, sub=f"disk {disk}")
        major, at_sector = unpack_from("<I", data, 4)[0], unpack_from("<Q", data, 144)[0]
        if major == 1 and at_sector << 9 == offset:
            sub = dashed(data[168:184])
            return Content("linux_raid_member", dashed(data[16:32]), text_of(data[32:64]), sub)
    return None


def _lvm2(at: At) -> Content | None:
    """lib/format_text/layout.h of LVM2: struct label_header and pv_header, in one of 4 sectors."""
    for sector in range(4):
        data = at(sector * 512, 512)
        if len(data) < 512 or data[:8] != b"LABELONE" or data[24:32] != b"LVM2 001":
            continue
        told, start = unpack_from("<I", data, 16)[0], unpack_from("<I", data, 20)[0]
        # lib/misc/crc.c: that of zlib, begun with another number and not turned at the end.
        if told != crc32(data[20:], 0xF597A6CF ^ 0xFFFFFFFF) ^ 0xFFFFFFFF or start > 512 - 40:
            continue
        uuid = data[start : start + 32].decode("latin-1")
        cuts = (0, 6, 10, 14, 18, 22, 26, 32)
        name = "-".join(uuid[first:last] for first, last in zip(cuts, cuts[1:]))
        size = unpack_from("<Q", data, start + 32)[0]
        return Content("LVM2_member", name, size=size)
    return None


def _luks(at: At) -> Content | None:
    """The headers of LUKS1 and LUKS2 (cryptsetup's specifications of both)."""
    data = at(0, 512)
    if not data.startswith(_LUKS[0]) or len(data) < 512:
        return None
    version = unpack_from(">H", data, 6)[0]
    if version not in (1, 2):
        return None
    uuid = text_of(data[168:208]).decode("latin-1")
    return Content("crypto_LUKS", uuid, text_of(data[24:72]) if version == 2 else b"")
