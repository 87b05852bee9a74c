"""Files as the system calls show them: images, labels, flags, mounts, and the one rename."""

from __future__ import annotations

import errno
import os
import stat
import struct
import sys

from ec2rl.facts.change_items import FILE_BYTES
from ec2rl.fix.change import Image
from ec2rl.fix.machine import Machine, close, folder
from ec2rl.fix.mounts import mount
from ec2rl.model import Unreadable, Why

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ctypes import CDLL

MAX_BYTES = 64 << 10
"""What is written today; the first versions wrote files of up to `FILE_BYTES`."""
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_KERNEL_OWNED = ("security.ima", "security.evm")

# linux/fs.h
_FS_IOC_GETFLAGS = 0x80086601
_FS_IMMUTABLE_OR_APPEND = 0x10 | 0x20
RENAME_NOREPLACE, RENAME_EXCHANGE = 1, 2
_RENAMEAT2 = {"x86_64": 316, "aarch64": 276}


def read(machine: Machine, path: str) -> Image | Unreadable | None:
    """Read a file that `valid` allows; Refused where the way to it is not root's alone."""
    head, name = os.path.split(path)
    with folder(machine, head) as fd:
        return look(fd, name)


def look(fd: int, name: str) -> Image | Unreadable | None:
    """Read a file whole, None where there is none; Unreadable says why not to exchange it."""
    try:
        kind = stat.S_IFMT(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode)
        if kind in (stat.S_IFCHR, stat.S_IFBLK):  # to open a device may be to set it off
            return Unreadable(name, Why.FAILED, "is no regular file")
        fd = os.open(name, READ, dir_fd=fd)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENXIO):
            raise
        return Unreadable(name, Why.FAILED, "is a symbolic link, or no regular file")
    try:
        status = os.fstat(fd)
        why = odd(status)
        if why:
            return Unreadable(name, Why.FAILED, why)
        data = b""
        while len(data) <= FILE_BYTES and (more := os.read(fd, 1 << 16)):
            data += more
        if len(data) > FILE_BYTES:
            return Unreadable(name, Why.FAILED, "is larger than 1 MiB")
        mode = stat.S_IMODE(status.st_mode)
        return Image(data, mode, status.st_uid, status.st_gid, labels(fd))
    finally:
        close(fd)


def odd(status: os.stat_result) -> str:
    """Say why a file is not one to exchange, "" if it is."""
    if not stat.S_ISREG(status.st_mode):
        return "is no regular file"
    if status.st_nlink != 1:
        return f"has {status.st_nlink} names (hard links)"
    if status.st_uid not in (0, os.geteuid()):
        return f"belongs to user {status.st_uid}"
    if status.st_mode & (stat.S_ISUID | stat.S_ISGID):
        return "has a set-id bit"
    return ""


def _names(fd: int) -> list[str]:
    try:
        return sorted(name for name in os.listxattr(fd) if name not in _KERNEL_OWNED)
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        return []


def labels(fd: int) -> tuple[tuple[str, bytes], ...]:
    """Read the extended attributes of a file, but for the kernel's own."""
    return tuple((name, os.getxattr(fd, name)) for name in _names(fd))


def set_labels(fd: int, labels: tuple[tuple[str, bytes], ...] | None) -> None:
    if labels is None:
        return
    for name in set(_names(fd)) - {name for name, _ in labels}:
        os.removexattr(fd, name)
    for name, value in labels:
        os.setxattr(fd, name, value)


def pinned(fd: int) -> bool:
    """Tell whether chattr(1) forbids to rename a file, or to rename anything in a folder."""
    import fcntl

    try:
        answer = fcntl.ioctl(fd, _FS_IOC_GETFLAGS, bytes(8))
    except OSError:  # a file system without such flags
        return False
    return bool(struct.unpack_from("I", answer)[0] & _FS_IMMUTABLE_OR_APPEND)


def fixed(folder: int, name: str) -> str:
    """Say why a file or a folder cannot be given another name, "" if it can."""
    fd = os.open(name, READ, dir_fd=folder)
    try:
        if pinned(fd):
            return "is immutable or append-only (chattr)"
        status = os.fstat(fd)
        if stat.S_ISREG(status.st_mode) and status.st_nlink != 1:
            return f"has {status.st_nlink} names (hard links)"
        return "is a mount point" if mount(fd) != mount(folder) else ""
    finally:
        close(fd)


def renameat2(
    libc: CDLL, folder: int, old: str, new: str, flags: int, into: int | None = None
) -> bool:
    """Rename atomically as renameat2(2) does; False where kernel or file system cannot.

    By number, as the glibc of Amazon Linux 2 has no name for it.
    """
    import ctypes

    number = _RENAMEAT2.get(os.uname().machine)
    if number is None or sys.maxsize < 1 << 32:
        return False
    names = os.fsencode(old), os.fsencode(new)
    to = folder if into is None else into
    if libc.syscall(ctypes.c_long(number), folder, names[0], to, names[1], flags) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.ENOSYS, errno.EINVAL):
        return False
    raise OSError(code, os.strerror(code), new)
