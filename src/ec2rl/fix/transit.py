"""Moving all targets of a change one way, or having all of them where they were.

The order: write the journal, stage every file, write the kernel's settings (it may refuse, and what
it refuses must not be kept for the next boot), exchange the files, read everything back, mark the
record.  A failure anywhere, of whatever kind, moves everything back in reverse order; from the
moment at which the record says that all is done, there is no way back.
"""

from __future__ import annotations

import os
from contextlib import ExitStack

from ec2rl.fix.change import Found, State, SysctlItem, Transaction
from ec2rl.fix.errors import Conflict, Failed, FixError, Refused
from ec2rl.fix.files import File
from ec2rl.fix.journal import Journal
from ec2rl.fix.machine import Machine, is_this_one
from ec2rl.fix.prepare import room, stop_if_asked
from ec2rl.fix.survey import target
from ec2rl.fix.sysctl import Setting, Unmoved
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Union

    Thing = Union[Setting, Unmoved, File]


def things_of(change: Transaction, machine: Machine, stack: ExitStack) -> list[Thing]:
    """Hold all that is to be moved; Refused where something is missing that it will take.

    Settings are looked at in the host's own network namespace alone.
    """
    if any(isinstance(item, SysctlItem) for item in change.items):
        machine.need_the_host()
    rebooted = change.boot != machine.boot()
    here = not machine.runs and is_this_one(machine, change.boot)

    def setting(item: SysctlItem) -> Thing:
        if machine.runs:
            return Setting(machine, item, rebooted=rebooted)
        return Unmoved(item, change.id, here=here)

    things = [
        setting(item) if isinstance(item, SysctlItem) else File(machine, item, change.id, stack)
        for item in change.items
    ]
    room()
    return things


def transit(
    journal: Journal, change: Transaction, things: Sequence[Thing], to: Found, done: State
) -> Transaction:
    """Move everything one way, or raise and have all of it where it was."""
    try:
        return _moved(journal, change, things, to, done)
    except BaseException as error:  # whatever it is: half a change is worse
        if not _open(journal, change.id):
            raise
        applying = to is Found.AFTER
        notes, whole = put_back(things, Found.BEFORE if applying else Found.AFTER)
        if whole:
            gone = State.PARTLY if notes else State.UNDONE
            left = replace(change, state=gone) if applying else change
            open_yet = _close(journal, replace(left, notes=(words(error), *notes)))
            notes, whole = notes + open_yet, not open_yet
        if isinstance(error, OSError):
            raise Failed(words(error), notes, whole) from error
        if isinstance(error, FixError):
            error.notes, error.whole = notes, whole
        raise


def _moved(
    journal: Journal, change: Transaction, things: Sequence[Thing], to: Found, done: State
) -> Transaction:
    _stage(journal, change, things, to)
    for thing in things:
        thing.move(to)
    for thing in things:
        if thing.found() is not to:
            raise Conflict(f"{thing.target} was changed by somebody else meanwhile")
    moved = {thing.target: thing.item for thing in things}
    items = tuple(moved.get(target(item), item) for item in change.items)
    final = replace(change, state=done, items=items, notes=())
    # Written before the files swapped out are given up, as the disk may be full by now.
    journal.draft(final)
    for thing in things:
        note = thing.discard()
        if note:
            raise Conflict(note)
    stop_if_asked()
    journal.publish(final)
    return final


def _stage(journal: Journal, change: Transaction, things: Sequence[Thing], to: Found) -> None:
    """Do all that can fail for want of room or rights, while nothing has changed."""
    state = State.APPLYING if to is Found.AFTER else State.UNDOING
    try:
        journal.save(replace(change, state=state))
        for thing in things:
            thing.stage(to)
    except OSError as error:
        raise Refused(f"no change is begun: {words(error)}") from error


def _open(journal: Journal, number: int) -> bool:
    """Whether a change is under way; if not, nothing has been moved yet, or all is done."""
    try:
        change = journal.load(number)
    except Exception:
        return True
    return change is not None and change.unfinished


def _close(journal: Journal, change: Transaction) -> tuple[str, ...]:
    """Save the record of what was put back, or say that `recover` has to."""
    try:
        journal.save(change)
    except BaseException as error:
        return (f"all is where it was, but its record cannot be closed: {words(error)}",)
    return ()


def put_back(things: Sequence[Thing], to: Found) -> tuple[tuple[str, ...], bool]:
    """Move back what can be, and say what was left; False if something of ours is still there."""
    notes, whole = [], True
    for thing in reversed(things):
        try:
            note = _back(thing, to)
        except BaseException as error:  # the others are to go back all the same
            note, whole = f"{thing.target} is not yet as it was: {words(error)}", False
        if note:
            notes.append(note)
    return tuple(notes), whole


def _back(thing: Thing, to: Found) -> str:
    note = thing.rescue()
    found = thing.found()
    if found is Found.CHANGED:
        note = note or f"{thing.target} was changed by somebody else; theirs is kept"
    elif found not in (to, Found.GONE, Found.RUNNING):
        thing.stage(to)
        try:
            thing.move(to)
        except Conflict as error:
            note = str(error)
    return thing.discard() or note


def words(error: BaseException) -> str:
    if isinstance(error, OSError):
        said = f"{error.filename}: {error.strerror}" if error.filename else f"{error.strerror}"
        return said + ("; it needs root" * isinstance(error, PermissionError) * bool(os.geteuid()))
    if isinstance(error, FixError):
        return str(error)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
