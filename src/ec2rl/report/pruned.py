"""The folder that runs are saved in does not grow without end: old runs make room for new ones.

Only what a run has made is removed: a run folder of our own that holds nothing else, in a folder
that nobody but us and root can change (saved.py), each name by the descriptor of its folder.  What
else lies there stays: the journal of changes, and whatever somebody has put there.
"""

from __future__ import annotations

import os
import stat

from ec2rl.report.saved import RunFolder, open_private

RUNS = 50
BYTES = 256 << 20

_LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_TO_ZEROS = str.maketrans("123456789", "000000000")
_OF_MODULES = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")


class _NotOursError(Exception):
    """A run folder holds what no run has put there."""


def prune(folder: RunFolder, runs: int = RUNS, room: int = BYTES) -> tuple[int, list[str]]:
    """Remove the oldest runs beside this one: how many, and which could not be, each with why.

    With this run there are `runs` at most; the others take `room` bytes at most.  A run that is
    still at work stays.  OSError where nothing can be removed.
    """
    base, _, own = folder.path.rpartition("/")
    above = open_private(base)
    try:
        fd = os.open(".", _LIST, dir_fd=above)
    finally:
        os.close(above)
    removed = 0
    stuck: list[str] = []
    try:
        names = sorted(filter(_is_run, os.listdir(fd)), reverse=True)
        for place, name in enumerate((name for name in names if name != own), 2):
            try:
                room -= _size(name, fd, os.fstat(fd))
                if (place > runs or room < 0) and not _is_at_work(name, fd):
                    _remove(name, fd)
                    removed += 1
            except (_NotOursError, NotADirectoryError, FileNotFoundError):
                continue  # somebody has put something there; another run was quicker
            except OSError as error:
                stuck.append(f"{name}: {os.strerror(error.errno or 0)}")
    finally:
        os.close(fd)
    return removed, stuck


def _is_run(name: str) -> bool:
    """Whether a name is one that a run gives its folder: its time, as zeros here."""
    return _is_numbered(name.translate(_TO_ZEROS), "0000-00-00T00_00_00.000000")


def _is_numbered(name: str, stem: str) -> bool:
    """Whether a name is this, or this with `-NUMBER` behind it."""
    number = name.removeprefix(f"{stem}-")
    return name == stem or (name != number and number.isdecimal())


def _is_log(name: str) -> bool:
    module, _, form = name.partition(".")
    return form == "log" and module != "" and _OF_MODULES.issuperset(module)


_INSIDE = (
    frozenset(("report.txt", "report.json", "mod_out")).__contains__,
    lambda name: _is_numbered(name, "run"),
    _is_log,
)
"""What a run makes in its folder, in the folder in there, and in those in there."""


def _is_at_work(name: str, above: int) -> bool:
    """Tell whether the run that made a folder still holds it (saved.py)."""
    import fcntl

    fd = os.open(name, _LIST, dir_fd=above)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # a file system without locks
    finally:
        os.close(fd)
    return False


def _size(name: str, above: int, base: os.stat_result, depth: int = 0) -> int:
    """Bytes that a folder takes. _NotOursError where a run has not made all that is in it."""
    fd = os.open(name, _LIST, dir_fd=above)
    try:
        is_known = _INSIDE[depth]
        size = 0
        for inside in os.listdir(fd):
            found = os.stat(inside, dir_fd=fd, follow_symlinks=False)
            is_ours = found.st_uid == base.st_uid and found.st_dev == base.st_dev
            if not (is_ours and is_known(inside)):
                raise _NotOursError
            if stat.S_ISDIR(found.st_mode) and depth + 1 < len(_INSIDE):
                size += _size(inside, fd, base, depth + 1)
            elif not stat.S_ISREG(found.st_mode):
                raise _NotOursError
            size += found.st_blocks * 512
        return size
    finally:
        os.close(fd)


def _remove(name: str, above: int) -> None:
    fd = os.open(name, _LIST, dir_fd=above)
    try:
        for inside in os.listdir(fd):
            try:
                os.unlink(inside, dir_fd=fd)
            except IsADirectoryError:
                _remove(inside, fd)
    finally:
        os.close(fd)
    os.rmdir(name, dir_fd=above)
