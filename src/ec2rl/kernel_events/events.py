"""Lines of the kernel's log as events: this boot's, earlier ones', and what nobody vouches for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import takewhile

from ec2rl.facts.log import KernelLog, LogLine
from ec2rl.facts.trace import Trace, parse_trace
from ec2rl.facts.trust import Grade
from ec2rl.host import Phrase
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    Describe = Callable[[LogLine, Trace], "str | None"]
    """One event in a line of words; None for a line that begins no such event.

    It is asked twice, first without the trace: "" is a line that only its trace makes an event.
    """


@record(frozen=True)
class Event:
    """One event: in words, where it was told, and the trace behind it.

    `same` is equal for the same event again; "" leaves that to the trace.
    """

    what: str
    line: LogLine
    trace: Trace
    same: str = ""


@record(frozen=True)
class Group:
    """The same event again: the first and the last, and how many there were."""

    first: Event
    last: Event
    count: int


@record(frozen=True)
class Events:
    """Events in the order of time.

    `hearsay` stands only where any user can write; `forged` counts lines that the kernel
    verifiably did not write.
    """

    now: tuple[Event, ...] = ()
    earlier: tuple[Event, ...] = ()
    hearsay: tuple[Event, ...] = ()
    forged: int = 0


def find_events(
    log: KernelLog, phrases: Sequence[Phrase], describe: Describe, remains: Sequence[LogLine] = ()
) -> Events:
    """The events of a log, and of the remains of dead kernels that no log tells of.

    `phrases` are the words that each event has one of.
    """
    words = [phrase.text.decode() for phrase in phrases]
    return sort_events(_described(_together(log.lines, remains), words, describe))


def _together(lines: Sequence[LogLine], remains: Sequence[LogLine]) -> list[LogLine]:
    """Each event once, in the order of time, with the most that anyone kept of its trace.

    systemd-pstore keeps both the pieces and the whole; a journal seldom gets the trace of a death.
    """
    if not remains:
        return list(lines)
    fullest = sorted(remains, key=lambda line: len(line.context))
    left = {(line.message, line.monotonic): line for line in fullest}
    told = []
    for line in lines:
        same = left.pop((line.message, line.monotonic), line)
        told.append(replace(line, context=max(line.context, same.context, key=len)))
    return [*sorted(left.values(), key=lambda line: line.time or 0.0), *told]


def _described(
    lines: Iterable[LogLine], words: Sequence[str], describe: Describe
) -> Iterable[Event]:
    def begins(line: LogLine) -> bool:
        # Most lines are other modules', or the inside of a trace: they are not looked at closely.
        named = any(word in line.message for word in words)
        return named and describe(line, Trace()) is not None

    for line in lines:
        if begins(line):
            # The lines behind an event are its own up to the next event.
            behind = (replace(line, message=text, context=()) for text in line.context)
            own = [one.message for one in takewhile(lambda one: not begins(one), behind)]
            trace = _of_its_cpu(line.message, parse_trace(own))
            what = describe(line, trace)
            if what:
                yield Event(what, line, trace)


def _of_its_cpu(message: str, trace: Trace) -> Trace:
    """A trace of the CPU that the message names: where two report at once their lines mix.

    What another one says is kept as words only.
    """
    if trace.cpu is None or not ("CPU#" in message or "on cpu " in message):
        return trace
    import re

    named = re.search(r"(?:CPU#|on cpu )(\d+)", message)
    return trace if named is None or int(named[1]) == trace.cpu else Trace(lines=trace.lines)


def sort_events(events: Iterable[Event]) -> Events:
    """Tell this boot's events from earlier ones', and from what others wrote in its name."""
    now: list[Event] = []
    earlier: list[Event] = []
    hearsay: list[Event] = []
    forged = 0
    for event in events:
        line = event.line
        if line.trusted:
            # Without a boot's number to compare, what is trusted counts as of this boot.
            (earlier if line.this_boot is False else now).append(event)
        elif line.grade is Grade.FORGED:
            forged += line.count
        else:
            hearsay.append(event)
    return Events(tuple(now), tuple(earlier), tuple(hearsay), forged)


def count(events: Sequence[Event]) -> int:
    return sum(event.line.count for event in events)


def places(events: Sequence[Event]) -> tuple[str, ...]:
    """Where events were told, each place once."""
    return tuple(dict.fromkeys(place for event in events for place in event.line.sources))


def group(events: Sequence[Event]) -> list[Group]:
    """The same events together, those that went on longest first.

    The same is what has the same trace; without one, the same words but for numbers.
    """
    if not events:
        return []
    import re

    groups: dict[object, list[Event]] = {}
    for event in events:
        trace = event.trace
        same: object = event.same or (trace.place, trace.frames[:8])
        if not event.same and not trace.frames:
            same = trace.place, re.sub(r"\b[0-9a-f]+\b|\d+", "#", event.what)
        groups.setdefault(same, []).append(event)
    made = [Group(found[0], found[-1], count(found)) for found in groups.values()]
    return sorted(made, key=lambda one: -(one.last.line.time or 0.0))
