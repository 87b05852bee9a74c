"""What the commands share that look at changes: to tell what is left of them, and to settle it."""

from __future__ import annotations

import os
import stat
import time
from contextlib import contextmanager

from ec2rl.arguments import Parsed, UsageError
from ec2rl.fix.change import Found, Item, State, Transaction
from ec2rl.fix.errors import FixError, Refused
from ec2rl.fix.execute import words
from ec2rl.fix.machine import Machine
from ec2rl.fix.prepare import held
from ec2rl.fix.transaction import CHANGED, end_trials, history, prune, recover, trials, unsettled
from ec2rl.invocation import to_type
from ec2rl.next_boot.still_sets import still_sets
from ec2rl.quantities import value_words
from ec2rl.report.difference import difference
from ec2rl.report.escape import one_line, typed
from ec2rl.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Callable

    from ec2rl.fix.later import Standing
    from ec2rl.model import Json

    Command = Callable[[Parsed, Terminal], int]

BEFORE_SCHEMA_3 = "conntrackfull"
"""The one module that had a fix when records did not name theirs."""

_last: list[str] = []
"""The last that is known of the command's own changes (`known`)."""

_own: set[int] = set()
"""The changes that the command itself has made, taken back or settled."""

_DIFF, WIDE = 40, 200
"""Lines of a file that are shown, and characters of each."""


def told_of(left: Sequence[Transaction], machine: Machine) -> list[str]:
    """Give what is left to settle, in the words of its records, and what is done about it when."""
    lines = []
    for change in left:
        how = "was interrupted" if change.unfinished else "is on trial, and its time is over"
        whose = "" if machine.runs else ", as a record claims that was found on the volume"
        lines.append(f"Change {change.id} ({one_line(change.why)}) {how}{whose}:")
        lines += claims(change.items, machine)
    if left:
        again = "by the next ec2rl fix, undo or keep" if machine.runs else "first, if you agree"
        lines.append(f"It is taken back, or, where all of it was done already, stays: {again}")
    return lines


def claims(items: Sequence[Item], machine: Machine, back: bool = False) -> list[str]:
    """Give what a record says of each of its targets, the texts of files as a diff backwards.

    `back` names what an undo makes of it.  Of a volume, whose records anybody may have written,
    nothing is cut.
    """
    lines = []
    for item in items:
        lines.append(f"    {row(item, back)}")
        lines += [f"        {line}" for line in _backwards(item, whole=not machine.runs)]
    return lines


def _backwards(item: Item, whole: bool) -> list[str]:
    """Tell how a text would be written by taking the change back."""
    if item.texts is None:
        return []
    old, new = item.rights or ("", "")
    lines = [] if old == new else [f"to be {one_line(old)}"]
    before, after = item.texts
    if whole:
        return lines + difference(after or "", before or "", whole=True)
    return lines + cut(difference(after or "", before or "", WIDE), len(lines))


def cut(lines: list[str], above: int = 0) -> list[str]:
    """Cut the lines of a difference to what a person can read; `above` it are some already."""
    most = _DIFF - above
    more = [f"... {len(lines) - most} more lines"] if len(lines) > most else []
    return lines[:most] + more


def pruned(machine: Machine) -> list[str]:
    """Drop the oldest records that nobody needs, and tell which."""
    try:
        gone = prune(machine=machine)
    except FixError as error:
        return [f"old records could not be dropped: {error}"]
    if not gone:
        return []
    names = ", ".join(map(str, gone))
    return [f"the records of these changes, undone or gone with a reboot, were dropped: {names}"]


def settle(
    machine: Machine, terminal: Terminal, shown: Sequence[Transaction] | None = None
) -> bool:
    """Recover what was interrupted and end what was on trial; False when that cannot be done.

    With `shown` nothing else is settled than what was shown, as it was shown.
    """
    try:
        now = time.time()
        left = unsettled(now, machine=machine)  # what cannot be trusted is refused before the rest
        if shown is not None and left != tuple(shown):
            raise Refused(CHANGED)
        for change in recover(machine=machine, shown=shown):
            _own.add(change.id)
            terminal.say(f"change {change.id} had been interrupted; it is {change.state.value} now")
            for note in change.notes:
                terminal.say(note)
        for number in end_trials(now, machine=machine, shown=shown):
            _own.add(number)
            terminal.say(f"change {number} was on trial and not confirmed; it was taken back")
    except FixError as error:
        terminal.say(str(error))
        for line in (*error.notes, standing(machine)):
            terminal.say(line)
        return False
    return True


def saying_what_stands(command: Command) -> Command:
    """Have a command that changes a machine say how that stands, whatever it is ended by."""

    def telling(args: Parsed, terminal: Terminal) -> int:
        with standing_told(machine_of(args.last("root")), terminal):
            return command(args, terminal)

    return telling


@contextmanager
def standing_told(machine: Machine, terminal: Terminal) -> Iterator[None]:
    """Say how the changes of the machine stand where something is raised."""
    before: object = None
    _last.clear()
    _own.clear()
    try:
        before = _stand(machine)
        yield
    except UsageError:
        raise
    except BaseException:
        with held():
            terminal.say(standing(machine, before))
        raise


def known(number: int, state: State, machine: Machine) -> None:
    """Remember how a change stands, once that is known: there may be no memory to ask again."""
    _own.add(number)
    again = "" if state is State.UNDONE else f"; to take it back: {to_type(f'undo {number}')}"
    _last[:] = [f"change {number} is {state.value}{again}{where(machine) * bool(again)}"]


def standing(machine: Machine, before: object = None) -> str:
    """Say of the newest change how it stands, or of one that is half made, and what to type.

    Nothing was changed where all is as `before`, and none is half made.
    """
    stand = _stand(machine)
    if isinstance(stand, str) and _last:
        return f"{_last[0]} (what else there is cannot be told: {stand.splitlines()[0]})"
    if isinstance(stand, str):
        return f"how its changes stand cannot be told ({stand}); see: {to_type('history')}"
    past, on_trial = stand
    half = [change for change in past if change.unfinished]
    if not past or (stand == before and not half):
        return "nothing was changed"
    change = half[0] if half else past[-1]
    name = f"change {change.id} ({one_line(change.why)})"
    undo = to_type(f"undo {change.id}{where(machine)}")
    if change.unfinished:
        return f"{name} stopped half-way, {change.state.value}; to have all as before it: {undo}"
    if change.state is State.UNDONE:
        return f"nothing is half-way: all is as before {name}"
    how = f"{change.state.value}{', on trial' * (change.id in on_trial)}"
    return f"nothing is half-way: {name} is {how}; to take it back: {undo}"


def _stand(machine: Machine) -> tuple[tuple[Transaction, ...], dict[int, float]] | str:
    """Give the changes of a machine and its trials, or why they cannot be told."""
    try:
        return history(machine=machine), trials(machine=machine)
    except Exception as error:
        return words(error)


def where(machine: Machine) -> str:
    """Give what to add to a command that is about the same machine."""
    return "" if machine.runs else f" --root={typed(machine.root)}"


def described(item: Item) -> dict[str, str]:
    """Give one target of a change, in words: what it was, and what it is."""
    before, after = item.words
    return {"target": item.target, "before": before, "after": after}


def moved(before: Sequence[Transaction], after: Sequence[Transaction]) -> list[Json]:
    """Give the changes that the command itself has made stand otherwise than before, as data."""
    was = {change.id: change.state for change in before}
    return [
        {
            "id": change.id,
            "state": change.state.value,
            "items": [{**described(item)} for item in change.items],
        }
        for change in after
        if change.id in _own and was.get(change.id) is not change.state
    ]


def row(item: Item, back: bool = False) -> str:
    """Give one target of a change on a line, whoever wrote its record.

    `back` as an undo changes it.
    """
    before, after = map(value_words, item.words[::-1] if back else item.words)
    return one_line(f"{item.target}: {before} -> {after}")


def why_not(error: FixError, machine: Machine, what: str = "nothing") -> tuple[str, ...]:
    """Say why a change was not made, and how things stand now."""
    if error.whole:
        return (f"{what} was changed: {error}", *error.notes)
    return (f"it failed half-way: {error}", *error.notes, standing(machine))


def machine_of(root: str) -> Machine:
    """Give the machine to change.

    This one, or (its files alone) the one whose root is mounted there.
    """
    if not root:
        return Machine()
    try:
        place = os.path.realpath(root)
        status = os.stat(place)
    except OSError as error:
        raise UsageError(f"--root={root}: {os.strerror(error.errno or 0)}") from None
    if place == "/" or not stat.S_ISDIR(status.st_mode):
        raise UsageError(f"--root={root}: not a folder that another machine's root is mounted on")
    return Machine(place, sysctls="", modules="", place=(status.st_dev, status.st_ino))


def sets_still(standing: Standing) -> bool:
    """Tell whether a file that was edited since still sets all that the change made it set."""
    texts, now = standing.item.texts, standing.now
    if standing.found is not Found.CHANGED or texts is None or now is None or now.text is None:
        return False
    return texts[1] is not None and still_sets(standing.item.target, texts[1], now.text)
