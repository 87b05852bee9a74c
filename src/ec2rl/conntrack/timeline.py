"""When the table was full, as far as the log tells: lines are a lower bound, never a count."""

from __future__ import annotations

from ec2rl.conntrack.messages import Kind, Message, understand
from ec2rl.facts.log import KernelLog, LogLine
from ec2rl.facts.trust import Grade, told
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ec2rl.diagnosis.before_last_fix import Settling

# The kernel tells of a suppression with the next line that it does print (lib/ratelimit.c).
_NEAR = 60.0


@record(frozen=True)
class Spell:
    """Table-full lines that belong together; times in seconds since the epoch, None if unknown.

    `lines` is how many were printed: the kernel prints at most 10 in 5 s
    (net.core.message_burst, message_cost) of all its rate-limited network messages.
    `suppressed` estimates how many more it kept to itself.
    """

    lines: int
    first: float | None
    last: float | None
    suppressed: int
    places: tuple[str, ...]
    namespaces: Mapping[int | None, int]
    """Lines by the namespace's inode; None for lines that do not name one."""
    uptimes: tuple[float, float] | None = None
    """Seconds since boot of the first and the last, where no calendar tells their times."""


@record(frozen=True)
class Timeline:
    """All that the log says of full tables, this boot apart from others and from hearsay.

    `hearsay` are lines that stand only where any user can write; `forged` counts those that the
    kernel verifiably did not write.  `others` counts lines of limits that are often mistaken for
    this one, in this boot.
    """

    now: Spell
    settled: Spell
    """Lines of this boot from before a change that made room, and is in force."""
    undecided: int
    """How many lines count as of now though they may be from before such a change."""
    earlier: Spell
    boots: tuple[Spell, ...]
    hearsay: Spell
    forged: int
    others: Mapping[Kind, int]
    quotes: tuple[LogLine, ...]
    """The first and the last line that counts, of this boot if there is one."""
    grades: tuple[str, ...] = ()
    """How far these lines can be believed (`trust.told`)."""
    doubted: bool = False
    """Whether lines in the kernel's form are among the hearsay."""


def timeline(log: KernelLog, settling: Settling | None = None) -> Timeline:
    """Sort the kernel's lines from what others wrote in its name, and those that are settled."""
    understood = [(line, message) for line in log.lines if (message := understand(line.message))]
    full = [(line, message) for line, message in understood if message.kind is Kind.TABLE_FULL]
    proven = [pair for pair in full if pair[0].trusted]
    hearsay = [pair for pair in full if pair[0].grade is Grade.HEARSAY]
    # What is trusted carries its boot; without a boot's number to compare, it counts as this one.
    here = [pair for pair in proven if pair[0].this_boot is not False]
    settled: list[tuple[LogLine, Message]] = []
    now: list[tuple[LogLine, Message]] = []
    for pair in here:
        past = settling is not None and settling.settles(pair[0])
        (settled if past else now).append(pair)
    earlier = [pair for pair in proven if pair[0].this_boot is False]
    suppressed = [pair for pair in understood if pair[1].kind is Kind.SUPPRESSED]
    others: dict[Kind, int] = {}
    for line, message in understood:
        if line.trusted and line.this_boot is not False and message.kind is not Kind.TABLE_FULL:
            others[message.kind] = others.get(message.kind, 0) + line.count
    boots: dict[str | None, list[tuple[LogLine, Message]]] = {}
    for pair in earlier:
        boots.setdefault(pair[0].boot, []).append(pair)
    quoted = now or settled or earlier
    ends = quoted if len(quoted) < 2 else [quoted[0], quoted[-1]]
    return Timeline(
        _spell(now, [pair for pair in suppressed if pair[0].this_boot is not False]),
        _spell(settled, ()),
        sum(
            pair[0].count for pair in now if settling is not None and settling.may_precede(pair[0])
        ),
        _spell(earlier, [pair for pair in suppressed if pair[0].this_boot is False]),
        tuple(_spell(pairs, ()) for pairs in boots.values()),
        replace(_spell(hearsay, ()), suppressed=_suppressed_behind(hearsay)),
        sum(line.count for line, _ in full if line.grade is Grade.FORGED),
        others,
        tuple(line for line, _ in ends),
        told(line for line, _ in full),
        any(line.doubt for line, _ in hearsay),
    )


def _spell(
    pairs: Sequence[tuple[LogLine, Message]], suppressed: Sequence[tuple[LogLine, Message]]
) -> Spell:
    times = sorted(line.time for line, _ in pairs if line.time is not None)
    uptimes = sorted(line.monotonic / 1e6 for line, _ in pairs if line.monotonic is not None)
    namespaces: dict[int | None, int] = {}
    places: list[str] = []
    for line, message in pairs:
        namespaces[message.netns] = namespaces.get(message.netns, 0) + line.count
        places.extend(place for place in line.sources if place not in places)
    return Spell(
        sum(line.count for line, _ in pairs),
        times[0] if times else None,
        times[-1] if times else None,
        _suppressed(times or uptimes, suppressed),
        tuple(places),
        namespaces,
        (uptimes[0], uptimes[-1]) if uptimes and not times else None,
    )


def _suppressed_behind(pairs: Sequence[tuple[LogLine, Message]]) -> int:
    """Sum the suppressions in the lines behind each of these, where only those were kept."""
    behind = (understand(text) for line, _ in pairs for text in line.context)
    return sum(m.number or 0 for m in behind if m is not None and m.kind is Kind.SUPPRESSED)


def _suppressed(times: Sequence[float], suppressed: Sequence[tuple[LogLine, Message]]) -> int:
    """Sum the suppressions that came at most a minute after a table-full line."""
    from bisect import bisect_right

    total = 0
    for line, message in suppressed:
        when = line.time
        if when is None and line.monotonic is not None:
            when = line.monotonic / 1e6
        before = bisect_right(times, when) if when is not None else 0
        if before and when is not None and when - times[before - 1] <= _NEAR:
            total += message.number or 0
    return total
