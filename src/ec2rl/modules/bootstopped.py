"""The machine does not come up: where its last boot stopped, and of what first."""

from __future__ import annotations

from ec2rl.facts.log import KernelLog
from ec2rl.host import Host
from ec2rl.host.queries.boot_journal import BootJournal
from ec2rl.host.queries.boot_text import BootText, Printed
from ec2rl.host.queries.system_state import SystemState
from ec2rl.model import Command, Finding, Unreadable, Verdict, Why, next_step, say, see_page
from ec2rl.module import STORY, Module, Options
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.host.journal.first_program import Told
    from ec2rl.model import Fact

NAME = "bootstopped"
_MAINTENANCE = "maintenance"
_LONG = 600.0
"""Seconds after which a boot that still starts is slow."""


@record(frozen=True)
class Seen:
    """What the last boots printed; else of a running machine `state`, systemd's own word.

    Where that does not tell, `journal` is what systemd wrote down of the last boot.

    `is_systemd` is whether that is PID 1 there, true where nobody can tell; `uptime` in seconds.
    """

    printed: Printed | Unreadable
    state: str | Unreadable = ""
    is_systemd: bool = True
    uptime: float | None = None
    journal: Told | Unreadable | None = None


def read(host: Host, log: KernelLog, options: Options) -> Seen:
    """Read what a console shows of the last boots; of a running machine ask systemd."""
    printed = host.query(BootText())
    if not isinstance(printed, Unreadable):
        return Seen(printed)
    state = host.query(SystemState())
    word = state if isinstance(state, Unreadable) else state.text.strip()
    is_silent = isinstance(word, Unreadable) and word.why is Why.NOT_COLLECTED
    journal = host.query(BootJournal()) if is_silent or word == _MAINTENANCE else None
    return Seen(printed, word, _is_systemd(host), host.clock().uptime, journal)


def _is_systemd(host: Host) -> bool:
    """Whether systemd is PID 1 here (sd_booted(3)); true where nobody can tell."""
    found, first = host.names("/run/systemd/system"), host.read("/proc/1/comm")
    is_absent = isinstance(found, Unreadable) and found.why is Why.ABSENT
    return isinstance(first, Unreadable) or first.text.strip() == "systemd" or not is_absent


def judge(seen: Seen) -> Finding:
    """Judge the last boot by what was said last of it, or by what systemd says now."""
    if isinstance(seen.printed, Unreadable):
        return _running(seen) if _is_asked(seen) else _by_journal(seen)
    # Only evidence in somebody's hand needs it.
    from ec2rl.diagnosis.stopped_boots import judge_text

    finding = judge_text(seen.printed)
    return replace(finding, details=(*finding.details, see_page(NAME)))


def _is_asked(seen: Seen) -> bool:
    """Whether systemd's word decides: without the journal, or where that tells nothing more."""
    return seen.journal is None or (
        seen.state == _MAINTENANCE and isinstance(seen.journal, Unreadable)
    )


def _by_journal(seen: Seen) -> Finding:
    """What systemd wrote to the journal of the last boot that wrote any."""
    if seen.journal is None or isinstance(seen.journal, Unreadable):
        words = "Cannot tell how far the last boot came: {why}; its console tells"
        how = say("What helps: {get}, then {run}", get=_GET, run=_RUN)
        return Finding(Verdict.UNKNOWN, say(words, why=seen.journal), (how,))
    from ec2rl.diagnosis.stopped_boots import judge_journal

    finding = judge_journal(seen.journal, seen.state == _MAINTENANCE)
    return replace(finding, details=(*finding.details, see_page(NAME)))


def _running(seen: Seen) -> Finding:
    """A machine without a console's text: what systemd says, where it runs."""
    state = seen.state
    cannot = "Cannot tell how far the last boot came: "
    if isinstance(state, Unreadable):
        if state.why is Why.ABSENT and not seen.is_systemd:
            said = say("There is no boot to judge: systemd is not the first program here")
            return Finding(Verdict.NOT_APPLICABLE, said)
        said = say(cannot + "{state}", state=state)
        return Finding(Verdict.UNKNOWN, said, (next_step("Next: {run_as_root}"),))
    facts: dict[str, Fact] = {"state": state}
    if state in ("running", "degraded"):
        said = say("This boot came up: systemd reached its target ({state}).", state=state)
        return Finding(Verdict.OK, said, facts=facts)
    if state == _MAINTENANCE:
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


_BY_HAND = "aws ec2 get-console-output --latest --instance-id INSTANCE"
_GET = Command(f"{_BY_HAND} > FILE", root=False, own=False)
_RUN = Command("run FILE", root=False)
MODULE = Module(
    name=NAME,
    title="The last boot came up",
    domain="os",
    phrases=(),
    read=read,
    judge=judge,
    needs="a console's text",
    by_hand=lambda _: (_BY_HAND,),
    rank=STORY,
)
