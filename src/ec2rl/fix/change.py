"""The words of a change: those of its record, and how what it changed is found."""

from __future__ import annotations

from enum import Enum

from ec2rl.facts.change import FileItem, Image, Item, State, SysctlItem, Transaction
from ec2rl.record import record

__all__ = ["FileItem", "Found", "Image", "Item", "State", "SysctlItem", "Transaction"]


class Found(Enum):
    """How the target of a change stands."""

    BEFORE = "as before the change"
    AFTER = "as the change left it"
    GONE = "gone with the reboot, or with its kernel module"
    CHANGED = "changed by somebody else since"
    RUNNING = "of what runs, which --root does not change"


STANDING = (State.APPLIED, State.PARTLY)
"""The states of a change that an undo has something to do for."""


@record(frozen=True)
class Now:
    """What a target is now, in a few words; `text` where a person compares lines."""

    words: str
    text: str | None = None


NOT_LOOKED = Now("not looked at")
