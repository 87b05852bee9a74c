"""Events of the kernel's log by period: this boot, before the last fix, earlier boots, unverified.

An event is typed: what a module's parser understood of the line, never a sentence about it.
"""

from __future__ import annotations

from itertools import chain, islice, takewhile

from ec2rl.facts.log import UNKNOWN_FORM, KernelLog, LogLine, Within
from ec2rl.facts.trace import Trace, parse_trace
from ec2rl.facts.trust import Grade
from ec2rl.host import Phrase
from ec2rl.model import Statement, aside, say
from ec2rl.record import Generic, T, record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Callable, Protocol, Union

    from ec2rl.model import Value

    class EventDetail(Protocol):
        """What a module knows of an event: a record of its own that can say it."""

        def message(self) -> Statement: ...

    Detail = Union[Statement, EventDetail]
    """What is known of an event: a statement, where nothing is decided by its values."""
    Parse = Callable[[LogLine, Trace], Union[T, "AnothersEvent", None]]
    """One event of a line, and of the trace behind it; None for a line that begins no such event.

    It is asked twice, first without the trace.
    """


_QUOTE = 160
_TRIED = 64


class AnothersEvent:
    """The answer of a parser for a line that begins an event, as its trace tells, of another."""


@record(frozen=True)
class Event(Generic[T]):
    """One event: what was understood of it, where it was told, and the trace behind it.

    `same` is equal for the same event again; None leaves that to the trace.
    """

    detail: T
    line: LogLine
    trace: Trace = Trace()
    same: object = None


@record(frozen=True)
class Group(Generic[T]):
    """The same event again: the first and the last, and how many there were.

    `tasks` and `cpus` are how many different ones the events name: the last names its own alone.
    """

    first: Event[T]
    last: Event[T]
    count: int
    tasks: int = 0
    cpus: int = 0


@record(frozen=True)
class Events(Generic[T]):
    """Events by period, each in the order of time.

    `before_last_fix` are this boot's from before a change that made room, and is in force;
    `unverified` stand only where any user can write; `forged` counts lines that the kernel
    verifiably did not write, and one of these is the `first_forged`.  `not_understood` hold the
    words of an event in a form that is not known, or are cut: they may be events or not.
    """

    this_boot: tuple[Event[T], ...] = ()
    before_last_fix: tuple[Event[T], ...] = ()
    earlier_boots: tuple[Event[T], ...] = ()
    unverified: tuple[Event[T], ...] = ()
    forged: int = 0
    not_understood: tuple[LogLine, ...] = ()
    first_forged: LogLine | None = None

    @property
    def newest(self) -> tuple[Event[T], ...]:
        """The events of the most telling period that has any."""
        return self.this_boot or self.earlier_boots or self.unverified


def find_events(
    log: KernelLog, phrases: Sequence[Phrase], parse: Parse[T], crash_lines: Sequence[LogLine] = ()
) -> Events[T]:
    """Parse the events of a log, and of the remains of dead kernels that no log tells of.

    `phrases` are the words that each event has one of.
    """
    words = [phrase.text.decode() for phrase in phrases]
    events = sort_events(_parsed(together(log.lines, crash_lines), words, parse))
    odd = not_understood(log, phrases, lambda line: parse(line, Trace()) is not None)
    return replace(events, not_understood=odd)


def not_understood(
    log: KernelLog, phrases: Sequence[Phrase], understands: Callable[[LogLine], bool]
) -> tuple[LogLine, ...]:
    """Find the lines with these words that may be events, though nobody can tell."""
    phrases = [phrase for phrase in phrases if not phrase.aside]
    words = [phrase.text.decode() for phrase in phrases]
    messages = [message for phrase in phrases for message in phrase.messages]

    def named(line: LogLine) -> bool:
        return any(word in line.message for word in words)

    tried: dict[str, bool] = {}
    odd = list(filter(named, log.no_logs))
    broken = islice(dict.fromkeys(log.broken), _TRIED)
    mended: list[LogLine] = []
    for line in sorted(broken, key=lambda one: not one.context):  # what was broken is no cut line
        found = _mended(line, log.lines, words, messages, understands)
        if found is not None and not any(_is_of(line, one) for one in mended):
            mended.append(found)
    odd += mended
    for line in log.lines:
        # Older by its own time, that is: a boot that a text tells of later may stand out of place.
        is_older = line.this_boot is False and line.boot is None
        past = line.grade is Grade.UNVERIFIED and is_older
        told = line.form and line.grade is not Grade.FORGED and not past
        if told and named(line) and not understands(line):
            if line.form == UNKNOWN_FORM or line.cut:
                odd.append(line)
            else:
                import re

                # What was not tried is not understood; numbers alone make no other message.
                same = re.sub(r"\d+", "0", line.message)
                if same not in tried:
                    tried[same] = len(tried) >= _TRIED or _holds_one(line, understands, messages)
                if tried[same] and not any(_is_of(line, one) for one in mended):
                    odd.append(line)
    return tuple(odd)


def _going_on(
    line: LogLine,
    lines: Sequence[LogLine],
    words: Sequence[str],
    understands: Callable[[LogLine], bool],
) -> LogLine | None:
    """The whole message that a line may be together with those behind it, None for none.

    Nor where one of the log's lines is understood that begins so: there they were put together.
    """
    from ec2rl.forms.line_ends import joined

    if any(one.message.startswith(line.message) and understands(one) for one in (line, *lines)):
        return None
    if _holds_one(line, understands, ()):
        return None  # without those behind it: it is told as it is
    for said in joined((line.message, *line.context)):
        whole = replace(line, message=said, context=())
        if any(word in said for word in words) and _holds_one(whole, understands, ()):
            return whole
    return None


def _is_of(line: LogLine, whole: LogLine) -> bool:
    """Whether a line is one of those that another was put together of, or begins it."""
    import re

    said, told = (re.sub(r"\s", "", one.message) for one in (line, whole))
    return said in told


def _mended(
    line: LogLine,
    lines: Sequence[LogLine],
    words: Sequence[str],
    messages: Sequence[str],
    understands: Callable[[LogLine], bool],
) -> LogLine | None:
    """The message that a line is that was broken, cut or marked, None where it is none."""
    if line.context:
        return _going_on(line, lines, words, understands)
    return line if understands(line) or _holds_one(line, understands, messages) else None


def _holds_one(
    line: LogLine,
    understands: Callable[[LogLine], bool],
    messages: Sequence[str],
) -> bool:
    """Whether a message stands within a line's, as where two wrote at once, or begins there."""
    import re

    from ec2rl.forms.begun import completed
    from ec2rl.forms.mend import undressed

    said = Within(re.sub(r"\s+", " ", undressed(line.message)))
    wholes = chain((said,), completed(line.message, messages))
    return any(understands(replace(line, message=whole, context=())) for whole in wholes)


def say_not_understood(lines: Sequence[LogLine], quoted: bool = False) -> Statement:
    """Say how many lines were not understood; `quoted` adds the first of them."""
    words = "not understood: {n:line} {hold} the words"
    first = lines[0]
    if quoted:
        words += ", the first of them in {place}: {quote}"
    hold = "hold" if len(lines) > 1 else "holds"
    quote, place = first.message[:_QUOTE], first.sources[0]
    return say(words, n=len(lines), hold=hold, place=place, quote=quote)


def say_forged(number: int, first: LogLine | None) -> list[Statement]:
    """Say how many lines are not the kernel's, though they look so, and the first of them."""
    if first is None:
        return []
    words = (
        "Not the kernel's: {n:line} that someone wrote in its name, the first in {place}: {quote}"
    )
    quote = first.message[:_QUOTE]
    return [aside(say(words, n=number, place=first.sources[0], quote=quote))]


def together(lines: Sequence[LogLine], crash_lines: Sequence[LogLine]) -> list[LogLine]:
    """Put each event once, in the order of time, with the most that anyone kept of its trace.

    systemd-pstore keeps both the pieces and the whole; a journal seldom gets the trace of a death.
    """
    if not crash_lines:
        return list(lines)
    fullest = sorted(crash_lines, key=lambda line: len(line.context))
    left = {(line.message, line.monotonic): line for line in fullest}
    told = []
    for line in lines:
        same = left.pop((line.message, line.monotonic), line)
        told.append(replace(line, context=max(line.context, same.context, key=len)))
    # What a death left has one time, that of the file: its own stamps tell what came first.
    return [*sorted(left.values(), key=lambda line: (line.time or 0.0, line.monotonic or 0)), *told]


def _parsed(lines: Iterable[LogLine], words: Sequence[str], parse: Parse[T]) -> Iterable[Event[T]]:
    def begins(line: LogLine) -> bool:
        # Most lines are other modules', or the inside of a trace: they are not looked at closely.
        named = any(word in line.message for word in words)
        return named and parse(line, Trace()) is not None

    for line in lines:
        if begins(line):
            # The lines behind an event are its own up to the next event.
            behind = (replace(line, message=text, context=()) for text in line.context)
            own = [one.message for one in takewhile(lambda one: not begins(one), behind)]
            trace = _of_its_cpu(line.message, parse_trace(own))
            detail = parse(line, trace)
            if detail is not None and not isinstance(detail, AnothersEvent):
                yield Event(detail, line, trace)


def _of_its_cpu(message: str, trace: Trace) -> Trace:
    """A trace of the CPU that the message names: where two report at once their lines mix.

    What another one says is kept as words only.
    """
    if trace.cpu is None or not ("CPU#" in message or "on cpu " in message):
        return trace
    import re

    named = re.search(r"(?:CPU#|on cpu )(\d+)", message)
    return trace if named is None or int(named[1]) == trace.cpu else Trace(lines=trace.lines)


def sort_events(events: Iterable[Event[T]]) -> Events[T]:
    """Sort events by period, apart from what others wrote in the kernel's name."""
    this_boot: list[Event[T]] = []
    earlier: list[Event[T]] = []
    unverified: list[Event[T]] = []
    forged, first_forged = 0, None
    for event in events:
        line = event.line
        if line.trusted:
            # Without a boot's number to compare, what is trusted counts as of this boot.
            (earlier if line.this_boot is False else this_boot).append(event)
        elif line.grade is Grade.FORGED:
            forged, first_forged = forged + line.count, first_forged or line
        else:
            unverified.append(event)
    return Events(
        tuple(this_boot),
        (),
        tuple(earlier),
        tuple(unverified),
        forged,
        first_forged=first_forged,
    )


def message(event: Event[Detail]) -> Statement:
    """Say what happened."""
    detail = event.detail
    return detail if isinstance(detail, Statement) else detail.message()


def count(events: Iterable[Event[object]]) -> int:
    """Count how often the events happened, at least."""
    return sum(event.line.count for event in events)


def log_sources(events: Iterable[Event[object]]) -> tuple[str, ...]:
    """Name the logs that tell of these events, each once."""
    return tuple(dict.fromkeys(place for event in events for place in event.line.sources))


def group(events: Sequence[Event[Detail]]) -> list[Group[Detail]]:
    """Put the same events together, those that went on longest first.

    The same is what has the same trace; without one, what says the same but for numbers.
    """
    groups: dict[object, list[Event[Detail]]] = {}
    for event in events:
        trace = event.trace
        same = event.same
        if same is None:
            same = (trace.place, trace.frames[:8] or _but_numbers(message(event)))
        groups.setdefault(same, []).append(event)
    made = [
        Group(found[0], found[-1], count(found), _named(found, "pid"), _named(found, "cpus"))
        for found in groups.values()
    ]
    return sorted(made, key=lambda one: -(one.last.line.time or 0.0))


def _named(events: Sequence[Event[Detail]], what: str) -> int:
    """How many different ones of these the events name in their words, or their traces."""
    said = (message(event).values.get(what, getattr(event.trace, what, None)) for event in events)
    return len({one for one in said if one not in (None, ())})


def _but_numbers(value: Value) -> object:
    """A value that is equal for those that differ by numbers alone, decimal or hexadecimal."""
    if isinstance(value, Statement):
        return value.template, tuple(map(_but_numbers, value.values.values()))
    if isinstance(value, tuple):
        return tuple(map(_but_numbers, value))
    if not isinstance(value, str):
        return None
    import re

    return re.sub(r"\b[0-9a-f]+\b|\d+", "#", value)
