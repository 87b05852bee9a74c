"""Runs of NUL bytes in a text: what a power cut, or a download that was given its room, leaves.

A file system that lost power may know a file's size and not its bytes, which then read as NULs
(ext4 with delayed allocation, XFS); so does what an interrupted download has not filled.  What
stood there is missing, and a text with such a hole is a part of one.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mmap import mmap
    from typing import Callable, Union

    Buffer = Union[bytes, bytearray, mmap]

    Find = Callable[[bytes, int, int], int]
    Read = Callable[[int], bytes]

SHORTEST = 16
"""Bytes: fewer NULs than any line that is looked for has letters are noise of a serial line."""
_RUN = rb"\0(?:\0{%d,}|\0*\Z)" % (SHORTEST - 1)


class Holes:
    """Looks for them in a text that passes by in pieces.

    Those that a text begins with are none: `copytruncate` of logrotate(8) leaves them where a
    daemon goes on writing at its old place, and what stood there is in the log before.
    """

    def __init__(self, offset: int = 0) -> None:
        self._at = offset
        self._first = self._size = self._count = 0
        self._run = 0
        self._is_beginning = offset == 0

    def look(self, piece: Buffer, find: Find, start: int, end: int) -> None:
        """Look at the next piece of the text, which stands in a buffer; `find` is the buffer's."""
        if start == end:
            return
        if find(b"\0", start, end) >= 0:
            self._look(bytes(memoryview(piece)[start:end]))
        else:
            self._close()
        self._at += end - start

    def _look(self, data: bytes) -> None:
        import re

        if data == bytes(len(data)):  # of a large hole most pieces are so, and stripping is slow
            self._run += len(data)
            return
        more = len(data) - len(data.lstrip(b"\0"))
        self._run += more
        self._close(self._at + more)
        for found in re.compile(_RUN).finditer(data, more):
            self._run = len(found[0])
            if found.end() < len(data):
                self._close(self._at + found.end())

    def _close(self, end: int | None = None) -> None:
        """Count a run that has come to its end; only once for all of the text's beginning."""
        if self._run >= SHORTEST and not self._is_beginning:
            self._first = self._first if self._count else (end or self._at) - self._run
            self._count += 1
            self._size += self._run
        self._run = 0
        self._is_beginning = False

    def told(self) -> str:
        """Say what is missing, once the whole text has passed by; "" for nothing."""
        self._is_beginning = False  # of a text that is nothing else
        self._close(self._at)
        if not self._count:
            return ""
        where = f"at byte {self._first}"
        if self._count > 1:
            where = f"in {self._count} places, the first {where}"
        return f"{self._size} bytes of NULs {where}: a part of it is missing"


class Whole:
    """A text that is read through it, as it is, with what it lacks in `told()` at the end."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._holes = Holes()
        self.told = self._holes.told

    def read(self, size: int) -> bytes:
        """Read at most `size` bytes, b"" at the end; OSError as the text's own `read`."""
        data = self._read(size)
        self._holes.look(data, data.find, 0, len(data))
        return data


def hole(text: bytes) -> str:
    """Say what is missing in a text that stands as a whole, "" for nothing."""
    holes = Holes()
    holes.look(text, text.find, 0, len(text))
    return holes.told()
