"""A place for what comes as a stream and must be read in any order: a file without a name."""

from __future__ import annotations

import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.host.saved import Text
    from ec2rl.host.unpack import Source

MOST = 256 << 20
"""Bytes of one file; journald begins a new one at 128 MiB, unless told otherwise."""

_ALL = 8 << 30  # bytes of all files of one archive; journald keeps 4 GiB
_PIECE = 256 << 10


class Spool:
    """Takes one file after the other; nobody else can open it, and nothing is left of it."""

    def __init__(self) -> None:
        self._fd = -1
        self._left = _ALL

    def take(self, body: Source | Text) -> tuple[int, str]:
        """Store all that a stream holds: a descriptor of it, and what of it is missing.

        It is good until the next one is taken.  OSError where there is no room.
        """
        if self._fd < 0:
            self._fd = _nameless()
        os.ftruncate(self._fd, 0)
        view = memoryview(bytearray(_PIECE))
        most = min(MOST, self._left)
        size = 0
        while more := body.readinto(view[: most + 1 - size]):
            if size + more > most:
                return self._fd, f"read up to byte {size}: too large"
            done = 0
            while done < more:
                done += os.pwrite(self._fd, view[done:more], size + done)
            size += more
            self._left -= more
        return self._fd, body.gap

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _nameless() -> int:
    """A file on a disk, or in memory where no folder can hold one without a name."""
    for folder in ("/var/tmp", "/tmp"):  # noqa: S108 - the file has no name there
        try:
            flags = os.O_TMPFILE | os.O_RDWR | os.O_EXCL | os.O_CLOEXEC
            return os.open(folder, flags, 0o600)
        except OSError as error:
            if error.errno == errno.EMFILE:
                raise
    return os.memfd_create("ec2rl-journal", os.MFD_CLOEXEC)
