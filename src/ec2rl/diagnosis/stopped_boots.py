"""What a console tells of the boots of a machine: where the last one stopped, and why."""

from __future__ import annotations

from ec2rl.diagnosis.boot_advice import advice
from ec2rl.facts.boot.first_cause import Stopped, explain
from ec2rl.facts.boot.story import Boot, Event, read_boots
from ec2rl.facts.boot.wording import Stage
from ec2rl.host.queries.boot_text import Printed
from ec2rl.model import Command, Evidence, Finding, Statement, Verdict, say
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.host.journal.first_program import Told
    from ec2rl.model import Fact

    Boots = Sequence[Boot]

_FOLLOWED, _UNITS = 6, 8
_HEARSAY, _JOURNAL = "unknown", "journal"
_LOOP = 2
"""Boots in a row that stopped, and are no accident any more."""

_SILENT = say(
    "Either the kernel's command line has no console=ttyS0, or the machine never got that far"
)
_GET = Command(
    "aws ec2 get-console-output --latest --instance-id INSTANCE > FILE", root=False, own=False
)
_RUN = Command("run FILE", root=False)
_CONSOLE = say("What helps: {get}, then {run}", get=_GET, run=_RUN)
_FURTHER = say("What helps: what that console shows later, if it goes on ({get})", get=_GET)


def judge_text(printed: Printed) -> Finding:
    """Judge the last boot by what was said last of it."""
    if not printed.text.strip():
        words = "Cannot tell how far the last boot came: the console is empty. {why}"
        return Finding(Verdict.UNKNOWN, say(words, why=_SILENT), (_CONSOLE,))
    every = read_boots(printed.text)
    boots = tuple(one for one in every if not one.is_crash_kernel)
    if not boots:
        return _nothing(printed)
    stopped = explain(boots[-1])
    if stopped is not None:
        finding = _stopped(stopped, boots[-1], printed)
    else:
        finding = _went_on(boots, printed)
    return replace(
        finding,
        details=(*finding.details, *_earlier(boots), *_crash_kernel(every)),
        facts=_facts(boots, stopped),
    )


def judge_journal(told: Told, is_stopped: bool) -> Finding:
    """Judge the last boot that the journal has; one that never wrote left nothing there.

    `is_stopped` is whether this very boot is known to be in emergency or rescue mode.
    """
    boots = read_boots(told.text)
    stopped = explain(boots[-1]) if boots else None
    gaps = [say("Not read: {gap}", gap=gap) for gap in told.gaps]
    if stopped is not None:
        printed = Printed(told.text, _JOURNAL, "journal")
        finding = _stopped(stopped, boots[-1], printed)
        facts = _facts(boots, stopped)
        judged = say("Judged: the last boot that the journal has, until {at:time}", at=told.until)
        return replace(finding, details=(*finding.details, judged, *gaps), facts=facts)
    if is_stopped:
        words = "The boot stopped in systemd: emergency or rescue mode (maintenance)"
        how = say("What helps: journalctl -b -p err names the cause; then systemctl default")
        return Finding(Verdict.PROBLEM, say(words), (how, *gaps))
    words = (
        "Cannot tell how far the last boot came: the last one that wrote to the journal, until "
        "{at:time}, {how}; one that stopped before its disk was mounted writes nothing"
    )
    is_up = bool(boots) and boots[-1].stage is Stage.REACHED
    how = say("came up" if is_up else "did not say that it came up")
    return Finding(Verdict.UNKNOWN, say(words, at=told.until, how=how), (_CONSOLE, *gaps))


def _nothing(printed: Printed) -> Finding:
    words = "Cannot tell how far the last boot came: no line tells of it"
    if printed.kind != "console":
        words += "; what programs say at boot stands on the console"
    return Finding(Verdict.UNKNOWN, say(words), (_next(printed),))


def _next(printed: Printed) -> Statement:
    """What would tell more: a console, or what the same one shows since."""
    return _FURTHER if printed.kind == "console" else _CONSOLE


def _stopped(stopped: Stopped, boot: Boot, printed: Printed) -> Finding:
    where = stopped.stage.value
    words = "The last boot stopped {where}: {why}. To do: {do}"
    do, by_hand = advice(stopped, boot)
    verdict, details = Verdict.PROBLEM, []
    if stopped.is_asked_for:
        verdict = Verdict.WARNING
        words = "The last boot stopped {where}, as the kernel's command line asks for: {why}"
    elif printed.kind == _HEARSAY:
        verdict = Verdict.WARNING
        words += " (in a text of no known form: not verified)"
    first = stopped.first.line
    is_journal = printed.kind == _JOURNAL
    at = "" if is_journal else ", line {n}"
    told = stopped.followed[:_FOLLOWED]
    said = [("First cause", first), *(("Then", one.line) for one in told)]
    details += [say(f"{name}{at}: {{text}}", n=one.number, text=one.text) for name, one in said]
    if len(stopped.followed) > len(told):
        details.append(say("Then {n:more line}", n=len(stopped.followed) - len(told)))
    details += _around(stopped, boot, is_journal)
    details.append(by_hand)
    quotes = [Evidence(f"{printed.path}:{first.number}", first.text)]
    quotes += [Evidence(f"{printed.path}:{one.line.number}", one.line.text) for one in told]
    summary = say(words, where=where, why=stopped.why, do=do)
    return Finding(verdict, summary, tuple(details), tuple(quotes))


def _around(stopped: Stopped, boot: Boot, is_journal: bool) -> list[Statement]:
    """What else the console tells, that the cause is to be read with."""
    notes: list[Statement] = []
    if stopped.kind == "xen":
        notes.append(say("NVMe disks of a Xen instance are its instance store, and not its root"))
    if _is_about_root(stopped):
        disks = tuple(dict.fromkeys(one.values["disk"] for one in boot.of("disk", "controller")))
        if disks:
            notes.append(say("Disks that the kernel saw: {disks:, }", disks=disks))
        elif boot.begins and boot.option("quiet") is None:
            notes.append(say("Disks that the kernel saw: none"))
    if not boot.is_whole and not is_journal:
        words = (
            "The text does not go back to the start of that boot: the first cause may lie before"
        )
        notes.append(say(words))
    if boot.of("locked root"):
        words = "Its shell cannot be used: the root account is locked (no password)"
        notes.append(say(words))
    return notes


def _is_about_root(stopped: Stopped) -> bool:
    return stopped.kind in ("no root device", "root device", "no initrd", "initrd shell",
                            "initrd gave up")  # fmt: skip


def _went_on(boots: Boots, printed: Printed) -> Finding:
    """A boot of which nothing says that it stopped."""
    boot = boots[-1]
    if boot.stage is Stage.REACHED:
        failed = tuple(dict.fromkeys(one.values["unit"].rstrip(".") for one in boot.of("failed")))
        notes = [say("The boot came up; whether all of it works, other diagnostics tell")]
        if failed:
            words = "Units that failed on the way: {units:, }{more}"
            more = f", and {len(failed) - _UNITS} more" if len(failed) > _UNITS else ""
            notes.append(say(words, units=failed[:_UNITS], more=more))
        if boot.died is not None:
            words = "The last boot came up; {died}"
            said = say(words, died=_died(boot.died))
            return Finding(Verdict.OK, said, (_line_of(boot.died), *notes))
        stopped = _stopped_before(boots)
        if stopped:
            words = "The last boot came up; an earlier one stopped {where}: {why}"
            told = stopped[-1]
            summary = say(words, where=told.stage.value, why=told.why)
            return Finding(Verdict.WARNING, summary, tuple(notes))
        said = say("The last boot came up: login or its target was reached.")
        return Finding(Verdict.OK, said, tuple(notes))
    if boot.died is not None:
        words = "No line tells that the last boot stopped on its way: {died}"
        never = say("No line tells that it had come up, either")
        said = say(words, died=_died(boot.died))
        return Finding(Verdict.WARNING, said, (_line_of(boot.died), never))
    if printed.kind != "console" and boot.stage in (Stage.NOTHING, Stage.KERNEL):
        return _nothing(printed)
    before = _in_a_row(boots)
    if before:
        return _loop(before, boot)
    waits = boot.of("waits")
    last = boot.last
    if waits and last is not None and last.number - waits[-1].line.number <= 1:
        one = waits[-1].values
        words = "The last boot waits {where} for {unit} ({time}, limit: {limit})"
        summary = say(words, where=boot.stage.value, unit=one["unit"], time=one["time"],
                      limit=one["limit"])  # fmt: skip
        return Finding(Verdict.WARNING, summary, (_next(printed),))
    return Finding(Verdict.UNKNOWN, _undecided(boot), (*_last_line(boot), _next(printed)))


def _died(died: Event) -> Statement:
    """Say of what a kernel died that had long started, and after which time, if that is told."""
    words = "its kernel ran for {ran:span}, and then panicked: {why} (see kernelpanic)"
    if died.line.stamp is None:
        words = "its kernel panicked later: {why} (see kernelpanic)"
    why = died.line.text.partition(": ")[2]
    return say(words, ran=died.line.stamp, why=why)


def _line_of(died: Event) -> Statement:
    return say("Line {n}: {text}", n=died.line.number, text=died.line.text)


def _in_a_row(boots: Boots) -> list[Stopped]:
    """Why the boots right before the last one stopped, one after the other, the last one last."""
    found: list[Stopped] = []
    for boot in reversed([one for one in boots[:-1] if not one.is_initrdless]):
        stopped = explain(boot)
        if stopped is None or stopped.is_asked_for:
            break
        found.insert(0, stopped)
    return found


def _loop(before: Sequence[Stopped], boot: Boot) -> Finding:
    """A boot that is only beginning, behind some that stopped: two of those are no accident."""
    told, first = before[-1], before[-1].first.line
    where = told.stage.value
    do, by_hand = advice(told, boot)
    words = "{n:boot} in a row stopped, the last {where}: {why}. To do: {do}"
    verdict = Verdict.PROBLEM
    if len(before) < _LOOP:
        words = "A boot stopped {where}: {why}; the one behind it has only begun. To do: {do}"
        verdict = Verdict.WARNING
    summary = say(words, n=len(before), where=where, why=told.why, do=do)
    line = say("First cause, line {n}: {text}", n=first.number, text=first.text)
    return Finding(verdict, summary, (line, by_hand))


def _undecided(boot: Boot) -> Statement:
    if boot.is_shut_down:
        words = (
            "Cannot tell how far the last boot came: it was shut down {where}, and nothing follows"
        )
        return say(words, where=boot.stage.value)
    if boot.stage in (Stage.FIRMWARE, Stage.LOADER):
        words = (
            "Cannot tell how far the last boot came: behind the boot loader nothing was printed. "
            "The kernel is damaged, or its command line has no console=ttyS0"
        )
        return say(words)
    words = "Cannot tell how far the last boot came: the text ends {where}, and no line tells why"
    return say(words, where=boot.stage.value)


def _last_line(boot: Boot) -> tuple[Statement, ...]:
    if boot.last is None:
        return ()
    words = "Its last line, {n}: {text}"
    return (say(words, n=boot.last.number, text=boot.last.text),)


def _stopped_before(boots: Boots) -> list[Stopped]:
    """Why boots before the last one stopped; Ubuntu's try without an initrd is meant to."""
    told = (explain(one) for one in boots[:-1] if not one.is_initrdless)
    return [one for one in told if one is not None and not one.is_asked_for]


def _earlier(boots: Boots) -> Sequence[Statement]:
    notes: list[Statement] = []
    if len(boots) > 1:
        stopped = len(_stopped_before(boots))
        words = "The text has {n:boot}; {stopped} before the last stopped on the way"
        notes.append(say(words, n=len(boots), stopped=stopped or "none"))
    if any(one.is_initrdless for one in boots[:-1]):
        words = (
            "An earlier start was Ubuntu's try without an initrd (initrdless), which ends in a "
            "panic on purpose"
        )
        notes.append(say(words))
    return notes


def _crash_kernel(every: Boots) -> Sequence[Statement]:
    if not any(one.is_crash_kernel for one in every[-1:]):
        return ()
    words = (
        "Behind it the text has the start of a crash kernel (kdump), which saves what the dead one "
        "left (/var/crash), and restarts the machine"
    )
    return (say(words),)


def _facts(boots: Boots, stopped: Stopped | None) -> dict[str, Fact]:
    boot = boots[-1]
    return {
        "stage": boot.stage.name.lower() if stopped is None else stopped.stage.name.lower(),
        "reached": boot.stage is Stage.REACHED,
        "cause": None if stopped is None else stopped.kind,
        "line": None if stopped is None else stopped.first.line.number,
        "panicked": None if boot.died is None else boot.died.line.text,
        "kernel": boot.version or None,
        "boots": len(boots),
    }
