"""A file system is damaged, or could not be written: the kernel found errors, or gave it up."""

from __future__ import annotations

from ec2rl.diagnosis.device_events import (
    REMOVALS,
    Use,
    device_facts,
    find_device_events,
    harmless,
    read_use,
)
from ec2rl.diagnosis.events import AnothersEvent
from ec2rl.diagnosis.finding import DiagnosisText, judge_events
from ec2rl.diagnosis.kernel_log import commands_of
from ec2rl.diagnosis.observations import Observations
from ec2rl.facts import file_system_words
from ec2rl.facts.block_devices import Mount, volume
from ec2rl.facts.disk_words import LOOPS, is_loop_unwritten
from ec2rl.facts.file_system_words import FileSystemError, What
from ec2rl.facts.file_systems import Counted, made_read_only, proves_none, read_counted
from ec2rl.facts.log import KernelLog
from ec2rl.host import ALERT, CRIT, ERR, WARNING, Host, Phrase
from ec2rl.model import Evidence, Finding, Statement, Unreadable, Verdict, Why, say
from ec2rl.module import BOOT, Module, Options
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from ec2rl.diagnosis.events import Event
    from ec2rl.model import Fact

    Errors = Sequence[Event[FileSystemError]]

NAME = "fserrors"
EVENTS = (
    # fs/ext4/super.c, 2.6.32 to 6.18; fs/ext3/super.c, fs/ext2/super.c.
    Phrase(b"-fs error (device ", level=CRIT, messages=("EXT4-fs error (device a): a:1: a",)),
    Phrase(b"emounting filesystem read-only", level=CRIT),
    Phrase(b"mounting fs with errors", recent=True, level=WARNING),
    Phrase(b"error count since last fsck", recent=True, level=WARNING),
    # fs/jbd2/journal.c, jbd2_journal_abort(), from 2.6.32 on; fs/jbd before it.
    Phrase(b"Aborting journal on device ", recent=True, level=ERR),
    # fs/xfs: xfs_fsops.c, xfs_do_force_shutdown(); xfs_error.c; xfs_log.c; xfs_mount.c; to 6.18.
    Phrase(b"hutting down filesystem", level=ALERT),
    Phrase(b"Unmount and run xfs_repair", level=ALERT),
    Phrase(b"log mount/recovery failed", recent=True, level=WARNING),
    Phrase(b"ailed to read root inode", recent=True, level=WARNING),
    # fs/btrfs: messages.c, __btrfs_handle_fs_error(); volumes.c; tree-checker.c; disk-io.c.
    Phrase(b"BTRFS: error (device ", level=CRIT),
    Phrase(b"BTRFS critical (device ", recent=True, level=CRIT),
    Phrase(b"BTRFS error (device ", recent=True, level=ERR),
    Phrase(b"): forced readonly", recent=True, level=ERR),
    # fs/fat/misc.c, __fat_fs_error(); fs/exfat/misc.c.
    Phrase(b"Filesystem has been set read-only", recent=True, level=ERR),
)
PHRASES = (*EVENTS, *LOOPS, *REMOVALS)
_TEXT = DiagnosisText(
    found="File system errors found",
    none="No file system errors found.",
    question="a file system has errors",
)
_ERROR_FS = 2
"""EXT4_ERROR_FS of s_state (fs/ext4/ext4.h): an error was met, and no fsck has run since."""
_MOUNTED = (
    r"EXT4-fs \(\S{1,64}\): mounted filesystem|XFS \(\S{1,64}\): (?:Ending (?:clean mount|recovery)"
    r"|Mounting V\d Filesystem)"
)
_NAMED = 3


@record(frozen=True)
class Seen:
    """The log's events, what is mounted now, and what a volume's superblock says, by name."""

    log: Observations[FileSystemError]
    use: Use
    counted: tuple[Counted, ...] = ()
    read_only: tuple[Mount, ...] = ()
    superblock: Mapping[str, str] = {}
    ids: Mapping[str, str] = {}


def parse(message: str) -> FileSystemError | AnothersEvent | None:
    """Parse a message of a file system; another's event is one that is no fault of it."""
    found = file_system_words.parse(message)
    return AnothersEvent() if found is not None and found.what is What.NOTHING else found


def read(host: Host, log: KernelLog, options: Options) -> Seen:
    """Look at the log, at the kernel's counters and the mounts, or at a volume's superblock."""
    events = find_device_events(log, EVENTS, parse)
    use = read_use(host, log, events)
    counted = read_counted(host)
    read_only = made_read_only(use.mounts) if isinstance(use.mounts, tuple) else ()
    seen = Observations(log, events, options.period, level=WARNING)
    notes: list[Statement] = []
    superblock: dict[str, str] = {}
    fsck, came_up = None, None
    if not host.is_live:
        superblock, unread = _superblock(host)
        notes += unread
        fsck, came_up = _last_boot(host)
    full_loops = _full_loops(host, log)
    failed = {e.detail.device for e in events.this_boot if e.detail.what is What.ERROR}
    another = {one.device for one in counted if one.errors == 0} & failed
    another |= _of_other_kinds(
        events.this_boot, use.mounts if isinstance(use.mounts, tuple) else ()
    )
    states = [
        *_read_only(read_only),
        *([] if fsck is None else [(Verdict.PROBLEM, fsck)]),
        *_noted(superblock),
        *_since_fsck(counted, log.booted),
    ]
    states.sort(key=lambda one: one[0] is not Verdict.PROBLEM)
    worst = states[0] if states else None
    is_past = worst is None or worst[0] is not Verdict.PROBLEM
    # The events of this boot make the summary; what is so now comes right below it.
    headline = () if worst is None or not events.this_boot else (worst[1],)
    notes += [one for _, one in states[1:]]
    seen = replace(
        seen,
        state=worst,
        proof=_proof(use, counted, superblock) or came_up,
        harmless=harmless(use, events, lambda one: _why_harmless(one, full_loops, another))
        if is_past
        else None,
        notes=tuple(notes),
        headline=headline,
    )
    devices = {one.detail.device for one in events.newest} | {one.device for one in read_only}
    ids = {one: found for one in sorted(devices) if one and (found := volume(host, one))}
    return Seen(seen, use, counted, read_only, superblock, ids)


def _why_harmless(
    error: FileSystemError, full_loops: Mapping[str, str], another: Collection[str]
) -> Statement | None:
    """Why an event of a device in use is none of this boot's faults, None where it is one.

    ext4 counts each error (save_error_info()): where its count is 0 now, or another kind of file
    system is there, as on the devices of `another`, the one that had it is gone, or was checked.
    """
    if error.what is What.COUNTED:
        return say("counted since the last fsck, none of them is known to be of {this_boot}")
    if error.device in full_loops or (error.device.startswith("loop") and "" in full_loops):
        folder = full_loops.get(error.device, "")
        words = (
            "a consequence: the file system that holds the file behind {device} took no write "
            "(it is full, or fails itself)"
        )
        if folder:
            words = "a consequence: {folder}, which holds the file behind {device}, is full"
        return say(words, device=error.device, folder=folder)
    if error.device in another:
        words = "what is mounted from {device} {now} is another file system, or was checked since"
        return say(words, device=error.device)
    return None


def _of_other_kinds(errors: Errors, mounts: Sequence[Mount]) -> set[str]:
    """The devices from which another kind is mounted than the one that last had an error there."""
    now = {one.device: one.kind.rstrip("234").lower() for one in mounts}
    last = {one.detail.device: one.detail.kind.rstrip("234").lower() for one in errors}
    return {
        device
        for device, kind in last.items()
        if device in now and now[device] != kind and not (kind == "fat" and "fat" in now[device])
    }


def _full_loops(host: Host, log: KernelLog) -> dict[str, str]:
    """The loop devices whose files took no write, each with the folder of the full file system.

    "" where that is not full, or not known; for the device "" where the kernel does not name it.
    """
    said = [one.message for one in log.lines if one.trusted and is_loop_unwritten(one.message)]
    if not said:
        return {}
    from ec2rl.facts.space import below_loop, parse_space
    from ec2rl.host.queries.space import Space

    found = host.query(Space()) if host.is_live else None
    spaces = parse_space(found.text) if isinstance(found, Evidence) else ()
    loops = {""} if any(one.startswith("loop: ") for one in said) else set()
    loops |= {one.partition(" dev ")[2].partition(",")[0] for one in said if " dev " in one}
    loops |= {
        one.device.rpartition("/")[2] for one in spaces if "" in loops and "/loop" in one.device
    }
    full = {}
    for name in loops:
        below = below_loop(host, name, spaces) if name else None
        full[name] = below.folder if below is not None and below.lacks_room else ""
    return full


def _superblock(host: Host) -> tuple[dict[str, str], list[Statement]]:
    """What the superblock of a volume says, by name, or why it does not."""
    from ec2rl.host.queries.superblock import Superblock

    found = host.query(Superblock())
    if isinstance(found, Evidence):
        lines = (line.partition(": ") for line in found.text.split("\n"))
        return {name: value for name, _, value in lines if name}, []
    is_asked = found.detail or found.why not in (Why.NOT_COLLECTED, Why.ABSENT)
    return {}, [say("Not read: {unread}", unread=found)] if is_asked else []


def _last_boot(host: Host) -> tuple[Statement | None, Statement | None]:
    """What fsck said at the last boot that it could not repair; why it came up without an error.

    By its console: one that shows what file systems say at KERN_INFO as they are mounted (fs/ext4/
    super.c, fs/xfs/xfs_mount.c) shows what they say of errors.  By its journal only the first.
    """
    from ec2rl.facts.boot.story import read_boots
    from ec2rl.facts.boot.wording import Stage
    from ec2rl.host.queries.boot_journal import BootJournal
    from ec2rl.host.queries.boot_text import BootText

    printed = host.query(BootText())
    told = host.query(BootJournal()) if isinstance(printed, Unreadable) else printed
    boots = () if isinstance(told, Unreadable) else read_boots(told.text)
    if not boots or isinstance(told, Unreadable):
        return None, None
    found = boots[-1].of("fsck")
    if found:
        disk = next((one.values["disk"] for one in found if "disk" in one.values), "")
        words = "fsck could not repair {disk} by itself: {quote}"
        disk = disk or "a file system"
        return say(words, disk=disk, quote=found[0].line.text), None
    if isinstance(printed, Unreadable) or not boots[-1].begins:
        return None, None
    import re

    shown = re.search(_MOUNTED, printed.text[printed.text.rfind("Linux version ") :])
    if shown is None or boots[-1].stage is not Stage.REACHED:
        return None, None
    words = "the boot came up, and its console shows what file systems say ({quote})"
    return None, say(words, quote=shown[0])


def _read_only(mounts: Sequence[Mount]) -> Iterator[tuple[Verdict, Statement]]:
    for one in mounts[:_NAMED]:
        words = "{kind} on {device} ({folder}) {is} read-only because of an error"
        said = say(words, kind=one.kind, device=one.device, folder=one.folder)
        yield Verdict.PROBLEM, said


def _noted(superblock: Mapping[str, str]) -> Iterator[tuple[Verdict, Statement]]:
    """What the superblock of a volume says of errors."""
    from ec2rl.facts.proc import parse_number

    state, errors, last = (
        parse_number(superblock.get(name, "")) for name in ("state", "errors", "last error")
    )
    kind, device = superblock.get("kind", ""), superblock.get("device", "")
    if state is not None and state & _ERROR_FS:
        words = "{kind} on {device} is marked as damaged: {n:error} counted, the last at {at:time}"
        said = say(words, kind=kind, device=device, n=errors or 0, at=last or None)
        yield Verdict.PROBLEM, said
    elif errors:
        words = "{kind} on {device} has counted {n:error}, the last at {at:time}; {is} clean {now}"
        yield Verdict.WARNING, say(words, kind=kind, device=device, n=errors, at=last or None)


def _since_fsck(
    counted: Sequence[Counted], booted: float | None
) -> Iterator[tuple[Verdict, Statement]]:
    """What the kernel's counters say: errors of this boot are a failure, others a warning."""
    for one in counted:
        if not one.errors:
            continue
        words = "{kind} on {device} has counted {n:error}"
        words += "" if one.last is None else ", the last at {at:time}"
        words += " ({place})" if one.place else ""
        said = say(
            words, kind=one.kind, device=one.device, n=one.errors, at=one.last, place=one.place
        )
        is_new = one.last is not None and booted is not None and one.last >= booted
        yield Verdict.PROBLEM if is_new else Verdict.WARNING, said


def _proof(use: Use, counted: Sequence[Counted], superblock: Mapping[str, str]) -> Statement | None:
    """Why no file system that is mounted has errors, whatever the log lacks."""
    if isinstance(use.mounts, tuple) and proves_none(use.mounts, counted):
        return say("errors_count and error_stats are 0 for all that is mounted (/sys/fs)")
    if superblock.get("errors") == "0" and superblock.get("state") in ("0", "1", "4", "5"):
        return say("the superblock of {device} notes no error", device=superblock["device"])
    return None


def judge(seen: Seen) -> Finding:
    """Judge by the log's events, by what is read-only now, and by what was counted."""
    text = replace(_TEXT, found=_found(seen), advice=tuple(_advice(seen)))
    finding = judge_events(NAME, seen.log, text)
    facts: dict[str, Fact] = {
        **finding.facts,
        "devices": device_facts(_devices(seen), seen.use, seen.ids),
        "counted": [
            {"kind": one.kind, "device": one.device, "errors": one.errors} for one in seen.counted
        ],
        "read_only": [one.folder for one in seen.read_only],
        "superblock": dict(seen.superblock),
    }
    return replace(finding, facts=facts)


def _devices(seen: Seen) -> tuple[str, ...]:
    found = [one.detail.device for one in seen.log.events.newest]
    found += [one.device for one in seen.read_only]
    return tuple(dict.fromkeys(filter(None, found)))


def _found(seen: Seen) -> str:
    """Name the file systems that the newest events are of, and where they are mounted."""
    named: dict[str, str] = {}
    for one in seen.log.events.newest:
        folders = ", ".join(seen.use.of(one.detail.device)[:_NAMED])
        where = one.detail.device + (f" ({folders})" if folders else "")
        named[one.detail.device] = f"{one.detail.kind} on {where}"
    if not named or "" in named:
        return _TEXT.found
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return f"File system errors found: {', '.join([*named.values()][:_NAMED])}{more}"


def _advice(seen: Seen) -> Iterator[Statement]:
    """What to do for these very devices."""
    is_loop = any(is_loop_unwritten(line.message) for line in seen.log.log.lines)
    loops = [one for one in _devices(seen) if is_loop and one.startswith("loop")]
    gone = loops or [one for one in _devices(seen) if seen.use.is_past(one)]
    if seen.log.harmless is not None and gone:
        words = "What helps: nothing, if {devices: and } went on purpose; unmount before detaching"
        if loops:
            words = "What helps: make room below the file behind {devices: and } (see diskfull)"
        yield say(words, devices=tuple(gone[:_NAMED]))
        return
    kinds = {one.detail.device: one.detail.kind for one in seen.log.events.newest}
    kinds.update({one.device: one.kind for one in seen.read_only})
    kinds.update({one.device.split("+")[0]: one.kind for one in seen.counted if one.errors})
    if seen.log.state is not None and "device" in seen.superblock:
        device = seen.superblock["device"].removeprefix("/dev/")
        kinds.setdefault(device, seen.superblock.get("kind", ""))
    kinds.pop("", None)
    for device, kind in [*kinds.items()][:2]:
        words = "What helps: {first}; then check it unmounted: {command} /dev/{device}"
        if "/" in seen.use.of(device):
            words += ", from another instance, or at boot by fsck.mode=force fsck.repair=yes"
        first = _snapshot(seen.ids.get(device, ""))
        yield say(words, first=first, command=_CHECKS.get(kind, "fsck -f"), device=device)
    if not kinds:
        words = (
            "What helps: a snapshot of the volume; then check it unmounted, on another instance: "
            "fsck -f DEVICE (xfs_repair for XFS)"
        )
        yield say(words)
    if seen.log.events.this_boot:
        yield say("If ioerrors tells of the same device, the disk comes first")


_CHECKS = {
    "ext2": "e2fsck -f",
    "ext3": "e2fsck -f",
    "ext4": "e2fsck -f",
    "XFS": "xfs_repair",
    "btrfs": "btrfs check --readonly",
    "FAT": "fsck.vfat -a",
    "vfat": "fsck.vfat -a",
}


def _snapshot(volume_id: str) -> Statement:
    if not volume_id:
        return say("a snapshot of the volume")
    return say("aws ec2 create-snapshot --volume-id {id}", id=volume_id)


MODULE = Module(
    name=NAME,
    title="No file system has errors",
    domain="os",
    phrases=PHRASES,
    read=read,
    judge=judge,
    needs="root, for the kernel log",
    by_hand=lambda _: commands_of(NAME),
    rank=BOOT,
)
