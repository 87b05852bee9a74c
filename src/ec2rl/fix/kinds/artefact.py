"""An artefact that a program builds anew, such as an initial RAM disk or grub.cfg.

The program writes a draft beside the old image, which is exchanged as a file is: the artefact is
never half written, whatever kills whom.  The old image stays beside it, under `....tmp`, for as
long as the change is in force, and an undo changes the two places again.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from itertools import islice

from ec2rl.facts.change import ArtefactItem, Image, Item
from ec2rl.facts.change_items import path_fault
from ec2rl.fix import file_snapshot
from ec2rl.fix.change import Found, Now
from ec2rl.fix.errors import Failed, Refused
from ec2rl.fix.file_snapshot import READ
from ec2rl.fix.kinds.exchange import Exchange, same
from ec2rl.fix.kinds.program import run
from ec2rl.fix.kinds.regular import dress, written
from ec2rl.fix.machine import Machine, close, folder, there
from ec2rl.model import Unreadable, Why
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.remedies import Rebuild

_MOST = 1 << 30
_PROGRAM = r"(/[A-Za-z0-9_.+-]{1,100}){1,12}"
_LEAST = 0.25
"""The share of the old image's size that a new one has at least."""

_AT_MOST = 8 << 30
"""Bytes of images that one run compares: what a volume's records claim may be any number."""

_INITRD = (
    *(b"070701", b"070702", b"\x1f\x8b", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"\x02\x21\x4c\x18"),
    *(b"BZh", b"\x5d\x00\x00", b"\x89LZO"),
)
"""How an initial RAM disk begins: as cpio, or packed (usr/initramfs_data.S, lib/decompress.c)."""

_FORMS = ("initrd", "text")
_AT_ONCE = 10_000
"""Names that are held at once, of a folder that a program filled."""


class Artefact(Exchange):
    """One file that a program builds; its images hold its size and its checksum."""

    order = 2
    item: ArtefactItem

    @staticmethod
    def plan(change: Rebuild, machine: Machine) -> Item | None:
        bad = path_fault(change.path)
        if bad:
            raise Refused(bad)
        program = change.program
        if not program or not re.fullmatch(_PROGRAM, program[0]) or "{out}" not in program:
            raise Refused(f"{change.path}: no program with its whole path that writes to {{out}}")
        if change.form not in _FORMS or not 1 <= change.seconds <= 3600:
            raise Refused(f"{change.path}: its form or its time is none")
        head, name = os.path.split(change.path)
        with folder(machine, head) as fd:
            now = look(fd, name)
        if isinstance(now, Unreadable):
            raise Refused(f"{change.path} {now.detail}")
        return ArtefactItem(change.path, program, change.form, int(change.seconds), now, None)

    def look(self, name: str) -> Image | Unreadable | None:
        return look(self.folder, name)

    def observe(self) -> Found:
        if self.item.after is None:
            now = self.look(self.name)
            return Found.BEFORE if same(now, self.item.before) else Found.CHANGED
        return super().observe()

    def now(self) -> Now:
        now = self.look(self.name)
        if isinstance(now, Unreadable):
            return Now(f"something that {now.detail}")
        return Now("absent") if now is None else Now(f"{now.text.partition(' ')[0]} bytes")

    def kept(self, image: Image | Unreadable | None) -> bool:
        return image is None or (self.item.after is not None and same(image, self.item.before))

    def stage(self, to: Found) -> None:
        """Build nothing yet; for an undo, Refused where the old image is gone."""
        before = self.item.before
        if to is Found.BEFORE and before is not None and not same(self.look(self.temp), before):
            where = f"{os.path.dirname(self.target)}/{self.temp}"
            raise Refused(f"the old image of {self.target} is gone, or changed: {where}")

    def build(self, to: Found) -> None:
        """Run the program, and have what it made beside the old image, complete and on disk."""
        if to is Found.BEFORE or self.item.after is not None:
            return
        self._clear()
        out = f"{os.path.dirname(self.target)}/{self.draft}"
        program = tuple(out if word == "{out}" else word for word in self.item.program)
        place = self.folder, os.path.dirname(self.target)
        why = run(self.at.machine, program, self.item.seconds, _MOST, place)
        if why:
            raise Failed(f"{self.target} was not built: {why}")
        self.item = replace(self.item, after=self._made())

    def _made(self) -> Image:
        """Take the draft for what it is; Failed where it cannot be what was wanted."""
        draft = self.look(self.draft)
        if not isinstance(draft, Image):
            why = "it wrote no file" if draft is None else f"what it wrote {draft.detail}"
            raise Failed(f"{self.target} was not built: {why}")
        fd = os.open(self.draft, READ, dir_fd=self.folder)
        try:
            before = self.item.before
            why = _implausible(
                fd, self.item.form, _size(draft), None if before is None else _size(before)
            )
            if why:
                raise Failed(f"{self.target} was not built: {why}")
            if before is not None:
                dress(fd, before)
            os.fsync(fd)
        finally:
            close(fd)
        made = self.look(self.draft)
        assert isinstance(made, Image)
        return made

    def swapped_out(self) -> Image | Unreadable | None:
        if written(self.folder, self.temp):
            return Unreadable(self.temp, Why.FAILED, "is being written")
        return self.look(self.temp)

    def _exchange(self) -> None:
        names = self.folder, self.temp, self.name
        if not file_snapshot.renameat2(self._libc, *names, file_snapshot.RENAME_EXCHANGE):
            raise Failed(f"the file system of {self.target} cannot exchange files (renameat2)")

    def move(self, to: Found) -> None:
        if to is Found.AFTER and there(self.folder, self.draft):
            self._rename(self.draft, self.temp)
        super().move(to)

    def discard(self) -> str:
        """Rescue once more, and remove what the program has left; either image may be needed."""
        note = self.rescue()
        os.fsync(self.folder)
        return note

    def forget(self) -> None:
        """Remove the image that is not in place, but keep the old one while the new one is."""
        left = self.look(self.temp)
        applied = self.observe() is Found.AFTER
        if left is not None and self._ours(left) and not (applied and self.kept(left)):
            os.unlink(self.temp, dir_fd=self.folder)
            os.fsync(self.folder)

    def _tidy(self) -> None:
        self._clear()
        super()._tidy()

    def _clear(self) -> None:
        """Remove the draft, and what the program may have named after it: files and folders."""
        while True:
            names = [name for name in os.listdir(self.folder) if name.startswith(self.draft)]
            if not names:
                return
            for name in names:
                self._remove(self.folder, name)

    def _remove(self, folder: int, name: str) -> None:
        """Remove what is no folder, and empty a folder; no link is followed."""
        try:
            os.unlink(name, dir_fd=folder)
        except IsADirectoryError:
            if folder == self.folder:
                self._empty(name)
            else:  # beside the draft, however deep it was: one descriptor does, and a kill as well
                beside = f"{self.draft}.{os.urandom(8).hex()}"
                os.rename(name, beside, src_dir_fd=folder, dst_dir_fd=self.folder)

    def _empty(self, name: str) -> None:
        fd = os.open(
            name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.folder
        )
        try:
            while True:
                with os.scandir(fd) as entries:
                    some = [entry.name for entry in islice(entries, _AT_ONCE)]
                if not some:
                    break
                for inner in some:
                    self._remove(fd, inner)
        finally:
            close(fd)
        os.rmdir(name, dir_fd=self.folder)


_compared = [0]
"""Bytes of images that this run has compared."""


def look(folder: int, name: str) -> Image | Unreadable | None:
    """Take the image of a file that may be large: its size and its checksum are its data.

    Refused where this run has compared too many.
    """
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode):
            return Unreadable(name, Why.FAILED, "is no regular file")
        fd = os.open(name, READ, dir_fd=folder)
    except FileNotFoundError:
        return None
    try:
        odd = file_snapshot.odd(os.fstat(fd))
        if odd:
            return Unreadable(name, Why.FAILED, odd)
        status, sum_, size = os.fstat(fd), hashlib.sha256(), 0
        while size <= _MOST and (more := os.read(fd, 1 << 20)):
            sum_.update(more)
            size += len(more)
            _compared[0] += len(more)
            if _compared[0] > _AT_MOST:
                raise Refused(f"{name}: {_AT_MOST >> 30} GiB of images were compared, and no more")
        if size > _MOST:
            return Unreadable(name, Why.FAILED, f"is larger than {_MOST >> 30} GiB")
        mode = stat.S_IMODE(status.st_mode)
        data = f"{size} {sum_.hexdigest()}".encode()
        return Image(data, mode, status.st_uid, status.st_gid, file_snapshot.labels(fd))
    finally:
        close(fd)


def _size(image: Image) -> int:
    return int(image.data.partition(b" ")[0])


def _implausible(fd: int, form: str, size: int, before: int | None) -> str:
    """Say why a file cannot be what was wanted, "" if it may."""
    if not size:
        return "what the program wrote is empty"
    if before is not None and size < before * _LEAST:
        return f"it has {size} bytes, and the old one has {before}"
    if form == "initrd":
        head = os.pread(fd, 16, 0)
        return "" if head.startswith(_INITRD) else "what the program wrote is no initial RAM disk"
    text = os.pread(fd, size, 0)
    if b"\0" in text or not text.endswith(b"\n"):
        return "what the program wrote is no text, or is cut"
    return ""
