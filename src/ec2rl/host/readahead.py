"""A compressed log unpacked by a second thread, while the first looks through what is there."""

from __future__ import annotations

from queue import SimpleQueue
from threading import Thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.host.unpack import Source

PIECE = 1 << 20
"""Bytes; the threads meet once for each, and smaller ones keep both on one processor."""

_PIECES = 3


class Ahead:
    """Another source, read before it is asked for; decompressors and memmem(3) run side by side."""

    def __init__(self, source: Source, size: int = PIECE) -> None:
        self.gap = ""
        """Why the text ended too early; known when `readinto` has told the end."""
        self._source = source
        self._free: SimpleQueue[bytearray | None] = SimpleQueue()
        self._full: SimpleQueue[tuple[bytearray, int] | BaseException] = SimpleQueue()
        self._rest = memoryview(b"")
        self._held: bytearray | None = None
        self._ended = False
        for _ in range(_PIECES):
            self._free.put(bytearray(size))
        self._thread = Thread(target=self._work, daemon=True)
        self._thread.start()

    def readinto(self, view: memoryview) -> int:
        """Fill the front of `view`, return how many bytes; 0 is the end. Raises OSError."""
        if not self._rest and not self._ended:
            if self._held is not None:
                self._free.put(self._held)
                self._held = None
            found = self._full.get()
            if isinstance(found, BaseException):
                self._ended = True
                raise found
            self._held, size = found
            self._ended = not size
            self.gap = self._source.gap if self._ended else ""
            self._rest = memoryview(self._held)[:size]
        size = min(len(view), len(self._rest))
        view[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def close(self) -> None:
        """End the thread, then the source."""
        self._free.put(None)
        self._thread.join()
        self._source.close()

    def _work(self) -> None:
        size = 1
        while size:
            buffer = self._free.get()
            if buffer is None:
                return
            try:
                size = self._source.readinto(memoryview(buffer))
            except BaseException as fault:
                self._full.put(fault)
                return
            self._full.put((buffer, size))
