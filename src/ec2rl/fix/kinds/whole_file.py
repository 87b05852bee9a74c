"""A whole file, new or in place of another."""

from __future__ import annotations

import os

from ec2rl.facts.change import FileItem, Image, Item
from ec2rl.facts.change_items import path_fault
from ec2rl.fix.errors import Conflict, Refused
from ec2rl.fix.file_snapshot import MAX_BYTES
from ec2rl.fix.kinds.regular import RegularFile, read
from ec2rl.fix.machine import Machine, absent
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.remedies import WriteFile


class WholeFile(RegularFile):
    """All of one file, which keeps the owner, mode and labels that it has."""

    @staticmethod
    def plan(change: WriteFile, machine: Machine) -> Item | None:
        bad = path_fault(change.path)
        if bad:
            raise Refused(bad)
        try:
            data = change.text.encode()
            seen = None if change.before is None else change.before.encode()
        except UnicodeEncodeError:
            raise Refused(f"{change.path}: the text is no UTF-8") from None
        if len(data) > MAX_BYTES:
            raise Refused(f"{change.path}: more than 64 KiB to write")
        folder = seen is None and absent(machine, os.path.dirname(change.path))
        now = None if folder else read(machine, change.path)
        if (now and now.data) != seen:
            raise Conflict(f"{change.path} is not as it was when the change was planned")
        if now:
            return None if now.data == data else FileItem(change.path, now, replace(now, data=data))
        image = Image(data, 0o644, os.geteuid(), os.getegid(), None)
        return FileItem(change.path, None, image, folder)
