"""Where journald keeps the files of a machine's journal."""

from __future__ import annotations

import errno
import os
import stat

_FILES = 512  # journald keeps 100 unless told otherwise, and 1,024 descriptors are all we may have
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class JournalFiles:
    """The regular files `<machine>/*.journal` and `*.journal~` below folders, newest first.

    `<machine>` is a machine's id, with `.<namespace>` behind it for a journal namespace; unless
    an id is given, those of all machines are taken.  `files` has paths and open descriptors, of
    at most 512 files in each folder; `gaps` tells what is there and was not opened; `denied`
    whether a right was lacking for some of it.  Below the folders no symbolic link is followed.
    """

    def __init__(self, machine: str = "") -> None:
        self.machine = machine
        self.files: list[tuple[str, int]] = []
        self.gaps: list[str] = []
        self.denied = False

    def add(self, folder: int, shown: str, itself: bool = False) -> None:
        """Open what is below the folder with this descriptor, shown under this path.

        With `itself`, what is in that very folder too: it may be one of a machine's.
        """
        found = sorted(self._found(folder, shown, itself), reverse=True)
        for _, path in found[:_FILES]:
            self._open(folder, path, f"{shown}/{path.removeprefix('./')}")
        if len(found) > _FILES:
            self.gaps.append(f"{shown}: {len(found) - _FILES} files older than the newest {_FILES}")
        # journald moves a full file away: what was opened under its name may be a new one.
        elif not self.gaps and {*_paths(self._found(folder, shown, itself))} - {*_paths(found)}:
            self.gaps.append(f"{shown}: a file came while the others were opened")

    def _found(self, folder: int, shown: str, itself: bool) -> list[tuple[float, str]]:
        found = self._names(folder, ".", shown) if itself else []
        try:
            for name in sorted(os.listdir(folder)):
                if _is_of(self.machine, name):
                    found += self._names(folder, name, f"{shown}/{name}")
        except OSError as error:
            self.missing(shown, error)
        return found

    def missing(self, path: str, error: OSError) -> None:
        """Tell of what could not be opened."""
        self.denied = self.denied or error.errno in (errno.EACCES, errno.EPERM)
        self.gaps.append(f"{_shown(path)}: {error.strerror}")

    def close(self) -> None:
        for _, fd in self.files:
            os.close(fd)

    def _names(self, folder: int, name: str, shown: str) -> list[tuple[float, str]]:
        try:
            fd = os.open(name, _FLAGS | os.O_DIRECTORY, dir_fd=folder)
        except OSError as error:
            self.missing(shown, error)
            return []
        found: list[tuple[float, str]] = []
        try:
            found += [
                (_modified(fd, file), f"{name}/{file}")
                for file in os.listdir(fd)
                if file.endswith((".journal", ".journal~"))
            ]
        except OSError as error:
            self.missing(shown, error)
        finally:
            os.close(fd)
        return found

    def _open(self, folder: int, path: str, shown: str) -> None:
        try:
            fd = os.open(path, _FLAGS, dir_fd=folder)
        except OSError as error:
            self.missing(shown, error)
            return
        if stat.S_ISREG(os.fstat(fd).st_mode):
            self.files.append((_shown(shown), fd))
        else:
            os.close(fd)
            self.gaps.append(f"{_shown(shown)}: not a regular file")


def _paths(found: list[tuple[float, str]]) -> list[str]:
    return [path for _, path in found]


def _modified(folder: int, name: str) -> float:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime
    except OSError:
        return 0.0  # that it is gone, or may not be read, shows when it is opened


def _is_of(machine: str, name: str) -> bool:
    owner = name.partition(".")[0]
    if machine:
        return owner == machine
    return len(owner) == 32 and all(letter in "0123456789abcdef" for letter in owner)


def _shown(path: str) -> str:
    return os.fsencode(path).decode("utf-8", "backslashreplace")
