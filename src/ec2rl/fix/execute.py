"""Moving all targets of a change one way, or having all of them where they were.

The order: write the journal, stage every file, write the kernel's settings (it may refuse, and what
it refuses must not be kept for the next boot), exchange the files, build what is made of them, read
everything back, mark the record.  A failure anywhere, of whatever kind, moves everything back in
reverse order; from the moment at which the record says that all is done, there is no way back.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress

from ec2rl.fix.change import Found, Item, State, Transaction
from ec2rl.fix.errors import Conflict, Failed, FixError, Refused, Unreachable
from ec2rl.fix.journal import Journal
from ec2rl.fix.kinds import thing
from ec2rl.fix.kinds.kind import At, Kind, Unseen
from ec2rl.fix.machine import Machine, is_this_one
from ec2rl.fix.prepare import room, stop_if_asked
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def things_of(change: Transaction, machine: Machine, stack: ExitStack) -> list[Kind]:
    """Hold all that is to be moved; Refused where something is missing that it will take."""
    at = at_of(change, machine, stack)
    things = [thing(item, at) for item in change.items]
    room()
    return things


def found_of(change: Transaction, machine: Machine, stack: ExitStack) -> list[Kind]:
    """Hold all that is to be taken back; what no way leads to that is root's alone says so."""
    at = at_of(change, machine, stack)
    room()
    return [_found(item, at) for item in change.items]


def _found(item: Item, at: At) -> Kind:
    try:
        one = thing(item, at)
        one.rebase()
        one.observe()
    except Unreachable as error:
        return Unseen(item, at, words(error), error.absent)
    return one


def at_of(change: Transaction, machine: Machine, stack: ExitStack) -> At:
    """Say where a change was made, and whether what ran then runs now."""
    here = not machine.runs and is_this_one(machine, change.boot)
    return At(machine, change.id, change.boot != machine.boot(), here, stack)


def transit(
    journal: Journal,
    change: Transaction,
    things: Sequence[Kind],
    to: Found,
    done: State,
    note: str = "",
) -> Transaction:
    """Move everything one way, or raise and have all of it where it was; `note` tells of it."""
    try:
        return _moved(journal, change, things, to, done, note)
    except BaseException as error:  # whatever it is: half a change is worse
        if closed(journal, change.id, things):
            raise
        try:
            notes, whole = _taken_back(journal, change, things, to, error)
        except BaseException as again:  # the way back was struck as well: `recover` goes on
            notes, whole = (f"the way back was cut short: {words(again)}",), False
        if isinstance(error, OSError):
            raise Failed(words(error), notes, whole) from error
        if isinstance(error, FixError):
            error.notes, error.whole = notes, whole
        raise


def _taken_back(
    journal: Journal,
    change: Transaction,
    things: Sequence[Kind],
    to: Found,
    error: BaseException,
) -> tuple[tuple[str, ...], bool]:
    """Have all where it was and close its record; what to say of it, and whether it is whole."""
    applying = to is Found.AFTER
    notes, whole = put_back(things, Found.BEFORE if applying else Found.AFTER)
    if not whole:
        return notes, False
    gone = State.PARTLY if notes else State.UNDONE
    left = replace(_with_items(change, things), state=gone) if applying else change
    open_yet = _close(journal, replace(left, notes=(words(error), *notes)), things)
    return notes + open_yet, not open_yet


def _moved(
    journal: Journal,
    change: Transaction,
    things: Sequence[Kind],
    to: Found,
    done: State,
    note: str,
) -> Transaction:
    _stage(journal, change, things, to)
    for one in things:
        planned = one.item
        one.build(to)
        if one.item != planned:
            _note(journal, change, things, to)
        one.move(to)
    for one in things:
        if one.observe() is not to:
            raise Conflict(f"{one.target} was changed by somebody else meanwhile")
    final = replace(_with_items(change, things), state=done, notes=(note,) if note else ())
    # Written before the files swapped out are given up, as the disk may be full by now.
    journal.draft(final)
    for one in things:
        note = one.discard()
        if note:
            raise Conflict(note)
    stop_if_asked()
    journal.publish(final, lambda: forget(things))
    return final


def forget(things: Sequence[Kind]) -> bool:
    """Let go of what either side was kept in, as the record is closed; False: `recover` has to."""
    return len([one for one in things if _forgotten(one) or _forgotten(one)]) == len(things)


def closed(journal: Journal, number: int, things: Sequence[Kind]) -> bool:
    """Tell, after something struck, whether no change is under way: not begun, or all done.

    What was kept is let go once more then.  The mark stays: that something struck is to be told,
    and `recover` looks once.
    """
    if _open(journal, number):
        return False
    with suppress(Exception):
        forget(things)
    return True


def _forgotten(one: Kind) -> bool:
    try:
        one.forget()
    except Exception:  # the change is made: nothing is to be moved back for this
        return False
    return True


def _with_items(change: Transaction, things: Sequence[Kind]) -> Transaction:
    """Have the record tell of the targets as they are known by now."""
    known = {one.target: one.item for one in things}
    return replace(change, items=tuple(known.get(item.target, item) for item in change.items))


def _stage(journal: Journal, change: Transaction, things: Sequence[Kind], to: Found) -> None:
    """Do all that can fail for want of room or rights, while nothing has changed."""
    try:
        _note(journal, change, things, to)
        for one in things:
            one.stage(to)
    except OSError as error:
        raise Refused(f"no change is begun: {words(error)}") from error


def _note(journal: Journal, change: Transaction, things: Sequence[Kind], to: Found) -> None:
    """Have on record what is about to be moved, and where to."""
    state = State.APPLYING if to is Found.AFTER else State.UNDOING
    journal.save(replace(_with_items(change, things), state=state))


def _open(journal: Journal, number: int) -> bool:
    """Tell whether a change is under way, or may be."""
    try:
        change = journal.load(number)
    except Exception:
        return True
    return change is not None and change.unfinished


def _close(journal: Journal, change: Transaction, things: Sequence[Kind]) -> tuple[str, ...]:
    """Save the record of what was put back, or say that `recover` has to."""
    try:
        journal.save(change, lambda: forget(things))
    except BaseException as error:
        if not closed(journal, change.id, things):
            return (f"all is where it was, but its record cannot be closed: {words(error)}",)
    return ()


def put_back(things: Sequence[Kind], to: Found) -> tuple[tuple[str, ...], bool]:
    """Move back what can be, and say what was left; False if something of ours is still there."""
    notes, whole = [], True
    for one in reversed(things):
        try:
            note = _back(one, to)
        except BaseException as error:  # the others are to go back all the same
            note, whole = f"{one.target} is not yet as it was: {words(error)}", False
        if note:
            notes.append(note)
    return tuple(notes), whole


def _back(one: Kind, to: Found) -> str:
    note = one.rescue()
    found = one.observe()
    if found is Found.CHANGED:
        note = note or f"{one.target} was changed by somebody else; theirs is kept"
    elif found not in (to, Found.GONE, Found.RUNNING):
        one.stage(to)
        try:
            one.move(to)
        except Conflict as error:
            note = str(error)
    return one.discard() or note


def words(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        said = f"{error.filename}: {error.strerror}" if error.filename else f"{error.strerror}"
        return said + ("; it needs root" * isinstance(error, PermissionError) * bool(os.geteuid()))
    if isinstance(error, FixError):
        return str(error)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
