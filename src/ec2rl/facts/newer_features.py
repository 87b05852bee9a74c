"""What the kernel says of a file system whose features it does not know, and what these are.

fs/ext4/super.c, ext4_feature_set_ok(); fs/xfs/libxfs/xfs_sb.c, xfs_validate_sb_read();
fs/btrfs/disk-io.c, btrfs_check_features(), 2.6.32 to 6.18.  Bits and the kernel that first knew
each: fs/ext4/ext4.h, fs/xfs/libxfs/xfs_format.h, include/uapi/linux/btrfs.h; distributions may know
one earlier.

Other lines are none of these: a kernel tries ext4's root as ext3 first ("feature
incompatibilities"), and what XFS calls "unknown compatible features" it mounts all the same.
"""

from __future__ import annotations

from ec2rl.facts.log import fits
from ec2rl.model import Statement, say
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    Names = Mapping[int, tuple[str, int, int]]
    Row = tuple[str, str, Names, Names]

_EXT4: Names = {
    0x400: ("ea_inode", 4, 13), 0x2000: ("metadata_csum_seed", 4, 4),
    0x4000: ("large_dir", 4, 13), 0x8000: ("inline_data", 3, 8), 0x10000: ("encrypt", 4, 1),
    0x20000: ("casefold", 5, 2),
}  # fmt: skip
_EXT4_RO: Names = {
    0x100: ("quota", 3, 6), 0x200: ("bigalloc", 3, 2), 0x400: ("metadata_csum", 3, 5),
    0x2000: ("project", 4, 5), 0x8000: ("verity", 5, 4), 0x10000: ("orphan_file", 5, 15),
}  # fmt: skip
_XFS: Names = {
    0x1: ("ftype", 3, 10), 0x2: ("sparse", 4, 2), 0x4: ("meta_uuid", 4, 3),
    0x8: ("bigtime", 5, 10), 0x10: ("needsrepair", 5, 12), 0x20: ("nrext64", 5, 19),
    0x40: ("exchange", 6, 10), 0x80: ("parent", 6, 10), 0x100: ("metadir", 6, 13),
}  # fmt: skip
_XFS_RO: Names = {
    0x1: ("finobt", 3, 16), 0x2: ("rmapbt", 4, 8), 0x4: ("reflink", 4, 9),
    0x8: ("inobtcount", 5, 10),
}  # fmt: skip
_BTRFS: Names = {
    0x400: ("metadata_uuid", 5, 0), 0x800: ("raid1c34", 5, 5), 0x1000: ("zoned", 5, 12),
    0x4000: ("raid_stripe_tree", 6, 7), 0x10000: ("simple_quota", 6, 7),
}  # fmt: skip
_BTRFS_RO: Names = {
    0x1: ("free_space_tree", 4, 5), 0x4: ("verity", 5, 15), 0x8: ("block_group_tree", 6, 1),
}  # fmt: skip
_LOG = "log"
_DEV = r"(?P<dev>[^\s()]{1,64})"
_BITS = r"\((?:0x)?(?P<bits>[0-9a-f]{1,16})\)"
_EXT = r"[Cc]ouldn't mount (?P<way>RDWR )?because of unsupported optional features"
_ROWS: tuple[Row, ...] = (
    ("ext4", rf"EXT4-fs \({_DEV}\): {_EXT} {_BITS}", _EXT4, _EXT4_RO),
    ("XFS", rf"XFS \({_DEV}\): Superblock has unknown incompatible features {_BITS} enabled\.",
     _XFS, {}),
    ("XFS", rf"XFS \({_DEV}\): Superblock has unknown (?P<way>read-only )compatible features "
            rf"{_BITS} enabled\.", _XFS, _XFS_RO),
    ("XFS", rf"XFS \({_DEV}\): Superblock has unknown incompatible (?P<way>{_LOG}) features "
            rf"{_BITS} enabled\.", {}, {}),
    ("btrfs", rf"BTRFS(?: error| warning)? \(device {_DEV}\): (?:cannot|couldn't) mount (?P<way>"
              r"read-write )?because of (?:unsupported optional|unknown (?:incompat|compat_ro)) "
              rf"features {_BITS}\.?", _BTRFS, _BTRFS_RO),
)  # fmt: skip


@record(frozen=True)
class NewerFeatures:
    """Features of one file system that the kernel does not know; `only_read` where it reads it."""

    kind: str
    device: str
    features: tuple[str, ...]
    only_read: bool = False
    of_log: bool = False

    @property
    def same(self) -> object:
        return self.kind, self.device, self.only_read

    def message(self) -> Statement:
        """Say which file system was refused, and for what."""
        words = "{kind} on {device} was refused{how}: this kernel does not know {features:, }"
        how = " for writing" if self.only_read else " for its log" if self.of_log else ""
        return say(words, kind=self.kind, device=self.device, features=self.features, how=how)


def parse(message: str) -> NewerFeatures | None:
    """Parse a message; None for one that refuses nothing."""
    for kind, pattern, names, names_ro in _ROWS:
        found = fits(rf"\s*(?:{pattern})\s*", message)
        if found is not None:
            said = found.groupdict()
            way = said.get("way") or ""
            of_log = way == _LOG
            features = _named(int(said["bits"], 16), names_ro if way and not of_log else names)
            return NewerFeatures(kind, said["dev"], features, bool(way) and not of_log, of_log)
    return None


def _named(bits: int, names: Names) -> tuple[str, ...]:
    """Name each bit, with the kernel that first knew it; others by their number."""
    found = [bit for bit in (1 << n for n in range(64)) if bits & bit]
    return tuple(_shown(*names[bit]) if bit in names else f"feature 0x{bit:x}" for bit in found)


def _shown(name: str, major: int, minor: int) -> str:
    return f"{name} ({major}.{minor})"


_ORPHANS = 0x10000
"""Bit of ext4 that is set while it is mounted, by whoever looks, and cleared after that."""


def newer_than(version: tuple[int, int], kind: str, incompat: int, ro: int) -> tuple[str, ...]:
    """Name the features of ext4 or XFS that a kernel of this version did not know yet."""
    ro &= ~_ORPHANS if kind == "ext4" else ro
    tables = {"ext4": (_EXT4, _EXT4_RO), "xfs": (_XFS, _XFS_RO)}.get(kind, ({}, {}))
    return tuple(
        _shown(*known)
        for bits, names in zip((incompat, ro), tables)
        for bit, known in names.items()
        if bits & bit and known[1:] > version
    )


def version_of(release: str) -> tuple[int, int] | None:
    """Give the version of a kernel's release, None for another text."""
    numbers = release.split("-")[0].split(".")[:2]
    is_version = len(numbers) == 2 and all(
        one.isascii() and one.isdigit() and len(one) < 6 for one in numbers
    )
    return (int(numbers[0]), int(numbers[1])) if is_version else None
