"""Before a change: what is there now, and whether it is what the proposer saw."""

from __future__ import annotations

from itertools import combinations

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
    for one, other in combinations(items, 2):
        for path in one.touched:
            for again in other.touched:
                _apart(path, again)
    if not items:
        raise Refused("everything is already as you asked")
    return items


def _apart(one: str, other: str) -> None:
    """Refused where a change of one target moves, or closes the way to, the other.

    The way back of such a change may be barred by the change itself.
    """
    if one == other:
        raise Refused(f"two changes of the same target: {one}")
    upper, lower = sorted((one, other), key=len)
    if lower.startswith(f"{upper}/"):
        raise Refused(f"{upper} and {lower}, which lies in it, cannot be changed together")
