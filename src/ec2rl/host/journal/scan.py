"""Raw search in files: pieces of a file in one buffer, and where needles stand in them."""

from __future__ import annotations

import errno
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

OVERLAP = 4096
"""Bytes that each piece shares with the next: more than the longest needle."""


class Piece:
    """A piece of a file as bytes: best where there is little to search.

    In more bytes at once the kernel has to find new memory for each piece, which takes twice as
    long.
    """

    size = 128 << 10
    _zeros = bytes(size)
    is_blank = False

    def fill(self, fd: int, offset: int, end: int) -> int:
        """Take the bytes at `offset`, none of them behind `end`; how many there are."""
        self._data = os.pread(fd, min(self.size, end - offset), offset)
        self.is_blank = self._zeros.startswith(self._data)
        return len(self._data)

    def find(self, needle: bytes, start: int) -> int:
        return self._data.find(needle, start)


class AlignedPiece(Piece):
    """A piece in one page-aligned buffer, searched by the C library's memmem.

    The kernel copies faster to whole pages, memmem is faster than `bytes.find`, and other threads
    run meanwhile; but importing ctypes costs as much as searching 8 MiB.
    """

    size = 512 << 10

    def __init__(self) -> None:
        from ec2rl.host.aligned import aligned

        self._buffer, self._find = aligned(self.size)
        self._end = 0

    def fill(self, fd: int, offset: int, end: int) -> int:
        with memoryview(self._buffer) as whole, whole[: max(0, end - offset)] as room:
            self._end = os.preadv(fd, [room], offset)
        return self._end

    def find(self, needle: bytes, start: int) -> int:
        return self._find(needle, start, self._end)


def scan(
    fd: int, needles: Sequence[bytes], piece: Piece, until: float, offset: int = 0
) -> Iterator[tuple[int, int]]:
    """Yield the number of the needle and the offset of each place where one stands, piece by piece.

    From `offset` on.  Within a piece needle comes after needle.  TimeoutError after `until`
    (time.monotonic).  journald keeps 8 MiB ahead of what it writes: a hole in the file is not read,
    and a blank piece, which some file systems have in its place, not searched.
    """
    for start, end in _parts(fd, offset):
        at = start
        while size := piece.fill(fd, at, end):
            if time.monotonic() > until:
                raise TimeoutError(f"time ran out at byte {at}")
            last = size < piece.size or at + size >= end
            edge = size if last else size - OVERLAP
            for number, needle in enumerate(() if piece.is_blank else needles):
                found = piece.find(needle, 0)
                while 0 <= found < edge:
                    yield number, at + found
                    found = piece.find(needle, found + 1)
            if last:
                break
            at += edge


def _parts(fd: int, offset: int) -> Iterator[tuple[int, int]]:
    """Where a file has bytes, from `offset` on: all else reads as zeros (lseek(2), SEEK_DATA)."""
    edge = -1
    try:
        while True:
            start = os.lseek(fd, offset, os.SEEK_DATA)
            offset = os.lseek(fd, start, os.SEEK_HOLE)
            if start != edge:  # else the kernel has read ahead of us, into a hole
                yield start, offset
            edge = offset
    except OSError as error:
        if error.errno != errno.ENXIO:  # this file system cannot tell; else there is no more
            yield offset, os.fstat(fd).st_size
