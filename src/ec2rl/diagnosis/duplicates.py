"""Devices that share an id: which are copies of each other, who goes by the id, what is mounted."""

from __future__ import annotations

from ec2rl.facts.disks import MEMBERS, claimed, parse_disks, same_data
from ec2rl.host import Host
from ec2rl.model import Unreadable, Why
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Callable

    from ec2rl.facts.disk_uses import DiskUse
    from ec2rl.facts.disks import Disk

    Ids = Callable[[Disk], Iterable[tuple[str, str]]]
    """The ids of a device: each with the tag that fstab(5) names it by."""

_NO_MEDIA = "No medium found"
_MOST = 64
"""Copies of one device that are told apart."""


@record(frozen=True)
class Copies:
    """Devices that share the id `value`, none of them another way to the same bytes."""

    tag: str
    value: str
    devices: tuple[Disk, ...]
    uses: tuple[DiskUse, ...] = ()


@record(frozen=True)
class Seen:
    """What was found: `folders` are what each device is mounted on, or holds up, by its name.

    `disks` is how many devices were compared; `unread` what was not, with the reason; `volumes`
    are the EBS volumes of the copies, by device; `refused` what the kernel's log says of them.
    """

    disks: int | Unreadable
    copies: tuple[Copies, ...] = ()
    folders: Mapping[str, tuple[str, ...]] = {}
    unread: tuple[Unreadable, ...] = ()
    volumes: Mapping[str, str] = {}
    uses_unread: tuple[Unreadable, ...] = ()
    refused: tuple[Refusal, ...] = ()


@record(frozen=True)
class Refusal:
    """A mount that XFS refused: the line, when it was, and whether in this boot, if known."""

    device: str
    uuid: str
    text: str
    place: str
    when: float | str | None
    this_boot: bool | None
    is_kernels: bool


def observe(
    host: Host,
    ids: Ids,
    needs_content: bool,
    only_used: tuple[str, ...] = (),
    refused: tuple[Refusal, ...] = (),
) -> Seen:
    """Compare the ids of a machine's devices; `only_used` are tags that count where they are used.

    With `needs_content` what is of no known kind may have the id as well.
    """
    from ec2rl.host.queries.disks import Disks

    answer = host.query(Disks())
    if isinstance(answer, Unreadable):
        return Seen(answer, refused=refused)
    disks = parse_disks(answer.text)
    if any(one.is_root for one in disks):
        why = "which other disks that machine has, its volume does not tell"
        return Seen(Unreadable("its disks", Why.NOT_COLLECTED, why), refused=refused)
    if not disks:
        why = "no block device is seen here"
        return Seen(Unreadable("disks", Why.ABSENT, why), refused=refused)
    unread = tuple(_unread(disks, needs_content))
    found = [*find(disks, ids)]
    if not found:
        past = tuple(_unless_past(host, disks, refused)) if refused else ()
        return Seen(len(disks), unread=unread, refused=past)
    return _with_uses(host, disks, found, unread, only_used, refused)


def _unless_past(
    host: Host, disks: Sequence[Disk], refused: Sequence[Refusal]
) -> Iterator[Refusal]:
    """Give those of a device that is gone, or mounted by now, as none of this boot any more."""
    from ec2rl.facts.block_devices import read_mounts

    mounts = read_mounts(host)
    mounted = {one.device for one in mounts} if isinstance(mounts, tuple) else set()
    waiting = {one.name for one in disks} - mounted
    for one in refused:
        yield one if one.device in waiting else replace(one, this_boot=False)


def find(disks: Sequence[Disk], ids: Ids) -> Iterator[Copies]:
    """Find the ids that independent devices share."""
    by_name = {one.name: one for one in disks}
    having: dict[tuple[str, str], list[Disk]] = {}
    for disk in disks:
        if not claimed(disk, by_name):
            for tag, value in ids(disk):
                having.setdefault((tag, value.casefold()), []).append(disk)
    for (tag, _), sharing in having.items():
        apart: list[Disk] = []
        # What lies on top comes first, and stands for what it is made of.
        for disk in sorted(sharing, key=lambda one: (bool(one.holders), not one.slaves)):
            is_new = len(apart) < _MOST and not any(_is_one(disk, one, by_name) for one in apart)
            if is_new:
                apart.append(disk)
        if len(apart) > 1:
            value = next(value for of, value in ids(apart[0]) if of == tag)
            yield Copies(tag, value, tuple(sorted(apart, key=lambda one: one.name)))


def _is_one(disk: Disk, other: Disk, by_name: Mapping[str, Disk]) -> bool:
    """Whether two devices are one: the same bytes, or parts of one file system or array."""
    is_member = disk.kind == other.kind and disk.kind in MEMBERS
    if is_member and disk.uuid == other.uuid and disk.sub != other.sub:
        return True
    return same_data(disk, other, by_name)


def _unread(disks: Sequence[Disk], needs_content: bool) -> Iterator[Unreadable]:
    """What was not read, or is of no known kind; another way to the same disk is passed over."""
    by_name = {one.name: one for one in disks}
    for one in disks:
        upper = [by_name[name] for name in one.holders if name in by_name]
        is_path = any(other.dm_uuid.startswith("mpath-") for other in upper)
        if is_path or claimed(one, by_name) or (one.is_removable and one.fault == _NO_MEDIA):
            continue
        if one.fault:
            is_denied = one.fault == "needs root"
            yield Unreadable(one.shown, Why.DENIED if is_denied else Why.FAILED, one.fault)
        elif one.is_odd and not one.holders and not one.table and (needs_content or not one.of):
            kind = "" if one.kind != "other" else f" ({one.label})"
            kind = f" ({one.label} at once)" if one.kind == "ambiguous" else kind
            yield Unreadable(one.shown, Why.PARTIAL, f"what it holds is of no kind read here{kind}")


def _with_uses(
    host: Host,
    disks: Sequence[Disk],
    found: Sequence[Copies],
    unread: tuple[Unreadable, ...],
    only_used: tuple[str, ...],
    refused: tuple[Refusal, ...],
) -> Seen:
    """Add who goes by the ids, and what is mounted from which device."""
    from ec2rl.facts.block_devices import backing, read_mounts, volume
    from ec2rl.facts.disk_uses import read_uses
    from ec2rl.facts.disks import disk_names

    uses = read_uses(host)
    mounts = read_mounts(host)
    held = backing(host, mounts).folders if isinstance(mounts, tuple) else {}
    told = [
        Copies(one.tag, one.value, one.devices, tuple(_uses_of(one, uses.found, held)))
        for one in found
    ]
    told = [one for one in told if one.uses or one.tag not in only_used]
    if not told:
        return Seen(len(disks), unread=unread, refused=refused)
    names = {disk.name: disk for one in told for disk in one.devices}
    volumes = {
        name: number
        for name, disk in names.items()
        for whole in disk_names(disk, disks)
        if (number := volume(host, whole))
    }
    folders = {name: held[name] for name in names if name in held}
    return Seen(
        len(disks),
        tuple(sorted(told, key=lambda one: (not one.uses, not any(u.is_root for u in one.uses)))),
        folders,
        (*unread, *([mounts] if isinstance(mounts, Unreadable) else [])),
        volumes,
        uses.unread,
        refused,
    )


def _uses_of(
    copies: Copies, uses: Sequence[DiskUse], held: Mapping[str, tuple[str, ...]]
) -> Iterator[DiskUse]:
    """Who goes by the id; XFS takes no second one, so who names one of its copies by path too.

    LVM2 activates no group of which a physical volume is there twice (lvmcache.c of 2.03).
    """
    from ec2rl.facts.disk_uses import PATH, DiskUse

    for disk in copies.devices if copies.tag == "UUID" else ():
        for folder in held.get(disk.name, ())[:1] if disk.kind == "LVM2_member" else ():
            yield DiskUse("UUID", copies.value, "LVM2", folder)
    paths = {one.path: one.name for one in copies.devices if one.kind == "xfs"}
    for one in uses:
        is_of_it = one.tag == copies.tag and one.value.casefold() == copies.value.casefold()
        is_path = one.tag == PATH and copies.tag == "UUID" and one.value in paths
        # What is mounted there, and the root, come first: it is the other that is refused.
        is_first = one.is_root or one.name in held.get(paths.get(one.value, ""), ())
        if is_of_it or (is_path and not is_first and "nouuid" not in one.options):
            yield one
