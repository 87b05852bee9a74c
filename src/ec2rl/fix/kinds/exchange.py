"""Exchanging what lies at a path in one step: no edit is lost, and every crash can be read.

What is new is written under `.ec2rl-<change>-<name>.new`, synced, renamed to `....tmp`, and then
changes places with the old (renameat2).  What was swapped out lies under `....tmp` until the
change is sure, and is looked at: if it is not what the plan saw, it is swapped back.  So whatever
lies under `....tmp` is complete, and either one of our two images or somebody's edit.  All of
these names are ignored by readers of folders that take `*.conf` alone, or no name with a dot.

A folder that is missing is made while the files are staged, and goes with the file that it was made
for, if it is empty then and nobody has changed its mode.
"""

from __future__ import annotations

import os
from contextlib import suppress

from ec2rl.fix.change import Found, Image
from ec2rl.fix.errors import Conflict, Refused
from ec2rl.fix.file_snapshot import RENAME_EXCHANGE, RENAME_NOREPLACE, fixed, pinned, renameat2
from ec2rl.fix.folders import Folder
from ec2rl.fix.kinds.kind import At, Kind, other
from ec2rl.fix.machine import there
from ec2rl.fix.prepare import libc
from ec2rl.model import Unreadable
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DRAFT = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Exchange(Kind):
    """One path of a change, held by its folder's descriptor.

    A kind of it says how an image is looked at (`look`) and drawn up (`draw`).
    """

    def __init__(self, item: Any, at: At) -> None:
        super().__init__(item, at)
        head, self.name = os.path.split(item.path)
        self._in = Folder(at.machine, head, at.stack)
        self._libc = libc()
        self.draft = f".ec2rl-{at.change}-{self.name}.new"
        self.temp = f".ec2rl-{at.change}-{self.name}.tmp"

    def look(self, name: str) -> Image | Unreadable | None:
        """Take the image of a name in the folder; Unreadable says why not to exchange it."""
        raise NotImplementedError

    def draw(self, image: Image) -> None:
        """Make the draft, complete and on disk."""
        raise NotImplementedError

    @staticmethod
    def left(lower: Any, upper: Any) -> bool:
        return same(upper.before, lower.after)

    @property
    def folder(self) -> int:
        return self._in.fd

    def observe(self) -> Found:
        now = self.look(self.name) if self._in.there else None
        if same(now, self.item.before):
            return Found.BEFORE
        if self.item.after is None and not self._in.there:  # nor is there a way to put it back
            self.why = f"{self._in.path} does not exist"
            return Found.CHANGED
        return Found.AFTER if same(now, self.item.after) else Found.CHANGED

    def check(self) -> None:
        """Refused where the file is of a kind that cannot be exchanged and put back whole."""
        to_make = self.item.folder and not self._in.there
        where = self._in.above if to_make else self.folder
        if os.fstatvfs(where).f_flag & os.ST_RDONLY:
            raise Refused(f"{self.target} is on a read-only file system")
        if pinned(where):
            name = self._in.path if to_make else self.target
            raise Refused(f"the folder of {name} is immutable (chattr)")
        if to_make:
            return
        if not self.kept(self.look(self.temp)):
            head = os.path.dirname(self.target)
            raise Refused(f"{head}/{self.temp} is in the way; it may be somebody's edit")
        if isinstance(self.look(self.draft), Unreadable):
            raise Refused(f"{os.path.dirname(self.target)}/{self.draft} is in the way")
        now = self.look(self.name)
        if isinstance(now, Unreadable):
            raise Refused(f"{self.target} {now.detail}")
        why = "" if now is None else self.fixed()
        if why:
            raise Refused(f"{self.target} {why}")

    def kept(self, image: Image | Unreadable | None) -> bool:
        """Tell whether what lies under the temporary name is meant to lie there."""
        return image is None

    def fixed(self) -> str:
        """Say why what is there cannot be moved, "" if it can."""
        return fixed(self.folder, self.name)

    def stage(self, to: Found) -> None:
        """Have the image to come complete and on disk, next to the file."""
        image = self.image(to)
        if image is not None and self.item.folder and not self._in.there:
            self._in.make()
        staged = self.look(self.temp)
        if image is None or same(staged, image):
            return
        if staged is not None and same(staged, self.image(other(to))):
            os.unlink(self.temp, dir_fd=self.folder)
        with suppress(FileNotFoundError):
            os.unlink(self.draft, dir_fd=self.folder)
        self.draw(image)
        self._rename(self.draft, self.temp)

    def move(self, to: Found) -> None:
        """Put the staged image in place; Conflict if what it takes the place of is not ours."""
        old, new = self.image(other(to)), self.image(to)
        theirs = Conflict(f"{self.target} was changed by somebody else meanwhile; theirs is kept")
        if not same(self.look(self.name), old):
            raise theirs
        try:
            if old is None:
                self._rename(self.temp, self.name)
            elif new is None:
                self._rename(self.name, self.temp)
            else:
                self._exchange()
        except (FileExistsError, FileNotFoundError):
            raise theirs from None
        note = self.rescue()
        if note:
            raise Conflict(note)
        os.fsync(self.folder)

    def rescue(self) -> str:
        """Bring somebody's edit that was swapped out back to its place, and say so.

        Where the file has been changed once more since, both are kept.
        """
        if not self._in.there:
            return ""
        self._tidy()
        if self._ours(self.swapped_out()):
            return ""
        now = self.look(self.name)
        if now is None:
            self._rename(self.temp, self.name)
        elif self._ours(now):
            self._exchange()
        if not self._ours(self.swapped_out()):
            head = os.path.dirname(self.target)
            return f"{self.target} was changed twice meanwhile: see also {head}/{self.temp}"
        os.fsync(self.folder)
        return f"{self.target} was changed, or is open to be, by somebody else; theirs is kept"

    def discard(self) -> str:
        """Rescue once more, then remove our own files next to the target; on disk, too."""
        if self.item.folder and not self._in.there:
            self._in.find()  # it may have been made, and not opened
        note = self.rescue()
        if not self._in.there:
            return note
        left = self.look(self.temp)
        if left is not None and self._ours(left):
            os.unlink(self.temp, dir_fd=self.folder)
        os.fsync(self.folder)
        if self.item.folder and not there(self.folder, self.name):
            self._in.remove()
        return note

    def _tidy(self) -> None:
        """Remove what `_rename` leaves between its two steps where it needs two."""
        with suppress(FileNotFoundError):
            os.unlink(self.draft, dir_fd=self.folder)
        with suppress(FileNotFoundError):
            here = os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)
            if os.path.samestat(
                here, os.stat(self.temp, dir_fd=self.folder, follow_symlinks=False)
            ):
                os.unlink(self.temp, dir_fd=self.folder)

    def image(self, which: Found) -> Image | None:
        """Give one of our two images, None for nothing there."""
        before: Image | None = self.item.before
        after: Image | None = self.item.after
        return before if which is Found.BEFORE else after

    def _ours(self, image: Image | Unreadable | None) -> bool:
        return image is None or same(image, self.item.before) or same(image, self.item.after)

    def swapped_out(self) -> Image | Unreadable | None:
        """Look at what lies under the temporary name, and whether somebody still writes to it."""
        return self.look(self.temp)

    def _rename(self, old: str, new: str) -> None:
        """Rename, never onto something: FileExistsError."""
        if not renameat2(self._libc, self.folder, old, new, RENAME_NOREPLACE):
            os.link(old, new, src_dir_fd=self.folder, dst_dir_fd=self.folder, follow_symlinks=False)
            os.unlink(old, dir_fd=self.folder)

    def _exchange(self) -> None:
        if not renameat2(self._libc, self.folder, self.temp, self.name, RENAME_EXCHANGE):
            # Here alone an edit can be lost: between the look at the file and this call.
            os.rename(self.temp, self.name, src_dir_fd=self.folder, dst_dir_fd=self.folder)


def same(found: Image | Unreadable | None, image: Image | None) -> bool:
    if isinstance(found, Image) and image is not None and image.labels is None:
        found = replace(found, labels=None)
    return found == image
