"""A symbolic link: made, led elsewhere, or removed.  What it leads to is never looked at."""

from __future__ import annotations

import os
import stat

from ec2rl.facts.change import Image, Item, LinkItem
from ec2rl.facts.change_items import path_fault
from ec2rl.fix.change import Now
from ec2rl.fix.errors import Conflict, Refused
from ec2rl.fix.kinds.exchange import Exchange
from ec2rl.fix.machine import Machine, folder
from ec2rl.model import Unreadable, Why
from ec2rl.remedies import link_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.remedies import SetLink

_MOST = 4095
"""Bytes of what a link leads to (PATH_MAX without its NUL)."""


class Link(Exchange):
    """One symbolic link with its owner; its label is what its folder gives it."""

    item: LinkItem

    @staticmethod
    def plan(change: SetLink, machine: Machine) -> Item | None:
        bad = path_fault(change.path)
        if bad:
            raise Refused(bad)
        head, name = os.path.split(change.path)
        with folder(machine, head) as fd:
            now = _look(fd, name)
        if isinstance(now, Unreadable):
            raise Refused(f"{change.path} {now.detail}")
        if (now and now.text) != change.before:
            raise Conflict(f"{change.path} is not as it was when the change was planned")
        if change.to == change.before:
            return None
        after = None
        if change.to is not None:
            data = os.fsencode(change.to)
            if not 0 < len(data) <= _MOST or b"\0" in data:
                raise Refused(f"{change.path}: no link can lead to {change.to!a}")
            after = Image(data, 0o777, os.geteuid(), os.getegid(), None)
        return LinkItem(change.path, now, after)

    def look(self, name: str) -> Image | Unreadable | None:
        return _look(self.folder, name)

    def now(self) -> Now:
        now = self.look(self.name)
        if isinstance(now, Unreadable):
            return Now(f"something that {now.detail}")
        return Now(link_words(now.text if now else None))

    def fixed(self) -> str:
        return ""  # a link cannot be a mount point, nor immutable

    def draw(self, image: Image) -> None:
        os.symlink(image.data, os.fsencode(self.draft), dir_fd=self.folder)
        os.chown(self.draft, image.uid, image.gid, dir_fd=self.folder, follow_symlinks=False)


def _look(folder: int, name: str) -> Image | Unreadable | None:
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISLNK(status.st_mode):
            return Unreadable(name, Why.FAILED, "is no symbolic link")
        to = os.fsencode(os.readlink(name, dir_fd=folder))
    except FileNotFoundError:
        return None
    return Image(to, 0o777, status.st_uid, status.st_gid, None)
