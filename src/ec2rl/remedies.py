"""What a remedy is made of: one frozen record for each kind of change, planned and not yet made.

Each tells the same of itself, so that whoever shows or makes a change need not know its kind.
"""

from __future__ import annotations

from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Union

    Owner = tuple[int, int, int]
    Hunk = tuple[int, Union[str, None], Union[str, None]]

NOW, DISK, BOOT = "Now", "On disk", "For the next boot"


class Change:
    """What every kind tells: `part` is when it counts, in the words of the plan."""

    part = DISK

    @property
    def runs(self) -> bool:
        """Tell whether it is of what runs, and goes with a reboot."""
        return self.part == NOW

    @property
    def target(self) -> str:
        """Name what is changed: a key, or a path."""
        raise NotImplementedError

    @property
    def setting(self) -> str:
        """Name the kernel setting that it is of, "" for none: a module changes its own alone."""
        return ""

    @property
    def words(self) -> tuple[str, str]:
        """Say what it was and what it will be, in a few words each."""
        raise NotImplementedError

    @property
    def hunks(self) -> tuple[Hunk, ...]:
        """Give what a person compares by lines: from which on, before and after (None: no file)."""
        return ()

    @property
    def facts(self) -> Mapping[str, str | None]:
        """Say the same for the JSON of a plan."""
        before, after = self.words
        return {"change": self.target, "before": before, "after": after}


@record(frozen=True)
class SetSysctl(Change):
    """A kernel setting to write now; `before` is what was read when it was proposed.

    `parameter` is the file below /sys/module that sets the same where the key cannot be written.
    """

    key: str
    value: str
    before: str
    parameter: str = ""

    part = NOW

    @property
    def target(self) -> str:
        return self.key

    @property
    def setting(self) -> str:
        return self.key

    @property
    def words(self) -> tuple[str, str]:
        return self.before, self.value

    @property
    def facts(self) -> Mapping[str, str | None]:
        return {"set": self.key, "before": self.before, "value": self.value}


class _OfPath(Change):
    """What is told by the path of one thing."""

    path: str

    @property
    def target(self) -> str:
        return self.path


@record(frozen=True)
class SetSysfs(_OfPath):
    """A value below /sys to write now, as `/sys/block/vda/queue/scheduler`.

    `before` is what was read, or the chosen one where the kernel shows "a [b] c".
    """

    path: str
    value: str
    before: str

    part = NOW

    @property
    def words(self) -> tuple[str, str]:
        return self.before, self.value


@record(frozen=True)
class WriteFile(_OfPath):
    """A whole file to write for the next boot, or (`text` is None) to remove.

    `before` is its text as it was read, None where there is none yet.
    """

    path: str
    text: str | None
    before: str | None

    part = BOOT

    @property
    def words(self) -> tuple[str, str]:
        before = "absent" if self.before is None else "a file"
        return before, "removed" if self.text is None else "written anew"

    @property
    def hunks(self) -> tuple[Hunk, ...]:
        return ((1, self.before, self.text),)

    @property
    def facts(self) -> Mapping[str, str | None]:
        return {"write": self.path, "before": self.before, "text": self.text}


@record(frozen=True)
class Lines:
    """Lines to replace from number `first` on (from 1), as they were read, without their ends.

    Without `old` the new ones are put before that line; without `new` the old ones go.
    """

    first: int
    old: tuple[str, ...]
    new: tuple[str, ...]


@record(frozen=True)
class EditLines(_OfPath):
    """Lines of a file that keeps all else byte for byte."""

    path: str
    edits: tuple[Lines, ...]

    @property
    def words(self) -> tuple[str, str]:
        olds = [line for edit in self.edits for line in edit.old]
        news = [line for edit in self.edits for line in edit.new]
        return " | ".join(olds) or "nothing", " | ".join(news) or "nothing"

    @property
    def hunks(self) -> tuple[Hunk, ...]:
        def text(lines: tuple[str, ...]) -> str:
            return "".join(f"{line}\n" for line in lines)

        return tuple((edit.first, text(edit.old), text(edit.new)) for edit in self.edits)


@record(frozen=True)
class SetRights(_OfPath):
    """The mode and owner of a file or a folder: (mode, user, group), and what they were."""

    path: str
    rights: Owner
    before: Owner

    @property
    def words(self) -> tuple[str, str]:
        return rights_words(self.before), rights_words(self.rights)


@record(frozen=True)
class Rename(_OfPath):
    """A file, a folder or a link to give another name, that nothing has yet."""

    path: str
    to: str

    @property
    def words(self) -> tuple[str, str]:
        return self.path, self.to


@record(frozen=True)
class SetLink(_OfPath):
    """A symbolic link to make, to change or (`to` is None) to remove; `before` as it was read."""

    path: str
    to: str | None
    before: str | None

    @property
    def words(self) -> tuple[str, str]:
        return link_words(self.before), link_words(self.to)


@record(frozen=True)
class Rebuild(_OfPath):
    """A program that builds an artefact anew, of which the old image is kept.

    `{out}` in `program` is where it has to write: never over the old image.  `form` is what it
    must look like: `initrd` or `text`.  It may take `seconds`.
    """

    path: str
    program: tuple[str, ...]
    form: str
    seconds: float = 300.0

    part = BOOT

    @property
    def words(self) -> tuple[str, str]:
        return "kept", "rebuilt by " + " ".join(self.program)


def rights_words(rights: Owner) -> str:
    """Say a mode and an owner."""
    mode, user, group = rights
    return f"mode {mode:o}, user {user}, group {group}"


def link_words(to: str | None) -> str:
    """Say where a link leads, None for none."""
    return "no link" if to is None else f"link to {to}"
