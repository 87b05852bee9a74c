"""Files of this machine: opened without blocking, and read whole within bounds."""

from __future__ import annotations

import errno
import os
import stat

from ec2rl.model import Evidence, Unreadable, Why

READ_LIMIT = 16 << 20
"""Bytes; the largest file that is read whole (mountinfo of a node with 50,000 mounts is 10 MiB)."""

_KERNELS = ("/proc/", "/sys/")
"""Where a file is what the kernel says when it is read: it is not written, and has no size."""

# A vanished process gives ESRCH, a vanished namespace file EINVAL or ENOENT.
_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ESRCH, errno.ENXIO, errno.ENODEV)
_DENIED = (errno.EACCES, errno.EPERM)


class WrongDoorError(OSError):
    """What stands behind a door is not what was meant: `why` and `words` as `Unreadable` has it."""

    def __init__(self, why: Why, words: str) -> None:
        super().__init__(errno.EINVAL, words)
        self.why, self.words = why, words


def unreadable(source: str, error: OSError) -> Unreadable:
    """Say of a failed system call why the look failed, and which right is missing."""
    if isinstance(error, WrongDoorError):
        return Unreadable(source, error.why, error.words)
    if error.errno in _ABSENT:
        return Unreadable(source, Why.ABSENT)
    if error.errno in _DENIED:
        return Unreadable(source, Why.DENIED, _right(source))
    return Unreadable(source, Why.FAILED, os.strerror(error.errno or 0))


def _right(source: str) -> str:
    if source == "/dev/kmsg":
        return "needs root: CAP_SYSLOG"
    if source.startswith("netns "):
        return "needs root: CAP_SYS_ADMIN"
    return "needs root"


def read_file(path: str) -> Evidence | Unreadable:
    """Read the whole text of a regular file, or of a file in which the kernel answers."""
    fd = open_regular(path)
    if isinstance(fd, Unreadable):
        return fd
    try:
        if not path.startswith(_KERNELS):
            return read_watched(path, fd)
        return as_evidence(path, read_whole(fd))
    except OSError as error:
        return unreadable(path, error)
    finally:
        os.close(fd)


def open_regular(path: str) -> int | Unreadable:
    """Open a regular file for reading, or say why not; never blocks on a FIFO or a device."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        return unreadable(path, error)
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    return Unreadable(path, Why.FAILED, "not a regular file")


def read_whole(fd: int) -> bytes:
    """Read a file's bytes, at least one beyond `READ_LIMIT` if it is larger. OSError."""
    chunks = []
    size = 0
    while size <= READ_LIMIT and (chunk := os.read(fd, 1 << 16 if size < 1 << 18 else 1 << 20)):
        chunks.append(chunk)
        size += len(chunk)
    return b"".join(chunks)


def read_watched(path: str, fd: int) -> Evidence | Unreadable:
    """Read the text of a regular file that may change while it is read. OSError."""
    from ec2rl.host.watched import Watched

    watched = Watched(fd)
    data = read_whole(fd)
    changed = watched.changed()
    return Unreadable(path, Why.PARTIAL, changed) if changed else as_evidence(path, data)


def as_evidence(path: str, data: bytes) -> Evidence | Unreadable:
    """Decode a file's bytes; PARTIAL where they are more than `READ_LIMIT`."""
    if len(data) > READ_LIMIT:
        return Unreadable(path, Why.PARTIAL, f"larger than {READ_LIMIT >> 20} MiB")
    return Evidence(path, data.decode("utf-8", "backslashreplace"))
