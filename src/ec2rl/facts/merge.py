"""One event, met in several places, counted once."""

from __future__ import annotations

from bisect import bisect_left
from itertools import islice
from math import inf

from ec2rl.facts.log import LogLine
from ec2rl.facts.trust import WEIGHT
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Callable

_SECONDS_APART = 2.0
_DRIFT = 5e-4
"""The kernel's stamp drifts from the wall clock by less than this share of the uptime."""

_ROUNDED = 1.1
"""Seconds by which what `dmesg -T` prints may be apart from the stamp: it cuts parts of one off."""

_MINUTE = 60.0
_WHOLE_MINUTES = "dmesg -H"
"""The form that dates the first line of each minute, by that, and no other line."""

_SPANS = 100
"""Lines by which one log may begin, or end, before another that holds the same."""

_TRIES = 1000
"""Events that one line is compared with; more can only be in a log that somebody made up."""


def merge(
    ring: Sequence[LogLine], journal: Sequence[LogLine], texts: Sequence[Sequence[LogLine]]
) -> list[LogLine]:
    """Give all events in the order of time, each with every place where it was met.

    The ring buffer and the journal carry the same stamp for the same record; a text log that does
    not is matched by its words and its time, line by line, so that ten lines in one second meet
    ten.  What has no time stays behind the line that stood above it; of `dmesg -H` it may be any
    event between those lines around it that have one.
    """
    events = _Events()
    sources = (ring, journal, *texts)
    for source in sources:
        events.add(_dated(source, sources))
    return events.in_order()


def _dated(source: Sequence[LogLine], sources: Sequence[Sequence[LogLine]]) -> Sequence[LogLine]:
    """Date the lines of a log without dates by another one that holds them.

    `dmesg` and `dmesg -T` of one boot are apart by one span, when it began.
    """
    stamps = _by_words(source, lambda one: None if one.time is not None else _stamp(one))
    for other in sources if stamps else ():
        times = _by_words(other, lambda one: one.time)
        span = None if other is source else _span(stamps, times, _rounded(other))
        if span is not None:
            return [
                line
                if line.time is not None or (stamp := _stamp(line)) is None
                else replace(line, time=stamp + span)
                for line in source
            ]
    return source


def _stamp(line: LogLine) -> float | None:
    return None if line.monotonic is None else line.monotonic / 1e6


def _by_words(
    lines: Sequence[LogLine], when: Callable[[LogLine], float | None]
) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for line in lines:
        at = when(line)
        if at is not None:
            found.setdefault(line.message, []).append(at)
    return found


def _rounded(lines: Sequence[LogLine]) -> float:
    return _ROUNDED + _MINUTE * any(line.form == _WHOLE_MINUTES for line in lines)


def _span(
    stamps: dict[str, list[float]], times: dict[str, list[float]], rounded: float
) -> float | None:
    """The one span by which all that one of two logs has of their messages stands in the other.

    None where there is none, or more than one: then both may be of other boots.  The times may be
    `rounded` seconds too early.
    """
    common = sorted(stamps.keys() & times.keys(), key=lambda one: len(times[one]))
    if not common:
        return None
    rarest = stamps[common[0]], times[common[0]]
    spans = [when - rarest[0][0] for when in rarest[1][:_SPANS]]
    spans += [when - rarest[0][-1] for when in rarest[1][-_SPANS:]]
    pairs = [(sorted(stamps[words]), sorted(times[words])) for words in common]
    fitting = [span for span in spans if all(_fits(*pair, span, rounded) for pair in pairs)]
    one = fitting and max(fitting) - min(fitting) <= 2 * rounded
    return max(fitting) if one else None


def _fits(stamps: Sequence[float], times: Sequence[float], span: float, rounded: float) -> bool:
    """Whether the shorter of two sorted lists stands in the other, so far apart."""
    short, long = (stamps, times) if len(stamps) <= len(times) else (times, stamps)
    apart = span if short is stamps else -span
    return all(
        (place := bisect_left(long, at + apart - rounded)) < len(long)
        and long[place] <= at + apart + rounded
        for at in short
    )


def _reaches(source: Sequence[LogLine]) -> list[tuple[float, float] | None]:
    """Between which times each line without one was written, None where nothing tells."""
    found: list[tuple[float, float] | None] = [None] * len(source)
    if not any(line.form == _WHOLE_MINUTES for line in source):
        return found
    after: float | None = None
    for at, line in enumerate(source):
        after = after if line.time is None else line.time
        if line.time is None and after is not None and line.form == _WHOLE_MINUTES:
            found[at] = after, inf
    before = inf
    for at in range(len(source) - 1, -1, -1):
        when, reach = source[at].time, found[at]
        before = before if when is None else when + _MINUTE
        if reach is not None:
            found[at] = reach[0], before
    return found


class _Events:
    def __init__(self) -> None:
        self.all: list[LogLine] = []
        self._begins: list[int] = []  # where in `all` each source's own events begin
        self._stamped: dict[tuple[str, int], list[int]] = {}
        self._worded: dict[str, list[int]] = {}
        self._unstamped: dict[str, list[int]] = {}
        self._reaches: dict[int, tuple[float, float]] = {}
        """Of events without a time, between which times each was."""

    def add(self, source: Sequence[LogLine]) -> None:
        """Add one source's lines: each meets at most one event that came from another source."""
        taken: set[int] = set()
        queues: dict[tuple[str, bool], _Queue] = {}
        passed: dict[tuple[str, int], int] = {}
        fresh: list[tuple[LogLine, tuple[float, float] | None]] = []
        for line, reach in zip(source, _reaches(source)):
            left = line.count
            while left:
                number = self._same_stamp(line, taken, passed)
                if number is None:
                    number = self._same_time(line, taken, queues)
                if number is None:
                    number = self._within(line, reach, taken)
                if number is None:
                    break
                taken.add(number)
                left -= self._meet(number, line, left)
            if left:
                fresh.append((line if left == line.count else replace(line, count=left), reach))
        self._begins.append(len(self.all))
        for line, reach in fresh:
            number = len(self.all)
            self.all.append(line)
            if reach is not None:
                self._reaches[number] = reach
            self._worded.setdefault(line.message, []).append(number)
            if line.monotonic is None:
                self._unstamped.setdefault(line.message, []).append(number)
            else:
                self._stamped.setdefault((line.message, line.monotonic), []).append(number)

    def in_order(self) -> list[LogLine]:
        """All events in the order of time."""
        times: list[float] = []
        for first, end in zip(self._begins, (*self._begins[1:], len(self.all))):
            above = -inf
            for event in self.all[first:end]:
                above = above if event.time is None else event.time
                times.append(above)
        order = sorted(range(len(self.all)), key=times.__getitem__)
        return [self.all[number] for number in order]

    def _same_stamp(
        self, line: LogLine, taken: set[int], passed: dict[tuple[str, int], int]
    ) -> int | None:
        if line.monotonic is None:
            return None
        key = (line.message, line.monotonic)
        numbers = self._stamped.get(key, ())
        first = passed.get(key, 0)
        while first < len(numbers) and numbers[first] in taken:
            first += 1
        passed[key] = first
        for number in numbers[first : first + _TRIES]:
            if number not in taken and _one_boot(line, self.all[number]):
                return number
        return None

    def _same_time(
        self, line: LogLine, taken: set[int], queues: dict[tuple[str, bool], _Queue]
    ) -> int | None:
        # Two stamps that are not the same are two events: a stamped line can meet others only.
        stamped = line.monotonic is not None
        numbers = (self._unstamped if stamped else self._worded).get(line.message)
        if line.time is None or numbers is None:
            return None
        key = (line.message, stamped)
        if key not in queues:
            queues[key] = _Queue(self.all, numbers)
        queue = queues[key]
        reach = max(queue.reach, _apart(line))
        place = queue.free(bisect_left(queue.times, line.time - reach))
        tries = _TRIES
        while tries and place < len(queue.times) and queue.times[place] <= line.time + reach:
            number = queue.numbers[place]
            if number in taken:
                queue.take(place)
            elif _near(line, self.all[number]):
                queue.take(place)
                return number
            else:
                tries -= 1
            place = queue.free(place + 1)
        return None

    def _within(
        self, line: LogLine, reach: tuple[float, float] | None, taken: set[int]
    ) -> int | None:
        """The first event with these words that may be one, where one of both has no time."""
        mine = reach or _moment(line)
        if mine is None or not (reach or self._reaches):
            return None
        for number in islice(self._worded.get(line.message, ()), _TRIES):
            event = self.all[number]
            its = self._reaches.get(number) or _moment(event)
            is_timed = line.time is not None and event.time is not None
            if not (number in taken or is_timed or its is None) and (
                mine[0] <= its[1] + _ROUNDED and its[0] <= mine[1] + _ROUNDED
            ):
                return number
        return None

    def _meet(self, number: int, line: LogLine, left: int) -> int:
        """Note that an event stands in one more source; how many of the line's times it covers."""
        event = self.all[number]
        # Lines that the kernel's own names of callers chose are not mixed with another CPU's.
        is_apart = event.caller and event.context
        self.all[number] = replace(
            event,
            sources=event.sources + tuple(s for s in line.sources if s not in event.sources),
            time=line.time if event.time is None else event.time,
            grade=min(event.grade, line.grade, key=WEIGHT.index),
            boot=event.boot or line.boot,
            this_boot=line.this_boot if event.this_boot is None else event.this_boot,
            context=event.context if is_apart else max(event.context, line.context, key=len),
        )
        return min(left, event.count)


class _Queue:
    """The events of one wording in the order of time, for one source to meet each of them once."""

    def __init__(self, events: Sequence[LogLine], numbers: Sequence[int]) -> None:
        timed = sorted((events[n].time or 0.0, n) for n in numbers if events[n].time is not None)
        self.times = [when for when, _ in timed]
        self.numbers = [number for _, number in timed]
        self.reach = max((_apart(events[number]) for number in self.numbers), default=0.0)
        self._next = list(range(len(timed) + 1))

    def take(self, place: int) -> None:
        self._next[place] = place + 1

    def free(self, place: int) -> int:
        """The first place from here on that is not taken; paths are halved on the way."""
        links = self._next
        while links[place] != place:
            links[place] = links[links[place]]
            place = links[place]
        return place


def _one_boot(a: LogLine, b: LogLine) -> bool:
    """Whether two lines with the same stamp can be of one boot."""
    if a.boot is not None and b.boot is not None:
        return a.boot == b.boot
    return a.time is None or b.time is None or abs(a.time - b.time) < _apart(a) + _apart(b) + 3600


def _near(line: LogLine, event: LogLine) -> bool:
    return abs((line.time or 0.0) - (event.time or 0.0)) <= max(_apart(event), _apart(line))


def _moment(line: LogLine) -> tuple[float, float] | None:
    """Between which times a line with a time was written."""
    return None if line.time is None else (line.time - _apart(line), line.time + _apart(line))


def _apart(line: LogLine) -> float:
    """How far a text log's time may lie from the event's own, in seconds."""
    rounded = _MINUTE if line.form == _WHOLE_MINUTES else 0.0
    return _SECONDS_APART + rounded + _DRIFT * (line.monotonic or 0) / 1e6
