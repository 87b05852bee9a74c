"""A regular file that is being read, and what happened to it meanwhile.

What is cut off, or written over, before the reader comes to it is evidence that is gone without a
trace in what was read.  So the file is looked at when it is opened, and again when it was read.
"""

from __future__ import annotations

import os

_END = 4096


class Watched:
    """A file behind a descriptor, from now on; the descriptor stays the caller's.

    A file that only grew, as logs do, is whole up to where it was read.  Then, and where the
    change falls into the same tick of the clock (4 ms, before Linux 6.13), its stamps tell
    nothing: both ends of what there was are compared.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.first = os.fstat(fd)
        self._name = _name(fd)
        self._ends = self._read_ends()

    def changed(self, read: int = 0) -> str:
        """Tell what befell the file, "" for nothing; `read` is how many bytes of it were read."""
        now = os.fstat(self.fd)
        if now.st_size < max(self.first.st_size, read):
            size = now.st_size
            return f"shrank to {size} bytes while it was read: what was cut off may be unseen"
        if _name(self.fd) != self._name or now.st_nlink < self.first.st_nlink:
            return "was moved or replaced while it was read: what took its place is unseen"
        if not self._is_same(now):
            return "was rewritten while it was read: what stood there before may be unseen"
        return ""

    def grown(self) -> str:
        """Tell whether it was written to at its end, "" for no.

        Nothing shows then whether what was not read yet was written over as well: a log of this
        machine is never at rest and is believed, evidence that somebody saved is to be.
        """
        if os.fstat(self.fd).st_size == self.first.st_size:
            return ""
        return "was written to while it was read: read a copy, what stood there may be unseen"

    def _is_same(self, now: os.stat_result) -> bool:
        grown = now.st_size > self.first.st_size
        return (grown or _stamps(now) == _stamps(self.first)) and self._read_ends() == self._ends

    def _read_ends(self) -> tuple[bytes, ...]:
        """The beginning, and the end of what there was at first; none where it cannot be read."""
        size = self.first.st_size
        try:
            return tuple(
                os.pread(self.fd, min(size - at, _END), at) for at in (0, max(0, size - _END))
            )
        except OSError:
            return ()  # whoever reads the whole is told why


def _stamps(status: os.stat_result) -> tuple[int, int]:
    return status.st_mtime_ns, status.st_ctime_ns


def _name(fd: int) -> str:
    """Where the kernel says that a file is by now, " (deleted)" behind it if it is nowhere."""
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return ""
