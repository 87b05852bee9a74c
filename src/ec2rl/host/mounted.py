"""The root of another machine, mounted here: what its files tell, and nothing of ours."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ec2rl.host import BOOT_ID, Clock, Door, Host, Journal, Phrase, Search
from ec2rl.host.boot_entries import COMMAND_LINE, command_line
from ec2rl.host.chroot_fs import NotRegularError, OutsideError, Root
from ec2rl.host.files import read_watched, unreadable
from ec2rl.host.query import JournalQuery, RootQuery
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, TypeVar

    from ec2rl.host.query import Query

    T = TypeVar("T")

JOURNAL = "/var/log/journal"
_LOGS = "/var/log"
_JOURNAL_FILES = 512
_BOOT_AT = 56  # tail_entry_boot_id, systemd's journal-def.h


class MountedHost:
    """A machine's root below a folder; OSError when it is none that can be opened.

    Nothing is written to it or run from it.  What only a running machine can tell is
    NOT_COLLECTED, but for the id of its last boot, which the journal's newest file bears, and the
    command line of its next, which the boot loader's entries tell.
    """

    is_live = False

    def __init__(self, folder: str) -> None:
        self.name = f"the volume at {folder}"
        self.folder = folder
        self._root = Root(folder)
        self._times: list[float | None] = []
        self._journals: list[tuple[float, str]] | None = None

    @property
    def recorded(self) -> float | None:
        """When the machine last wrote a log, in seconds since the epoch; looked up once."""
        if not self._times:
            names = self.names(_LOGS)
            files = [f"{_LOGS}/{name}" for name in names] if isinstance(names, tuple) else []
            times = [time for path in files if (time := self._modified(path)) is not None]
            times += [time for time, _ in self._journal_files()]
            self._times = [max(times, default=None)]
        return self._times[0]

    def clock(self) -> Clock:
        return Clock(self.recorded or 0.0, None)

    def read(self, path: str) -> Evidence | Unreadable:
        if path == BOOT_ID:
            return self._last_boot()
        if path == COMMAND_LINE:
            return command_line(self.read, self.names)
        return self._look(path, lambda: self._read(path))

    def read_own(self, path: str) -> Evidence | Unreadable:
        return Unreadable(path, Why.FAILED, "who wrote it cannot be told on a volume")

    def names(self, path: str) -> tuple[str, ...] | Unreadable:
        found = self._look(path, lambda: self._root.names(path))
        if found is None:
            return Unreadable(path, Why.PARTIAL, "too many names")
        return found if isinstance(found, Unreadable) else tuple(sorted(map(_shown, found)))

    def link(self, path: str) -> str | Unreadable:
        found = self._look(path, lambda: self._root.link(path))
        if found is None:
            return Unreadable(path, Why.ABSENT, "not a symbolic link")
        return found if isinstance(found, Unreadable) else _shown(found)

    def inode(self, path: str) -> int | Unreadable:
        found = self._look(path, lambda: self._stat(path))
        return found if isinstance(found, Unreadable) else found.st_ino

    def search(
        self, paths: Sequence[str], phrases: Sequence[Phrase]
    ) -> tuple[Search | Unreadable, ...]:
        from ec2rl.host.search import search_paths

        return search_paths(paths, self._opened, phrases)

    def _opened(self, path: str) -> int | Unreadable:
        if path[:1] != "/":  # what a program once printed
            return Unreadable(path, Why.NOT_COLLECTED)
        return self._look(path, lambda: self._root.open(path))

    def journal(self, phrases: Sequence[Phrase]) -> Journal | Unreadable:
        from ec2rl.host.journal.search import search_journal

        gaps: list[str] = []
        found = self._in_journal(lambda files: search_journal(files, phrases), gaps)
        return found if isinstance(found, Unreadable) else replace(found, gaps=(*gaps, *found.gaps))

    def _in_journal(
        self, look: Callable[[Sequence[tuple[str, int]]], T | Unreadable], gaps: list[str]
    ) -> T | Unreadable:
        """Look into the journal's newest files; `gaps` get what was not opened."""
        files = self._journal_files()
        if not files:
            names = self.names(JOURNAL)
            return names if isinstance(names, Unreadable) else Unreadable(JOURNAL, Why.ABSENT)
        opened: list[tuple[str, int]] = []
        if len(files) > _JOURNAL_FILES:
            gaps.append(f"{len(files) - _JOURNAL_FILES} older journal files")
        try:
            for _, path in files[:_JOURNAL_FILES]:
                fd = self._look(path, lambda path=path: self._root.open(path))  # type: ignore[misc]
                if isinstance(fd, Unreadable):
                    gaps.append(str(fd))
                else:
                    opened.append((path, fd))
            return look(opened)
        finally:
            for _, fd in opened:
                os.close(fd)

    def query(self, query: Query[T]) -> T | Unreadable:
        if isinstance(query, JournalQuery):
            return self._in_journal(query.search, [])
        if isinstance(query, RootQuery):
            return query.below(self._root.fd)
        return Unreadable(query.key, Why.NOT_COLLECTED)

    def within(self, door: Door) -> Host:
        return self

    def later(self, seconds: float) -> Host:
        return self

    def _look(self, path: str, look: Callable[[], T]) -> T | Unreadable:
        try:
            return look()
        except OutsideError:
            return Unreadable(path, Why.NOT_COLLECTED)
        except NotRegularError:
            return Unreadable(path, Why.FAILED, "not a regular file")
        except OSError as error:
            return unreadable(path, error)

    def _read(self, path: str) -> Evidence | Unreadable:
        fd = self._root.open(path)
        try:
            return read_watched(path, fd)
        finally:
            os.close(fd)

    def _stat(self, path: str) -> os.stat_result:
        fd = self._root.find(path)
        try:
            return os.fstat(fd)
        finally:
            os.close(fd)

    def _modified(self, path: str) -> float | None:
        found = self._look(path, lambda: self._stat(path))
        return None if isinstance(found, Unreadable) else found.st_mtime

    def _journal_files(self) -> list[tuple[float, str]]:
        """(mtime, path) of the files of all machines' journals, the newest first."""
        if self._journals is not None:
            return self._journals
        found = []
        machines = self.names(JOURNAL)
        for machine in machines if isinstance(machines, tuple) else ():
            names = self.names(f"{JOURNAL}/{machine}")
            for name in names if isinstance(names, tuple) else ():
                path = f"{JOURNAL}/{machine}/{name}"
                if name.endswith((".journal", ".journal~")):
                    found.append((self._modified(path) or 0.0, path))
        self._journals = sorted(found, reverse=True)
        return self._journals

    def _last_boot(self) -> Evidence | Unreadable:
        """The boot that the newest file of the system's journal was last written in."""
        for _, path in self._journal_files():
            if path.rpartition("/")[2].startswith("system"):
                head = self._look(path, lambda path=path: self._head(path))  # type: ignore[misc]
                if isinstance(head, bytes) and head.startswith(b"LPKSHHRH"):
                    return Evidence(path, head[_BOOT_AT:].hex() + "\n")
        return Unreadable(BOOT_ID, Why.NOT_COLLECTED)

    def _head(self, path: str) -> bytes:
        fd = self._root.open(path)
        try:
            return os.pread(fd, _BOOT_AT + 16, 0)
        finally:
            os.close(fd)


def _shown(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")
