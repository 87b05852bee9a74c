"""Packed bytes, or what they are, as a stream: of a regular file, or of whatever gives them."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable


class Packed:
    """A regular file from its beginning, as packed bytes or as what they are."""

    gap = ""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._at = 0

    def head(self, size: int) -> bytes:
        return os.pread(self.fd, size, 0)

    def readinto(self, view: memoryview) -> int:
        size = os.preadv(self.fd, [view], self._at)
        self._at += size
        return size

    def read(self, size: int) -> bytes:
        data = os.pread(self.fd, size, self._at)
        self._at += len(data)
        return data

    def rewind(self) -> bool:
        self._at = 0
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
