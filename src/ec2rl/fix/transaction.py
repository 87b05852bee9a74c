"""Apply a change whole or not at all, take it back, and settle what a crash has left."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager, suppress

from ec2rl import __version__
from ec2rl.fix.change import STANDING, Found, State, Transaction
from ec2rl.fix.errors import Conflict, Failed, FixError, Outcome, Refused, in_the_way
from ec2rl.fix.execute import closed, forget, found_of, put_back, things_of, transit, words
from ec2rl.fix.journal import LAST, MOST_RECORDS, Journal, locked, looked_at
from ec2rl.fix.kinds.kind import Kind
from ec2rl.fix.later import Standing, foreseen, later, standings
from ec2rl.fix.machine import Machine
from ec2rl.fix.precheck import precheck
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from typing import Union

    from ec2rl.remedies import Change

    Steps = Union[tuple[()], tuple[tuple[Transaction, tuple[Outcome, ...]], ...]]

CHANGED = "its changes are not those that were shown any more; look again"


def apply(
    changes: Sequence[Change],
    *,
    machine: Machine,
    why: str,
    module: str = "",
    keys: Collection[str] | None = None,
    until: float | None = None,
) -> Transaction:
    """Make all of the changes, or raise a FixError and leave things as they were.

    What is already as wished is left out; if that is all, Refused.  The answer's items tell what
    the kernel made of each value.  No other kernel settings are touched than `keys`, those of the
    module (None: any).  With `until` (seconds since the epoch) the change is on trial:
    `end_trials` takes it back from then on, unless `confirm` comes first.
    """
    foreign = [change.setting for change in changes if change.setting not in ("", *(keys or ()))]
    if foreign and keys is not None:
        raise Refused(f"{foreign[0]} is no setting of {module}")
    with _told(), locked(machine, why) as journal, ExitStack() as stack:
        past = _settled(journal)
        trying = [c.id for c in past if c.state is State.APPLIED and c.id in journal.trials()]
        if trying:
            raise Refused(f"change {trying[0]} is on trial: first ec2rl keep it, or ec2rl undo it")
        number = max((old.id for old in past), default=0) + 1
        if number > LAST or len(past) >= MOST_RECORDS:
            raise Refused(f"the journal is full: {len(past)} changes, the last is {number - 1}")
        change = Transaction(
            id=number,
            state=State.APPLYING,
            why=why,
            time=time.time(),
            boot=machine.boot(),
            tool=__version__,
            items=precheck(changes, machine),
            module=module,
        )
        things = things_of(change, machine, stack)
        for thing in things:
            thing.check()
        _on_trial(journal, change.id, until)
        try:
            return transit(journal, change, things, Found.AFTER, State.APPLIED)
        except BaseException:
            with suppress(Exception):  # else `end_trials` finds nothing to take back
                kept = journal.load(change.id)
                if kept is None or kept.state in (State.UNDONE, State.PARTLY):
                    journal.end_trial(change.id)
            raise


def undo(
    number: int,
    *,
    machine: Machine,
    partial: bool = False,
    dry_run: bool = False,
    shown: Transaction | None = None,
) -> tuple[Outcome, ...]:
    """Take a change back, and say of each of its targets how it was found.

    If somebody has changed one since, or no safe way leads to one, Conflict and nothing is touched;
    with `partial` that one is left and the others are restored.  Refused where later changes were
    made on top of it (`foresee`).  To undo twice is to do nothing, and so it is where all of it is
    somebody else's by now: the record stays as it is.  With `dry_run` nothing is
    written anywhere.  With `shown`, Refused where the record is not the one that was shown.
    """
    if dry_run:
        with _told(), looked_at(machine) as seen:
            change = _numbered(seen.all() if seen else [], number)
            with ExitStack() as stack:
                return _outcomes(found_of(change, machine, stack))
    with _told(), locked(machine, f"undo {number}") as journal:
        past = _settled(journal)
        change = _numbered(past, number)
        if shown not in (None, change):
            raise Refused(CHANGED)
        over = later(change, past, machine)
        if over and change.state is not State.UNDONE:
            first = ", ".join(str(one.id) for one in over)
            raise Refused(f"later changes were made on top of change {number}: first undo {first}")
        return _undone(journal, change, machine, partial)


def foresee(
    number: int, *, machine: Machine
) -> tuple[tuple[Transaction, tuple[Outcome, ...]], ...]:
    """Tell what an undo takes back, in its order, and how it will find each target of each."""
    with _told(), looked_at(machine) as journal:
        past = journal.all() if journal else []
        change = _numbered(past, number)
        chain = (*later(change, past, machine), change)
        return tuple((one, foreseen(one, chain[:n], machine)) for n, one in enumerate(chain))


def _numbered(past: Sequence[Transaction], number: int) -> Transaction:
    for change in past:
        if change.id == number:
            return change
    raise Refused(f"there is no change {number}")


def _outcomes(things: Sequence[Kind]) -> tuple[Outcome, ...]:
    """Tell how an undo finds each target."""
    return tuple(Outcome(thing.target, thing.observe(), why=thing.why) for thing in things)


def _undone(
    journal: Journal, change: Transaction, machine: Machine, partial: bool, note: str = ""
) -> tuple[Outcome, ...]:
    if change.state is State.UNDONE:
        return tuple(Outcome(item.target, Found.BEFORE) for item in change.items)
    with ExitStack() as stack:
        things = found_of(change, machine, stack)
        outcomes = _outcomes(things)
        theirs = in_the_way(outcomes)
        if theirs and not partial:
            raise Conflict(theirs, outcomes)
        moving = [t for t, out in zip(things, outcomes) if out.found is Found.AFTER]
        for thing in moving:
            thing.check()
        stays = theirs or any(out.found is Found.RUNNING for out in outcomes)
        done = State.PARTLY if stays else State.UNDONE
        if moving or not stays:
            transit(journal, change, moving, Found.BEFORE, done, note)
        with suppress(OSError):  # a note that stays is taken away by `end_trials`
            journal.end_trial(change.id)
        return outcomes


def confirm(number: int, *, machine: Machine) -> bool:
    """Let a change stay that is on trial; False when it is not (any more), or does not stand."""
    with _told(), locked(machine, f"keep {number}") as journal:
        change = journal.load(number)
        if change is None or change.state is not State.APPLIED or change.boot != machine.boot():
            return False
        return journal.end_trial(number)


def trials(*, machine: Machine) -> dict[int, float]:
    """Tell which changes are on trial, and until when (seconds since the epoch)."""
    with _told(), looked_at(machine) as journal:
        return journal.trials() if journal else {}


def end_trials(
    now: float, *, machine: Machine, shown: Sequence[Transaction] | None = None
) -> tuple[int, ...]:
    """Take back what was to be confirmed before `now`, and was not; the numbers of the changes.

    A boot ends a trial as well.  What somebody else has changed since is theirs, and stays.  With
    `shown`, Refused before the first that was not shown.
    """
    if not trials(machine=machine):
        return ()
    ended = []
    with _told(), locked(machine, "the end of a trial") as journal:
        past = {change.id: change for change in _settled(journal)}
        for number, until in sorted(journal.trials().items()):
            change = past.get(number)
            if change is not None and change.state in STANDING:
                if until > now and change.boot == machine.boot():
                    if change.state is State.APPLIED:
                        continue
                else:
                    if shown is not None and change.items not in [
                        one.items for one in shown if one.id == number
                    ]:
                        raise Refused(CHANGED)
                    when = time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime())
                    note = f"its trial ran out: taken back {when}"
                    _undone(journal, change, machine, partial=True, note=note)
                    ended.append(number)
            journal.end_trial(number)  # a note without a change that stands is one left behind
    return tuple(ended)


def recover(
    *, machine: Machine, shown: Sequence[Transaction] | None = None
) -> tuple[Transaction, ...]:
    """Settle what a killed run has left: all done or all undone; call it before any change.

    At other starts ask `Machine.interrupted`, which costs nothing.  `notes` of what is returned
    name what somebody else had changed, and was left.  With `shown`, Refused where what is left is
    not what was shown.
    """
    with _told():
        with looked_at(machine) as journal:
            if journal is None or not (
                machine.interrupted() or any(change.unfinished for change in journal.all())
            ):
                return ()
        with locked(machine, "recovery") as journal:
            left = [change for change in journal.all() if change.unfinished]
            if shown is not None and left != [change for change in shown if change.unfinished]:
                raise Refused(CHANGED)
            settled = tuple(_recovered(journal, change, machine) for change in left)
            for change in journal.all():
                _let_go(change, machine)
            journal.unmark()
            return settled


def history(*, machine: Machine) -> tuple[Transaction, ...]:
    """Tell the changes that were made, oldest first."""
    with _told(), looked_at(machine) as journal:
        return tuple(journal.all()) if journal else ()


def in_force(past: Sequence[Transaction], *, machine: Machine) -> dict[int, tuple[Standing, ...]]:
    """Tell of each change that was not undone how its targets stand today, by its number."""
    with _told():
        return standings(past, machine)


def unsettled(now: float, *, machine: Machine) -> tuple[Transaction, ...]:
    """Tell what `recover` and `end_trials` have to settle, oldest first; nothing is written."""
    with _told(), looked_at(machine) as journal:
        if journal is None:
            return ()
        ends, boot = journal.trials(), machine.boot()

        def over(change: Transaction) -> bool:
            tried = change.id in ends and change.state in STANDING
            return tried and (ends[change.id] <= now or change.boot != boot)

        return tuple(change for change in journal.all() if change.unfinished or over(change))


def prune(*, machine: Machine) -> tuple[int, ...]:
    """Drop the oldest of the records, of changes that are not in force; their numbers."""
    with _told(), locked(machine, "pruning") as journal:
        return journal.prune((machine if machine.runs else Machine()).boot())


@contextmanager
def _told() -> Iterator[None]:
    """Tell of a system call that failed in the words of our own exceptions."""
    try:
        yield
    except OSError as error:
        raise Failed(words(error)) from error


def _settled(journal: Journal) -> list[Transaction]:
    past = journal.all()
    left = [str(change.id) for change in past if change.unfinished]
    if left:
        raise Refused(f"change {', '.join(left)} was interrupted, and is to be recovered first")
    return past


def _on_trial(journal: Journal, number: int, until: float | None) -> None:
    try:
        if until is None:
            journal.end_trial(number)  # of a run that was killed before its record was there
        else:
            journal.begin_trial(number, until)
    except OSError as error:
        with suppress(OSError):
            journal.end_trial(number)
        raise Refused(f"no change is begun: {words(error)}") from error


def _recovered(journal: Journal, change: Transaction, machine: Machine) -> Transaction:
    with ExitStack() as stack:
        try:
            things = things_of(change, machine, stack)
        except Refused as error:
            raise Refused(f"change {change.id} cannot be recovered yet: {error}") from None
        notes = tuple(note for note in [thing.rescue() for thing in things] if note)
        if change.state is State.APPLYING and all(t.observe() is Found.AFTER for t in things):
            state = State.APPLIED
            notes += tuple(note for note in [thing.discard() for thing in things] if note)
        else:
            more, whole = put_back(things, Found.BEFORE)
            if not whole:
                raise Failed(f"change {change.id} cannot be recovered yet", more, whole=False)
            notes += more
            state = State.PARTLY if notes else State.UNDONE
        change = replace(change, state=state, notes=notes)
        if state is not State.APPLIED:
            journal.end_trial(change.id)
        try:
            journal.save(change, lambda: forget(things))
        except BaseException:
            closed(journal, change.id, things)
            raise
        return change


def _let_go(change: Transaction, machine: Machine) -> None:
    """Remove what a change may have kept that is over: a kill came before it had let go of it."""
    if change.state is State.UNDONE and any(item.keeps for item in change.items):
        with suppress(FixError, OSError), ExitStack() as stack:
            forget(things_of(change, machine, stack))
