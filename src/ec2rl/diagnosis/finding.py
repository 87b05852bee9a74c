"""The verdict on events of the kernel: its statements, quotes and facts."""

from __future__ import annotations

from ec2rl.diagnosis.coverage import (
    complete_log,
    missing,
    moment,
    reading,
    source_facts,
    with_time,
)
from ec2rl.diagnosis.events import (
    count,
    group,
    log_sources,
    message,
    say_forged,
    say_not_understood,
)
from ec2rl.facts.trust import say_grades
from ec2rl.model import (
    Evidence,
    Finding,
    Role,
    Statement,
    Verdict,
    Why,
    helps,
    more,
    next_step,
    say,
    see_page,
)
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.diagnosis.events import Detail, Event, Events, Group
    from ec2rl.diagnosis.observations import Observations
    from ec2rl.model import Fact, Value

_FEW, _TOLD = 3, 10
"""Groups that are told one by one: to everybody, and to who asks for all."""


@record(frozen=True)
class DiagnosisText:
    """A diagnosis in plain words.

    `found` and `none` are what was found ("Kernel BUG messages found") and not; `question` follows
    "Cannot tell whether"; `advice` is the next step where something was found.
    """

    found: str
    none: str
    question: str
    advice: tuple[Statement, ...] = ()


def judge_events(name: str, seen: Observations[Detail], text: DiagnosisText) -> Finding:
    """Judge for the module `name`: this boot's events are a failure, others a warning.

    Silence is OK only where it means that nothing happened.
    """
    verdict, summary = _verdict(seen, text)
    details = [
        *seen.headline,
        *_happened(seen.events, seen.now),
        *seen.notes,
        *_rests_on(seen, verdict),
    ]
    if verdict in (Verdict.PROBLEM, Verdict.WARNING):
        advice = (helps(one) if one.role is Role.STATE else one for one in text.advice)
        details += [*advice, see_page(name)]
    elif verdict is Verdict.UNKNOWN:
        details.append(_next(seen, name))
    return Finding(verdict, summary, tuple(details), _quotes(seen.events), (), _facts(seen))


def _next(seen: Observations[Detail], name: str) -> Statement:
    """What would make it known: a right, a watchdog, a larger log."""
    ring = seen.log.ring
    unread = [one for one in (ring.unreadable, *seen.crash_records.unread) if one is not None]
    if seen.doubt and not unread:
        return see_page(name)
    if ring.lost and not seen.doubt:
        return next_step(
            "Next: less is lost, from the next boot on, with a journal that lasts (mkdir "
            "/var/log/journal) or a larger ring (log_buf_len=4M on the kernel's command line)"
        )
    return next_step("Next: {collect_all}" if seen.covered else "Next: {run_as_root}")


def _verdict(seen: Observations[Detail], text: DiagnosisText) -> tuple[Verdict, Statement]:
    events = seen.events
    if events.this_boot:
        found = say(
            "{found}. {n:occurrence} in {places: and }",
            found=text.found,
            n=count(events.this_boot),
            places=log_sources(events.this_boot),
        )
        if seen.harmless:
            words = "{found}; {harmless}"
            return Verdict.WARNING, say(words, found=found, harmless=seen.harmless)
        return Verdict.PROBLEM, found
    if seen.counted and seen.counts_apply:
        words = "{found}. {counted}; {why_no_line}"
        why = _why_no_line(seen)
        return Verdict.PROBLEM, say(words, found=text.found, counted=seen.counted, why_no_line=why)
    if seen.state is not None:
        return seen.state
    if events.earlier_boots:
        return Verdict.WARNING, say(
            "{found} in {boots:earlier boot}: at least {n:occurrence}, {here}",
            found=text.found,
            boots=len({one.line.boot or one.line.sources[0] for one in events.earlier_boots}),
            n=count(events.earlier_boots),
            here=say("none in {this_boot}" if seen.known else "{this_boot} cannot be told"),
        )
    if seen.suspected:
        return Verdict.WARNING, seen.suspected
    if events.unverified:
        words = "{found} only where any user can write ({places}): not verified"
        where = log_sources(events.unverified)
        return Verdict.WARNING, say(words, found=text.found, places=where)
    if not seen.known:
        words = "Cannot tell whether {question}: {reasons:; }"
        return Verdict.UNKNOWN, say(words, question=text.question, reasons=_unseen(seen))
    return Verdict.OK, say(text.none)


def _why_no_line(seen: Observations[Detail]) -> Statement:
    """Why a counter knows of events that no line names: nobody has them, or we may not look."""
    unread = seen.log.ring.unreadable
    if unread is None:
        return say("no line is left that names them")
    return say("no line was read: {unread}", unread=unread)


def _unseen(seen: Observations[Detail]) -> tuple[Value, ...]:
    """What was missing for a verdict, and which right would give it."""
    odd = seen.events.not_understood
    doubt: tuple[Value, ...] = (say_not_understood(odd),) if odd else ()
    doubt = (*doubt, seen.doubt) if seen.doubt else doubt
    unread: tuple[Value, ...] = seen.crash_records.unread
    if len(unread) > 1 and all(
        one.why is Why.NOT_COLLECTED and not one.detail for one in seen.crash_records.unread
    ):
        unread = (say("what dead kernels left: not collected"),)
    return (*doubt, *missing(seen.log, seen.period.since, seen.level), *unread)


def _happened(events: Events[Detail], now: float | None) -> list[Statement]:
    lines = []
    periods = (
        (events.this_boot, ""),
        (events.earlier_boots, "earlier boot, "),
        (events.unverified, "not verified, "),
    )
    for found, period in periods:
        groups = group(found)
        for number, one in enumerate(groups[:_TOLD]):
            newest = found is events.this_boot and not number
            said, *top = _told(one, period, now if newest else None)
            lines += [said if number < _FEW else more(said), *map(more, top)]
        if len(groups) > _TOLD:
            words = "{period}{more:more that differs/more that differ}: see the JSON report"
            lines.append(more(say(words, period=period, more=len(groups) - _TOLD)))
    lines += say_grades(event.line for found, _ in periods for event in found)
    if events.not_understood:
        lines.append(say_not_understood(events.not_understood, quoted=True))
    return lines + say_forged(events.forged, events.first_forged)


def _told(one: Group[Detail], period: str, now: float | None) -> list[Statement]:
    """A group in two lines: what happened, where and when; then the top of the call trace.

    With `now` it is said how long ago that was.
    """
    trace, what = one.last.trace, message(one.last)
    values: dict[str, Value] = {"period": period, "when": moment(one.last.line), "what": what}
    when = one.last.line.time
    words = "{period}{when:time}: {what}"
    if now is not None and when is not None and now >= when:
        words = "{period}{ago:span} {ago_}, {when:time}: {what}"
        values["ago"] = now - when
    if trace.cpu is not None and what.values.get("pid") != trace.pid:
        words += "; CPU {cpu}, task {task} ({pid})"
        values.update(cpu=trace.cpu, task=trace.task, pid=trace.pid)
    if trace.module:
        words += ", module {module}"
        values.update(module=trace.module)
    if trace.taint:
        words += ", tainted {taint}"
        values.update(taint=trace.taint)
    if one.count > 1:
        others = (("{tasks:,} tasks", one.tasks), ("{cpus} CPUs", one.cpus))
        named = " and ".join(words for words, number in others if number > 1)
        words += f"; the last of {named}" if named else ""
        words += "; {n:,} times, first {first:time}"
        values.update(n=one.count, first=moment(one.first.line), tasks=one.tasks, cpus=one.cpus)
    top = [say("    in {top}", top=trace.top)] if trace.top else []
    return [say(words, **values), *top]


def _rests_on(seen: Observations[Detail], verdict: Verdict) -> list[Statement]:
    """Which sources the verdict rests on, and which it had to do without."""
    lines = []
    if verdict is Verdict.OK:
        log = _whole(seen)
        proofs = tuple(one for one in (log, seen.proof) if one is not None)
        lines = [Statement("Rests on: {proofs:; }", {"proofs": proofs}, Role.PROOF)]
    elif seen.proof and not seen.covered:
        lines = [say("Known: {proof}", proof=seen.proof)]
    read = reading(seen.log, seen.crash_records.files, seen.crash_records.unread)
    return [*lines, *map(more, read)]


def _whole(seen: Observations[Detail]) -> Statement | None:
    """Which log is whole for the time that is asked about, or since a fix; None for neither."""
    if seen.covered:
        return complete_log(seen.log, seen.period.since)
    if seen.covered_since_fix:
        return say("{log}, whole since the change of the limit", log=seen.log.ring.name)
    return None


def _quotes(events: Events[Detail]) -> tuple[Evidence, ...]:
    """One event of each group with its whole trace: the newest, in the kernel's words."""
    return tuple(
        Evidence(
            ", ".join(one.last.line.sources),
            "\n".join([with_time(one.last.line), *one.last.trace.lines]),
        )
        for one in group(events.newest)[:_TOLD]
    )


def _facts(seen: Observations[Detail]) -> dict[str, Fact]:
    """The values behind the words; None is unknown."""
    return {
        "this_boot": _event_facts(seen.events.this_boot),
        "earlier_boots": _event_facts(seen.events.earlier_boots),
        "unverified": _event_facts(seen.events.unverified),
        "forged_lines": seen.events.forged,
        "not_understood": len(seen.events.not_understood),
        "known": seen.known,
        "proof": seen.proof or "",
        "whole_boot": seen.log.whole_boot,
        "crash_records": seen.crash_records.files,
        "crash_dumps": seen.crash_records.dumps,
        "sources": source_facts(seen.log),
    }


def _event_facts(events: Sequence[Event[Detail]]) -> dict[str, Fact]:
    return {
        "count": count(events),
        "groups": [
            {
                "what": message(one.last),
                "count": one.count,
                "tasks": one.tasks,
                "cpus": one.cpus,
                "grade": one.last.line.grade.value,
                "first": one.first.line.time,
                "last": one.last.line.time,
                "sources": one.last.line.sources,
                "cpu": one.last.trace.cpu,
                "task": one.last.trace.task,
                "pid": one.last.trace.pid,
                "taint": one.last.trace.taint,
                "module": one.last.trace.module,
                "trace": one.last.trace.frames,
            }
            for one in group(events)[:100]
        ],
    }
