"""The verdict on /etc/fstab: the line that stopped a boot first, then what the next one meets."""

from __future__ import annotations

from ec2rl.diagnosis.fstab_faults import LineFault, Way
from ec2rl.diagnosis.fstab_fix import is_fixable
from ec2rl.diagnosis.fstab_look import FstabLook
from ec2rl.diagnosis.fstab_story import Story, all_faults, story_of
from ec2rl.facts.boot.wording import Stage
from ec2rl.facts.fstab import FSTAB, Fstab
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

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ec2rl.model import Fact

_NAMED, _FACTS = 4, 100
_QUOTE = 200
_HEARSAY = "unknown"
"""The kind of a text that was not recognised: anybody may have written it."""
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


def judge_lines(name: str, look: FstabLook) -> Finding:
    """Judge by the worst line; without any, by what could be read."""
    story = story_of(look)
    found = all_faults(look, story)
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
    verdict, summary = worst.verdict, _summary(worst, story)
    is_hearsay = isinstance(look.printed, Printed) and look.printed.kind == _HEARSAY
    if is_hearsay and worst.failed is not None:
        words = "{summary} (in a text of no known form: not verified)"
        verdict, summary = Verdict.WARNING, say(words, summary=summary)
    return Finding(verdict, summary, rest, tuple(quotes), facts=facts)


def _summary(one: LineFault, story: Story) -> Statement:
    words = "{where}: {why}{at}"
    if one.failed is not None:
        words = "{where} stopped the boot: {why}{at}"
        if not one.stopped:
            is_up = story.boot is not None and story.boot.stage is Stage.REACHED
            on = ", and the boot went on" if is_up else ""
            words = f"{{where}} failed{on}: {{why}}{{at}}"
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
    is_swap = one.failed is not None and one.failed.is_swap
    unit = entry.unit if entry else unit_name(one.where, ".swap" if is_swap else ".mount")
    number = entry.number if entry is not None else 0
    yield helps(say(_HELP[one.way], device=device, unit=unit, number=number))


def _nothing(look: FstabLook, story: Story, quiet: tuple[Statement, ...]) -> Finding:
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
    words = "What a boot needs of /etc/fstab {rest}: {n:line}"
    rest = say("is mounted") if look.is_live else say("is on this disk")
    needed = [one for one in lines if one.stops_boot]
    said = say(words, n=len(needed), rest=rest)
    proof = "Rests on: {path}; types and options are not judged"
    if look.is_live:
        proof = "Rests on: {path}, and what is mounted"
    return Finding(Verdict.OK, said, (Statement(proof, {"path": FSTAB}, Role.PROOF), *quiet))


def _of_text(look: FstabLook, story: Story, quiet: tuple[Statement, ...]) -> Finding:
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


def _facts(found: Sequence[LineFault], story: Story) -> dict[str, Fact]:
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
