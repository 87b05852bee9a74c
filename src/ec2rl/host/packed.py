"""Packed bytes, or what they are, as a stream: of a regular file, or of whatever gives them."""

from __future__ import annotations

import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable


class Packed:
    """A regular file from a place on, as packed bytes or as what they are.

    `flags` are those of preadv2(2); a kernel or file system that refuses them is asked without.
    """

    gap = ""

    def __init__(self, fd: int, at: int = 0, flags: int = 0) -> None:
        self.fd = fd
        self.at = at
        self._flags = flags

    def part(self, at: int) -> Packed:
        """Give the same file from a place on, for another thread."""
        return Packed(self.fd, at, self._flags)

    def head(self, size: int) -> bytes:
        return os.pread(self.fd, size, 0)

    def readinto(self, view: memoryview) -> int:
        try:
            size = os.preadv(self.fd, [view], self.at, self._flags)
        except OSError as error:
            if not self._flags or error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                raise
            self._flags = 0
            size = os.preadv(self.fd, [view], self.at)
        self.at += size
        return size

    def read(self, size: int) -> bytes:
        data = memoryview(bytearray(size))
        return bytes(data[: self.readinto(data)])

    def rewind(self) -> bool:
        self.at = 0
        return True

    def close(self) -> None:
        """Leave the descriptor to its owner."""


class Stream:
    """What `read(n)` gives once, from its beginning; that can be seen first."""

    gap = ""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._head = b""

    def head(self, size: int) -> bytes:
        while len(self._head) < size:
            more = self._read(size - len(self._head))
            if not more:
                break
            self._head += more
        return self._head[:size]

    def readinto(self, view: memoryview) -> int:
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def read(self, size: int) -> bytes:
        if not self._head:
            return self._read(size)
        data, self._head = self._head[:size], self._head[size:]
        return data

    def rewind(self) -> bool:
        return False

    def close(self) -> None:
        """Leave the stream to its owner."""
