"""A regular file as a stream."""

from __future__ import annotations

import os


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
