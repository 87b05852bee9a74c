"""Room that a device has and nothing takes: behind the last partition, or behind a file system."""

from __future__ import annotations

from ec2rl.facts.disks import claimed
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ec2rl.facts.disks import Disk

SLACK = 64 << 20
"""What alignment, GPT's second copy and whole groups of a file system leave over is less."""
GROWS = ("ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "LVM2_member")
"""Kinds that can be made larger, and whose superblock says how much they take."""
EXTENDED = ("05", "0f", "85")
_MBR_SECTORS = 1 << 32
_LUKS = "CRYPT-LUKS"


@record(frozen=True)
class Gap:
    """Room of `disk` that nothing takes, in bytes; `last` is the partition that would grow into it.

    Without `last` it is what `disk` holds that would grow.  `beyond` is what an MBR cannot reach;
    `before` are the other partitions, which cannot grow for what lies behind them, and `extended`
    is the number of the one that a logical partition lies in, 0 for none.
    """

    disk: Disk
    room: int
    last: Disk | None = None
    beyond: int = 0
    before: tuple[Disk, ...] = ()
    extended: int = 0

    @property
    def grown(self) -> Disk:
        """The device whose content would grow."""
        return self.last or self.disk


def gaps(disks: Sequence[Disk]) -> Iterator[Gap]:
    """Find the room of all disks that can be written; that behind partitions comes first."""
    by_name = {one.name: one for one in disks}
    judged = _judged(disks, by_name)
    parts = _parts(disks)
    for disk in judged:
        if disk.table and not disk.of and not _is_below_itself(disk, by_name):
            gap = _behind_partitions(disk, parts.get(disk.name, ()))
            if gap is not None:
                yield gap
    for disk in judged:
        is_own = not _is_below_itself(disk, by_name)
        if is_own and disk.kind in GROWS and disk.taken and disk.size - disk.taken >= SLACK:
            yield Gap(disk, disk.size - disk.taken)
        lower = by_name.get(disk.slaves[0]) if len(disk.slaves) == 1 else None
        is_open = lower is not None and disk.dm_uuid.startswith(_LUKS)
        if lower is not None and is_open and lower.size - disk.size >= SLACK:  # a header: 16 MiB
            yield Gap(lower, lower.size - disk.size)


def measured(disks: Sequence[Disk]) -> int:
    """Count the devices of which it is known how much of them is taken."""
    judged = _judged(disks, {one.name: one for one in disks})
    return sum(bool(one.table or (one.taken and one.kind in GROWS)) for one in judged)


def _judged(disks: Sequence[Disk], by_name: Mapping[str, Disk]) -> list[Disk]:
    """What somebody would grow: a volume, however it is attached here, but no odd disk."""
    is_volume = any(one.is_root for one in disks)
    return [one for one in disks if (is_volume or not _is_kept(one, by_name))
            and not claimed(one, by_name)]  # fmt: skip


def _is_kept(disk: Disk, by_name: Mapping[str, Disk]) -> bool:
    whole = by_name.get(disk.of, disk)
    return bool(whole.is_read_only or disk.is_read_only or whole.is_removable or whole.file)


def _parts(disks: Sequence[Disk]) -> dict[str, list[Disk]]:
    """The partitions of each disk."""
    found: dict[str, list[Disk]] = {}
    for one in disks:
        if one.of:
            found.setdefault(one.of, []).append(one)
    return found


def _is_below_itself(disk: Disk, by_name: Mapping[str, Disk]) -> bool:
    """Whether what is made of it shows the same: a path to a disk, or a snapshot's origin."""
    upper = (by_name[name] for name in disk.holders if name in by_name)
    return any((one.kind, one.uuid, one.table_id) == (disk.kind, disk.uuid, disk.table_id)
               for one in upper)  # fmt: skip


def _behind_partitions(disk: Disk, parts: Sequence[Disk]) -> Gap | None:
    """The room behind the last partition; a GPT keeps 33 sectors for its second copy there."""
    real = [one for one in parts if one.part_kind not in EXTENDED]
    last = max(real, key=lambda one: one.end, default=None)
    if last is None:
        return None
    end = disk.size - (33 * disk.sector if disk.table == "gpt" else 0)
    beyond = 0
    if disk.table == "dos":
        reach = min(end, _MBR_SECTORS * disk.sector)
        end, beyond = reach, end - reach
    room = end - last.end
    if max(room, beyond) < SLACK:
        return None
    before = tuple(one for one in sorted(real, key=lambda one: one.start) if one is not last)
    extended = next((one.part for one in parts if one.part_kind in EXTENDED), 0)
    return Gap(disk, max(room, 0), last, beyond, before, extended if last.part > 4 else 0)


def contradictions(disks: Sequence[Disk]) -> Iterator[tuple[Disk, str]]:
    """Find what cannot be so: more than there is, and partitions that overlap."""
    by_name = {one.name: one for one in disks}
    parts = _parts(disks)
    for disk in disks:
        whole = by_name.get(disk.of)
        if disk.kind in GROWS and disk.taken > disk.size and not claimed(disk, by_name):
            yield disk, "its superblock says that it is larger than its device"
        elif whole is not None and disk.end > whole.size:
            yield disk, "it ends behind the end of its disk"
        own = [one for one in parts.get(disk.name, ()) if one.part_kind not in EXTENDED]
        ordered = sorted(own, key=lambda one: one.start) if disk.table else []
        for one, following in zip(ordered, ordered[1:]):
            if following.start < one.end:
                yield disk, f"its partitions {one.part} and {following.part} overlap"
