"""Whole files, exchanged in one step, so that nobody's edit is lost and every crash can be read.

A new text is written under `.ec2rl-<change>-<name>.new`, synced, renamed to `....tmp`, and then
changes places with the file (renameat2).  What was swapped out lies under `....tmp` until the
change is sure, and is looked at: if it is not what the plan saw, it is swapped back.  So whatever
lies under `....tmp` is complete, and either one of our two images or somebody's edit.  All of
these names are ignored by the readers of the folders, which take `*.conf` alone.

A folder that is missing is made while the files are staged, and goes with the file that it was made
for, if it is empty then and nobody has changed its mode.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress

from ec2rl.fix.change import FileItem, Found, Image
from ec2rl.fix.errors import Conflict, Refused
from ec2rl.fix.folders import Folder
from ec2rl.fix.images import READ, look, mount, pinned, renameat2, set_labels
from ec2rl.fix.machine import Machine, close, there
from ec2rl.fix.prepare import libc
from ec2rl.model import Unreadable, Why
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
else:
    import _signal as signal  # `signal` takes 3 ms to make enumerations of these

_DRAFT = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

_RENAME_NOREPLACE = 1
_RENAME_EXCHANGE = 2


class File:
    """One file of a change, held by its folder's descriptor for as long as `stack` lasts."""

    def __init__(self, machine: Machine, item: FileItem, change: int, stack: ExitStack) -> None:
        head, self.name = os.path.split(item.path)
        self._in = Folder(machine, head, stack)
        self._libc = libc()
        self.item = item
        self.target = item.path
        self.draft = f".ec2rl-{change}-{self.name}.new"
        self.temp = f".ec2rl-{change}-{self.name}.tmp"

    @property
    def folder(self) -> int:
        return self._in.fd

    def found(self) -> Found:
        now = look(self.folder, self.name) if self._in.there else None
        if same(now, self.item.before):
            return Found.BEFORE
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
        if look(self.folder, self.temp) is not None:
            head = os.path.dirname(self.target)
            raise Refused(f"{head}/{self.temp} is in the way; it may be somebody's edit")
        now = look(self.folder, self.name)
        if isinstance(now, Unreadable):
            raise Refused(f"{self.target} {now.detail}")
        if now is None:
            return
        fd = os.open(self.name, READ, dir_fd=self.folder)
        try:
            if pinned(fd):
                raise Refused(f"{self.target} is immutable or append-only (chattr)")
            if mount(fd) != mount(self.folder):
                raise Refused(f"{self.target} is a mount point")
        finally:
            close(fd)

    def stage(self, to: Found) -> None:
        """Have the image to come complete and on disk, next to the file."""
        image = self._image(to)
        if image is not None and self.item.folder and not self._in.there:
            self._in.make()
        staged = look(self.folder, self.temp)
        if image is None or same(staged, image):
            return
        if staged is not None and same(staged, self._image(_other(to))):
            os.unlink(self.temp, dir_fd=self.folder)
        with suppress(FileNotFoundError):
            os.unlink(self.draft, dir_fd=self.folder)
        fd = os.open(self.draft, _DRAFT, 0o600, dir_fd=self.folder)
        try:
            rest = memoryview(image.data)
            while rest:
                rest = rest[os.write(fd, rest) :]
            os.fchown(fd, image.uid, image.gid)
            set_labels(fd, image.labels)
            os.fchmod(fd, image.mode)
            os.fsync(fd)
        finally:
            close(fd)
        self._rename(self.draft, self.temp)

    def move(self, to: Found) -> None:
        """Put the staged image in place; Conflict if what it takes the place of is not ours."""
        old, new = self._image(_other(to)), self._image(to)
        theirs = Conflict(f"{self.target} was changed by somebody else meanwhile; theirs is kept")
        if not same(look(self.folder, self.name), old):
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
        if self._ours(self._swapped_out()):
            return ""
        now = look(self.folder, self.name)
        if now is None:
            self._rename(self.temp, self.name)
        elif self._ours(now):
            self._exchange()
        if not self._ours(self._swapped_out()):
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
        left = look(self.folder, self.temp)
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

    def _image(self, which: Found) -> Image | None:
        return self.item.before if which is Found.BEFORE else self.item.after

    def _ours(self, image: Image | Unreadable | None) -> bool:
        return image is None or same(image, self.item.before) or same(image, self.item.after)

    def _swapped_out(self) -> Image | Unreadable | None:
        """Look at what lies under the temporary name, unless it is open to be written.

        A writer may hold a file open since before it was swapped out; the kernel tells by refusing
        a read lease (fcntl(2), F_SETLEASE).  Nobody can open it anew under the name it has now.
        """
        import fcntl

        try:
            fd = os.open(self.temp, READ, dir_fd=self.folder)
        except OSError:
            return look(self.folder, self.temp)
        try:
            # Whoever opens the file to write right now makes the kernel send this, not SIGIO,
            # which kills; whether they wrote is looked at, now and once more in `discard`.
            fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
            fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
            fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        except BlockingIOError:
            return Unreadable(self.temp, Why.FAILED, "is being written")
        except OSError:  # a file system without leases: what can be seen has to do
            pass
        finally:
            close(fd)
        return look(self.folder, self.temp)

    def _rename(self, old: str, new: str) -> None:
        """Rename, never onto something: FileExistsError."""
        if not renameat2(self._libc, self.folder, old, new, _RENAME_NOREPLACE):
            os.link(old, new, src_dir_fd=self.folder, dst_dir_fd=self.folder, follow_symlinks=False)
            os.unlink(old, dir_fd=self.folder)

    def _exchange(self) -> None:
        if not renameat2(self._libc, self.folder, self.temp, self.name, _RENAME_EXCHANGE):
            # Here alone an edit can be lost: between the look at the file and this call.
            os.rename(self.temp, self.name, src_dir_fd=self.folder, dst_dir_fd=self.folder)


def same(found: Image | Unreadable | None, image: Image | None) -> bool:
    if isinstance(found, Image) and image is not None and image.labels is None:
        found = replace(found, labels=None)
    return found == image


def _other(side: Found) -> Found:
    return Found.AFTER if side is Found.BEFORE else Found.BEFORE
