"""What was made on top of a change: to take the lower one back alone would not be true."""

from __future__ import annotations

from contextlib import ExitStack

from ec2rl.fix.change import STANDING, Found, Item, Transaction
from ec2rl.fix.errors import Outcome
from ec2rl.fix.kinds import left
from ec2rl.fix.transit import things_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.fix.machine import Machine


def later(
    change: Transaction, past: Sequence[Transaction], machine: Machine
) -> tuple[Transaction, ...]:
    """Find the changes that are to be taken back before a change, the first of them first.

    These are the later ones that are in force on a target of it, and those on top of them in turn.
    In force on a target is a change that left it as it is, or as a later one in force found it.
    """
    top: dict[str, Item] = {}
    holding: list[tuple[Transaction, set[str]]] = []
    for one in reversed(past):
        if one.id <= change.id or one.state not in STANDING:
            continue
        held = _in_force(one, top, machine)
        top.update(held)
        holding.append((one, set(held)))
    wanted = {name for item in change.items for name in item.touched}
    found = []
    for one, targets in reversed(holding):
        if targets & wanted:
            found.append(one)
            wanted |= targets
    return tuple(reversed(found))


def foreseen(
    change: Transaction, over: Sequence[Transaction], machine: Machine
) -> tuple[Outcome, ...]:
    """Tell how an undo will find each target, once what is `over` it (newest first) is gone."""
    above = {name: item for one in over for item in one.items for name in item.touched}
    with ExitStack() as stack:
        outcomes = []
        for thing in things_of(change, machine, stack):
            thing.rebase()
            upper = next((above[name] for name in thing.item.touched if name in above), None)
            found = thing.observe() if upper is None else Found.AFTER
            if upper is not None and not left(thing.item, upper):
                found = Found.CHANGED
            outcomes.append(Outcome(thing.target, found))
        return tuple(outcomes)


def _in_force(change: Transaction, top: dict[str, Item], machine: Machine) -> dict[str, Item]:
    """The targets that a change holds, below what holds each of them since (`top`)."""
    held: dict[str, Item] = {}
    with ExitStack() as stack:
        for thing in things_of(change, machine, stack):
            thing.rebase()
            above = next((top[name] for name in thing.item.touched if name in top), None)
            if left(thing.item, above) if above else thing.observe() is Found.AFTER:
                held.update(dict.fromkeys(thing.item.touched, thing.item))
    return held
