"""Which lines of the kernel's log are past: those from before a change that made room.

The change raised the limit that they tell of, by a tenth or more, and is in force.  No other change
proves room: with a shorter timeout, say, entries keep the time that they have, and new ones come.
"""

from __future__ import annotations

from ec2rl.diagnosis.events import count
from ec2rl.model import Statement, Unreadable, say
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Callable

    from ec2rl.diagnosis.events import Event, Events
    from ec2rl.facts.change import Transaction
    from ec2rl.facts.log import KernelLog, LogLine
    from ec2rl.record import T

ROOM = 0.9
"""The share of today's limit that an older one may be: what filled it leaves room now."""


@record(frozen=True)
class Step:
    """What a change tells of the limit: `before` it, and the most it was `after` it.

    `log_end` is the stamp of the kernel's newest line when it was made; None if that is not known.
    """

    log_end: int | None
    before: int
    after: int


@record(frozen=True)
class Settling:
    """What the changes in this boot prove of the lines before them.

    `name` is the limit's; `change` is the newest that made room and is in force, None for none;
    `log_end` the stamp (µs since boot) of the last line before it; `maximum` the limit now.
    `why_not` says what else was changed and settles nothing, and `unread` what of the journal
    cannot be believed or is missing: where anything is, nothing is settled.
    """

    name: str
    change: Transaction | None
    log_end: int
    maximum: int
    steps: tuple[Step, ...]
    why_not: Statement | None
    unread: tuple[Unreadable, ...]

    def settles(self, line: LogLine) -> bool:
        """Tell whether a line of the kernel's is past.

        One without its stamp or its boot never is.
        """
        stamp = line.monotonic
        if self.change is None or stamp is None or line.this_boot is not True:
            return False
        return stamp <= self.log_end and self._limit_at(stamp) <= ROOM * self.maximum

    def undecided(self, events: Iterable[Event[T]]) -> list[Event[T]]:
        """Choose the events that are not known to be later than the change."""
        return [
            event
            for event in events
            if self.change is not None and (event.line.monotonic or 0) <= self.log_end
        ]

    def _limit_at(self, stamp: int) -> int:
        """The largest limit that a line with this stamp may tell of, by what changes have shown."""
        known = [0]
        earlier, later = None, None
        for step in self.steps:
            if step.log_end is None:
                known += [step.before, step.after]
            elif step.log_end < stamp:
                earlier = step
            else:
                later = later or step
        known += [earlier.after] if earlier else []
        known += [later.before] if later else []
        return max(known)


def set_apart(
    events: Events[T],
    settlings: Sequence[Settling],
    tells_of: Callable[[Event[T]], Iterable[Settling]] | None = None,
) -> Events[T]:
    """Move this boot's events from before a change that made room to `before_last_fix`.

    Where an event tells of several limits, each of them must have made room.
    """
    past: list[Event[T]] = []
    left: list[Event[T]] = []
    for event in events.this_boot:
        named = settlings if tells_of is None else list(tells_of(event))
        settled = bool(named) and all(one.settles(event.line) for one in named)
        (past if settled else left).append(event)
    return replace(events, this_boot=tuple(left), before_last_fix=tuple(past))


def settling_lines(settling: Settling, settled: int, now: int, undecided: int) -> list[Statement]:
    """Say why `settled` occurrences are past, and `now` are not; `undecided` of these may be."""
    lines = []
    if settling.change is not None and settled:
        later = now - undecided
        lines.append(
            say(
                "{n:occurrence} before the change of {when:time} (ec2rl history: {id}), {since}: "
                "it raised {limit}, which is {maximum:,} {now}",
                n=settled,
                when=settling.change.time,
                id=settling.change.id,
                since=say("{n:line} since", n=later) if later else "none since",
                limit=settling.name,
                maximum=settling.maximum,
            )
        )
    if undecided:
        verb = "counts" if undecided == 1 else "count"
        words = (
            f"{{n:occurrence}} may be older than that change, and {verb} as of {{now}}: "
            "without the kernel's stamp, or of a time when the limit was about as large"
        )
        lines.append(say(words, n=undecided))
    if now and settling.why_not:
        lines.append(settling.why_not)
    if now and settling.unread:
        more = len(settling.unread) - 1
        words = "Not read or not believed, and settles no line: {first}"
        words += " and {more} more" if more else ""
        lines.append(say(words, first=settling.unread[0], more=more))
    return lines


def explained(
    events: Events[T],
    settlings: Sequence[Settling],
    tells_of: Callable[[Event[T]], Iterable[Settling]] | None = None,
) -> tuple[Statement, ...]:
    """Say of events that were `set_apart` why they are past, and why others are not."""
    lines: list[Statement] = []
    for one in settlings:

        def mine(found: Iterable[Event[T]], one: Settling = one) -> list[Event[T]]:
            return [event for event in found if tells_of is None or one in tells_of(event)]

        past, left = mine(events.before_last_fix), mine(events.this_boot)
        lines += settling_lines(one, count(past), count(left), count(one.undecided(left)))
    return tuple(lines)


def whole_since_fix(log: KernelLog, settlings: Sequence[Settling]) -> bool:
    """Tell whether all was read that the kernel said since the changes, one per limit."""
    if not settlings or any(one.change is None for one in settlings):
        return False
    if log.whole_boot or log.ring.oldest is None or log.booted is None:
        return log.whole_boot
    return (log.ring.oldest - log.booted) * 1e6 <= min(one.log_end for one in settlings)
