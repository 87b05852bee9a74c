"""The words of the journal: what a change of this program was, and was made of."""

from __future__ import annotations

from ec2rl.record import Choice, record


class State(Choice):
    """How far a change has come; the first two are unfinished, and for `recover` to settle."""

    APPLYING = "applying"
    UNDOING = "undoing"
    APPLIED = "applied"
    UNDONE = "undone"
    PARTLY = "partly undone"
    """Something had been changed by somebody else and was left; an undo can be tried again."""


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
    """A kernel setting that was written; `after` is what the kernel made of what was `asked`.

    `log_end` is the stamp (µs since boot) of the newest record in the kernel's log when it had been
    written, by the clock that stamps the log: it orders the two whatever other clocks say.  None
    where it was not looked up, or the log could not be read.  `log_back` is the same of when it was
    taken back.
    """

    key: str
    before: str
    asked: str
    after: str
    log_end: int | None = None
    log_back: int | None = None


@record(frozen=True)
class Transaction:
    """One change, as the journal has it; `time` in seconds since the epoch, `boot` a boot_id.

    `module` is the diagnostic whose fix it was, "" where nobody noted it (before schema 3: there
    conntrackfull alone had one).  `notes` are sentences about what an undo or a recovery left
    alone, and why.
    """

    id: int
    state: State
    why: str
    time: float
    boot: str
    tool: str
    items: tuple[SysctlItem | FileItem, ...]
    notes: tuple[str, ...] = ()
    module: str = ""

    @property
    def unfinished(self) -> bool:
        return self.state in (State.APPLYING, State.UNDOING)
