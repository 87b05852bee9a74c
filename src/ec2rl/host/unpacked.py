"""The text of a saved file in pieces, as it comes; a child without rights unpacks it.

A plain regular file is read here; what comes through a pipe, or is packed, the child reads, and
says it piece by piece: each behind four bytes of its length, zero for the end, behind which stands
why it ended, if that was too early.
"""

from __future__ import annotations

import os

from ec2rl.host.holes import Whole
from ec2rl.host.packed import Packed
from ec2rl.host.sandbox import limits
from ec2rl.host.saved import Saved, Text, close_saved, open_saved
from ec2rl.host.unpack import HEAD, kind_of
from ec2rl.model import Unreadable
from ec2rl.process import Child, blocked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE = 256 << 10
_SECONDS = 600.0


class Pieces:
    """Iterated once; `gap` says then why this is not all of the text, "" where it is."""

    def __init__(self, file: Saved) -> None:
        self.gap = ""
        self._file = file

    def __iter__(self) -> Iterator[bytes]:
        file = self._file
        try:
            if file.watched is not None and not kind_of(os.pread(file.fd, HEAD, 0)):
                plain = Whole(Packed(file.fd).read)
                while piece := plain.read(_PIECE):
                    yield piece
                self.gap = file.watched.changed() or plain.told()
            else:
                yield from self._relayed()
        finally:
            close_saved([file])

    def _relayed(self) -> Iterator[bytes]:
        import time

        deadline = time.monotonic() + _SECONDS
        read, write = os.pipe()
        with open(read, "rb", buffering=_PIECE) as pipe:
            try:
                with blocked():
                    child = Child(
                        lambda: _relay(self._file, write, deadline), limits(_SECONDS), (read,)
                    )
            finally:
                os.close(write)
            try:
                self.gap = "its reader ended too early"
                while (head := pipe.read(4)) and (size := int.from_bytes(head, "big")):
                    yield pipe.read(size)
                if head:
                    self.gap = pipe.read(_PIECE).decode("utf-8", "replace")
            finally:
                child.end()


def open_pieces(path: str) -> Pieces | Unreadable:
    """Open a file, a pipe, or `-` for standard input, in gzip, xz, bzip2, zstd, or none."""
    files = open_saved([path])
    return files if isinstance(files, Unreadable) else Pieces(files[0])


def _relay(file: Saved, write: int, deadline: float) -> None:
    """What the child does."""
    text = Text(file, deadline)
    whole = Whole(text.read)
    with open(write, "wb", buffering=0) as pipe:
        while piece := whole.read(_PIECE):
            pipe.write(len(piece).to_bytes(4, "big") + piece)
        gap = text.refused or text.gap or whole.told()
        pipe.write(bytes(4) + gap.encode("utf-8", "backslashreplace"))
