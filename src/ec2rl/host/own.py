"""Files of this program's own: which of them nobody else can have written."""

from __future__ import annotations

import os
import stat

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class NotOwnError(OSError):
    """Somebody else may have written it; the text says why."""


def fault(status: os.stat_result) -> str:
    """Say why a file may be somebody else's, "" if only root, or we, can have written it."""
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        return "is not a regular file with one name"
    if status.st_uid not in (0, os.geteuid()) or status.st_mode & 0o022:
        return "can be written by others"
    return ""


def open_own(path: str) -> int:
    """Open such a file to read, through folders that are ours as well; links are not followed."""
    *folders, name = path.strip("/").split("/")
    here = os.open("/", _FOLDER)
    try:
        for part in ("", *folders):
            below = os.open(part, _FOLDER, dir_fd=here) if part else os.dup(here)
            os.close(here)
            here = below
            status = os.fstat(here)
            if status.st_uid not in (0, os.geteuid()) or status.st_mode & 0o022:
                raise NotOwnError("its folder can be written by others")
        fd = os.open(name, READ, dir_fd=here)
    finally:
        os.close(here)
    why = fault(os.fstat(fd))
    if why:
        os.close(fd)
        raise NotOwnError(why)
    return fd
