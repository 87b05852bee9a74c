"""What every kind of change can do: the one protocol that the transaction knows.

`plan` compares what is there with what the proposer saw, and gives the item for the journal.  Then,
with the item in the journal: `check` refuses what cannot be done here; `stage` does all that can
fail while nothing has changed; `build` what can only be done once the targets before it have moved;
`move` changes the target one way, by one system call that counts; `observe` says how it stands, and
so verifies; `rescue` brings somebody else's edit back that came in between, or finishes what a kill
left half-way; `discard` removes what is ours beside the target, `forget` what either side was
kept in until the record is closed.  An undo is a `move` to BEFORE.
"""

from __future__ import annotations

from ec2rl.fix.change import NOT_LOOKED, Found, Item, Now
from ec2rl.fix.errors import Refused
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import ExitStack
    from typing import Any

    from ec2rl.fix.machine import Machine


@record(frozen=True)
class At:
    """Where a change is made: its number, and whether what ran then is gone (`rebooted`).

    What is opened stays open as long as `stack` lasts; `here` is whether a volume is of the machine
    that runs.
    """

    machine: Machine
    change: int
    rebooted: bool
    here: bool
    stack: ExitStack


class Kind:
    """One target of a change, and the ways to look at it and move it."""

    order = 1
    """Targets move in this order: what runs, what is on disk, what is built from that."""

    def __init__(self, item: Any, at: At) -> None:
        self.item = item
        self.target: str = item.target
        self.at = at
        self.why = ""

    @staticmethod
    def plan(change: Any, machine: Machine) -> Item | None:
        """Take the image before; None where all is as wished.

        Refused or Conflict where the target is not what the proposer saw.
        """
        raise NotImplementedError

    @staticmethod
    def left(lower: Any, upper: Any) -> bool:
        """Tell whether a target was left by one change as a later one of its kind found it."""
        return bool(lower.after == upper.before)

    def observe(self) -> Found:
        """Look how the target stands."""
        raise NotImplementedError

    def now(self) -> Now:
        """Say what is there now."""
        raise NotImplementedError

    def check(self) -> None:
        """Refused where the target is of a kind that cannot be moved, and moved back whole."""

    def foresee(self) -> None:
        """Refuse what `check` refuses, without opening anything to write."""
        self.check()

    def rebase(self) -> None:
        """Before an undo: have the item tell of the target as it is now, where ours is in it."""

    def stage(self, to: Found) -> None:
        """Do all that can fail for want of room or rights, while nothing has changed."""

    def build(self, to: Found) -> None:
        """Make what takes the targets before it; if `item` changes, it is recorded once more."""

    def move(self, to: Found) -> None:
        """Change the target; Conflict if it is no longer the one to change."""
        raise NotImplementedError

    def rescue(self) -> str:
        """Put right what came in between, and say so."""
        return ""

    def discard(self) -> str:
        """Rescue once more, then remove what is ours beside the target."""
        return ""

    def forget(self) -> None:
        """Remove what was needed until the record says that all is done; again where `keeps`."""


class Unmoved(Kind):
    """What ran, in a record that was found on a volume: never looked at, and never moved.

    It is gone, unless that is what runs here.
    """

    def observe(self) -> Found:
        return Found.RUNNING if self.at.here else Found.GONE

    def now(self) -> Now:
        return NOT_LOOKED

    def check(self) -> None:
        raise Refused(f"{self.target}: a volume has files only, nothing that runs")

    def stage(self, to: Found) -> None:
        self.check()

    def move(self, to: Found) -> None:
        self.check()

    def discard(self) -> str:
        if not self.at.here:
            return ""
        number = self.at.change
        return f"{self.target} of what runs stays: sudo ./ec2rl undo {number} takes it back"


class Unseen(Kind):
    """What no way leads to that is root's alone; `why` says which folder is in the way.

    Where that is `gone`, nothing of ours stands there; else nobody knows.
    """

    def __init__(self, item: Any, at: At, why: str, gone: bool) -> None:
        super().__init__(item, at)
        self.why = why
        self.gone = gone

    def observe(self) -> Found:
        return Found.CHANGED


def other(side: Found) -> Found:
    return Found.AFTER if side is Found.BEFORE else Found.BEFORE
