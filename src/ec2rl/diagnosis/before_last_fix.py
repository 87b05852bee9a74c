"""Which lines of the kernel's log are past: those from before a change that made room.

The change raised the limit that they tell of, by a tenth or more, and is in force.  No other change
proves room: with a shorter timeout, say, entries keep the time that they have, and new ones come.
"""

from __future__ import annotations

from ec2rl.diagnosis.events import count
from ec2rl.facts.change import State, SysctlItem, Transaction
from ec2rl.facts.changes import FOLDER, Changes, read_changes
from ec2rl.host import BOOT_ID, Host
from ec2rl.model import Statement, Unreadable, Why, say
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Callable

    from ec2rl.diagnosis.events import Event, Events
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
        """Whether a line of the kernel's is past; one without its stamp or its boot never is."""
        stamp = line.monotonic
        if self.change is None or stamp is None or line.this_boot is not True:
            return False
        return stamp <= self.log_end and self._limit_at(stamp) <= ROOM * self.maximum

    def may_precede(self, line: LogLine) -> bool:
        """Whether a line is not known to be later than the change."""
        return self.change is not None and (line.monotonic or 0) <= self.log_end

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


def read_settling(host: Host, key: str, maximum: int | None, name: str = "") -> Settling:
    """Look for the changes of a limit in this boot; `maximum` is what was read of it just before.

    `key` is that of the limit, which is one number for all namespaces; `name` what it is called.
    """
    boot = host.read(BOOT_ID)
    here = "" if isinstance(boot, Unreadable) else boot.text.strip()
    return settling(read_changes(host), here, key, maximum, name or key.rpartition(".")[2])


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
                "it raised {limit}, which is {maximum} {now}",
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

        left = mine(events.this_boot)
        undecided = count([event for event in left if one.may_precede(event.line)])
        lines += settling_lines(one, count(mine(events.before_last_fix)), count(left), undecided)
    return tuple(lines)


def whole_since_fix(log: KernelLog, settlings: Sequence[Settling]) -> bool:
    """Whether all was read that the kernel said since the changes that made room, one per limit."""
    if not settlings or any(one.change is None for one in settlings):
        return False
    if log.whole_boot or log.ring.oldest is None or log.booted is None:
        return log.whole_boot
    return (log.ring.oldest - log.booted) * 1e6 <= min(one.log_end for one in settlings)


def settling(changes: Changes, boot: str, key: str, maximum: int | None, name: str) -> Settling:
    """What follows from the journal in this boot ("" for one whose id is not known)."""
    here = [change for change in changes.made if boot and change.boot == boot]
    best: Transaction | None = None
    log_end = -1
    why_not: Statement | None = None
    steps = []
    for change in here:
        if not any(isinstance(item, SysctlItem) for item in change.items):
            continue  # of files, for the next boot
        step = _step(change, key)
        steps += _steps(change, step, key)
        why_not = _why_not(change, step, change.id in changes.trying, name, maximum)
        if why_not:
            words = "Change {id} (ec2rl history) settles no line: {why_not}"
            why_not = say(words, id=change.id, why_not=why_not)
        elif step is not None and step.log_end is not None and step.log_end >= log_end:
            best, log_end = change, step.log_end
    steps.sort(key=lambda step: step.log_end or 0)
    unread = changes.unread or _missing(changes.made, here)
    if unread:  # what it would tell may be a limit as large, or a raise that was taken back
        best, log_end = None, -1
    return Settling(name, best, log_end, maximum or 0, tuple(steps), why_not, unread)


def _missing(made: Sequence[Transaction], here: Sequence[Transaction]) -> tuple[Unreadable, ...]:
    """What lacks among the records of this boot: a number, from the one before the first of them.

    The one before, of another boot, shows that the first is the first.
    """
    known = {change.id for change in made}
    for number in range(max(here[0].id - 1, 1), here[-1].id) if here else ():
        if number not in known:
            words = f"the record of change {number} is not there"
            return (Unreadable(f"{FOLDER}/{number}.json", Why.PARTIAL, words),)
    return ()


def _step(change: Transaction, key: str) -> Step | None:
    """What a change tells of the limit, None for nothing."""
    for item in change.items:
        if isinstance(item, SysctlItem) and item.key == key and " " not in item.before + item.after:
            before, after = int(item.before), int(item.after)
            # Whoever took it back had the limit of before again.
            after = after if change.state is State.APPLIED else max(before, after)
            return Step(item.log_end, before, after)
    return None


def _steps(change: Transaction, step: Step | None, key: str) -> list[Step]:
    """A change, and its way back, where the log's stamp of both is known."""
    if step is None or change.state is not State.UNDONE:
        return [step] if step else []
    item = next(i for i in change.items if isinstance(i, SysctlItem) and i.key == key)
    if item.log_end is None or item.log_back is None:
        return [step]
    before, after = int(item.before), int(item.after)
    return [Step(item.log_end, before, after), Step(item.log_back, after, before)]


def _why_not(
    change: Transaction, step: Step | None, trying: bool, name: str, maximum: int | None
) -> Statement | None:
    """Why a change does not settle what the log said before it, None if it does."""
    if step is None or step.after <= step.before:
        return say("it did not raise {limit}", limit=name)
    if change.state is not State.APPLIED:
        return say("it is {state}", state=change.state.value)
    if trying:
        return say("it is on trial; to let it stay: sudo ./ec2rl keep {id}", id=change.id)
    if maximum is None:
        return say("{limit} could not be read, so it may not be in force", limit=name)
    if maximum < step.after:
        words = "{limit} is {maximum} by {now}, and it had set {set}"
        return say(words, limit=name, maximum=maximum, set=step.after)
    if step.before > ROOM * maximum:
        words = "from {before} to {maximum}: what was too much would fill {room:%} of it"
        return say(words, before=step.before, maximum=maximum, room=ROOM)
    if step.log_end is None:
        return say("its record does not tell where the kernel's log ended then")
    return None
