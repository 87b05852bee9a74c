"""The members of a sosreport that somebody has unpacked, and what befell its folders meanwhile."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator

from ec2rl.host.chroot_fs import Root, listed
from ec2rl.host.packed import Packed
from ec2rl.host.sos_layout import TOPS, Use, use
from ec2rl.host.tar import NOTHING, Kind, Member
from ec2rl.host.watched import Watched

_NAMES, _DEPTH = 200_000, 12
_TOP = "."

# What tells a folder from another one in its place, and from itself with other names in it.
_Stamp = tuple[int, int, int, int]


class FolderMembers:
    """All folders are listed before the first file is read, and compared when the last one was.

    `changes` tell of folders and files that are not as they were when this began, `missed` of
    names that may have been evidence and were not read, `gaps` of others.
    """

    def __init__(self, root: Root, gaps: list[str]) -> None:
        self.changes: list[str] = []
        self.missed: list[str] = []
        self._root = root
        self._gaps = gaps
        self._left = _NAMES
        self._started = time.time_ns()
        self._folders: dict[str, _Stamp] = {_TOP: _stamp(os.fstat(root.fd))}

    def __iter__(self) -> Iterator[Member]:
        found = [one for top in TOPS for one in self._below(top, _DEPTH)]
        for path, target in found:
            if target is None:
                yield from self._file(path)
            else:
                yield Member(path, Kind.SYMLINK, 0, 0.0, target, NOTHING)
        self._compare()

    def _below(self, path: str, depth: int) -> Iterator[tuple[str, str | None]]:
        """The wanted files, and all links with where they point, below a path."""
        self._left -= 1
        if self._left == -1:
            self.missed.append(f"{path}: more than {_NAMES} names")
        if self._left < 0 or depth < 0:
            return
        try:
            found = self._look(path)
        except FileNotFoundError:
            if path not in TOPS:
                self.changes.append(f"{path}: it vanished")
            return
        except OSError as error:
            self.missed.append(f"{path}: {error.strerror}")
            return
        if isinstance(found, list):
            for name in sorted(found):
                yield from self._below(f"{path}/{name}", depth - 1)
        elif found is not None or use(path) is not None:
            yield path, found

    def _look(self, path: str) -> str | list[str] | None:
        """Where a link points, or the names in a folder, which is noted; None for all else."""
        fd = self._root.find(path, follow=False)
        try:
            status = os.fstat(fd)
            if stat.S_ISLNK(status.st_mode):
                return _shown(os.readlink("", dir_fd=fd))
            if not stat.S_ISDIR(status.st_mode):
                return None
            self._folders[path] = _stamp(status)
            if self._is_new(status):
                self.changes.append(f"{path}: it changed before its turn to be read came")
            names = listed(fd)
        finally:
            os.close(fd)
        if names is None:
            self.missed.append(f"{path}: more names than are listed")
        return names or []

    def _file(self, path: str) -> Iterator[Member]:
        try:
            fd = self._root.open(path)
        except FileNotFoundError:
            self.changes.append(f"{path}: it vanished")
            return
        except OSError as error:
            found = use(path)
            # Some of the kernel's files cannot be read by anybody, and are unpacked as such.
            is_text = found is not None and found[0] is Use.TEXT
            told = self._gaps if is_text else self.missed
            told.append(f"{path}: {error.strerror or 'not a regular file'}")
            return
        try:
            watched = Watched(fd)
            status = watched.first
            yield Member(path, Kind.FILE, status.st_size, status.st_mtime, "", Packed(fd))
            changed = watched.changed()
            if self._is_new(status):
                changed = "changed before its turn to be read came"
            if changed:
                self.changes.append(f"{path}: it {changed}")
        finally:
            os.close(fd)

    def _is_new(self, status: os.stat_result) -> bool:
        """Changed since this began; what changed later than now did when the clock was another."""
        return self._started < status.st_ctime_ns <= time.time_ns()

    def _compare(self) -> None:
        """See that each folder is still the one that was listed, with the same names in it."""
        for path, first in self._folders.items():
            try:
                fd = self._root.find(path, follow=False)
            except OSError:
                self.changes.append(f"{path}: it was moved or removed while the files were read")
                continue
            if _stamp(os.fstat(fd)) != first:
                self.changes.append(f"{path}: names in it changed while the files were read")
            os.close(fd)


def _stamp(status: os.stat_result) -> _Stamp:
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns


def _shown(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")
