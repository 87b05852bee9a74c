"""A volume was enlarged, and its partition or its file system was not: the room is not used."""

from __future__ import annotations

from ec2rl.diagnosis.kernel_log import commands_of
from ec2rl.facts.disks import parse_disks
from ec2rl.facts.growth import GROWS, Gap, contradictions, gaps, measured
from ec2rl.facts.log import KernelLog
from ec2rl.host import Host
from ec2rl.host.queries.disks import Disks
from ec2rl.invocation import quoted
from ec2rl.model import (
    Command,
    Evidence,
    Finding,
    Role,
    Statement,
    Unreadable,
    Verdict,
    Why,
    helps,
    more,
    next_step,
    say,
    see_page,
)
from ec2rl.module import Module, Options
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ec2rl.facts.disks import Disk
    from ec2rl.facts.space import FileSystem
    from ec2rl.model import Fact

NAME = "notgrown"
_FEW, _MOST = 3, 32
_FOLDER = "FOLDER"
_GROW = {
    **dict.fromkeys(("ext2", "ext3", "ext4"), "resize2fs {path}"),
    "xfs": "xfs_growfs {folder}",
    "btrfs": "btrfs filesystem resize max {folder}",
    "f2fs": "resize.f2fs {path}",
    "LVM2_member": "pvresize {path}",
    "crypto_LUKS": "cryptsetup resize {name}",
}


@record(frozen=True)
class Seen:
    """What has room that nothing takes; `folders` are what each device is mounted on, by its name.

    `full` are the devices whose file system has no room left, `measured` counts what was compared;
    `mapped` is what an encrypted device is open as.
    """

    gaps: tuple[Gap, ...] | Unreadable
    measured: int = 0
    unread: tuple[Unreadable, ...] = ()
    folders: Mapping[str, tuple[str, ...]] = {}
    full: frozenset[str] = frozenset()
    volumes: Mapping[str, str] = {}
    mapped: Mapping[str, str] = {}
    is_live: bool = True


def read(host: Host, log: KernelLog, options: Options) -> Seen:
    """Compare the sizes of disks, partitions and file systems; what is mounted says its own."""
    answer = host.query(Disks())
    if isinstance(answer, Unreadable):
        return Seen(answer)
    disks = parse_disks(answer.text)
    unread = tuple(
        Unreadable(one.shown, Why.DENIED if one.fault == "needs root" else Why.FAILED, one.fault)
        for one in disks
        if one.fault and not one.holders and not one.is_removable
    )
    unread += tuple(Unreadable(one.shown, Why.PARTIAL, why) for one, why in contradictions(disks))
    found = tuple(gaps(disks))
    if not found:
        return Seen((), measured(disks), unread)
    return _with_mounts(host, disks, found, unread)


def _with_mounts(
    host: Host, disks: Sequence[Disk], found: tuple[Gap, ...], unread: tuple[Unreadable, ...]
) -> Seen:
    """Ask what is mounted for its size, which is newer than what the disk says, and its room."""
    from ec2rl.facts.block_devices import backing, read_mounts, volume
    from ec2rl.facts.disks import disk_names
    from ec2rl.facts.space import parse_space
    from ec2rl.host.queries.space import Space

    answer = host.query(Space())
    spaces = parse_space(answer.text) if isinstance(answer, Evidence) else ()
    is_volume = any(one.is_root for one in disks)
    mounts = () if is_volume else read_mounts(host)
    if isinstance(mounts, Unreadable):
        mounts = ()
    held = backing(host, mounts).folders if mounts else {}
    roots = {one.name: ("/",) for one in disks if one.is_root}
    of = [*((one.device, one.folder) for one in mounts), *((name, "/") for name in roots)]
    by_folder = {one.folder: one for one in spaces}
    by_device = {name: by_folder[folder] for name, folder in of if folder in by_folder}
    kept = tuple(one for one in found if not _has_grown(one, by_device.get(one.disk.name)))
    volumes = {
        name: number
        for one in kept
        for name in disk_names(one.disk, disks)
        if (number := volume(host, name))
    }
    full = frozenset(name for name, one in by_device.items() if one.lacks_room)
    mapped = {
        lower: one.dm for one in disks if one.dm_uuid.startswith("CRYPT") for lower in one.slaves
    }
    folders = {**held, **roots}
    return Seen(kept, measured(disks), unread, folders, full, volumes, mapped, not is_volume)


def _has_grown(gap: Gap, space: FileSystem | None) -> bool:
    """Whether what is mounted is larger than its superblock says, which XFS writes later."""
    return gap.last is None and space is not None and space.size > gap.disk.taken > 0


def judge(seen: Seen) -> Finding:
    """Judge by what could grow: a warning, and a failure where that is full now."""
    facts = _facts(seen)
    if isinstance(seen.gaps, Unreadable) or not (seen.gaps or seen.measured):
        return _unknown(_reasons(seen), facts)
    if not seen.gaps:
        if seen.unread:
            return _unknown(_reasons(seen), facts)
        proof = Statement("Rests on: sizes of {n:device}, their tables and superblocks",
                          {"n": seen.measured}, Role.PROOF)  # fmt: skip
        words = "Partitions fill their disks, and file systems their partitions."
        return Finding(Verdict.OK, say(words), (proof,), facts=facts)
    order = sorted(seen.gaps, key=lambda one: (not _is_full(seen, one), -one.room - one.beyond))
    worst = order[0]
    verdict = Verdict.PROBLEM if _is_full(seen, worst) else Verdict.WARNING
    details = [_told(seen, one) for one in order[1:_FEW]]
    details += [more(_told(seen, one)) for one in order[_FEW:_MOST]]
    details += [*_notes(seen, worst)]
    details += [say("Not read: {unread}", unread=one) for one in seen.unread[:_FEW]]
    advice = map(helps, _advice(seen, worst))
    return Finding(verdict, _told(seen, worst), (*details, *advice, see_page(NAME)), facts=facts)


def _reasons(seen: Seen) -> tuple[Statement | Unreadable, ...]:
    found = seen.gaps if isinstance(seen.gaps, Unreadable) else None
    if found is not None and found.why is Why.NOT_COLLECTED and not found.detail:
        return (say("nobody recorded the sizes of its disks, partitions and file systems"),)
    if found is not None:
        return (found,)
    return seen.unread[:_FEW] or (say("no disk is seen here whose table or file system is known"),)


def _unknown(why: tuple[Statement | Unreadable, ...], facts: dict[str, Fact]) -> Finding:
    said = say("Cannot tell whether all of a volume is used: {why:; }", why=why)
    is_denied = any(isinstance(one, Unreadable) and one.why is Why.DENIED for one in why)
    how = next_step("Next: {run_as_root}") if is_denied else see_page(NAME)
    return Finding(Verdict.UNKNOWN, said, (how,), facts=facts)


def _is_full(seen: Seen, gap: Gap) -> bool:
    """Whether a file system that would grow has no room; LVM is left room in on purpose."""
    return gap.grown.name in seen.full and bool(gap.room)


def _told(seen: Seen, gap: Gap) -> Statement:
    """Say how much of what is not used, and what is mounted from there."""
    folders = seen.folders.get(gap.grown.name, ())
    words = "{kind} on {device}{where} takes {taken:size} of {size:size}: {room:size} {is} not used"
    if gap.last is not None:
        words = "{room:size} of {disk} ({size:size}) {is} in no partition, behind {device}{where}"
        words = words if gap.room else "{beyond:size} of {disk} ({size:size}) {is} beyond its MBR"
    words += ", and it {is} full" if _is_full(seen, gap) else ""
    return say(
        words,
        kind=gap.disk.kind,
        disk=gap.disk.shown,
        device=gap.grown.shown,
        where=say(" ({folders})", folders=folders[:_FEW]) if folders else "",
        taken=gap.disk.size - gap.room,
        size=gap.disk.size,
        room=gap.room,
        beyond=gap.beyond,
    )


def _notes(seen: Seen, gap: Gap) -> Iterator[Statement]:
    if gap.last is None:
        return
    if gap.disk.backup and gap.disk.backup < gap.disk.size - (gap.disk.sector << 1):
        yield say("The volume was enlarged: GPT's second header {is} where it ended before")
    if gap.beyond:
        words = "An MBR reaches no further than {reach:size}: for the rest it takes GPT (sgdisk -g)"
        yield say(words, reach=(1 << 32) * gap.disk.sector)
    if not _grows(gap.last):
        for one in gap.before:
            for folder in seen.folders.get(one.name, ())[:1]:
                words = "{device} ({folder}) cannot grow: {last}{kind} lies behind it"
                kind = say(" ({kind})", kind=gap.last.kind) if gap.last.kind else ""
                yield say(words, device=one.shown, folder=folder, last=gap.last.shown, kind=kind)


def _grows(disk: Disk) -> bool:
    return disk.kind in GROWS or disk.kind == "crypto_LUKS"


def _advice(seen: Seen, gap: Gap) -> Iterator[Statement]:
    """The commands for this very device, in their order."""
    last, device, disk = gap.last, gap.grown, quoted(gap.disk.path)
    commands = []
    if gap.disk.damaged == "first":
        command = Command(f"gdisk {disk}", own=False)
        words = "What helps: first repair the table, whose first copy {is} damaged ({command})"
        yield say(words, command=command)
        return
    if last is not None and not gap.room:
        return
    if last is not None:
        if not _grows(last):
            words = "What helps: make a partition of the rest ({command}), or move what lies behind"
            append = Command(f"sfdisk --append {disk}", own=False)
            yield say(words, command=append)
            return
        if gap.extended:
            commands.append(f"parted {disk} resizepart {gap.extended} 100%")
        commands.append(f"growpart {disk} {last.part}")
    if device.kind in _GROW:
        is_mounted = seen.is_live and device.name in seen.folders
        folder = seen.folders[device.name][0] if is_mounted else _FOLDER
        plain = _GROW[device.kind].replace("{path}", quoted(device.path))
        plain = plain.replace("{folder}", quoted(folder))
        commands.append(plain.replace("{name}", quoted(seen.mapped.get(device.name, "NAME"))))
    if not commands:
        return
    words = "What helps, behind a snapshot: {commands:, then }"
    yield say(words, commands=tuple(Command(one, own=False) for one in commands))
    if device.kind == "xfs":
        yield say("XFS cannot be made smaller again")
    if device.kind == "LVM2_member":
        yield say("Then lvextend -r -l +100%FREE VG/LV, where the room is meant for that one")


def _facts(seen: Seen) -> dict[str, Fact]:
    found = () if isinstance(seen.gaps, Unreadable) else seen.gaps
    return {
        "unused": [
            {
                "device": one.disk.path,
                "size": one.disk.size,
                "unused": one.room,
                "behind": "" if one.last is None else one.last.path,
                "kind": one.grown.kind,
                "folders": list(seen.folders.get(one.grown.name, ())),
                "full": _is_full(seen, one),
            }
            for one in found[:_MOST]
        ],
        "measured": seen.measured,
        "volumes": dict(seen.volumes),
        "not_read": [str(one) for one in seen.unread[:_MOST]],
    }


MODULE = Module(
    name=NAME,
    title="All of an enlarged volume is used",
    domain="os",
    phrases=(),
    read=read,
    judge=judge,
    needs="root, to read the first bytes of disks",
    by_hand=lambda _: commands_of(NAME),
)
