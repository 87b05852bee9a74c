# ruff: noqa: N818 - the tree below says that these are errors
"""What can stop a change.  Whichever is raised, everything that is ours is back as it was.

FixError
├── Refused          before any change: the target, the value or the machine forbids it
│   └── Unreachable  there is no way to the target, or others than root can change the way
├── Busy             before any change: another ec2rl is changing this machine
├── JournalDamaged   before any change: a record is torn, tampered with, huge or too new
├── Conflict         somebody else changed the same thing; theirs is kept
├── KernelRefused    the kernel did not take a value
└── Failed           a system call failed: disk full, input/output error
"""

from __future__ import annotations

from ec2rl.fix.change import Found
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.fix.change import Item


class FixError(Exception):
    """A change, an undo or a recovery that did not take place; its text says why.

    `notes` say of each target that could not be put back, or was not ours to put back, why; `whole`
    is False where something of ours is still there, or its record open, for `recover` to see to.
    """

    def __init__(self, message: str, notes: tuple[str, ...] = (), whole: bool = True) -> None:
        super().__init__(message)
        self.notes = notes
        self.whole = whole


class Refused(FixError):
    """Nothing was touched: the target, the value or the machine forbids the change."""


class Unreachable(Refused):
    """Nothing was touched: no way leads to the target that is root's alone.

    `absent` is whether there is no folder any more on the way.
    """

    def __init__(self, message: str, absent: bool = False) -> None:
        super().__init__(message)
        self.absent = absent


class Busy(FixError):
    """Nothing was touched: another process holds the lock, and the text says which."""


class JournalDamaged(FixError):
    """Nothing was touched: a record cannot be trusted; the text holds what can be read of it."""


class Conflict(FixError):
    """Somebody else changed a target; `outcomes`, of an undo, say how each of them stands."""

    def __init__(self, message: str, outcomes: tuple[Outcome, ...] = ()) -> None:
        super().__init__(message)
        self.outcomes = outcomes


class KernelRefused(FixError):
    """The kernel did not take a value."""


class Failed(FixError):
    """A system call failed half-way; if the text names leftovers, `recover` sees to them."""


@record(frozen=True)
class Outcome:
    """How an undo found one target: what stood AFTER is restored (in a dry run: would be).

    `item` is what it takes back where that is not the record's, in a file with other edits; `why`
    is why a target cannot be looked at.
    """

    target: str
    found: Found
    item: Item | None = None
    why: str = ""


def in_the_way(outcomes: Sequence[Outcome]) -> str:
    """Say which targets are not ours to put back, and which nobody could look at; "" for none."""
    theirs = [one for one in outcomes if one.found is Found.CHANGED]
    changed = [one.target for one in theirs if not one.why]
    unseen = [f"{one.target} ({one.why})" for one in theirs if one.why]
    kinds = (("somebody else has changed since", changed), ("cannot be looked at", unseen))
    return "; ".join(f"{words}: {', '.join(names)}" for words, names in kinds if names)
