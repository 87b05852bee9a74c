"""This machine."""

from __future__ import annotations

import errno
import os
import time

from ec2rl.host import KMSG, Clock, Door, Host, Journal, Phrase, Search
from ec2rl.host.files import (
    READ_LIMIT,
    as_evidence,
    open_regular,
    read_file,
    read_whole,
    unreadable,
)
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeVar

    from ec2rl.host.query import Query

    T = TypeVar("T")

_RING = os.makedev(1, 11)

JOURNALS = ("/var/log/journal", "/run/log/journal")


@record(frozen=True)
class LiveHost:
    """This machine, with the rights of the process that looks."""

    name: str = "this machine"
    is_live: bool = True

    def clock(self) -> Clock:
        return Clock(time.time(), time.clock_gettime(time.CLOCK_MONOTONIC))

    def read(self, path: str) -> Evidence | Unreadable:
        return _read_ring() if path == KMSG else read_file(path)

    def read_own(self, path: str) -> Evidence | Unreadable:
        from ec2rl.host.own import NotOwnError, open_own

        try:
            with open(open_own(path), "rb", 0) as file:
                return as_evidence(path, read_whole(file.fileno()))
        except NotOwnError as error:
            return Unreadable(path, Why.FAILED, str(error))
        except OSError as error:
            return unreadable(path, error)

    def names(self, path: str) -> tuple[str, ...] | Unreadable:
        try:
            found = os.listdir(path)
        except OSError as error:
            return unreadable(path, error)
        return tuple(
            sorted(os.fsencode(name).decode("utf-8", "backslashreplace") for name in found)
        )

    def link(self, path: str) -> str | Unreadable:
        try:
            return os.fsencode(os.readlink(path)).decode("utf-8", "backslashreplace")
        except OSError as error:
            if error.errno == errno.EINVAL:
                return Unreadable(path, Why.ABSENT, "not a symbolic link")
            return unreadable(path, error)

    def inode(self, path: str) -> int | Unreadable:
        try:
            return os.stat(path).st_ino
        except OSError as error:
            return unreadable(path, error)

    def search(
        self, paths: Sequence[str], phrases: Sequence[Phrase]
    ) -> tuple[Search | Unreadable, ...]:
        from ec2rl.host.search import search_paths

        return search_paths(paths, open_regular, phrases)

    def journal(self, phrases: Sequence[Phrase]) -> Journal | Unreadable:
        # The reader is not worth its import where journald never wrote.
        if not any(self.names(folder) for folder in JOURNALS if os.path.isdir(folder)):
            return Unreadable("journal", Why.ABSENT)
        from ec2rl.host.journal.search import search_journal_folders

        return search_journal_folders(JOURNALS, phrases)

    def query(self, query: Query[T]) -> T | Unreadable:
        return query.ask()

    def within(self, door: Door) -> Host:
        from ec2rl.host.netns import NetnsHost

        return NetnsHost(door, self)

    def later(self, seconds: float) -> Host:
        time.sleep(seconds)
        return self


def _read_ring() -> Evidence | Unreadable:
    """All records that the ring buffer still holds: a read gives one (ABI/testing/dev-kmsg).

    A gap in the sequence numbers tells how many were overwritten meanwhile (EPIPE).
    """
    try:
        fd = os.open(KMSG, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        return unreadable(KMSG, error)
    records: list[bytes] = []
    read, keep = os.read, records.append  # some thousand times
    try:
        if os.fstat(fd).st_rdev != _RING:  # containers often have /dev/null there
            return Unreadable(KMSG, Why.FAILED, "not the kernel's log")
        while sum(map(len, records)) <= READ_LIMIT:
            try:
                for _ in range(4096):
                    keep(read(fd, 8192))
            except BlockingIOError:
                break
            except BrokenPipeError:
                continue
    except OSError as error:
        return unreadable(KMSG, error)
    finally:
        os.close(fd)
    return as_evidence(KMSG, b"".join(records))
