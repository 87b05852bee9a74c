"""Another name for a file, a folder or a link.  What is in it is not looked at, and stays."""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from ec2rl.facts.change import Item, RenameItem
from ec2rl.facts.change_items import path_fault
from ec2rl.fix.change import Found, Now
from ec2rl.fix.errors import Conflict, Refused
from ec2rl.fix.file_snapshot import RENAME_NOREPLACE, fixed, pinned, renameat2
from ec2rl.fix.kinds.kind import At, Kind
from ec2rl.fix.machine import Machine, folder
from ec2rl.fix.mounts import mount
from ec2rl.fix.prepare import libc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.remedies import Rename


class Renaming(Kind):
    """Two names, of which one is taken."""

    item: RenameItem

    def __init__(self, item: RenameItem, at: At) -> None:
        super().__init__(item, at)
        self._libc = libc()
        self.names = tuple(
            (at.stack.enter_context(folder(at.machine, head)), name)
            for head, name in map(os.path.split, item.touched)
        )

    @staticmethod
    def plan(change: Rename, machine: Machine) -> Item | None:
        for path in (change.path, change.to):
            bad = path_fault(path)
            if bad:
                raise Refused(bad)
        if f"{change.to}/".startswith(f"{change.path}/"):
            raise Refused(f"{change.to} is below {change.path}")
        head, name = os.path.split(change.path)
        with folder(machine, head) as fd:
            what = _what(fd, name)
        if what is None or what == "other":
            raise Conflict(f"{change.path} does not exist, or is no file, folder or link")
        head, name = os.path.split(change.to)
        with folder(machine, head) as fd:
            if _what(fd, name) is not None:
                raise Conflict(f"{change.to} exists, and would be lost")
        return RenameItem(change.path, change.to, what)

    @staticmethod
    def left(lower: RenameItem, upper: RenameItem) -> bool:
        return lower.to == upper.path and lower.what == upper.what

    def observe(self) -> Found:
        there = tuple(_what(*name) for name in self.names)
        if there == (self.item.what, None):
            return Found.BEFORE
        return Found.AFTER if there == (None, self.item.what) else Found.CHANGED

    def now(self) -> Now:
        there = [_what(*name) or "nothing" for name in self.names]
        return Now(f"{there[0]} at {self.item.path}, {there[1]} at {self.item.to}")

    def check(self) -> None:
        """Refused where it cannot be moved, or only by copying it."""
        folders = [fd for fd, _ in self.names]
        for fd in folders:
            if os.fstatvfs(fd).f_flag & os.ST_RDONLY:
                raise Refused(f"{self.target} is on a read-only file system")
            if pinned(fd):
                raise Refused(f"a folder of {self.target} is immutable (chattr)")
        if mount(folders[0]) != mount(folders[1]):
            raise Refused(f"{self.item.path} and {self.item.to} are on two file systems")
        for fd, name in self.names:
            why = fixed(fd, name) if _what(fd, name) in ("file", "folder") else ""
            if why:
                raise Refused(f"{self.target} {why}")

    def move(self, to: Found) -> None:
        """Rename it, never onto something."""
        (old, old_name), (new, new_name) = self.names if to is Found.AFTER else self.names[::-1]
        theirs = Conflict(f"{self.target} was changed by somebody else meanwhile; theirs is kept")
        if _what(old, old_name) != self.item.what:
            raise theirs
        try:
            self._rename(old, old_name, new, new_name)
        except (FileExistsError, FileNotFoundError):
            raise theirs from None
        for fd, _ in self.names:
            os.fsync(fd)

    def _rename(self, old: int, old_name: str, new: int, new_name: str) -> None:
        if renameat2(self._libc, old, old_name, new_name, RENAME_NOREPLACE, new):
            return
        if self.item.what != "folder":
            os.link(old_name, new_name, src_dir_fd=old, dst_dir_fd=new, follow_symlinks=False)
            os.unlink(old_name, dir_fd=old)
            return
        if _what(new, new_name) is not None:
            raise FileExistsError(new_name)
        # An empty folder alone can be lost here, made between the look and this call (rename(2)).
        os.rename(old_name, new_name, src_dir_fd=old, dst_dir_fd=new)

    def rescue(self) -> str:
        """Where a kill has left both names to one file: the first alone."""
        status = []
        for fd, name in self.names:
            with suppress(FileNotFoundError):
                status.append(os.stat(name, dir_fd=fd, follow_symlinks=False))
        if len(status) == 2 and os.path.samestat(*status) and not stat.S_ISDIR(status[0].st_mode):
            fd, name = self.names[1]
            os.unlink(name, dir_fd=fd)
            os.fsync(fd)
        return ""


def _what(folder: int, name: str) -> str | None:
    """Say what a name means: "other" for what is never renamed, as a device."""
    try:
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return None
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}
    return kinds.get(stat.S_IFMT(mode), "other")
