"""Superblocks: what a device holds, by what it begins with, as libblkid 2.38 tells them apart.

Members of arrays and what is encrypted win over file systems; two kinds of file system at once
are none that anybody mounts by its UUID (blkid_do_safeprobe()).
"""

from __future__ import annotations

from struct import unpack_from

from ec2rl.host.disks import members
from ec2rl.host.disks.content import Content, dashed, text_of
from ec2rl.host.disks.fat import exfat, vfat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from ec2rl.host.disks import At

AMBIGUOUS = "ambiguous"
OTHERS = "other"
"""Stands for a kind that is known, but whose ids are not read here."""

_PAGES = (4096, 8192, 16384, 32768, 65536)
_HIBERNATED = (b"S1SUSPEND", b"S2SUSPEND", b"ULSUSPEND", b"LINHIB0001")
_OTHERS = (
    # Offset, magic, name: the signatures of libblkid 2.38 and of the kernel's own headers.
    (3, b"-FVE-FS-", "BitLocker"),
    (0, b"\0\0\0ReFS\0", "ReFS"),
    (32768, b"JFS1", "jfs"),
    (4096 + 24, bytes.fromhex("c68573f64e1a45ca8265f57f48ba6d81"), "bcachefs"),
    (4096 + 24, bytes.fromhex("c68573f6664e4ca4a4b5cb96ce88e98b"), "bcache"),
    (65536 + 52, b"ReIsEr2Fs", "reiserfs"),
    (65536 + 52, b"ReIsErFs", "reiserfs"),
    (1024 + 6, b"\x34\x34", "nilfs2"),
    (32769, b"BEA01", "udf"),
)


def identify(at: At, size: int) -> Content | None:
    """Tell what a device of `size` bytes holds; None for nothing that is known."""
    member = members.identify(at, size)
    if member is not None:
        return member
    near = [one for probe in _NEAR if (one := probe(at)) is not None]
    if len(near) > 1:
        return Content(AMBIGUOUS, label=" and ".join(one.kind for one in near).encode())
    if near:
        return near[0]
    far = [one for probe in _FAR if (one := probe(at)) is not None]
    return far[0] if far else _other(at)


def _ext(at: At) -> Content | None:
    """fs/ext4/ext4.h, struct ext4_super_block, 2.6.32 to 6.18."""
    data = at(1024, 1024)
    if len(data) < 1024 or data[0x38:0x3A] != b"\x53\xef":
        return None
    compatible, needed, for_writing = unpack_from("<III", data, 0x5C)
    low, block = unpack_from("<I", data, 4)[0], unpack_from("<I", data, 0x18)[0]
    blocks = low + ((unpack_from("<I", data, 0x150)[0] << 32) if needed & 0x80 else 0)
    if block > 6:
        return None
    kind = "ext2"
    if needed & 0x8:
        kind = "jbd"
    elif needed & ~0x16 or for_writing & ~0x7:
        kind = "ext4"
    elif compatible & 0x4:
        kind = "ext3"
    size = 0 if kind == "jbd" else blocks << (10 + block)
    return Content(kind, dashed(data[0x68:0x78]), text_of(data[0x78:0x88]), size=size)


def _xfs(at: At) -> Content | None:
    """fs/xfs/libxfs/xfs_format.h, struct xfs_dsb."""
    data = at(0, 264)
    if len(data) < 264 or data[:4] != b"XFSB":
        return None
    block, blocks = unpack_from(">IQ", data, 4)
    sector, inode, groups = (*unpack_from(">HH", data, 102), unpack_from(">I", data, 88)[0])
    is_sane = 512 <= block <= 65536 and not block & (block - 1) and groups
    if not is_sane or not 512 <= sector <= 32768 or not 256 <= inode <= 2048:
        return None
    return Content("xfs", dashed(data[32:48]), text_of(data[108:120]), size=block * blocks)


def _btrfs(at: At) -> Content | None:
    """include/uapi/linux/btrfs_tree.h, struct btrfs_super_block; the device's own item in it."""
    data = at(65536, 4096)
    if len(data) < 4096 or data[0x40:0x48] != b"_BHRfS_M":
        return None
    size = unpack_from("<Q", data, 0xD1)[0]
    sub = dashed(data[0x10B:0x11B])
    return Content("btrfs", dashed(data[0x20:0x30]), text_of(data[0x12B:0x22B]), sub, size)


def _swap(at: At) -> Content | None:
    """include/linux/swap.h, union swap_header: the magic ends the page, of whatever size."""
    for page in _PAGES:
        magic = at(page - 10, 10)
        is_swap = magic == b"SWAPSPACE2"
        if is_swap or magic == b"SWAP-SPACE" or magic.startswith(_HIBERNATED):
            data = at(1024, 44)
            kind = "swap" if magic.startswith(b"SWAP") else "swsuspend"
            if magic == b"SWAP-SPACE":
                return Content(kind)
            version, last = unpack_from("<II", data)
            if is_swap and (version != 1 or not last):
                return None
            return Content(kind, dashed(data[12:28]), text_of(data[28:44]), size=(last + 1) * page)
    return None


def _f2fs(at: At) -> Content | None:
    """include/linux/f2fs_fs.h, struct f2fs_super_block."""
    data = at(1024, 1152)
    if len(data) < 1152 or data[:4] != b"\x10\x20\xf5\xf2":
        return None
    label = data[124 : 124 + 1024].decode("utf-16-le", "replace").split("\0")[0]
    block = unpack_from("<I", data, 16)[0]
    size = unpack_from("<Q", data, 36)[0] << block if block <= 16 else 0
    return Content("f2fs", dashed(data[108:124]), label.encode(), size=size)


def _erofs(at: At) -> Content | None:
    """fs/erofs/erofs_fs.h, struct erofs_super_block."""
    data = at(1024, 128)
    if data[:4] != b"\xe2\xe1\xf5\xe0" or len(data) < 128:
        return None
    return Content("erofs", dashed(data[48:64]), text_of(data[64:80]))


def _squashfs(at: At) -> Content | None:
    return Content("squashfs") if at(0, 4) == b"hsqs" else None


def _ntfs(at: At) -> Content | None:
    """The serial number of the boot sector; the label is in a file of its own, and is not read."""
    data = at(0, 512)
    if data[3:11] != b"NTFS    ":
        return None
    return Content("ntfs", f"{unpack_from('<Q', data, 72)[0]:016X}")


def _iso9660(at: At) -> Content | None:
    """ECMA-119: the primary volume descriptor; its time of change, or of making, is the UUID."""
    data = at(32768, 2048)
    if len(data) < 2048 or data[1:6] != b"CD001" or data[0] != 1:
        return None
    times = (data[830:847], data[813:830])
    time = next((one for one in times if one[:16].strip(b"0\0")), b"")[:16].decode("latin-1")
    parts = (time[:4], *(time[n : n + 2] for n in range(4, 16, 2)))
    uuid = "-".join(parts) if time.isascii() and time.isdigit() else ""
    return Content("iso9660", uuid, text_of(data[40:72]))


def _other(at: At) -> Content | None:
    for offset, magic, name in _OTHERS:
        if at(offset, len(magic)) == magic:
            return Content(OTHERS, label=name.encode())
    # lib/libzfs, label 0: uberblocks of 1 KiB from 128 KiB on, in either order of bytes.
    for slot in range(4):
        if at((128 + slot) << 10, 8) in (
            bytes.fromhex("0cb1ba0000000000"),
            b"\0\0\0\0\0\xba\xb1\x0c",
        ):
            return Content(OTHERS, label=b"zfs")
    return None


_NEAR: tuple[Callable[[At], Content | None], ...] = (
    *(vfat, exfat, _ntfs, _xfs, _ext, _f2fs, _erofs, _squashfs),
)
_FAR: tuple[Callable[[At], Content | None], ...] = (_swap, _btrfs, _iso9660)
"""What is looked for where nothing is near the beginning: it takes a second read."""
