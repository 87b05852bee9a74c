"""A whole file: new, in place of another, or removed."""

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
    """All of one file; another text has the owner, mode and labels that it had."""

    @staticmethod
    def plan(change: WriteFile, machine: Machine) -> Item | None:
        bad = path_fault(change.path)
        if bad:
            raise Refused(bad)
        try:
            data = None if change.text is None else change.text.encode()
        except UnicodeEncodeError:
            raise Refused(f"{change.path}: the text is no UTF-8") from None
        if data is not None and len(data) > MAX_BYTES:
            raise Refused(f"{change.path}: more than 64 KiB to write")
        folder = change.before is None and absent(machine, os.path.dirname(change.path))
        now = None if folder else read(machine, change.path)
        if (now and now.text) != change.before:
            raise Conflict(f"{change.path} is not as it was when the change was planned")
        if data == (now and now.data):
            return None
        if data is None:
            return FileItem(change.path, now, None)
        like = now or Image(b"", 0o644, os.geteuid(), os.getegid(), None)
        return FileItem(change.path, now, replace(like, data=data), folder)
