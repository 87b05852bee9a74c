"""Files that somebody saved and names on the command line: opened, and read as unpacked text."""

from __future__ import annotations

import os
import select
import stat
import time
from collections.abc import Sequence

from ec2rl import slices
from ec2rl.host.packed import Packed, Stream
from ec2rl.host.watched import Watched
from ec2rl.model import Unreadable, Why

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.host.unpack import Source

_MOST = 256
_PIECE = 256 << 10
STANDARD_INPUT = "standard input"
"""What `-` is called."""
BLANK = b"\0 \t\r\n"
_PATIENCE = 30  # seconds for the first byte of a pipe


class Saved:
    """A file to read, or standard input: its name for people, and its descriptor.

    A regular file is `watched` from now on.  A part of one has another name than the `file`.
    """

    def __init__(self, name: str, fd: int, file: str = "") -> None:
        self.name = name
        self.file = file or name
        self.fd = fd
        self.watched = Watched(fd) if stat.S_ISREG(os.fstat(fd).st_mode) else None


def open_saved(paths: Sequence[str]) -> list[Saved] | Unreadable:
    """Open the files, for `close_saved`; `-` is standard input. Unreadable if one is not there."""
    from ec2rl.host.files import unreadable

    if len(paths) > _MOST:
        return Unreadable(paths[0], Why.FAILED, f"more than {_MOST} files")
    opened: list[Saved] = []
    refused = None
    for path in paths:
        try:
            name, fd = (STANDARD_INPUT, _stdin()) if path == "-" else (path, open_file(path))
            opened.append(Saved(name, fd))
        except NotReadError as error:
            refused = Unreadable(path, Why.FAILED, str(error))
        except OSError as error:
            refused = unreadable(path, error)
        if refused is not None:
            close_saved(opened)
            return refused
    return opened


class NotReadError(Exception):
    """What stands at a path is not to be read, or nothing comes out of it."""


def refuse_kernels(fd: int) -> None:
    """NotReadError for a file of the kernel's, which reading may empty: /proc/kmsg, trace_pipe.

    Such a file has no bytes that are stored, in a file system that can store none: statfs(2) says
    so of procfs, sysfs, tracefs and debugfs (fs/libfs.c, simple_statfs).  A tmpfs without a bound
    says it too, and only an empty file of it cannot be told from theirs.
    """
    found = os.fstat(fd)
    stored = found.st_blocks or (found.st_size and not _is_in_sysfs(found))
    if not stat.S_ISREG(found.st_mode) or stored or os.fstatvfs(fd).f_blocks:
        return
    path, forms = os.readlink(f"/proc/self/fd/{fd}"), slices.parts("saved_evidence").values()
    if not any(path.endswith(form.KERNELS) for form in forms):
        raise NotReadError("nothing is stored in it: it is empty, or the kernel's own to be read")


def _is_in_sysfs(found: os.stat_result) -> bool:
    """Whether a file is in sysfs, which tells a size of what it has not stored."""
    try:
        return found.st_dev == os.stat("/sys/kernel").st_dev
    except OSError:
        return False


def _stdin() -> int:
    refuse_kernels(0)
    return os.dup(0)


def open_file(path: str) -> int:
    """Open a regular file, or a pipe, as in `--log <(zcat ...)`.

    Of others not even the driver hears.
    """
    found = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        kind = os.fstat(found).st_mode
        if not (stat.S_ISREG(kind) or stat.S_ISFIFO(kind)):
            raise NotReadError("not a file")
        refuse_kernels(found)
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        fd = os.open(f"/proc/self/fd/{found}", flags)
    finally:
        os.close(found)
    if stat.S_ISFIFO(kind):
        waiting = select.poll()
        waiting.register(fd, select.POLLIN)
        if not waiting.poll(_PATIENCE * 1000):
            os.close(fd)
            raise NotReadError(f"nobody has written into this pipe for {_PATIENCE} s")
        os.set_blocking(fd, True)
    return fd


def close_saved(files: Sequence[Saved]) -> None:
    for file in files:
        os.close(file.fd)


def names_of(files: Sequence[Saved]) -> str:
    """Give their names, for people."""
    return ", ".join(file.name for file in files[:3]) + ", ..." * (len(files) > 3)


class Text:
    """The text of a file, unpacked if it was packed; its beginning can be seen first.

    `packing` names how it was, "" where it was not.
    """

    def __init__(self, log: Saved, deadline: float) -> None:
        from ec2rl.host.unpack import HEAD, kind_of, open_archive

        self.refused = ""
        self._text = Stream(self._next)
        self._deadline = deadline
        self._watched = log.watched
        self._at = None if log.watched is None else log.fd
        self._file: Packed | Stream = (
            Packed(log.fd) if self._at is not None else Stream(lambda size: os.read(log.fd, size))
        )
        self._source: Source = self._file
        kind = self.packing = kind_of(self._file.head(HEAD))
        if kind:
            opened = open_archive(kind, self._file.head(HEAD), self._file, self._at, deadline)
            if isinstance(opened, str):
                self.refused = opened
            else:
                self._source = opened

    @property
    def gap(self) -> str:
        """Why this is not all that stood in the file; to be asked when it was read."""
        watched = self._watched
        changed = "" if watched is None else watched.changed() or watched.grown()
        return "; ".join(filter(None, (self._source.gap, changed)))

    def peek(self, size: int) -> bytes:
        return self._text.head(size)

    def begin(self, size: int) -> bytes:
        """See the beginning, behind so many bytes or more that are blank, if there are such.

        logrotate's copytruncate leaves NULs where a daemon goes on writing at its old place.
        """
        is_blank = False
        while len(head := self.peek(size)) == size and not head.strip(BLANK):
            if time.monotonic() > self._deadline:
                return head
            is_blank = bool(self.read(size))
        if is_blank:
            blank = len(head) - len(head.lstrip(BLANK))
            self.read(max(head.rfind(end, 0, blank) for end in (b"\n", b"\0")) + 1 & ~1)
        return self.peek(size)

    def read(self, size: int) -> bytes:
        return self._text.read(size)

    @property
    def is_packed(self) -> bool:
        return self._source is not self._file

    @property
    def is_plain(self) -> bool:
        """Whether the file's own bytes are the text, to be read in any order."""
        return self._at is not None and not self.is_packed

    def readinto(self, view: memoryview) -> int:
        return self._text.readinto(view)

    def _next(self, size: int) -> bytes:
        data = bytearray(min(size, _PIECE))
        return bytes(data[: self._source.readinto(memoryview(data))])

    def close(self) -> None:
        self._source.close()
