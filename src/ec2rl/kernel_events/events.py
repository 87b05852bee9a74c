"""Lines of the kernel's log as events: this boot's, earlier ones', and what nobody vouches for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ec2rl.facts.coverage import refuted
from ec2rl.facts.kernel_log import KernelLog, LogLine
from ec2rl.facts.trace import Trace, parse_trace
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    Describe = Callable[[LogLine, Trace], "str | None"]
    """One event in a line of words; None for a line that is not such an event."""


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


def find_events(log: KernelLog, describe: Describe, remains: Sequence[LogLine] = ()) -> Events:
    """The events of a log, and of the remains of dead kernels that no log tells of."""
    known = {(line.message, line.monotonic) for line in log.lines}
    left = [line for line in remains if (line.message, line.monotonic) not in known]
    return sort_events(log, _described([*left, *log.lines], describe))


def _described(lines: Iterable[LogLine], describe: Describe) -> Iterable[Event]:
    for line in lines:
        if describe(line, Trace()) is None:
            continue
        trace = parse_trace(_own(line, describe))
        yield Event(describe(line, trace) or "", line, trace)


def _own(line: LogLine, describe: Describe) -> list[str]:
    """The lines behind an event, up to the next event."""
    own: list[str] = []
    for text in line.context:
        if describe(replace(line, message=text, context=()), Trace()) is not None:
            break
        own.append(text)
    return own


def sort_events(log: KernelLog, events: Iterable[Event]) -> Events:
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
        elif refuted(line, log):
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
