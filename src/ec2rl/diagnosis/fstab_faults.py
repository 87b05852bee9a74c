"""What is wrong with lines of /etc/fstab: what a boot said of them, and what the next one will."""

from __future__ import annotations

from ec2rl.facts.boot.failed_mounts import CHECK, DEPENDS, MOUNT, REMOUNT, TIMEOUT, FailedMount
from ec2rl.facts.boot.first_cause import Stopped
from ec2rl.facts.file_system_kinds import Kinds
from ec2rl.facts.fstab import Entry, Fstab
from ec2rl.facts.fstab_devices import Present, is_mounted
from ec2rl.model import Statement, Verdict, say
from ec2rl.record import Choice, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Way(Choice):
    """What helps against a fault."""

    NOFAIL = "let the boot go on without it"
    MOUNT = "correct its type or options, or let the boot go on without it"
    LATE = "let the boot go on without it; the line is right"
    CHECK = "check its file system"
    KIND = "see why its kind cannot be mounted"
    LINE = "correct the line"
    ELSEWHERE = "attach that volume, or let the boot go on without it"
    LOOK = "look why"


@record(frozen=True)
class LineFault:
    """What is wrong with a line: `entry` is None where the line is not known.

    `failed` is what a boot said of it, None for what the next boot will do; `stopped` is whether
    that one stopped for it, `stops` whether the next one does; `where` names it to people.
    """

    verdict: Verdict
    where: str
    why: Statement
    way: Way
    entry: Entry | None = None
    failed: FailedMount | None = None
    stops: bool = False
    stopped: bool = False


@record(frozen=True)
class Known:
    """What is known beside a boot's words; `fstab` and `present` are None where nothing tells."""

    fstab: Fstab | None
    present: Present | None
    kinds: Kinds


_UNNAMED = "a device"
_ASKED = ("nofail", "noauto", "_netdev", "x-systemd.automount")
"""Options that the generator itself looks for.  A carriage return at the end of a line is part of
the last of them there; of what it writes, systemd takes it for blank (both seen, 252)."""
_KERNEL_NAMES = r"/dev/(?:sd[a-z]{1,3}\d{0,3}|xvd[a-z]{1,3}\d{0,3}|hd[a-z]\d{0,3}|nvme\d{1,3}n\d.*)"
_NETS = ("efs", "s3fs", "goofys", "rclone", "gcsfuse", "blobfuse", "mount-s3", "curlftpfs", "s3ql")
"""File systems of networks that systemd does not know as such, without their `fuse.`."""


def told(
    failed: Sequence[FailedMount], stopped: Stopped | None, known: Known
) -> tuple[LineFault, ...]:
    """Tell what a boot said of lines, each once, in its order."""
    lines = known.fstab.entries if known.fstab is not None else ()
    found: dict[object, LineFault] = {}
    for one in sorted(failed, key=lambda one: one.kind == DEPENDS):
        entries = [entry for entry in lines if one.is_of(entry)]
        entry = entries[0] if len({entry.unit for entry in entries}) == 1 else None
        if entry is not None or one.where or one.stops or one.is_swap:
            is_why = one.stops or (stopped is not None and entry is not None and entry.stops_boot)
            key: object = entry.number if entry is not None else _named(one, None)
            found.setdefault(key, _of_failed(one, entry, is_why, known))
    in_turn = sorted(found.values(), key=lambda one: one.failed.line.number if one.failed else 0)
    return tuple(in_turn)


def _named(failed: FailedMount, entry: Entry | None) -> str:
    if entry is not None:
        return entry.source if entry.is_swap else entry.folder
    path = failed.where or failed.device or failed.shown
    return path.partition(" - ")[2] or path


def _of_failed(failed: FailedMount, entry: Entry | None, stopped: bool, known: Known) -> LineFault:
    is_there = known.present.devices.get(entry.number) if known.present and entry else None
    why, way = _why(failed, entry, is_there, known.kinds)
    is_over = False
    if stopped and known.fstab is not None and entry is None:
        why = say("{why}; no line of /etc/fstab has it (another unit, or corrected since)", why=why)
        way, is_over = Way.LOOK, True
    elif stopped and entry is not None and not entry.stops_boot and failed.kind != CHECK:
        why = say("{why}; as the line is now, a boot goes on without it", why=why)
        is_over = True
    stops = stopped and not is_over
    # A root that is read-only stops no boot, and leaves little of the machine.
    verdict = Verdict.PROBLEM if stops or failed.kind == REMOUNT else Verdict.WARNING
    return LineFault(verdict, _named(failed, entry), why, way, entry, failed, stops, stopped)


def _why(
    failed: FailedMount, entry: Entry | None, is_there: bool | None, kinds: Kinds
) -> tuple[Statement, Way]:
    device = (entry.device if entry is not None else "") or failed.device or _UNNAMED
    if failed.kind == TIMEOUT:
        if is_there:
            words = "its device {device} came too late (a race, or a slow attachment), "
            words += "it is there {now}"
            return say(words, device=device), Way.LATE
        return say("its device {device} did not appear in time", device=device), Way.NOFAIL
    if failed.kind == CHECK:
        return say("fsck could not repair {device} by itself", device=device), Way.CHECK
    if failed.kind == DEPENDS:
        words = "what it depends on failed"
        if failed.is_swap:
            words = "nothing is swapped to it: its device did not come"
        return say(words), Way.LOOK if entry is None else Way.NOFAIL
    if failed.kind == REMOUNT:
        return say("systemd could not mount it as its line says, and it stayed read-only"), Way.LINE
    if failed.kind != MOUNT:
        return say("the encrypted volume below it could not be opened"), Way.NOFAIL
    kind = entry.kind if entry is not None else ""
    cause = _of_kind(kind, kinds)
    words = "it could not be mounted: {why}" if failed.why else "it could not be mounted"
    why = say(words, why=failed.why)
    is_kind = "unknown filesystem type" in failed.why or "IO charset" in failed.why
    if is_kind and kinds.closed is not None:
        words = "{why}; module loading is closed by {line} ({place})"
        why = say(words, why=why, line=kinds.closed.text.strip(), place=kinds.closed.source)
    elif is_kind and cause is not None:
        why = say("{why}; {cause}", why=why, cause=cause)
    return why, Way.KIND if is_kind else Way.MOUNT


def _of_kind(kind: str, kinds: Kinds) -> Statement | None:
    """Why a kind cannot be mounted by any kernel that is here, None where nothing says so."""
    block = kinds.block(kind)
    if block is not None:
        words = "the module of {kind} is switched off: {line} ({place})"
        return say(words, kind=kind, line=block.text.strip(), place=block.source)
    if kind in kinds.unknown:
        return say("no kernel here has a file system {kind}", kind=kind)
    return None


def predicted(known: Known, is_live: bool) -> Iterator[LineFault]:
    """Tell what the next boot will make of each line that has something wrong."""
    fstab = known.fstab or Fstab(())
    doubled = {second.number: first for first, second in fstab.doubled()}
    for one in fstab.entries:
        first = doubled.get(one.number)
        if first is not None:
            yield _doubled(first, one)
            continue
        yield from _written(one)
        if one.target:
            yield from _will(one, known.present, known.kinds, is_live)


def _doubled(first: Entry, second: Entry) -> LineFault:
    words = "line {n} has that mount point already: systemd takes that one alone"
    verdict = Verdict.OK if first.what == second.what else Verdict.WARNING
    return LineFault(verdict, second.folder, say(words, n=first.number), Way.LINE, second)


def _written(one: Entry) -> Iterator[LineFault]:
    """What is wrong with how a line is written."""
    is_blank = not one.what.strip("\r")
    is_lost = one.kind != "autofs" and "/" not in one.where and not one.is_swap
    if one.ignored and is_lost and not is_blank:
        words = "systemd passes the line over: {why}"
        yield LineFault(Verdict.WARNING, one.what, say(words, why=one.ignored), Way.LINE, one)
    lost = next((part[:-1] for part in one.options if part[:-1] in _ASKED and part[-1] == "\r"), "")
    if lost:
        words = "its line ends in a carriage return (CRLF), behind which {lost} counts for nothing"
        yield LineFault(Verdict.WARNING, one.folder, say(words, lost=lost), Way.LINE, one)
    elif one.where.endswith("\r"):
        words = "its line ends in a carriage return (CRLF), which becomes part of the mount point"
        where = one.folder[:-1]
        yield LineFault(Verdict.WARNING, where, say(words), Way.LINE, one)
    if "/" in one.rest and not one.rest.startswith("#"):
        words = "what stands behind the sixth field is not read (a missing line end?): {rest}"
        yield LineFault(Verdict.WARNING, one.folder, say(words, rest=one.rest[:160]), Way.LINE, one)


def _will(one: Entry, present: Present | None, kinds: Kinds, is_live: bool) -> Iterator[LineFault]:
    """What a boot does with a line that it acts on; the worst alone."""
    is_there = present is not None and is_mounted(one, present)
    bad = Verdict.PROBLEM if one.stops_boot and not is_there else Verdict.WARNING
    where = one.source if one.is_swap else one.folder
    cause = _of_kind(one.kind.rstrip("\r"), kinds)
    if cause is not None and not is_there:
        yield LineFault(bad, where, cause, Way.KIND, one, stops=one.stops_boot)
    elif one.is_root and present is not None and present.others:
        words = "{what} is not this file system, which has {others}: it stays read-only"
        why = say(words, what=one.what, others=present.others)
        yield LineFault(Verdict.PROBLEM, where, why, Way.LINE, one)
    elif one.is_root and present is not None and present.is_root_read_only:
        if "ro" not in one.options:
            why = say("it is mounted read-only {now}, which its line does not ask for")
            yield LineFault(Verdict.WARNING, where, why, Way.LOOK, one)
    elif present is not None and present.devices.get(one.number) is False:
        yield _missing(one, where, bad) if is_live else _elsewhere(one, where)
    elif is_live and present is not None and not is_there and one.stops_boot:
        why = say("it is not mounted {now}: unmounted by hand, or failed")
        yield LineFault(Verdict.WARNING, where, why, Way.LOOK, one)
    else:
        yield from _unsteady(one, where)


def _missing(one: Entry, where: str, bad: Verdict) -> LineFault:
    limit = one.timeout or "90 s"
    is_endless = one.timeout in ("0", "infinity")
    words = "its device {device} is not there, and a boot waits for it "
    words += "without a limit" if is_endless else "for {limit}"
    words += ", then stops" if one.stops_boot and not is_endless else ""
    if one.is_root:
        words = "its device {device} is not there: without it the next boot leaves / read-only"
    why = say(words, device=one.device, limit=limit)
    return LineFault(bad, where, why, Way.NOFAIL, one, stops=one.stops_boot)


def _elsewhere(one: Entry, where: str) -> LineFault:
    """A device that is not on this volume's disk: where the machine runs, another may have it."""
    words = "its device {device} is not on this disk: "
    words += "a boot without that volume stops" if one.stops_boot else "a boot goes on without it"
    why = say(words, device=one.device)
    verdict = Verdict.WARNING if one.stops_boot else Verdict.OK
    return LineFault(verdict, where, why, Way.ELSEWHERE, one, stops=one.stops_boot)


def _unsteady(one: Entry, where: str) -> Iterator[LineFault]:
    """Lines that work today, and need not tomorrow."""
    import re

    program = one.what.partition("#")[0] if one.kind == "fuse" else one.kind.removeprefix("fuse.")
    if one.stops_boot and program in _NETS:
        words = "{kind} needs the network, and without _netdev it is mounted before that is up"
        yield LineFault(Verdict.WARNING, where, say(words, kind=program), Way.LINE, one)
    elif one.stops_boot and not one.is_root and re.fullmatch(_KERNEL_NAMES, one.what):
        words = "{device} is a name that may be another disk's, or nobody's, at the next boot"
        yield LineFault(Verdict.WARNING, where, say(words, device=one.what), Way.LINE, one)
