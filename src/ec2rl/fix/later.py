"""What was made on top of a change: to take the lower one back alone would not be true."""

from __future__ import annotations

from contextlib import ExitStack

from ec2rl.fix.change import STANDING, Found, Item, Now, State, Transaction
from ec2rl.fix.errors import FixError, Outcome
from ec2rl.fix.execute import at_of, found_of, words
from ec2rl.fix.kinds import left, thing
from ec2rl.fix.kinds.kind import Unseen
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.fix.kinds.kind import At
    from ec2rl.fix.machine import Machine


def later(
    change: Transaction, past: Sequence[Transaction], machine: Machine
) -> tuple[Transaction, ...]:
    """Find the changes that are to be taken back before a change, the first of them first.

    These are the later ones that are in force on a target of it, and those on top of them in turn.
    In force on a target is a change that left it as it is, or as a later one in force found it, and
    on none that cannot be looked at: what is below a folder that is gone stands on nothing, and
    what is in one that others can write, an undo leaves alone; no folder that has it is moved.
    """
    top: dict[str, Item] = {}
    holding: list[tuple[Transaction, set[str], set[str]]] = []
    for one in reversed(past):
        if one.id <= change.id or one.state not in STANDING:
            continue
        held, unseen = _in_force(one, top, machine)
        top.update(held)
        holding.append((one, set(held), unseen))
    wanted, carried = _names(change)
    found = []
    for one, targets, unseen in reversed(holding):
        below = any(name.startswith(carried) for name in targets | unseen)
        if below or targets & wanted:
            found.append(one)
            wanted |= targets
            carried += _names(one)[1]
    return tuple(reversed(found))


def _names(change: Transaction) -> tuple[set[str], tuple[str, ...]]:
    """Give all names that a change touched, and the folders whose content it took along."""
    touched = {name for item in change.items for name in item.touched}
    carried = [f"{name}/" for item in change.items if item.carries for name in item.touched]
    return touched, tuple(carried)


def foreseen(
    change: Transaction, over: Sequence[Transaction], machine: Machine
) -> tuple[Outcome, ...]:
    """Tell how an undo will find each target, once what is `over` it (newest first) is gone."""
    above = {name: item for one in over for item in one.items for name in item.touched}
    with ExitStack() as stack:
        outcomes = []
        for one, of_record in zip(found_of(change, machine, stack), change.items):
            upper = next((above[name] for name in one.item.touched if name in above), None)
            found = one.observe() if upper is None else Found.AFTER
            if upper is not None and not left(one.item, upper):
                found = Found.CHANGED
            rebased = one.item if one.item != of_record else None
            outcomes.append(Outcome(one.target, found, rebased, one.why))
        return tuple(outcomes)


def _in_force(
    change: Transaction, top: dict[str, Item], machine: Machine
) -> tuple[dict[str, Item], set[str]]:
    """Find the targets that a change holds, below what holds each of them since (`top`).

    And those that it may hold: no safe way leads to them.
    """
    held: dict[str, Item] = {}
    unseen: set[str] = set()
    with ExitStack() as stack:
        for one in found_of(change, machine, stack):
            if isinstance(one, Unseen) and not one.gone:
                unseen.update(one.item.touched)
                continue
            above = next((top[name] for name in one.item.touched if name in top), None)
            if left(one.item, above) if above else one.observe() is Found.AFTER:
                held.update(dict.fromkeys(one.item.touched, one.item))
    return held, unseen


@record(frozen=True)
class Standing:
    """How one target of a change in force stands today, which nobody undoes.

    `by` is the number of the later change that left it as it is, and `undo_of` that of the earlier
    change whose undo did; 0 and 0 for somebody else.  `why` says why it cannot be told.
    """

    item: Item
    found: Found | None
    now: Now | None = None
    by: int = 0
    why: str = ""
    undo_of: int = 0


def standings(past: Sequence[Transaction], machine: Machine) -> dict[int, tuple[Standing, ...]]:
    """Look what is still as the changes left it, by their numbers; nothing is written."""
    found: dict[int, tuple[Standing, ...]] = {}
    since: dict[str, int] = {}
    for n, change in reversed(tuple(enumerate(past))):
        if change.state not in STANDING:
            continue
        with ExitStack() as stack:
            at = at_of(change, machine, stack)
            stand = [_standing(item, at, since) for item in change.items]
        found[change.id] = tuple(_with_undo(one, past[:n], machine) for one in stand)
        for one in stand:
            if one.found is Found.AFTER:
                since.update(dict.fromkeys(one.item.touched, change.id))
    return found


def _with_undo(standing: Standing, before: Sequence[Transaction], machine: Machine) -> Standing:
    """Name the earlier change whose undo left a target as it is, where nobody else is known."""
    if standing.found is not Found.CHANGED or standing.by:
        return standing
    wanted = {*standing.item.touched}
    for change in reversed(before):
        items = [item for item in change.items if wanted & {*item.touched}]
        if change.state is State.UNDONE and items:
            with ExitStack() as stack:
                at = at_of(change, machine, stack)
                if all(_standing(item, at, {}).found is Found.BEFORE for item in items):
                    return replace(standing, undo_of=change.id)
    return standing


def _standing(item: Item, at: At, since: dict[str, int]) -> Standing:
    by = max((since.get(name, 0) for name in item.touched), default=0)
    try:
        one = thing(item, at)
        one.rebase()
        found = one.observe()
        if found is Found.BEFORE and item.runs and at.rebooted:
            found = Found.GONE
        return Standing(item, found, one.now(), by)
    except (FixError, OSError) as error:
        return Standing(item, None, None, by, words(error))
