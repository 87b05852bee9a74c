"""Where changes go: a machine's roots, and the careful way to a folder below them."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager, suppress

from ec2rl.facts.kmsg import kmsg_span
from ec2rl.fix.errors import FixError, Refused, Unreachable
from ec2rl.fix.mounts import mount, volumes_own
from ec2rl.host.live import LiveHost
from ec2rl.model import Evidence
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

UNFINISHED = "unfinished"
"""The name, in the journal's folder, of an empty file that is there while a change is under way."""

_SETTINGS = "/proc/sys"
_PARTS = ("/etc", "/etc/sysctl.d", "/etc/modprobe.d", "/etc/modules-load.d")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@record(frozen=True)
class Machine:
    """A machine to change: `root` is where its files are, `state` (below `root`) our journal.

    `sysctls` and `modules` are where its kernel shows itself; both "" for a volume, which has none:
    whatever lies below its /proc and /sys is never opened.  `place` is the root's device and inode,
    where it is to be the folder that was looked at first, whatever the path leads to by now.
    """

    root: str = "/"
    sysctls: str = _SETTINGS
    modules: str = "/sys/module"
    state: str = "/var/lib/ec2rl/changes"
    place: tuple[int, int] | None = None

    @property
    def runs(self) -> bool:
        return bool(self.sysctls)

    @property
    def sysfs(self) -> str:
        """Tell where its kernel shows devices and modules."""
        return os.path.dirname(self.modules)

    def open(self) -> int:
        """Open the root; Refused where it is not the one that was looked at first."""
        fd = os.open(self.root, _FOLDER)
        status = os.fstat(fd)
        if self.place not in (None, (status.st_dev, status.st_ino)):
            close(fd)
            raise Refused(f"{self.root} is another folder by now; look again")
        return fd

    def interrupted(self) -> bool:
        """Tell whether `recover` has something to look at.

        False as well where we may not look, as then we may not recover either.
        """
        try:
            with folder(self, self.state) as fd:
                return there(fd, UNFINISHED)
        except (FixError, OSError):
            return False

    def need_the_host(self) -> None:
        """Refused in another network namespace: what its settings are says nothing of a record's.

        The backlog is a setting of the initial one alone (net_core_table in
        net/core/sysctl_net_core.c, 6.18): whoever has it stands there.
        """
        here = f"{_SETTINGS}/net/core/netdev_max_backlog"
        if self.sysctls == _SETTINGS and not os.path.exists(here):
            raise Refused(
                "this is not the host's own network namespace, and settings are each namespace's "
                "own: run it there: sudo nsenter --net=/proc/1/ns/net ./ec2rl ..."
            )

    def boot(self) -> str:
        """Name this boot: proc_sys_kernel_random(5), "" where that cannot be read, or none is."""
        if not self.runs:
            return ""
        try:
            with open(f"{self.sysctls}/kernel/random/boot_id", encoding="utf-8") as file:
                return file.read(64).strip()
        except (OSError, UnicodeDecodeError):
            return ""

    def log_end(self) -> int | None:
        """Give the stamp of the newest record in the kernel's log; None where that cannot be read.

        In µs since boot by printk's own clock (ABI/testing/dev-kmsg), which time namespaces do not
        shift and nobody sets: what is stamped later was printed later.
        """
        try:
            log = LiveHost().read(f"{self.sysctls.removesuffix('/proc/sys')}/dev/kmsg")
            newest = kmsg_span(log.text)[1] if isinstance(log, Evidence) else None
        except (OSError, MemoryError):
            return None  # a look that fails is no reason to take a change back
        return None if newest is None else newest[1]


def is_this_one(machine: Machine, boot: str) -> bool:
    """Tell whether a volume is of the machine that runs, by its boot or any part of its files."""
    if boot and boot == Machine().boot():
        return True
    for path in ("/", *_PARTS, machine.state):
        with suppress(FixError, OSError), folder(machine, path) as fd:
            if os.path.samestat(os.fstat(fd), os.stat(path)):
                return True
    return False


def shares_journal(machine: Machine) -> bool:
    """Tell whether a volume's journal is that of the machine that runs: its numbers are ours."""
    with suppress(FixError, OSError), folder(machine, machine.state) as fd:
        return os.path.samestat(os.fstat(fd), os.stat(Machine().state))
    return False


def absent(machine: Machine, path: str) -> bool:
    """Tell whether there is nothing at a path, not even a link; Refused as `folder` does."""
    head, name = os.path.split(path)
    with folder(machine, head) as fd:
        return not there(fd, name)


def missing(machine: Machine, path: str) -> bool:
    """Tell whether a folder, or one on the way to it, is not there; no link is followed."""
    here = machine.open()
    try:
        for part in filter(None, path.split("/")):
            below = os.open(part, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
            close(here)
            here = below
    except FileNotFoundError:
        return True
    except NotADirectoryError:  # something else is there
        return False
    except PermissionError as error:
        raise PermissionError(
            error.errno, error.strerror, os.path.join(machine.root, path)
        ) from None
    finally:
        close(here)
    return False


def there(fd: int, name: str) -> bool:
    """Tell whether a folder has something of this name."""
    try:
        os.stat(name, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def open_regular(name: str, flags: int, folder: int) -> int:
    """Open a regular file in a folder; Refused for anything else, which is not opened at all.

    To open a device may be to set it off (a watchdog, a tape).
    """
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        raise Refused(f"{name} is not a regular file with one name")
    return os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)


def close(fd: int) -> None:
    """Close a descriptor; what an fsync has not told, close(2) need not tell either."""
    with suppress(OSError):
        os.close(fd)


@contextmanager
def folder(machine: Machine, path: str, *, create: bool = False) -> Iterator[int]:
    """Open a folder to work in by descriptor.

    Nobody but root (or ourselves) may be able to exchange any part of the way to it, so that
    what is checked is what is changed; Unreachable where somebody can, and where it is absent.
    """
    here, walked = machine.open(), machine.root
    try:
        _only_ours(here, walked)
        for part in filter(None, path.split("/")):
            walked = os.path.join(walked, part)
            below = _enter(here, part, walked, create)
            try:
                if not machine.runs and mount(below) != mount(here):
                    _volumes_own(machine.root, below, walked)
            except BaseException:
                close(below)
                raise
            close(here)
            here = below
            _only_ours(here, walked)
        yield here
    finally:
        close(here)


def _enter(parent: int, part: str, path: str, create: bool) -> int:
    if create:
        try:
            os.mkdir(part, 0o700, dir_fd=parent)
            os.fsync(parent)
        except FileExistsError:
            pass
        except OSError as error:  # by its whole path, which the call was not given
            raise type(error)(error.errno, error.strerror, path) from None
    try:
        return os.open(part, _FOLDER, dir_fd=parent)
    except NotADirectoryError:
        raise Unreachable(f"{path} is a symbolic link, or no folder", absent=True) from None
    except FileNotFoundError:
        raise Unreachable(f"{path} does not exist", absent=True) from None


def _volumes_own(root: str, fd: int, path: str) -> None:
    """Pass a mount below a volume that is a disk of its own; Unreachable for the rescuer's.

    What is mounted below a mount of the root of the machine that runs is its own.
    """
    if os.path.samestat(os.stat(root), os.stat("/")):
        return
    own = volumes_own(root)
    try:
        if mount(fd) not in [mount(one) for one, _ in own]:
            raise Unreachable(f"{path} is a mount of this machine's, and no disk of the volume's")
    finally:
        for one, _ in own:
            close(one)


def _only_ours(fd: int, path: str) -> None:
    status = os.fstat(fd)
    if status.st_uid not in (0, os.geteuid()):
        raise Unreachable(f"{path} belongs to user {status.st_uid}")
    if stat.S_IMODE(status.st_mode) & 0o022:
        raise Unreachable(f"{path} is writable by others")
