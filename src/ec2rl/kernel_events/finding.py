"""The verdict on events of the kernel, in words, quotes and numbers."""

from __future__ import annotations

from collections.abc import Sequence

from ec2rl.facts.coverage import reading, source_facts, stamp, whole_log
from ec2rl.facts.trust import told
from ec2rl.kernel_events.events import Event, Group, count, group, places
from ec2rl.kernel_events.seen import Seen
from ec2rl.model import Evidence, Finding, Role, Statement, Verdict, see_page
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.model import Json

_TOLD = 10
"""Groups that are told one by one."""


@record(frozen=True)
class Words:
    """A diagnosis in plain words.

    `found` and `none` are what was found ("Kernel BUG messages found") and not; `question` follows
    "Cannot tell whether"; `name` and `advice` are for the next step.
    """

    name: str
    found: str
    none: str
    question: str
    advice: tuple[Statement | str, ...] = ()


def times(number: int) -> str:
    return f"{number} occurrence{'s' * (number != 1)}"


def judge_events(seen: Seen, words: Words) -> Finding:
    """This boot's events are a failure, others a warning; silence is OK only where it means it."""
    verdict, summary = _verdict(seen, words)
    details: list[Statement | str] = [*_happened(seen), *seen.notes, *_rests_on(seen, verdict)]
    if verdict in (Verdict.PROBLEM, Verdict.WARNING):
        details += [*words.advice, see_page(words.name)]
    elif verdict is Verdict.UNKNOWN:
        details.append(f"Next: {_next(seen, words.name)}")
    return Finding(verdict, summary, tuple(details), _quotes(seen), (), _facts(seen))


def _next(seen: Seen, name: str) -> str:
    """What would make it known: a right, a watchdog, a larger log."""
    ring = seen.log.sources[0]
    unread = [one for one in (ring.unreadable, *seen.remains.unread) if one is not None]
    if seen.doubt and not unread:
        return f"sudo ./ec2rl explain {name}"
    if ring.lost and not seen.doubt:
        return (
            "less is lost, from the next boot on, with a journal that lasts (mkdir "
            "/var/log/journal) or a larger ring (log_buf_len=4M on the kernel's command line)"
        )
    return "run it as root on the host itself: sudo ./ec2rl run"


def _verdict(seen: Seen, words: Words) -> tuple[Verdict, str]:
    events = seen.events
    if events.now:
        return Verdict.PROBLEM, (
            f"{words.found}. {times(count(events.now))} in {' and '.join(places(events.now))}"
        )
    if seen.counted and seen.counts_apply:
        return Verdict.PROBLEM, f"{words.found}. {seen.counted}; {seen.why_no_line}"
    if seen.state is not None:
        return seen.state
    if events.earlier:
        boots = len({event.line.boot or event.line.sources[0] for event in events.earlier})
        return Verdict.WARNING, (
            f"{words.found} in {boots} earlier boot{'s' * (boots > 1)}: "
            f"at least {times(count(events.earlier))}, "
            + ("none in this boot" if seen.known else "this boot cannot be told")
        )
    if seen.suspected:
        return Verdict.WARNING, seen.suspected
    if events.hearsay:
        return Verdict.WARNING, (
            f"{words.found} only where any user can write "
            f"({', '.join(places(events.hearsay))}): not verified"
        )
    if not seen.known:
        return Verdict.UNKNOWN, (
            f"Cannot tell whether {words.question}: {'; '.join(_unseen(seen))}"
        )
    return Verdict.OK, words.none


def _unseen(seen: Seen) -> list[str]:
    """What was missing for a verdict, and which right would give it."""
    reasons = [seen.doubt] if seen.doubt else []
    ring = seen.log.sources[0]
    if ring.unreadable is not None:
        reasons.append(str(ring.unreadable))
    elif not seen.covered:
        reasons.append(f"dmesg: {ring.gap}" if ring.gap else "the kernel's log is incomplete")
        if ring.oldest is not None:
            reasons.append(f"none since {stamp(ring.oldest)}")
    return reasons + [str(one) for one in seen.remains.unread]


def _happened(seen: Seen) -> list[str]:
    lines = []
    for events, name in (
        (seen.events.now, ""),
        (seen.events.earlier, "earlier boot, "),
        (seen.events.hearsay, "not verified, "),
    ):
        groups = group(events)
        for one in groups[:_TOLD]:
            lines += _told(one, name)
        if len(groups) > _TOLD:
            lines.append(f"{name}{len(groups) - _TOLD} more that differ: see the JSON report")
    lines += told(
        event.line for event in (*seen.events.now, *seen.events.earlier, *seen.events.hearsay)
    )
    if seen.events.forged:
        lines.append(
            f"Not the kernel's: {seen.events.forged} line{'s' * (seen.events.forged > 1)} that "
            "someone wrote in its name"
        )
    return lines


def _told(one: Group, name: str) -> list[str]:
    """A group in two lines: what happened, where and when; then the top of the call trace."""
    event, trace = one.last, one.last.trace
    words = f"{name}{stamp(event.line.time)}: {event.what}"
    if trace.cpu is not None and f"({trace.pid})" not in event.what:
        words += f"; CPU {trace.cpu}, task {trace.task} ({trace.pid})"
    if trace.module:
        words += f", module {trace.module}"
    if trace.taint:
        words += f", tainted {trace.taint}"
    if one.count > 1:
        words += f"; {one.count} times, first {stamp(one.first.line.time)}"
    return [words] + ([f"    in {trace.top}"] if trace.top else [])


def _rests_on(seen: Seen, verdict: Verdict) -> list[Statement | str]:
    """Which sources the verdict rests on, and which it had to do without."""
    lines: list[Statement | str] = []
    if seen.proof and not seen.covered:
        lines = [f"Known: {seen.proof}"]
    if verdict is Verdict.OK:
        proofs = [whole_log(seen.log, seen.since)] if seen.covered else []
        values = {"proofs": tuple(filter(None, (*proofs, seen.proof)))}
        lines = [Statement("Rests on: {proofs:; }", values, Role.PROOF)]
    unread = [str(one) for one in seen.remains.unread]
    return [*lines, *reading(seen.log, seen.remains.files, unread)]


def _quotes(seen: Seen) -> tuple[Evidence, ...]:
    """One event of each group with its whole trace: the newest, in the kernel's words."""
    groups = group(seen.events.now or seen.events.earlier or seen.events.hearsay)
    return tuple(
        Evidence(
            ", ".join(one.last.line.sources),
            "\n".join(
                [f"{stamp(one.last.line.time)} {one.last.line.message}", *one.last.trace.lines]
            ),
        )
        for one in groups[:_TOLD]
    )


def _facts(seen: Seen) -> dict[str, Json]:
    """The numbers behind the words; None is unknown."""
    return {
        "this_boot": _event_facts(seen.events.now),
        "earlier_boots": _event_facts(seen.events.earlier),
        "unverified": _event_facts(seen.events.hearsay),
        "forged_lines": seen.events.forged,
        "known": seen.known,
        "proof": seen.proof,
        "whole_boot": seen.log.whole_boot,
        "crash_records": list(seen.remains.files),
        "crash_dumps": list(seen.remains.dumps),
        "sources": source_facts(seen.log),
    }


def _event_facts(events: Sequence[Event]) -> dict[str, Json]:
    return {
        "count": count(events),
        "groups": [
            {
                "what": one.last.what,
                "count": one.count,
                "grade": one.last.line.grade.value,
                "first": one.first.line.time,
                "last": one.last.line.time,
                "sources": list(one.last.line.sources),
                "cpu": one.last.trace.cpu,
                "task": one.last.trace.task,
                "pid": one.last.trace.pid,
                "taint": one.last.trace.taint,
                "module": one.last.trace.module,
                "trace": list(one.last.trace.frames),
            }
            for one in group(events)[:100]
        ],
    }
