"""Opening what stands below a folder that is another machine's root: nothing leads out of it.

Links are followed as that machine would follow them, absolute ones from the folder on.  A file is
found first and opened after it was seen to be a regular one, so that no FIFO waits and no device
notices.  What our own kernel shows below such a folder (a /proc that somebody mounted there for
chroot) is none of that machine's.
"""

from __future__ import annotations

import errno
import functools
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ctypes
    from typing import Callable

OURS = ("proc", "sys", "dev", "run")
"""Folders of a running system: in another machine's root they are empty, or our own."""

_LINKS = 40  # as many as the kernel follows (fs/namei.c)
_SYS_OPENAT2 = 437  # all architectures but alpha
_RESOLVE = 0x02 | 0x10  # RESOLVE_NO_MAGICLINKS | RESOLVE_IN_ROOT, linux/openat2.h
_TRIES = 16
_NAMES = 100_000


class Root:
    """A folder that stands for a machine's root; every method raises OSError.

    `ours` are the folders in it where nothing of that machine is to be expected.
    """

    def __init__(self, folder: str, ours: tuple[str, ...] = OURS) -> None:
        self._ours = ours
        self.fd = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._find: Callable[[int, str, bool], int] = openat2

    def close(self) -> None:
        os.close(self.fd)

    def find(self, path: str, follow: bool = True) -> int:
        """Open with O_PATH what a path means; with `follow` off, of a link itself."""
        if path.lstrip("/").split("/", 1)[0] in self._ours:
            raise OutsideError(path)
        try:
            fd = self._find(self.fd, path, follow)
        except OSError as error:
            if self._find is walk or error.errno not in (errno.ENOSYS, errno.EPERM, errno.E2BIG):
                raise
            self._find = walk  # a kernel before 5.6, or a filter that does not know the call
            fd = walk(self.fd, path, follow)
        if self._is_ours(fd):
            os.close(fd)
            raise OutsideError(path)
        return fd

    def _is_ours(self, fd: int) -> bool:
        top = os.readlink(f"/proc/self/fd/{self.fd}").rstrip("/")
        inside = os.readlink(f"/proc/self/fd/{fd}").removeprefix(top)
        return inside.lstrip("/").split("/", 1)[0] in self._ours

    def open(self, path: str) -> int:
        """Open a regular file, for reading; `NotRegularError` for anything else."""
        found = self.find(path)
        try:
            if not stat.S_ISREG(os.fstat(found).st_mode):
                raise NotRegularError(path)
            # The very file that was looked at, whatever the path means by now.
            flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
            return os.open(f"/proc/self/fd/{found}", flags)
        finally:
            os.close(found)

    def names(self, path: str) -> list[str] | None:
        """List the names in a folder, unsorted; None for more than 100,000."""
        found = self.find(path)
        try:
            return listed(found)
        finally:
            os.close(found)

    def link(self, path: str) -> str | None:
        """Tell where a symbolic link points, unresolved; None for what is no link."""
        found = self.find(path, follow=False)
        try:
            if not stat.S_ISLNK(os.fstat(found).st_mode):
                return None
            return os.readlink("", dir_fd=found)
        finally:
            os.close(found)


class NotRegularError(OSError):
    """A folder, FIFO, socket or device where a file was looked for."""


class OutsideError(OSError):
    """A path that means something of the running system, not of the folder."""


def listed(found: int) -> list[str] | None:
    """List the names in the folder behind an O_PATH descriptor, unsorted.

    None for more than 100,000.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    folder = os.open(f"/proc/self/fd/{found}", flags)
    names = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                names.append(entry.name)
                if len(names) > _NAMES:
                    return None
    finally:
        os.close(folder)
    return names


def openat2(root: int, path: str, follow: bool) -> int:
    """Let the kernel resolve a path inside a folder (openat2(2), Linux 5.6)."""
    import ctypes

    libc = _libc()
    flags = os.O_PATH | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    how = (ctypes.c_uint64 * 3)(flags, 0, _RESOLVE)
    for _ in range(_TRIES):
        found = libc.syscall(
            ctypes.c_long(_SYS_OPENAT2),
            ctypes.c_int(root),
            ctypes.c_char_p(_encoded(path)),
            ctypes.byref(how),
            ctypes.c_size_t(ctypes.sizeof(how)),
        )
        if found >= 0:
            return int(found)
        number = ctypes.get_errno()
        # A rename anywhere on the machine, while a `..` was being followed.
        if number not in (errno.EAGAIN, errno.EINTR):
            break
    raise OSError(number, os.strerror(number), path)


@functools.lru_cache
def _libc() -> ctypes.CDLL:
    import ctypes

    return ctypes.CDLL(None, use_errno=True)


def walk(root: int, path: str, follow: bool) -> int:
    """Open a path, a name at a time.

    No step follows a link, and `..` goes back the way it came.
    """
    todo = [part for part in path.split("/") if part not in ("", ".")][::-1]
    _encoded(path)
    way = [os.dup(root)]
    links = 0
    try:
        while todo:
            part = todo.pop()
            if part == "..":
                if len(way) > 1:
                    os.close(way.pop())
                continue
            here = os.open(part, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=way[-1])
            if not stat.S_ISLNK(os.fstat(here).st_mode) or not (todo or follow):
                way.append(here)
                continue
            try:
                target = os.readlink("", dir_fd=here)
            finally:
                os.close(here)
            links += 1
            if links > _LINKS or len(target) + len(todo) > 1 << 16:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            if target.startswith("/"):
                for fd in way[1:]:
                    os.close(fd)
                del way[1:]
            todo += [part for part in target.split("/") if part not in ("", ".")][::-1]
        return way.pop()
    finally:
        for fd in way:
            os.close(fd)


def _encoded(path: str) -> bytes:
    encoded = os.fsencode(path)
    if b"\0" in encoded:
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    return encoded
