"""What the kernel says now of file systems that are mounted: counters, and which are read-only.

fs/ext4/sysfs.c, 3.6 to 6.18 (first_error_* as well); fs/btrfs/sysfs.c, from 5.14 on.  A superblock
keeps ext4's count until e2fsck clears it, and btrfs its counts until `btrfs device stats -z`.
"""

from __future__ import annotations

from ec2rl.facts.block_devices import Mount
from ec2rl.facts.proc import number, parse_fields
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_EXT4, _BTRFS = "/sys/fs/ext4", "/sys/fs/btrfs"
_READ_ONLY_BY_ERROR = ("ext2", "ext3", "ext4", "btrfs", "vfat", "exfat", "f2fs", "nilfs2")
"""Kinds that a kernel makes read-only when it meets an error."""
_MOST = 256


@record(frozen=True)
class Counted:
    """What a file system has counted: `errors`, None where it cannot be read.

    `last` is when the last one was, in seconds since the epoch, None where it is not told; `place`
    is the kernel's function that met the first one.
    """

    kind: str
    device: str
    errors: int | None
    last: int | None = None
    place: str = ""


def read_counted(host: Host) -> tuple[Counted, ...]:
    """Read the counters of all ext4 and btrfs file systems."""
    return (*_ext4(host), *_btrfs(host))


def _ext4(host: Host) -> Iterator[Counted]:
    names = host.names(_EXT4)
    for name in names[:_MOST] if isinstance(names, tuple) else ():
        if name != "features":
            folder = f"{_EXT4}/{name}"
            errors = number(host, f"{folder}/errors_count")
            if not errors:
                yield Counted("ext4", name, errors)
                continue
            place = host.read(f"{folder}/first_error_func")
            where = place.text.strip() if isinstance(place, Evidence) else ""
            last = number(host, f"{folder}/last_error_time")
            yield Counted("ext4", name, errors, last or None, where)


def _btrfs(host: Host) -> Iterator[Counted]:
    names = host.names(_BTRFS)
    for name in names[:_MOST] if isinstance(names, tuple) else ():
        folder = f"{_BTRFS}/{name}"
        ids = () if name == "features" else host.names(f"{folder}/devinfo")
        if isinstance(ids, Unreadable) or not ids:
            continue
        devices = host.names(f"{folder}/devices")
        named = "+".join(devices) if isinstance(devices, tuple) and devices else name
        counts = [_of_member(host, f"{folder}/devinfo/{one}/error_stats") for one in ids]
        known = [one for one in counts if one is not None]
        yield Counted("btrfs", named, sum(known) if len(known) == len(counts) else None)


def _of_member(host: Host, path: str) -> int | None:
    """The errors of one device of a btrfs, of all kinds together."""
    found = host.read(path)
    counts = parse_fields(found.text) if isinstance(found, Evidence) else {}
    return sum(counts.values()) if "write_errs" in counts else None


def made_read_only(mounts: Sequence[Mount]) -> tuple[Mount, ...]:
    """Find the file systems that are read-only though no mount of them asks for it.

    An error makes the whole read-only, and leaves each mount's own flag (fs/ext4/super.c,
    ext4_handle_error(), to 6.12; fs/btrfs/messages.c; fs/fat/misc.c); ext4 from 6.13 on says
    `emergency_ro` instead.  An administrator's `mount -o remount,ro` changes that of the mount too.
    """
    asked = {one.number or one.device for one in mounts if "ro" in one.options}
    found: dict[str, Mount] = {}
    for one in mounts:
        key = one.number or one.device
        by_itself = "ro" in one.of_all and key not in asked and one.kind in _READ_ONLY_BY_ERROR
        if "emergency_ro" in one.of_all or by_itself:
            found.setdefault(key, one)
    return tuple(found.values())


def proves_none(mounts: Sequence[Mount], counted: Sequence[Counted]) -> bool:
    """Whether counters tell of all that is mounted, and have counted nothing."""
    known = {one.device for one in counted if one.errors == 0}
    members = {part for name in known for part in name.split("+")}
    return bool(mounts) and all(
        one.device in members for one in mounts if one.kind not in ("squashfs", "iso9660", "erofs")
    )
