"""What a table that counts what it refuses says beside the log: since boot, now, before a fix."""

from __future__ import annotations

from ec2rl.diagnosis.events import Event, Events
from ec2rl.diagnosis.limited_tables import (
    Counts,
    LimitedTable,
    Overflow,
    TableKind,
    TableObservations,
    say_table,
    seconds_of,
    tells_of_table,
)
from ec2rl.diagnosis.observations import Observations
from ec2rl.facts.proc import rise
from ec2rl.host import INFO, Phrase
from ec2rl.model import Rate, Role, Statement, Unreadable, Verdict, Why, none_in, say
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.diagnosis.before_last_fix import Settling
    from ec2rl.facts.log import KernelLog
    from ec2rl.host import Host
    from ec2rl.module import Options

# What net/core/utils.c and kernel/printk/printk.c say of lines that they kept back.
SUPPRESSED = Phrase(b"s suppressed", recent=True, level=INFO, aside=True)
_SUPPRESSED = r"(?:__|net_)ratelimit: \d{1,9} callbacks suppressed\s*|printk: \d{1,9} messages .*"


def measure_tables(host: Host, tables: Sequence[LimitedTable], kind: TableKind) -> Rate | None:
    """Measure what is refused each second, by two looks a second apart; None if nobody counts."""
    rises = [one.risen for one in _again(host, tables, 1.0, kind) if one.risen is not None]
    return Rate(float(sum(rises)), f"new {kind.entries} refused") if rises else None


def _again(
    host: Host, tables: Sequence[LimitedTable], seconds: float, kind: TableKind
) -> tuple[LimitedTable, ...]:
    later = host.later(seconds)
    return tuple(_after(table, kind.count(later, table), seconds) for table in tables)


def _after(table: LimitedTable, counts: Counts | Unreadable, seconds: float) -> LimitedTable:
    risen = rise(table.refused, counts.refused) if isinstance(counts, Counts) else None
    if not isinstance(counts, Counts) or risen is None:
        return table
    return replace(table, counts=counts, risen=risen, seconds=seconds)


def observe_tables(
    host: Host,
    log: KernelLog,
    events: Events[Overflow],
    tables: tuple[LimitedTable, ...],
    options: Options,
    kind: TableKind,
) -> TableObservations:
    """Look at tables beside the log's events of them; twice if something is odd.

    The log is to have been read for `SUPPRESSED` as well.
    """
    if options.sample and (events.this_boot or any(t.near or t.refused for t in tables)):
        tables = _again(host, tables, options.sample, kind)
    seen = Observations(
        log,
        events,
        options.period,
        proof=_proof(tables, kind),
        doubt=_doubt(log, tables),
        notes=tuple(said for table in tables if (said := say_table(table)) is not None),
        headline=_headline(tables, kind),
        state=_state(tables, kind),
        level=kind.level,
    )
    if events.this_boot or any(table.refused for table in tables):
        seen = _settled(host, tables, seen)
    counted = _unexplained(seen, tables)
    if not counted or any(table.risen for table in counted):
        return TableObservations(seen, tables)
    raised = [table for table, one in zip(tables, seen.settlings) if one.change is not None]
    before_fix = any(table in raised for table in counted)
    if seen.counts_apply and not before_fix:
        seen = replace(seen, counted=_refused_since_boot(counted, kind))
        return TableObservations(seen, tables, counted)
    suspected = _suspected(seen, counted, kind, before_fix)
    return TableObservations(replace(seen, suspected=suspected), tables)


def _settled(
    host: Host, tables: Sequence[LimitedTable], seen: Observations[Overflow]
) -> Observations[Overflow]:
    """Set events apart that are from before a change that made room, and say why."""
    from ec2rl.diagnosis.before_last_fix import explained, set_apart
    from ec2rl.diagnosis.fix_history import read_settling

    known = {
        table.label: read_settling(host, table.key, table.maximum, table.limit_name)
        for table in tables
    }

    def tells_of(event: Event[Overflow]) -> list[Settling]:
        return [known[label] for label in event.detail.tables if label in known]

    settlings = tuple(known.values())
    events: Events[Overflow] = set_apart(seen.events, settlings, tells_of)
    notes = (*seen.notes, *explained(events, settlings, tells_of))
    return replace(seen, events=events, settlings=settlings, notes=notes)


def _proof(tables: Sequence[LimitedTable], kind: TableKind) -> Statement | None:
    """Why no table has been full in this boot, None where that is not known."""
    if any(table.refused != 0 for table in tables):
        return None
    words = "{counter} in {files: and } is 0: no {entry} was refused since boot"
    files = tuple(table.source for table in tables)
    return say(words, counter=kind.counter, files=files, entry=kind.entry)


def _doubt(log: KernelLog, tables: Sequence[LimitedTable]) -> Statement | None:
    """Why a whole log would not tell that there is room.

    What nobody collected is not held against it.
    """
    for table in tables:
        for part in (table.counts, table.limit):
            if isinstance(part, Unreadable) and part.why is Why.ABSENT:
                return say("{unread}: only the host's own network namespace has it", unread=part)
            if isinstance(part, Unreadable) and part.why is not Why.NOT_COLLECTED:
                return say("{unread}", unread=part)
    if any(table.refused is None for table in tables) and _left_lines_out(log):
        return say("the kernel left lines out of its log, and no counter tells of them")
    return None


def _left_lines_out(log: KernelLog) -> bool:
    import re

    lines = (one for one in log.lines if one.trusted and one.this_boot is not False)
    return any(
        "s suppressed" in one.message and re.fullmatch(_SUPPRESSED, one.message) for one in lines
    )


def _headline(tables: Sequence[LimitedTable], kind: TableKind) -> tuple[Statement, ...]:
    """What is being refused now, the worst first."""
    words = "{table} {is} refusing {rate:pace} new {entries}/s: its table has {n:,} of {limit:,}"
    losing = [one for one in tables if one.risen and one.seconds]
    losing.sort(key=lambda one: -(one.risen or 0))
    return tuple(
        Statement(
            words,
            {
                "table": one.label,
                "rate": (one.risen or 0) / (one.seconds or 1),
                "entries": kind.entries,
                "n": one.entries,
                "limit": one.limit,
            },
            Role.HEADLINE,
        )
        for one in losing
    )


def _state(tables: Sequence[LimitedTable], kind: TableKind) -> tuple[Verdict, Statement] | None:
    """What is so now: something is being refused, or soon will be."""
    refused = tuple(
        say("{n:,} in {seconds} s by {table}", n=t.risen, seconds=seconds_of(t), table=t.label)
        for t in tables
        if t.risen
    )
    if refused:
        words = "New {entries} are being refused {now}: {tables}"
        return Verdict.PROBLEM, say(words, entries=kind.entries, tables=refused)
    words = "{table} has {entries:,} of {limit:entry/entries}"
    near = tuple(
        say(words, table=t.label, entries=t.entries, limit=t.maximum) for t in tables if t.near
    )
    if near:
        words = "{name} is nearly full: {tables}"
        return Verdict.WARNING, say(words, name=kind.name, tables=near)
    return None


def _unexplained(
    seen: Observations[Overflow], tables: Sequence[LimitedTable]
) -> tuple[LimitedTable, ...]:
    """Choose the tables that have refused what nothing explains."""
    if seen.covered and not seen.counts_apply:
        return ()  # the log has all of the time that is asked about, and the counters have more
    return tuple(table for table in tables if table.refused and not _explained(seen, table))


def _explained(seen: Observations[Overflow], table: LimitedTable) -> bool:
    """Whether what a table refused is explained by lines from before a change that made room."""
    whole = seen.covered or seen.covered_since_fix
    return table.risen == 0 and whole and tells_of_table(seen.events.before_last_fix, table)


def _refused_since_boot(tables: Sequence[LimitedTable], kind: TableKind) -> Statement:
    words = "{n:,} new {entries} were refused since boot"
    if all(table.risen == 0 for table in tables):
        words += ", {none}"
    none = none_in(tables[0].seconds or 0)
    return say(
        words, none=none, n=sum(table.refused or 0 for table in tables), entries=kind.entries
    )


def _suspected(
    seen: Observations[Overflow], tables: Sequence[LimitedTable], kind: TableKind, before_fix: bool
) -> Statement:
    """Say what was refused at a time that is not known: maybe before a fix, or what is asked."""
    why = _why_no_line(seen)
    if before_fix:
        why = say("whether all of it was before the change of the limit is not known")
    return say("{refused}; {why}", refused=_refused_since_boot(tables, kind), why=why)


def _why_no_line(seen: Observations[Overflow]) -> Statement:
    """Why nobody knows when: no line of the log says it, or the log was not read."""
    unread = seen.log.ring.unreadable
    if unread is None or unread.why is Why.NOT_COLLECTED:
        return say("no line in the log says when")
    return say("when is not known, as the log was not read: {unread}", unread=unread)
