"""A regular file that is exchanged with its owner, mode and labels."""

from __future__ import annotations

import os

from ec2rl.facts.change import Image
from ec2rl.fix import file_snapshot
from ec2rl.fix.change import Now
from ec2rl.fix.errors import Refused
from ec2rl.fix.kinds.exchange import DRAFT, Exchange
from ec2rl.fix.machine import Machine, close
from ec2rl.model import Unreadable, Why

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
else:
    import _signal as signal  # `signal` takes 3 ms to make enumerations of these


class RegularFile(Exchange):
    """One file with its owner, mode and labels (POSIX ACL and SELinux's are among them)."""

    def look(self, name: str) -> Image | Unreadable | None:
        return file_snapshot.look(self.folder, name)

    def now(self) -> Now:
        now = self.look(self.name) if self._in.there else None
        if isinstance(now, Unreadable):
            return Now(f"something that {now.detail}")
        return Now("absent") if now is None else Now(f"{len(now.data)} bytes", now.text)

    def draw(self, image: Image) -> None:
        fd = os.open(self.draft, DRAFT, 0o600, dir_fd=self.folder)
        try:
            rest = memoryview(image.data)
            while rest:
                rest = rest[os.write(fd, rest) :]
            dress(fd, image)
        finally:
            close(fd)

    def swapped_out(self) -> Image | Unreadable | None:
        if written(self.folder, self.temp):
            return Unreadable(self.temp, Why.FAILED, "is being written")
        return self.look(self.temp)


def read(machine: Machine, path: str, most: int = file_snapshot.MAX_BYTES) -> Image | None:
    """Read a file that can be exchanged, None where there is none; Refused for any other."""
    now = file_snapshot.read(machine, path)
    if isinstance(now, Unreadable):
        raise Refused(f"{path} {now.detail}")
    if now and len(now.data) > most:
        raise Refused(f"{path} is larger than {most >> 10} KiB")
    return now


def dress(fd: int, image: Image) -> None:
    """Give an open file the owner, labels and mode of an image; on disk, too."""
    os.fchown(fd, image.uid, image.gid)
    file_snapshot.set_labels(fd, image.labels)
    os.fchmod(fd, image.mode)
    os.fsync(fd)


def written(folder: int, name: str) -> bool:
    """Tell whether a file is open to be written.

    A writer may hold a file open since before it was swapped out; the kernel tells by refusing
    a read lease (fcntl(2), F_SETLEASE).  Nobody can open it anew under the name it has now.
    """
    import fcntl

    try:
        fd = os.open(name, file_snapshot.READ, dir_fd=folder)
    except OSError:
        return False
    try:
        # Whoever opens the file to write right now makes the kernel send this, not SIGIO,
        # which kills; whether they wrote is looked at, now and once more in `discard`.
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:  # a file system without leases: what can be seen has to do
        pass
    finally:
        close(fd)
    return False
