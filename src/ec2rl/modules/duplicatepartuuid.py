"""Two partitions have one PARTUUID: which of them is taken by it is chance."""

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

NAME = "duplicatepartuuid"
ANEW = {
    "PARTLABEL": "sgdisk -c {part}:NEW {disk} # then partprobe",
    "table gpt": "sgdisk -G {disk} # new GUIDs for this disk and its partitions; then partprobe",
    "table dos": "sfdisk --disk-id {disk} 0x$(od -An -N4 -tx4 /dev/urandom | tr -d ' ')",
}


def ids(disk: Disk) -> Iterator[tuple[str, str]]:
    """Give the ids of a partition in its table."""
    if disk.part_uuid:
        yield "PARTUUID", disk.part_uuid
    if disk.part_label:
        yield "PARTLABEL", disk.part_label


def read(host: Host, log: KernelLog, options: Options) -> Seen:
    """Compare the ids of all partitions; names that installers give count where one is used."""
    return observe(host, ids, needs_content=False, only_used=("PARTLABEL",))


def judge(seen: Seen) -> Finding:
    """Judge by who goes by a PARTUUID that is shared."""
    from ec2rl.diagnosis import duplicates_told
    from ec2rl.diagnosis.duplicates_advice import Wording

    none = "No two partitions have the same PARTUUID."
    return duplicates_told.judge(seen, Wording(NAME, "PARTUUID", none, ANEW))


MODULE = Module(
    name=NAME,
    title="Each partition has a PARTUUID of its own",
    domain="os",
    phrases=(),
    read=read,
    judge=judge,
    needs="root, to read the first bytes of disks",
    by_hand=lambda _: commands_of(NAME),
    rank=BOOT,
)
