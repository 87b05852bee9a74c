"""A module whose events the kernel's log tells: what is common to all of them, said once."""

from __future__ import annotations

from itertools import takewhile

from ec2rl import shipped
from ec2rl.diagnosis.events import find_events, not_understood, sort_events, together
from ec2rl.diagnosis.finding import judge_events
from ec2rl.diagnosis.observations import TAINT_DIED, Observations, taint
from ec2rl.facts.crash_records import CrashRecords, read_crash_records
from ec2rl.facts.proc import number
from ec2rl.module import Module
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any, Callable, TypeVar

    from ec2rl.diagnosis.events import Detail, Event, Events, Parse
    from ec2rl.diagnosis.finding import DiagnosisText
    from ec2rl.facts.log import KernelLog, LogLine
    from ec2rl.host import Host, Phrase
    from ec2rl.model import Finding, Setting, Statement
    from ec2rl.module import Options

    D = TypeVar("D", bound=Detail)


def kernel_log_module(
    *,
    name: str,
    title: str,
    domain: str,
    phrases: tuple[Phrase, ...],
    text: DiagnosisText,
    parse: Parse[D] | None = None,
    find: Callable[[Sequence[LogLine]], Iterable[Event[D]]] | None = None,
    observe: Callable[[Host, Observations[D]], Observations[D]] | None = None,
    advise: Callable[[Observations[D]], Sequence[Statement]] | None = None,
    found: Callable[[Observations[D]], str] | None = None,
    concerns: Callable[[str], bool] = bool,
    of_dead_kernels: bool = False,
    level: int | None = None,
    settings: tuple[Setting, ...] = (),
    **fix: Any,
) -> Module:
    """Make the module of events that the kernel's log tells of.

    `parse` understands one line and its trace; `find` is for events of several lines.  `observe`
    adds what else tells of them: a proof, a count, a doubt, notes.  `advise` gives advice by what
    was found, and `found` names it, instead of what `text` has.  `of_dead_kernels` looks in crash
    records as well.  `level` is the weakest at which the kernel tells of an event, where its
    phrases do not say it.  `concerns` tells whether a line that was not understood can be one of
    these events, by its words, where others have the same phrases.  Where there are `settings`,
    this boot's events from before a change that raised all of them, and is in force, are past;
    `fix` are the fields of `Module` that such a
    module has.  The commands "By hand" are those of the module's page.
    """

    def read(host: Host, log: KernelLog, options: Options) -> Observations[D]:
        records = (
            read_crash_records(host, phrases, options.period) if of_dead_kernels else CrashRecords()
        )
        events: Events[D]
        if parse is not None:
            events = find_events(log, phrases, parse, records.lines)
        else:
            assert find is not None, "a module parses lines, or finds events in them"
            odd = not_understood(log, phrases, lambda one: any(find((one,))))
            events = replace(
                sort_events(find(together(log.lines, records.lines))),
                not_understood=tuple(line for line in odd if concerns(line.message)),
            )
        weakest = max(phrase.level for phrase in phrases) if level is None else level
        clock = host.clock()
        now = None if clock.by_file else clock.now
        seen = Observations(log, events, options.period, records, level=weakest, now=now)
        if settings and events.this_boot:
            seen = _settled(host, seen, settings)
        if observe is not None:
            seen = observe(host, seen)
        if not seen.settlings:
            return seen
        from ec2rl.diagnosis.before_last_fix import explained

        return replace(seen, notes=(*seen.notes, *explained(seen.events, seen.settlings)))

    def judge(seen: Observations[D]) -> Finding:
        advice = text.advice if advise is None else tuple(advise(seen))
        named = text.found if found is None else found(seen)
        return judge_events(name, seen, replace(text, advice=advice, found=named))

    needs = "root, for the kernel log" + (" and the crash records" if of_dead_kernels else "")
    by_hand = fix.pop("by_hand", lambda _: commands_of(name))
    return Module(
        name, title, domain, phrases, read, judge, needs, by_hand, settings=settings, **fix
    )


def _settled(host: Host, seen: Observations[D], settings: Sequence[Setting]) -> Observations[D]:
    """Set this boot's events apart that are from before a change of these settings."""
    from ec2rl.diagnosis.before_last_fix import set_apart
    from ec2rl.diagnosis.fix_history import read_settling

    settlings = tuple(
        read_settling(host, one.key, number(host, f"/proc/sys/{one.key.replace('.', '/')}"))
        for one in settings
    )
    return replace(seen, events=set_apart(seen.events, settlings), settlings=settlings)


def mark_of_death(event: str) -> Callable[[Host, Observations[D]], Observations[D]]:
    """Look whether a task was killed since boot: bit 7 of kernel.tainted; `event` is its name."""

    def observe(host: Host, seen: Observations[D]) -> Observations[D]:
        proof, notes = taint(host, TAINT_DIED, event)
        return replace(seen, proof=proof, notes=(*seen.notes, *notes))

    return observe


def commands_of(name: str) -> tuple[str, ...]:
    """Read the commands right below "By hand" on a module's page; none where there is no page."""
    try:
        section = shipped.text(f"modules/{name}.md").partition("\n## By hand\n\n")[2]
    except OSError:
        return ()
    block = takewhile(lambda line: line.startswith("    "), section.split("\n"))
    return tuple(line[4:] for line in block)
