"""When the table was full, as far as the log tells: lines are a lower bound, never a count."""

from __future__ import annotations

from ec2rl.conntrack.messages import PHRASES, Kind, Message, understand
from ec2rl.diagnosis.events import Event, count, log_sources, not_understood, sort_events
from ec2rl.facts.log import KernelLog, LogLine
from ec2rl.facts.trust import say_grades
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ec2rl.diagnosis.before_last_fix import Settling
    from ec2rl.model import Statement

# The kernel tells of a suppression with the next line that it does print (lib/ratelimit.c).
NEAR_IN_TIME = 60.0
"""Seconds: lines that follow each other within these tell of one loss that goes on."""


@record(frozen=True)
class LogPeriod:
    """Table-full lines that belong together; times in seconds since the epoch, None if unknown.

    `lines` is how many were printed: the kernel prints at most 10 in 5 s
    (net.core.message_burst, message_cost) of all its rate-limited network messages.
    `suppressed` estimates how many more it kept to itself.
    """

    lines: int
    first: float | None
    last: float | None
    suppressed: int
    log_sources: tuple[str, ...]
    namespaces: Mapping[int | None, int]
    """Lines by the namespace's inode; None for lines that do not name one."""
    uptimes: tuple[float, float] | None = None
    """Seconds since boot of the first and the last, where no calendar tells their times."""
    spells: Mapping[int | None, tuple[float, float]] = {}
    """By namespace, when the loss began and ended that its newest lines tell of."""
    containers: tuple[int, ...] = ()
    """The numbers of OpenVZ's containers whose tables they are."""
    is_old: bool = False
    """Whether ip_conntrack said them: Linux up to 2.6.21, and its kin (ip_conntrack_core.c)."""


@record(frozen=True)
class FullTableHistory:
    """All that the log says of full tables, this boot apart from others and from hearsay.

    `unverified` are lines that stand only where any user can write; `forged` counts those that the
    kernel verifiably did not write.  `others` counts lines of limits that are often mistaken for
    this one, in this boot.
    """

    now: LogPeriod
    before_last_fix: LogPeriod
    """Lines of this boot from before a change that made room, and is in force."""
    undecided: int
    """How many lines count as of now though they may be from before such a change."""
    earlier: LogPeriod
    boots: tuple[LogPeriod, ...]
    unverified: LogPeriod
    forged: int
    others: Mapping[Kind, int]
    quotes: tuple[LogLine, ...]
    """The first and the last line that counts, of this boot if there is one."""
    grades: tuple[Statement, ...] = ()
    """How far these lines can be believed (`trust.say_grades`)."""
    not_understood: tuple[LogLine, ...] = ()
    """Lines with the words in a form that is not known, or that are cut."""
    first_forged: LogLine | None = None


def timeline(log: KernelLog, settling: Settling | None = None) -> FullTableHistory:
    """Group table-full lines by boot and trust; `settling` tells which of this boot's are past."""
    # A full table says the same again and again.
    told = {message: understand(message) for message in {line.message for line in log.lines}}
    understood = [Event(message, line) for line in log.lines if (message := told[line.message])]
    full = [event for event in understood if event.detail.kind is Kind.TABLE_FULL]
    events = sort_events(full)
    if settling is not None:
        from ec2rl.diagnosis.before_last_fix import set_apart

        events = set_apart(events, [settling])
    suppressed = [event for event in understood if event.detail.kind is Kind.SUPPRESSED]
    others: dict[Kind, int] = {}
    for event in understood:
        line, kind = event.line, event.detail.kind
        if line.trusted and line.this_boot is not False and kind is not Kind.TABLE_FULL:
            others[kind] = others.get(kind, 0) + line.count
    boots: dict[str | None, list[Event[Message]]] = {}
    for event in events.earlier_boots:
        boots.setdefault(event.line.boot, []).append(event)
    quoted = events.this_boot or events.before_last_fix or events.earlier_boots
    ends = quoted if len(quoted) < 2 else (quoted[0], quoted[-1])
    unverified = events.unverified
    return FullTableHistory(
        _period(events.this_boot, [one for one in suppressed if one.line.this_boot is not False]),
        _period(events.before_last_fix, ()),
        0 if settling is None else count(settling.undecided(events.this_boot)),
        _period(events.earlier_boots, [one for one in suppressed if one.line.this_boot is False]),
        tuple(_period(found, ()) for found in boots.values()),
        replace(_period(unverified, ()), suppressed=_suppressed_behind(unverified)),
        events.forged,
        others,
        tuple(event.line for event in ends),
        say_grades(event.line for event in full),
        not_understood(log, PHRASES, lambda line: understand(line.message) is not None),
        events.first_forged,
    )


def _period(events: Sequence[Event[Message]], suppressed: Sequence[Event[Message]]) -> LogPeriod:
    lines = [event.line for event in events]
    times = sorted(line.time for line in lines if line.time is not None)
    uptimes = sorted(line.monotonic / 1e6 for line in lines if line.monotonic is not None)
    namespaces: dict[int | None, int] = {}
    for event in events:
        netns = event.detail.netns
        namespaces[netns] = namespaces.get(netns, 0) + event.line.count
    return LogPeriod(
        count(events),
        times[0] if times else None,
        times[-1] if times else None,
        _suppressed(times or uptimes, suppressed),
        log_sources(events),
        namespaces,
        (uptimes[0], uptimes[-1]) if uptimes and not times else None,
        _spells(events),
        tuple(dict.fromkeys(one.detail.container for one in events if one.detail.container)),
        any(line.message.startswith("ip_conntrack: ") for line in lines),
    )


def _spells(events: Sequence[Event[Message]]) -> dict[int | None, tuple[float, float]]:
    times: dict[int | None, list[float]] = {}
    for event in events:
        if event.line.time is not None:
            times.setdefault(event.detail.netns, []).append(event.line.time)
    return {netns: _newest_spell(sorted(all_of_it)) for netns, all_of_it in times.items()}


def _newest_spell(times: Sequence[float]) -> tuple[float, float]:
    first = times[-1]
    for time in reversed(times):
        if first - time > NEAR_IN_TIME:
            break
        first = time
    return first, times[-1]


def _suppressed_behind(events: Sequence[Event[Message]]) -> int:
    """Sum the suppressions in the lines behind each of these, where only those were kept."""
    behind = (understand(text) for event in events for text in event.line.context)
    return sum(m.number or 0 for m in behind if m is not None and m.kind is Kind.SUPPRESSED)


def _suppressed(times: Sequence[float], suppressed: Sequence[Event[Message]]) -> int:
    """Sum the suppressions that came at most a minute after a table-full line."""
    from bisect import bisect_right

    total = 0
    for event in suppressed:
        line, message = event.line, event.detail
        when = line.time
        if when is None and line.monotonic is not None:
            when = line.monotonic / 1e6
        before = bisect_right(times, when) if when is not None else 0
        if before and when is not None and when - times[before - 1] <= NEAR_IN_TIME:
            total += message.number or 0
    return total
