"""Two file systems have one label: which of them is mounted by it is chance."""

from __future__ import annotations

from ec2rl.diagnosis.duplicates import Seen, observe
from ec2rl.diagnosis.kernel_log import commands_of
from ec2rl.facts.log import KernelLog
from ec2rl.host import Host
from ec2rl.model import Finding
from ec2rl.module import BOOT, Module, Options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ec2rl.facts.disks import Disk

NAME = "duplicatefslabels"
_NO_LABELS = ("linux_raid_member", "other", "ambiguous", "crypto_LUKS")
"""Kinds whose label names a whole array, or what nothing is mounted from by it."""
ANEW = {
    "xfs": "xfs_admin -L NEW {path} # unmounted",
    **dict.fromkeys(("ext2", "ext3", "ext4"), "e2label {path} NEW"),
    "btrfs": "btrfs filesystem label {path} NEW # unmounted",
    "vfat": "fatlabel {path} NEW # unmounted",
    "exfat": "exfatlabel {path} NEW # unmounted",
    "swap": "swaplabel -L NEW {path} # after swapoff {path}",
}


def ids(disk: Disk) -> Iterator[tuple[str, str]]:
    """Give the label of what a device holds."""
    if disk.label and disk.kind not in _NO_LABELS:
        yield "LABEL", disk.label


def read(host: Host, log: KernelLog, options: Options) -> Seen:
    """Compare the labels of all devices."""
    return observe(host, ids, needs_content=True)


def judge(seen: Seen) -> Finding:
    """Judge by who goes by a label that is shared."""
    from ec2rl.diagnosis import duplicates_told
    from ec2rl.diagnosis.duplicates_advice import Wording

    none = "No two file systems have the same label."
    return duplicates_told.judge(seen, Wording(NAME, "label", none, ANEW))


MODULE = Module(
    name=NAME,
    title="Each file system has a label of its own",
    domain="os",
    phrases=(),
    read=read,
    judge=judge,
    needs="root, to read the first bytes of disks",
    by_hand=lambda _: commands_of(NAME),
    rank=BOOT,
)
