"""The words of the journal: what a change was, is, and was made of."""

from __future__ import annotations

from enum import Enum

from ec2rl.record import record


class Found(Enum):
    """How the target of a change stands."""

    BEFORE = "as before the change"
    AFTER = "as the change left it"
    GONE = "gone with the reboot, or with its kernel module"
    CHANGED = "changed by somebody else since"
    RUNNING = "of what runs, which --root does not change"


class State(Enum):
    """How far a change has come; the first two are unfinished, and for `recover` to settle."""

    APPLYING = "applying"
    UNDOING = "undoing"
    APPLIED = "applied"
    UNDONE = "undone"
    PARTLY = "partly undone"
    """Something had been changed by somebody else and was left; an undo can be tried again."""


STANDING = (State.APPLIED, State.PARTLY)
"""The states of a change that an undo has something to do for."""


@record(frozen=True)
class Image:
    """A whole file; `labels` are its extended attributes, None where the folder gives them."""

    data: bytes
    mode: int
    uid: int
    gid: int
    labels: tuple[tuple[str, bytes], ...] | None


@record(frozen=True)
class FileItem:
    """A file that was written; `before` is None where there was none, nor a folder if `folder`."""

    path: str
    before: Image | None
    after: Image
    folder: bool = False


@record(frozen=True)
class SysctlItem:
    """A kernel setting that was written; `after` is what the kernel made of what was `asked`."""

    key: str
    before: str
    asked: str
    after: str


@record(frozen=True)
class Transaction:
    """One change, as the journal has it; `time` in seconds since the epoch, `boot` a boot_id.

    `notes` are sentences about what an undo or a recovery left alone, and why.
    """

    id: int
    state: State
    why: str
    time: float
    boot: str
    tool: str
    items: tuple[SysctlItem | FileItem, ...]
    notes: tuple[str, ...] = ()

    @property
    def unfinished(self) -> bool:
        return self.state in (State.APPLYING, State.UNDOING)
