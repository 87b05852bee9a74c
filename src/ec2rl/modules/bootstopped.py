"""The machine does not come up: where its last boot stopped, and of what first."""

from __future__ import annotations

from ec2rl.diagnosis.boot_advice import advice
from ec2rl.facts.boot.first_cause import Stopped, explain
from ec2rl.facts.boot.story import Boot, read_boots
from ec2rl.facts.boot.wording import Stage
from ec2rl.facts.log import KernelLog
from ec2rl.host import Host
from ec2rl.host.queries.boot_text import BootText, Printed
from ec2rl.host.queries.system_state import SystemState
from ec2rl.model import (
    Evidence,
    Finding,
    Statement,
    Unreadable,
    Verdict,
    Why,
    say,
    see_page,
)
from ec2rl.module import Module, Options
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.model import Fact

NAME = "bootstopped"
_FOLLOWED = 6
_UNITS = 8
_HEARSAY = "unknown"
_LOOP = 2
"""Boots in a row that stopped, and are no accident any more."""
_LONG = 600.0
"""Seconds after which a boot that still starts is slow."""


@record(frozen=True)
class Seen:
    """What the boots printed, and what they tell; the last boot is the last one.

    Of a running machine `state` is systemd's own word; `is_systemd` whether it is PID 1 there, and
    `uptime` is in seconds.
    """

    printed: Printed | Unreadable
    boots: tuple[Boot, ...] = ()
    state: str | Unreadable = ""
    is_systemd: bool = True
    uptime: float | None = None


def read(host: Host, log: KernelLog, options: Options) -> Seen:
    """Read what a console shows of the last boots; of a running machine ask systemd."""
    printed = host.query(BootText())
    if isinstance(printed, Unreadable):
        state = host.query(SystemState())
        word = state if isinstance(state, Unreadable) else state.text.strip()
        return Seen(printed, (), word, _is_systemd(host), host.clock().uptime)
    boots = read_boots(printed.text)
    return Seen(printed, tuple(one for one in boots if not one.is_crash_kernel))


def _is_systemd(host: Host) -> bool:
    """Whether systemd is PID 1 here (sd_booted(3)); true where nobody can tell."""
    found = host.names("/run/systemd/system")
    return not (isinstance(found, Unreadable) and found.why is Why.ABSENT)


def judge(seen: Seen) -> Finding:
    """Judge the last boot by what was said last of it."""
    if isinstance(seen.printed, Unreadable):
        return _running(seen)
    if not seen.printed.text.strip():
        words = "Cannot tell how far the last boot came: the console is empty. {why}"
        return Finding(Verdict.UNKNOWN, say(words, why=_SILENT), (_CONSOLE,))
    if not seen.boots:
        return _nothing(seen.printed)
    last = seen.boots[-1]
    stopped = explain(last)
    finding = _stopped(stopped, last, seen.printed) if stopped else _went_on(last, seen)
    return replace(
        finding,
        details=(*finding.details, *_earlier(seen), see_page(NAME)),
        facts=_facts(last, stopped, seen),
    )


_SILENT = say(
    "Either the kernel's command line has no console=ttyS0, or the machine never got that far"
)
_CONSOLE = say(
    "What helps: aws ec2 get-console-output --latest --instance-id INSTANCE > FILE, then ./ec2rl "
    "run FILE"
)


def _nothing(printed: Printed) -> Finding:
    words = "Cannot tell how far the last boot came: no line tells of it"
    if printed.kind != "console":
        words += "; what programs say at boot stands on the console"
    return Finding(Verdict.UNKNOWN, say(words), (_CONSOLE,))


def _running(seen: Seen) -> Finding:
    """A machine without a console's text: what systemd says, where it runs."""
    state = seen.state
    cannot = "Cannot tell how far the last boot came: "
    if isinstance(state, Unreadable):
        if state.why is Why.ABSENT and not seen.is_systemd:
            said = say("There is no boot to judge: systemd is not the first program here")
            return Finding(Verdict.NOT_APPLICABLE, said)
        if state.why is Why.NOT_COLLECTED:
            said = say(cannot + "nothing that was read tells it; the console does")
            return Finding(Verdict.UNKNOWN, said, (_CONSOLE,))
        said = say(cannot + "{state}", state=state)
        return Finding(Verdict.UNKNOWN, said, (say("Next: {run_as_root}"),))
    facts: dict[str, Fact] = {"state": state}
    if state in ("running", "degraded"):
        said = say("This boot came up: systemd reached its target ({state}).", state=state)
        return Finding(Verdict.OK, said, facts=facts)
    if state == "maintenance":
        words = "The boot stopped in systemd: emergency or rescue mode (maintenance)"
        how = say("What helps: journalctl -b -p err names the cause; then systemctl default")
        return Finding(Verdict.PROBLEM, say(words), (how, see_page(NAME)), facts=facts)
    if state in ("initializing", "starting"):
        is_long = seen.uptime is not None and seen.uptime > _LONG
        words = "systemd still starts after {uptime} s ({state}): its target is not reached"
        how = say("What helps: systemctl list-jobs names what it waits for")
        verdict = Verdict.WARNING if is_long else Verdict.UNKNOWN
        said = say(words, uptime=round(seen.uptime or 0), state=state)
        return Finding(verdict, said, (how,), facts=facts)
    said = say(cannot + "systemd says {state}", state=state)
    return Finding(Verdict.UNKNOWN, said, facts=facts)


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
    details.append(say("First cause, line {n}: {text}", n=first.number, text=first.text))
    told = stopped.followed[:_FOLLOWED]
    words_then = "Then, line {n}: {text}"
    details += [say(words_then, n=one.line.number, text=one.line.text) for one in told]
    if len(stopped.followed) > len(told):
        details.append(say("Then {n:more line}", n=len(stopped.followed) - len(told)))
    details += _around(stopped, boot)
    details.append(by_hand)
    quotes = [Evidence(f"{printed.path}:{first.number}", first.text)]
    quotes += [Evidence(f"{printed.path}:{one.line.number}", one.line.text) for one in told]
    summary = say(words, where=where, why=stopped.why, do=do)
    return Finding(verdict, summary, tuple(details), tuple(quotes))


def _around(stopped: Stopped, boot: Boot) -> list[Statement]:
    """What else the console tells, that the cause is to be read with."""
    notes: list[Statement] = []
    if stopped.kind == "xen":
        notes.append(say("NVMe disks of a Xen instance are its instance store, and not its root"))
    if _is_about_root(stopped):
        disks = tuple(dict.fromkeys(one.values["disk"] for one in boot.of("disk", "controller")))
        if disks:
            notes.append(say("Disks that the kernel saw: {disks:, }", disks=disks))
        elif boot.begins:
            notes.append(say("Disks that the kernel saw: none"))
    if not boot.begins and stopped.stage is not Stage.LOADER:
        words = (
            "The text does not go back to the start of this boot: the first cause may lie before"
        )
        notes.append(say(words))
    if boot.of("locked root"):
        words = "Its shell cannot be used: the root account is locked (no password)"
        notes.append(say(words))
    return notes


def _is_about_root(stopped: Stopped) -> bool:
    return stopped.kind in ("no root device", "root device", "no initrd", "initrd shell",
                            "initrd gave up")  # fmt: skip


def _went_on(boot: Boot, seen: Seen) -> Finding:
    """A boot of which nothing says that it stopped."""
    assert isinstance(seen.printed, Printed)
    if boot.stage is Stage.REACHED:
        failed = tuple(dict.fromkeys(one.values["unit"].rstrip(".") for one in boot.of("failed")))
        notes = [say("The boot came up; whether all of it works, other diagnostics tell")]
        if failed:
            words = "Units that failed on the way: {units:, }{more}"
            more = f", and {len(failed) - _UNITS} more" if len(failed) > _UNITS else ""
            notes.append(say(words, units=failed[:_UNITS], more=more))
        stopped = _stopped_before(seen)
        if stopped:
            words = "The last boot came up; an earlier one stopped {where}: {why}"
            told = stopped[-1]
            summary = say(words, where=told.stage.value, why=told.why)
            return Finding(Verdict.WARNING, summary, tuple(notes))
        said = say("The last boot came up: login or its target was reached.")
        return Finding(Verdict.OK, said, tuple(notes))
    if seen.printed.kind != "console" and boot.stage in (Stage.NOTHING, Stage.KERNEL):
        return _nothing(seen.printed)
    before = _in_a_row(seen)
    if before:
        return _loop(before, boot)
    waits = boot.of("waits")
    last = boot.last
    if waits and last is not None and last.number - waits[-1].line.number <= 1:
        one = waits[-1].values
        words = "The last boot waits {where} for {unit} ({time}, limit: {limit})"
        summary = say(words, where=boot.stage.value, unit=one["unit"], time=one["time"],
                      limit=one["limit"])  # fmt: skip
        return Finding(Verdict.WARNING, summary, (_CONSOLE,))
    return Finding(Verdict.UNKNOWN, _undecided(boot), (*_last_line(boot), _CONSOLE))


def _in_a_row(seen: Seen) -> list[Stopped]:
    """Why the boots right before the last one stopped, one after the other, the last one last."""
    found: list[Stopped] = []
    for boot in reversed([one for one in seen.boots[:-1] if not one.is_initrdless]):
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


def _stopped_before(seen: Seen) -> list[Stopped]:
    """Why boots before the last one stopped; Ubuntu's try without an initrd is meant to."""
    told = (explain(one) for one in seen.boots[:-1] if not one.is_initrdless)
    return [one for one in told if one is not None and not one.is_asked_for]


def _earlier(seen: Seen) -> Sequence[Statement]:
    notes: list[Statement] = []
    if len(seen.boots) > 1:
        stopped = len(_stopped_before(seen))
        words = "The text has {n:boot}; {stopped} before the last stopped on the way"
        notes.append(say(words, n=len(seen.boots), stopped=stopped or "none"))
    if any(one.is_initrdless for one in seen.boots[:-1]):
        words = (
            "An earlier start was Ubuntu's try without an initrd (initrdless), which ends in a "
            "panic on purpose"
        )
        notes.append(say(words))
    return notes


def _facts(boot: Boot, stopped: Stopped | None, seen: Seen) -> dict[str, Fact]:
    return {
        "stage": boot.stage.name.lower() if stopped is None else stopped.stage.name.lower(),
        "reached": boot.stage is Stage.REACHED,
        "cause": None if stopped is None else stopped.kind,
        "line": None if stopped is None else stopped.first.line.number,
        "kernel": boot.version or None,
        "boots": len(seen.boots),
    }


MODULE = Module(
    name=NAME,
    title="The last boot came up",
    domain="os",
    phrases=(),
    read=read,
    judge=judge,
    needs="a console's text",
    by_hand=lambda _: ("aws ec2 get-console-output --latest --instance-id INSTANCE",),
)
