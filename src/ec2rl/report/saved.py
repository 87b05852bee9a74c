"""The private folder that a run's results are saved in.

Other users must not be able to read it, put anything in it, or have it replaced while it is
written (CVE-2015-7529 is what happened to another tool): each folder on the way is opened by
itself, without following links, and must belong to us or to root and be writable by nobody else;
from then on files are made by descriptor, never by path.
"""

from __future__ import annotations

import errno
import os
import stat
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
"""To go through, and to make things in: a folder on the way need not be one that we may list."""
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


STORE = "/var/lib/ec2rl"
"""Where root's results are kept."""
_CLASHES = 1000
"""Names that are tried: somebody whose clock stands still has made those before."""


class UnsafeFolderError(OSError):
    """Somebody else could write to, or replace, a folder on the way to the results."""


class RunFolder:
    """An open run folder; `path` is for people, everything is written through `fd`.

    `lock` is a descriptor that is held as long as the run is at work: others let it be (pruned.py).
    `shown` is the path to name it by, where there is another way in (way_in.py).
    """

    def __init__(self, path: str, fd: int, lock: int | None = None) -> None:
        self.path = self.shown = path
        self.fd = fd
        self.lock = lock

    def write(self, name: str, text: str) -> None:
        """Make one file; OSError when it cannot be written to its end."""
        fd = os.open(name, _NEW, 0o600, dir_fd=self.fd)
        try:
            data = memoryview(text.encode("utf-8", "backslashreplace"))
            while data:
                data = data[os.write(fd, data) :]
        finally:
            os.close(fd)

    def folder(self, name: str) -> RunFolder:
        """Make and open a folder inside."""
        os.mkdir(name, 0o700, dir_fd=self.fd)
        return RunFolder(f"{self.path}/{name}", os.open(name, _FOLDER, dir_fd=self.fd))


def open_run_folder(base: str, started: float) -> RunFolder:
    """Make a folder named by the time (UTC) under `base`, which is made too if it is missing.

    The name has the form that ec2rl 1.1.7 gave it, as programs look for it: a run that began in the
    same microsecond has the next one's.  UnsafeFolderError when another user could interfere;
    OSError when it cannot be made.
    """
    fd = open_private(base)
    try:
        name = _made(int(started * 1e6), fd)
        made = os.open(name, _FOLDER, dir_fd=fd)
        return RunFolder(f"{base}/{name}", made, _locked(made))
    finally:
        os.close(fd)


def _made(began: int, above: int) -> str:
    """Make a folder named by a time (µs since the epoch), or by the next one that is free."""
    for moment in range(began, began + _CLASHES):
        second = time.strftime("%Y-%m-%dT%H_%M_%S", time.gmtime(moment // 1000000))
        name = f"{second}.{moment % 1000000:06d}"
        try:
            os.mkdir(name, 0o700, dir_fd=above)
        except FileExistsError:
            continue
        return name
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def _locked(folder: int) -> int:
    """Give a descriptor of a folder that says to others that it is in use."""
    import fcntl

    lock = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        pass  # a file system without locks
    return lock


def open_private(path: str) -> int:
    """Open a folder that nobody but us and root can change, step by step from the root."""
    if not path.startswith("/") or "\0" in path:
        raise UnsafeFolderError(f"{path!r} is not an absolute path")
    fd = os.open("/", _FOLDER)
    done = ""
    try:
        for part in [p for p in path.split("/") if p]:
            done += "/" + part
            if part == "..":
                raise UnsafeFolderError(f"{path} must not contain ..")
            fd, above = _step(fd, part, done), fd
            os.close(above)
            check_safe(fd, done, last=done.rstrip("/") == path.rstrip("/"))
    except OSError:
        os.close(fd)
        raise
    return fd


def _step(above: int, part: str, path: str) -> int:
    try:
        return os.open(part, _FOLDER, dir_fd=above)
    except FileNotFoundError:
        try:
            os.mkdir(part, 0o700, dir_fd=above)
        except FileExistsError:
            pass  # another run was quicker
        return os.open(part, _FOLDER, dir_fd=above)
    except NotADirectoryError:
        kind = os.stat(part, dir_fd=above, follow_symlinks=False).st_mode
        what = "a symbolic link" if stat.S_ISLNK(kind) else "not a folder"
        raise UnsafeFolderError(f"{path} is {what}") from None


def check_safe(fd: int, path: str, last: bool) -> None:
    """Raise UnsafeFolderError where another user can change a folder; `last`: or add to it."""
    found = os.fstat(fd)
    if found.st_uid not in (0, os.geteuid()):
        raise UnsafeFolderError(f"{path} belongs to user {found.st_uid}")
    if last and found.st_uid != os.geteuid():
        raise UnsafeFolderError(f"{path} does not belong to us")
    # In a sticky folder others can add, but neither rename nor remove what is not theirs.
    sticky = found.st_mode & stat.S_ISVTX and not last
    if found.st_mode & 0o022 and not sticky:
        raise UnsafeFolderError(
            f"{path} can be written by others (mode {found.st_mode & 0o7777:o})"
        )


def default_bases(environment: dict[str, str]) -> Sequence[str]:
    """Tell where results go unless told, the best first; for root never what the caller names."""
    if os.geteuid() == 0:
        return (STORE, "/run/ec2rl")
    import pwd

    state = environment.get("XDG_STATE_HOME", "")
    if not state.startswith("/"):
        try:
            state = pwd.getpwuid(os.geteuid()).pw_dir.rstrip("/") + "/.local/state"
        except KeyError:
            return ()
    return (f"{state}/ec2rl",)
