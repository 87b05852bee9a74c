"""The verdict on /etc/fstab: the line that stopped a boot first, then what the next one meets."""

from __future__ import annotations

from ec2rl.diagnosis.fstab_faults import Known, LineFault, Way, predicted, told
from ec2rl.diagnosis.fstab_fix import is_fixable
from ec2rl.diagnosis.fstab_look import FstabLook
from ec2rl.facts.boot.failed_mounts import FailedMount, failed_mounts
from ec2rl.facts.boot.first_cause import Stopped, explain
from ec2rl.facts.boot.story import Boot, read_boots
from ec2rl.facts.boot.wording import STAGES, Stage
from ec2rl.facts.file_system_kinds import Kinds
from ec2rl.facts.fstab import FSTAB, Fstab
from ec2rl.facts.fstab_devices import Present
from ec2rl.facts.unit_names import unit_name
from ec2rl.host.queries.boot_text import Printed
from ec2rl.model import (
    Command,
    Evidence,
    Finding,
    Role,
    Statement,
    Unreadable,
    Verdict,
    Why,
    fix_with,
    helps,
    more,
    next_step,
    say,
    see_page,
)
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ec2rl.model import Fact

_NAMED, _FACTS = 4, 100
_QUOTE = 200
_RANK = {one: rank for rank, one in enumerate((Verdict.PROBLEM, Verdict.WARNING, Verdict.OK))}
_HELP = {
    Way.CHECK: "What helps: check it unmounted: fsck -f {device} (xfs_repair for XFS); up to "
    "systemd 249 nofail does not help against that: the last field of the line has to be 0 as well",
    Way.KIND: "What helps: see whether module loading is closed (sysctl kernel.modules_disabled), "
    "the module is switched off (grep -r install /etc/modprobe.d), or the kernel's modules are not "
    "all installed; the device is right",
    Way.LATE: "The line is right: nofail hides a race, and a later mount does not come by itself",
    Way.LINE: "What helps: correct line {number} of /etc/fstab, then findmnt --verify",
    Way.LOOK: "What helps: systemctl status '{unit}' tells why; systemctl start '{unit}' tries it",
    Way.NOFAIL: "What helps: see whether it is there (lsblk -f): then it came too late; else "
    "correct or remove the line, attach the volume, or give it nofail,x-systemd.device-timeout=10s",
    Way.ELSEWHERE: "What helps: have that volume attached when the machine boots, or give the line "
    "nofail,x-systemd.device-timeout=10s; if it is gone for good, remove the line",
    Way.MOUNT: "What helps: correct the type or the options of the line (dmesg tells which), or "
    "give it nofail: the boot then goes on without it",
}


@record(frozen=True)
class _Story:
    """What a boot said, in `place`; `stopped` is why it stopped, if it did.

    `until` is when a journal ends, in seconds since the epoch.
    """

    boot: Boot | None = None
    stopped: Stopped | None = None
    failed: tuple[FailedMount, ...] = ()
    place: str = ""
    until: float | None = None


def _story(look: FstabLook) -> _Story:
    printed = look.printed
    if isinstance(printed, Printed):
        return _told_by(printed.text, printed.path)
    if look.journal is None or isinstance(look.journal, Unreadable):
        return _Story()
    return replace(_told_by(look.journal.text, "journal"), until=look.journal.until)


def _told_by(text: str, place: str) -> _Story:
    """The story of the last boot; of one that has only begun that of the one before."""
    boots = [one for one in read_boots(text) if not one.is_crash_kernel]
    while len(boots) > 1 and explain(boots[-1]) is None and not _is_in_system(boots[-1]):
        boots.pop()
    if not boots:
        return _Story(place=place)
    stopped = explain(boots[-1])
    return _Story(boots[-1], stopped, failed_mounts(boots[-1], stopped), place)


def _is_in_system(boot: Boot) -> bool:
    return STAGES.index(boot.stage) >= STAGES.index(Stage.SYSTEM)


def faults_of(look: FstabLook) -> tuple[LineFault, ...]:
    """Find what is wrong with lines: the worst first, what a boot said of one before a guess."""
    return _faults(look, _story(look))


def _faults(look: FstabLook, story: _Story) -> tuple[LineFault, ...]:
    fstab = look.fstab if isinstance(look.fstab, Fstab) else None
    present = look.present if isinstance(look.present, Present) else None
    known = Known(fstab, present, look.kinds or Kinds())
    said = told(story.failed, story.stopped, known)
    found = [one for one in said if not _is_healed(one, look)]
    lines = [one.entry for one in found]
    found += [one for one in predicted(known, look.is_live) if one.entry not in lines]
    return tuple(sorted(found, key=lambda one: (_RANK[one.verdict], one.failed is None)))


def _is_healed(fault: LineFault, look: FstabLook) -> bool:
    """Whether what failed at boot has been mounted since, by hand or late."""
    present = look.present
    if not look.is_live or not isinstance(present, Present):
        return False
    is_root = fault.where == "/"
    return not present.is_root_read_only if is_root else fault.where in present.mounted


def judge_lines(name: str, look: FstabLook) -> Finding:
    """Judge by the worst line; without any, by what could be read."""
    story = _story(look)
    found = _faults(look, story)
    facts = _facts(found, story)
    quiet = [more(_named(one)) for one in found if one.verdict is Verdict.OK][:_NAMED]
    bad = [one for one in found if one.verdict is not Verdict.OK]
    if not bad:
        finding = _nothing(look, story, tuple(quiet))
        return Finding(finding.verdict, finding.summary, finding.details, facts=facts)
    worst = bad[0]
    details: list[Statement] = []
    if worst.failed is not None:
        place, line = story.place, worst.failed.line
        words = "{place}: {text}" if place == "journal" else "{place}, line {n}: {text}"
        details.append(say(words, place=place, n=line.number, text=line.text[:_QUOTE]))
        if story.until is not None:
            words = "Judged: the last boot that the journal has, until {at:time}"
            details.append(say(words, at=story.until))
    details += _line(worst)
    details += [_named(one) for one in bad[1 : _NAMED + 1]]
    if len(bad) > _NAMED + 1:
        details.append(say("{n:more line}", n=len(bad) - _NAMED - 1))
    details += _unread(look)
    details += [*_advice(bad), *([fix_with(name)] if any(map(is_fixable, bad)) else [])]
    quotes = [
        Evidence(f"{story.place}:{one.failed.line.number}", one.failed.line.text)
        for one in bad if one.failed is not None
    ]  # fmt: skip
    rest = (*details, *quiet, see_page(name))
    return Finding(worst.verdict, _summary(worst), rest, tuple(quotes), facts=facts)


def _summary(one: LineFault) -> Statement:
    words = "{where}: {why}{at}"
    if one.failed is not None:
        words = "{where} stopped the boot: {why}{at}"
        if not one.stopped:
            words = "{where} failed, and the boot went on: {why}{at}"
    elif one.stops and one.verdict is Verdict.PROBLEM:
        words = "{where} will stop the next boot: {why}{at}"
    return say(words, where=one.where, why=one.why, at=_at(one))


def _at(one: LineFault) -> Statement:
    if one.entry is None:
        return say("")
    return say(" ({path} line {n})", path=FSTAB, n=one.entry.number)


def _named(one: LineFault) -> Statement:
    return say("{where}: {why}{at}", where=one.where, why=one.why, at=_at(one))


def _line(one: LineFault) -> Iterator[Statement]:
    if one.entry is not None:
        text = one.entry.text.strip()[:_QUOTE]
        yield say("{path}, line {n}: {text}", path=FSTAB, n=one.entry.number, text=text)


def _unread(look: FstabLook) -> Iterator[Statement]:
    """What was not looked at, and could hold more."""
    for one in (look.fstab, look.present, look.journal):
        if isinstance(one, Unreadable) and one.why not in (Why.NOT_COLLECTED, Why.ABSENT):
            yield say("Not read: {unread}", unread=one)
    if isinstance(look.fstab, Fstab) and look.fstab.lost:
        yield say("Not read: {path}: {lost}", path=FSTAB, lost=look.fstab.lost)


def _advice(bad: Sequence[LineFault]) -> Iterator[Statement]:
    one = bad[0]
    entry = one.entry
    device = entry.device if entry is not None else ""
    device = device or (one.failed.device if one.failed is not None else "")
    unit = entry.unit if entry is not None else unit_name(one.where, ".mount")
    number = entry.number if entry is not None else 0
    yield helps(say(_HELP[one.way], device=device, unit=unit, number=number))


def _nothing(look: FstabLook, story: _Story, quiet: tuple[Statement, ...]) -> Finding:
    """No line has anything wrong: whether that is known of all."""
    if isinstance(look.printed, Printed):
        return _of_text(look, story, quiet)
    if isinstance(look.fstab, Unreadable):
        if look.fstab.why is Why.ABSENT:
            return Finding(Verdict.OK, say("There is no /etc/fstab: no line of it stops the boot"))
        return _unknown(look, say("{why}", why=look.fstab))
    if look.fstab.lost:
        return _unknown(
            look, say("{path}: {lost} were not looked at", path=FSTAB, lost=look.fstab.lost)
        )
    lines = [one for one in look.fstab.entries if one.target]
    if not lines:
        return Finding(Verdict.OK, say("No line of /etc/fstab mounts anything at boot"), quiet)
    if look.present is None or isinstance(look.present, Unreadable):
        return _unknown(
            look, say("{why}", why=look.present or Unreadable(FSTAB, Why.NOT_COLLECTED))
        )
    devices = look.present.devices
    unsure = [one for one in lines if one.stops_boot and devices.get(one.number, True) is None]
    mounted = look.present.mounted
    unsure = [one for one in unsure if one.folder not in mounted]
    if unsure:
        words = "nobody can tell here whether the devices of {n:line} are there: {names:, }"
        names = tuple(one.what for one in unsure[:_NAMED])
        return _unknown(look, say(words, n=len(unsure), names=names))
    words = "All {n:line} of /etc/fstab that a boot needs {rest}"
    rest = say("are mounted") if look.is_live else say("are on this disk")
    needed = [one for one in lines if one.stops_boot]
    said = say(words, n=len(needed), rest=rest)
    proof = "Rests on: {path}, and what is mounted" if look.is_live else "Rests on: {path}"
    return Finding(Verdict.OK, said, (Statement(proof, {"path": FSTAB}, Role.PROOF), *quiet))


def _of_text(look: FstabLook, story: _Story, quiet: tuple[Statement, ...]) -> Finding:
    boot = story.boot
    if boot is not None and boot.stage is Stage.REACHED and story.stopped is None:
        words = "No line of /etc/fstab stopped the last boot: it came up"
        return Finding(Verdict.OK, say(words), quiet)
    if boot is None:
        return _unknown(look, say("no line tells of a boot"))
    if story.stopped is not None:
        words = "the boot stopped {where}, and no line tells of a mount"
        return _unknown(look, say(words, where=story.stopped.stage.value))
    return _unknown(look, say("the text ends {where}", where=boot.stage.value))


def _unknown(look: FstabLook, why: Statement) -> Finding:
    words = "Cannot tell whether a line of /etc/fstab stops the boot: {why}"
    how: tuple[Statement, ...] = ()
    if look.is_live:
        how = (next_step("Next: {run_as_root}"),)
    elif isinstance(look.printed, Printed):
        told = "What helps: mount its volume on another instance, and there {run}"
        how = (helps(say(told, run=_RUN)),)
    return Finding(Verdict.UNKNOWN, say(words, why=why), how)


_RUN = Command("run --root=FOLDER")


def _facts(found: Sequence[LineFault], story: _Story) -> dict[str, Fact]:
    return {
        "stopped": any(one.stopped for one in found),
        "cause": None if story.stopped is None else story.stopped.kind,
        "lines": [
            {
                "line": None if one.entry is None else one.entry.number,
                "where": one.where,
                "what": None if one.entry is None else one.entry.what,
                "device": None if one.entry is None else one.entry.device or None,
                "verdict": one.verdict.name,
                "why": one.why,
                "way": one.way.name.lower(),
                "stops": one.stops,
                "said_in_line": None if one.failed is None else one.failed.line.number,
            }
            for one in found[:_FACTS]
        ],
    }
