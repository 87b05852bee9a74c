"""What was made on top of a change: to take the lower one back alone would not be true."""

from __future__ import annotations

from contextlib import ExitStack

from ec2rl.fix.change import STANDING, FileItem, Found, SysctlItem, Transaction
from ec2rl.fix.errors import Outcome
from ec2rl.fix.files import same
from ec2rl.fix.survey import target
from ec2rl.fix.transit import things_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Union

    from ec2rl.fix.machine import Machine

    Item = Union[SysctlItem, FileItem]


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
    wanted = {target(item) for item in change.items}
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
    above = {target(item): item for one in over for item in one.items}
    with ExitStack() as stack:
        return tuple(
            Outcome(thing.target, thing.found())
            if thing.target not in above
            else Outcome(
                thing.target,
                Found.AFTER if _left(thing.item, above[thing.target]) else Found.CHANGED,
            )
            for thing in things_of(change, machine, stack)
        )


def _in_force(change: Transaction, top: dict[str, Item], machine: Machine) -> dict[str, Item]:
    """The targets that a change holds, below what holds each of them since (`top`)."""
    held: dict[str, Item] = {}
    with ExitStack() as stack:
        for thing in things_of(change, machine, stack):
            above = top.get(thing.target)
            if _left(thing.item, above) if above else thing.found() is Found.AFTER:
                held[thing.target] = thing.item
    return held


def _left(lower: Item, upper: Item) -> bool:
    """Whether a target was left by one change as the other found it."""
    if isinstance(lower, FileItem) and isinstance(upper, FileItem):
        return same(upper.before, lower.after)
    return lower.after == upper.before
