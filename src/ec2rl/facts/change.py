"""The words of the journal: what a change of this program was, and was made of."""

from __future__ import annotations

from ec2rl.record import Choice, record
from ec2rl.remedies import link_words, rights_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


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

    @property
    def text(self) -> str:
        return self.data.decode("utf-8", "backslashreplace")


class Item:
    """What every kind of item tells: `kind` is its name in a record, `runs` as `Change.runs`.

    `folder` is whether its folder was missing, `keeps` whether an image lies beside it, `carries`
    whether what is below its names goes along.
    """

    kind = ""
    runs = False
    folder = False
    keeps = False
    carries = False
    before: Any
    after: Any

    @property
    def target(self) -> str:
        """Name what was changed: a key, or a path."""
        raise NotImplementedError

    @property
    def touched(self) -> tuple[str, ...]:
        """Name all that was changed."""
        return (self.target,)

    @property
    def words(self) -> tuple[str, str]:
        """Say what it was and what it became, in a few words each."""
        raise NotImplementedError

    @property
    def texts(self) -> tuple[str | None, str | None] | None:
        """Give the texts before and after (None: no file), where a person compares lines."""
        return None

    @property
    def rights(self) -> tuple[str, str] | None:
        """Say owner and mode, before and after ("": no file), where there was a file before."""
        return None


@record(frozen=True)
class SysctlItem(Item):
    """A kernel setting that was written; `after` is what the kernel made of what was `asked`.

    `log_end` is the stamp (µs since boot) of the newest record in the kernel's log when it had been
    written, by the clock that stamps the log: it orders the two whatever other clocks say.  None
    where it was not looked up, or the log could not be read.  `log_back` is the same of when it was
    taken back.  `parameter` is the file below /sys/module that sets the same, "" for none.
    """

    key: str
    before: str
    asked: str
    after: str
    log_end: int | None = None
    log_back: int | None = None
    parameter: str = ""

    runs = True

    @property
    def target(self) -> str:
        return self.key

    @property
    def words(self) -> tuple[str, str]:
        return self.before, self.after


class _OfPath(Item):
    """What is told by the path of one thing."""

    path: str

    @property
    def target(self) -> str:
        return self.path


@record(frozen=True)
class SysfsItem(_OfPath):
    """A value below /sys that was written; `after` is what the kernel made of what was `asked`."""

    path: str
    before: str
    asked: str
    after: str

    kind = "sysfs"
    runs = True

    @property
    def words(self) -> tuple[str, str]:
        return self.before, self.after


@record(frozen=True)
class FileItem(_OfPath):
    """A file that was written, or removed (`after` is None).

    `before` is None where there was none, nor a folder if `folder`.
    """

    path: str
    before: Image | None
    after: Image | None
    folder: bool = False

    @property
    def words(self) -> tuple[str, str]:
        before, after = (
            "absent" if one is None else f"{len(one.data)} bytes"
            for one in (self.before, self.after)
        )
        return before + (", as was its folder" if self.folder else ""), after

    @property
    def texts(self) -> tuple[str | None, str | None] | None:
        before, after = (None if one is None else one.text for one in (self.before, self.after))
        return before, after

    @property
    def rights(self) -> tuple[str, str] | None:
        if self.before is None:
            return None
        return _rights(self.before), "" if self.after is None else _rights(self.after)


@record(frozen=True)
class Hunk:
    """Lines that were replaced, without their newlines: `at` counts lines from 0, in the new."""

    at: int
    old: tuple[bytes, ...]
    new: tuple[bytes, ...]


@record(frozen=True)
class LinesItem(_OfPath):
    """Lines of a file that were replaced; the images are whole, to know each of the two again."""

    path: str
    before: Image
    after: Image
    hunks: tuple[Hunk, ...]

    kind = "lines"

    @property
    def words(self) -> tuple[str, str]:
        count = max(1, sum(max(len(hunk.old), len(hunk.new)) for hunk in self.hunks))
        lines = f"{count} line{'s' * (count != 1)}"
        return f"{lines} of {len(self.before.data)} bytes", f"of {len(self.after.data)} bytes"

    @property
    def texts(self) -> tuple[str | None, str | None] | None:
        return self.before.text, self.after.text


@record(frozen=True)
class RightsItem(_OfPath):
    """The mode and owner of a file or a folder; no text is in these images."""

    path: str
    before: Image
    after: Image

    kind = "rights"

    @property
    def words(self) -> tuple[str, str]:
        old, new = self.before, self.after
        return rights_words((old.mode, old.uid, old.gid)), rights_words(
            (new.mode, new.uid, new.gid)
        )


@record(frozen=True)
class RenameItem(_OfPath):
    """A thing that was given another name: `what` is "file", "folder" or "link"."""

    path: str
    to: str
    what: str

    kind = "rename"
    carries = True

    @property
    def touched(self) -> tuple[str, ...]:
        return self.path, self.to

    @property
    def words(self) -> tuple[str, str]:
        return f"{self.what} {self.path}", f"{self.what} {self.to}"


@record(frozen=True)
class LinkItem(_OfPath):
    """A symbolic link that was made, changed or removed; what it leads to is the image's data."""

    path: str
    before: Image | None
    after: Image | None

    kind = "link"

    @property
    def words(self) -> tuple[str, str]:
        old, new = (image.text if image else None for image in (self.before, self.after))
        return link_words(old), link_words(new)


@record(frozen=True)
class ArtefactItem(_OfPath):
    """A file that `program` built anew; `after` is None until it has.

    The data of these images is `size sha256`: the old file itself lies beside the new one.
    """

    path: str
    program: tuple[str, ...]
    form: str
    seconds: int
    before: Image | None
    after: Image | None

    kind = "artefact"
    keeps = True

    @property
    def words(self) -> tuple[str, str]:
        return _size(self.before, "absent"), _size(self.after, "not built")


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
    items: tuple[Item, ...]
    notes: tuple[str, ...] = ()
    module: str = ""

    @property
    def unfinished(self) -> bool:
        return self.state in (State.APPLYING, State.UNDOING)


def _rights(image: Image) -> str:
    labels = "".join(f", {name}={value.hex()}" for name, value in image.labels or ())
    return f"of mode {image.mode:o}, user {image.uid}, group {image.gid}{labels}"


def _size(image: Image | None, absent: str) -> str:
    return absent if image is None else f"{image.text.partition(' ')[0]} bytes"
