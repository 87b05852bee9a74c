"""Two file systems have one UUID: which of them is mounted by it is chance, XFS refuses one."""

from __future__ import annotations

from ec2rl.diagnosis.coverage import moment
from ec2rl.diagnosis.duplicates import Refusal, Seen, observe
from ec2rl.diagnosis.kernel_log import commands_of
from ec2rl.facts.log import KernelLog
from ec2rl.host import WARNING, Host, Phrase
from ec2rl.model import Finding
from ec2rl.module import BOOT, Module, Options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ec2rl.facts.disks import Disk

NAME = "duplicatefsuuid"
# fs/xfs/xfs_mount.c, xfs_uuid_mount(), 2.6.39 to 6.18.
PHRASES = (Phrase(b"Filesystem has duplicate UUID ", recent=True, level=WARNING),)
_REFUSED = (
    r"XFS \((?P<device>\S{1,64})\): Filesystem has duplicate UUID (?P<uuid>[0-9a-f-]{36})"
    r" - can't mount\s*"
)
ANEW = {
    "xfs": "xfs_admin -U generate {path} # unmounted; to look before: mount -o ro,nouuid {path}",
    **dict.fromkeys(
        ("ext2", "ext3", "ext4"), "tune2fs -U random {path} # unmounted, after e2fsck -f {path}"
    ),
    "btrfs": "btrfstune -u {path} # unmounted, all that have it",
    "vfat": "fatlabel -i -r {path} # unmounted",
    "swap": "swaplabel -U $(uuidgen) {path} # after swapoff {path}",
    "LVM2_member": "vgimportclone {path}",
    "crypto_LUKS": "cryptsetup luksUUID --uuid $(uuidgen) {path} # closed",
}


def ids(disk: Disk) -> Iterator[tuple[str, str]]:
    """Give the UUID of what a device holds."""
    if disk.uuid:
        yield "UUID", disk.uuid


def parse(message: str) -> tuple[str, str] | None:
    """Parse what XFS says of a file system that it refuses: the device, and the UUID."""
    import re

    found = re.fullmatch(_REFUSED, message)
    return (found["device"], found["uuid"]) if found is not None else None


def read(host: Host, log: KernelLog, options: Options) -> Seen:
    """Compare the UUIDs of all devices, and look what XFS refused."""
    refused = []
    for line in log.lines:
        told = parse(line.message) if "has duplicate UUID" in line.message else None
        if told is not None:
            place, is_kernels = line.sources[0], line.trusted
            refused.append(
                Refusal(*told, line.message, place, moment(line), line.this_boot, is_kernels)
            )
    return observe(host, ids, needs_content=True, refused=tuple(refused))


def judge(seen: Seen) -> Finding:
    """Judge by who goes by a UUID that is shared."""
    from ec2rl.diagnosis import duplicates_told
    from ec2rl.diagnosis.duplicates_advice import Wording

    none = "No two file systems have the same UUID."
    return duplicates_told.judge(seen, Wording(NAME, "UUID", none, ANEW))


MODULE = Module(
    name=NAME,
    title="Each file system has a UUID of its own",
    domain="os",
    phrases=PHRASES,
    read=read,
    judge=judge,
    needs="root, to read the first bytes of disks",
    by_hand=lambda _: commands_of(NAME),
    rank=BOOT,
)
