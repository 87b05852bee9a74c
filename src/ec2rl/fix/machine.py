"""Where changes go: a machine's roots, and the careful way to a folder below them."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager, suppress

from ec2rl.facts.kmsg import kmsg_span
from ec2rl.fix.errors import Refused
from ec2rl.host.live import LiveHost
from ec2rl.model import Evidence
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

UNFINISHED = "unfinished"
"""The name, in the journal's folder, of an empty file that is there while a change is under way."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@record(frozen=True)
class Machine:
    """A machine to change: `root` is where its files are, `state` (below `root`) our journal."""

    root: str = "/"
    sysctls: str = "/proc/sys"
    modules: str = "/sys/module"
    state: str = "/var/lib/ec2rl/changes"

    def interrupted(self) -> bool:
        """Tell whether `recover` has something to look at; costs one system call.

        False as well where we may not look, as then we may not recover either.
        """
        return os.path.lexists(f"{self.root}/{self.state}/{UNFINISHED}")

    def boot(self) -> str:
        """Name this boot: proc_sys_kernel_random(5), "" where that cannot be read."""
        try:
            with open(f"{self.sysctls}/kernel/random/boot_id", encoding="utf-8") as file:
                return file.read(64).strip()
        except (OSError, UnicodeDecodeError):
            return ""

    def log_end(self) -> int | None:
        """The stamp of the newest record in the kernel's log; None where that cannot be read.

        In µs since boot by printk's own clock (ABI/testing/dev-kmsg), which time namespaces do not
        shift and nobody sets: what is stamped later was printed later.
        """
        try:
            log = LiveHost().read(f"{self.sysctls.removesuffix('/proc/sys')}/dev/kmsg")
            newest = kmsg_span(log.text)[1] if isinstance(log, Evidence) else None
        except (OSError, MemoryError):
            return None  # a look that fails is no reason to take a change back
        return None if newest is None else newest[1]


def absent(root: str, path: str) -> bool:
    """Whether there is nothing at a path, not even a link; Refused as `folder` does."""
    head, name = os.path.split(path)
    with folder(root, head) as fd:
        return not there(fd, name)


def there(fd: int, name: str) -> bool:
    """Whether a folder has something of this name."""
    try:
        os.stat(name, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def close(fd: int) -> None:
    """Close a descriptor; what an fsync has not told, close(2) need not tell either."""
    with suppress(OSError):
        os.close(fd)


@contextmanager
def folder(root: str, path: str, *, create: bool = False) -> Iterator[int]:
    """Open a folder to work in by descriptor.

    Nobody but root (or ourselves) may be able to exchange any part of the way to it, so that
    what is checked is what is changed; Refused where somebody can, and where it is absent.
    """
    here, walked = os.open(root, _FOLDER), root
    try:
        _only_ours(here, walked)
        for part in path.strip("/").split("/"):
            walked = os.path.join(walked, part)
            below = _enter(here, part, walked, create)
            close(here)
            here = below
            _only_ours(here, walked)
        yield here
    finally:
        close(here)


def _enter(parent: int, part: str, path: str, create: bool) -> int:
    if create:
        with suppress(FileExistsError):
            os.mkdir(part, 0o700, dir_fd=parent)
            os.fsync(parent)
    try:
        return os.open(part, _FOLDER, dir_fd=parent)
    except NotADirectoryError:
        raise Refused(f"{path} is a symbolic link, or no folder") from None
    except FileNotFoundError:
        raise Refused(f"{path} does not exist") from None


def _only_ours(fd: int, path: str) -> None:
    status = os.fstat(fd)
    if status.st_uid not in (0, os.geteuid()):
        raise Refused(f"{path} belongs to user {status.st_uid}")
    if stat.S_IMODE(status.st_mode) & 0o022:
        raise Refused(f"{path} is writable by others")
