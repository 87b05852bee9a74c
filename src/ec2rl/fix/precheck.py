"""Before a change: what is there now, and whether it is what the proposer saw."""

from __future__ import annotations

from ec2rl.fix.errors import Refused
from ec2rl.fix.kinds import order, plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.fix.change import Item
    from ec2rl.fix.machine import Machine
    from ec2rl.remedies import Change


def precheck(changes: Sequence[Change], machine: Machine) -> tuple[Item, ...]:
    """Take the images before; Refused or Conflict where they are not what the proposer saw."""
    planned = [plan(change, machine) for change in sorted(changes, key=order)]
    items = tuple(item for item in planned if item is not None)
    touched = [name for item in items for name in item.touched]
    if len(set(touched)) < len(touched):
        raise Refused("two changes of the same target")
    if not items:
        raise Refused("everything is already as wished")
    return items
