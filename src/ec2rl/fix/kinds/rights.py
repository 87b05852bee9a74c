"""The mode and owner of a file or a folder; what is in it, and its labels, stay as they are."""

from __future__ import annotations

import os
import stat

from ec2rl.facts.change import Image, Item, RightsItem
from ec2rl.facts.change_items import path_fault
from ec2rl.fix.change import Found, Now
from ec2rl.fix.errors import Conflict, Refused
from ec2rl.fix.file_snapshot import READ, pinned
from ec2rl.fix.kinds.kind import At, Kind
from ec2rl.fix.machine import Machine, close, folder
from ec2rl.remedies import rights_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.remedies import Owner, SetRights

_SET_ID = stat.S_ISUID | stat.S_ISGID


class Rights(Kind):
    """Mode and owner of what one name in a folder means."""

    item: RightsItem

    def __init__(self, item: RightsItem, at: At) -> None:
        super().__init__(item, at)
        head, self.name = os.path.split(item.path)
        self.folder = at.stack.enter_context(folder(at.machine, head))

    @staticmethod
    def plan(change: SetRights, machine: Machine) -> Item | None:
        bad = path_fault(change.path)
        if bad:
            raise Refused(bad)
        head, name = os.path.split(change.path)
        with folder(machine, head) as fd:
            now = _rights(fd, name)
        if now is None:
            raise Refused(f"{change.path} is no regular file with one name, and no folder")
        if now != change.before:
            words = f"{change.path} has {rights_words(now)} by now"
            raise Conflict(f"{words}, and had {rights_words(change.before)} when it was planned")
        if now == change.rights:
            return None
        return RightsItem(change.path, _image(now), _image(change.rights))

    def observe(self) -> Found:
        now = _rights(self.folder, self.name)
        if now == _of(self.item.before):
            return Found.BEFORE
        return Found.AFTER if now == _of(self.item.after) else Found.CHANGED

    def now(self) -> Now:
        now = _rights(self.folder, self.name)
        return Now("absent, or no file or folder" if now is None else rights_words(now))

    def check(self) -> None:
        """Refused where it cannot be set."""
        fd = _open(self.folder, self.name)
        if fd is None:
            raise Refused(f"{self.target} is no regular file with one name, and no folder")
        try:
            if os.fstatvfs(fd).f_flag & os.ST_RDONLY:
                raise Refused(f"{self.target} is on a read-only file system")
            if pinned(fd):
                raise Refused(f"{self.target} is immutable or append-only (chattr)")
        finally:
            close(fd)

    def move(self, to: Found) -> None:
        """Set the owner, then the mode, which chown(2) may have taken a set-id bit of."""
        old, new = _of(self.item.before), _of(self.item.after)
        if to is Found.BEFORE:
            old, new = new, old
        fd = _open(self.folder, self.name)
        try:
            if fd is None or _seen(fd) != old:
                theirs = "was changed by somebody else meanwhile; theirs is kept"
                raise Conflict(f"{self.target} {theirs}")
            _set(fd, old, new)
        finally:
            if fd is not None:
                close(fd)

    def rescue(self) -> str:
        """Where a kill has left the owner of one side and the mode of the other: as before."""
        old, new = _of(self.item.before), _of(self.item.after)
        fd = _open(self.folder, self.name)
        if fd is None:
            return ""
        try:
            now = _seen(fd)
            folder = stat.S_ISDIR(os.fstat(fd).st_mode)
            halfway = _halfway(old, new, folder), _halfway(new, old, folder)
            if old[1:] != new[1:] and now not in (old, new) and now in halfway:
                _set(fd, now, old)
        finally:
            close(fd)
        return ""


def _set(fd: int, old: Owner, new: Owner) -> None:
    if new[1:] != old[1:]:
        os.fchown(fd, *new[1:])
    os.fchmod(fd, new[0])
    os.fsync(fd)


def _halfway(old: Owner, new: Owner, folder: bool) -> Owner:
    """Give what is between the two calls of `_set`: the new owner, and the old mode.

    chown(2) takes the set-id bits of a file, but not that of a group which may not execute it
    (chown_common in fs/open.c, 6.18).
    """
    mode = old[0]
    if not folder:
        mode &= ~(_SET_ID if mode & stat.S_IXGRP else stat.S_ISUID)
    return (mode, *new[1:])


def _open(folder: int, name: str) -> int | None:
    """Open a regular file with one name, or a folder; None for anything else, or nothing."""
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if not _fits(status):  # to open a device may be to set it off
            return None
        fd = os.open(name, READ, dir_fd=folder)
    except FileNotFoundError:
        return None
    if not _fits(os.fstat(fd)):
        close(fd)
        return None
    return fd


def _fits(status: os.stat_result) -> bool:
    one = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
    return one or stat.S_ISDIR(status.st_mode)


def _rights(folder: int, name: str) -> Owner | None:
    fd = _open(folder, name)
    if fd is None:
        return None
    try:
        return _seen(fd)
    finally:
        close(fd)


def _seen(fd: int) -> Owner:
    status = os.fstat(fd)
    return stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid


def _of(image: Image) -> Owner:
    return image.mode, image.uid, image.gid


def _image(rights: Owner) -> Image:
    return Image(b"", *rights, None)
