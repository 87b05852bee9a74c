"""This machine, and this machine seen from another network namespace."""

from __future__ import annotations

import errno
import os
import stat
import time

from ec2rl.host import Clock, Door, Entries, Host, Journal, Phrase, Search
from ec2rl.host.netns import WrongDoorError, entered
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Callable, TypeVar

    T = TypeVar("T")

READ_LIMIT = 16 << 20
"""Bytes; the largest file that is read whole (mountinfo of a node with 50,000 mounts is 10 MiB)."""

_KERNELS = ("/proc/", "/sys/")
"""Where a file is what the kernel says when it is read: it is not written, and has no size."""

_KMSG = os.makedev(1, 11)

JOURNALS = ("/var/log/journal", "/run/log/journal")

# A vanished process gives ESRCH, a vanished namespace file EINVAL or ENOENT.
_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ESRCH, errno.ENXIO, errno.ENODEV)
_DENIED = (errno.EACCES, errno.EPERM)


def unreadable(source: str, error: OSError) -> Unreadable:
    """Say of a failed system call why the look failed, and which right is missing."""
    if isinstance(error, WrongDoorError):
        return Unreadable(source, error.why, error.words)
    if error.errno in _ABSENT:
        return Unreadable(source, Why.ABSENT)
    if error.errno in _DENIED:
        return Unreadable(source, Why.DENIED, _right(source))
    return Unreadable(source, Why.FAILED, os.strerror(error.errno or 0))


def _right(source: str) -> str:
    if source == "/dev/kmsg":
        return "needs CAP_SYSLOG, as kernel.dmesg_restrict=1 or the container demands"
    if source.startswith("netns "):
        return "needs CAP_SYS_ADMIN to enter a network namespace"
    if source == "conntrack -S":
        return "needs CAP_NET_ADMIN"
    return "needs root"


@record(frozen=True)
class LiveHost:
    """This machine, with the rights of the process that looks."""

    name: str = "this machine"

    def clock(self) -> Clock:
        return Clock(time.time(), time.clock_gettime(time.CLOCK_MONOTONIC))

    def read(self, path: str) -> Evidence | Unreadable:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as error:
            return unreadable(path, error)
        try:
            if path == "/dev/kmsg":
                if os.fstat(fd).st_rdev != _KMSG:  # containers often have /dev/null there
                    return Unreadable(path, Why.FAILED, "not the kernel's log")
                data = _read_kmsg(fd)
            elif stat.S_ISREG(os.fstat(fd).st_mode):
                if not path.startswith(_KERNELS):
                    return read_watched(path, fd)
                data = read_whole(fd)
            else:
                return Unreadable(path, Why.FAILED, "not a regular file")
        except OSError as error:
            return unreadable(path, error)
        finally:
            os.close(fd)
        return _evidence(path, data)

    def read_own(self, path: str) -> Evidence | Unreadable:
        from ec2rl.host.own import NotOwnError, open_own

        try:
            with open(open_own(path), "rb", 0) as file:
                return _evidence(path, read_whole(file.fileno()))
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

    def ethtool(self, interface: str) -> Evidence | Unreadable:
        from ec2rl.host.devices import driver_counters

        source = f"ethtool -S {interface}"
        try:
            text = driver_counters(interface)
        except OSError as error:
            if error.errno in (errno.EOPNOTSUPP, errno.ENODEV):
                return Unreadable(source, Why.ABSENT)
            return unreadable(source, error)
        return Evidence(source, text)

    def conntrack_stats(self) -> Evidence | Unreadable:
        from ec2rl.host.devices import conntrack_counters

        source = "conntrack -S"
        # Asking for it would make the kernel load this module: looking changes nothing.
        modules = self.read("/proc/modules")
        if isinstance(modules, Evidence) and "nf_conntrack_netlink " not in modules.text:
            release = os.uname().release
            builtin = self.read(f"/lib/modules/{release}/modules.builtin")
            if not isinstance(builtin, Evidence) or "nf_conntrack_netlink" not in builtin.text:
                return Unreadable(source, Why.NOT_RUNNING, "nf_conntrack_netlink is not loaded")
        try:
            return Evidence(source, conntrack_counters())
        except OSError as error:
            return unreadable(source, error)

    def conntrack_entries(self, first: int) -> Entries | Unreadable:
        from ec2rl.host.ctnetlink import first_entries

        return first_entries(first)

    def within(self, door: Door) -> Host:
        return NetnsHost(door, self)

    def later(self, seconds: float) -> Host:
        time.sleep(seconds)
        return self


def open_regular(path: str) -> int | Unreadable:
    """Open a regular file for reading, or say why not; never blocks on a FIFO or a device."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        return unreadable(path, error)
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    return Unreadable(path, Why.FAILED, "not a regular file")


def read_whole(fd: int) -> bytes:
    """A file's bytes, at least one beyond `READ_LIMIT` if it is larger; raises OSError."""
    chunks = []
    size = 0
    while size <= READ_LIMIT and (chunk := os.read(fd, 1 << 16 if size < 1 << 18 else 1 << 20)):
        chunks.append(chunk)
        size += len(chunk)
    return b"".join(chunks)


def read_watched(path: str, fd: int) -> Evidence | Unreadable:
    """The text of a regular file that may change while it is read; raises OSError."""
    from ec2rl.host.watched import Watched

    watched = Watched(fd)
    data = read_whole(fd)
    changed = watched.changed()
    return Unreadable(path, Why.PARTIAL, changed) if changed else _evidence(path, data)


def _evidence(path: str, data: bytes) -> Evidence | Unreadable:
    if len(data) > READ_LIMIT:
        return Unreadable(path, Why.PARTIAL, f"larger than {READ_LIMIT >> 20} MiB")
    return Evidence(path, data.decode("utf-8", "backslashreplace"))


def _read_kmsg(fd: int) -> bytes:
    """All records that the ring buffer still holds: a read gives one (ABI/testing/dev-kmsg).

    A gap in the sequence numbers tells how many were overwritten meanwhile (EPIPE).
    """
    records: list[bytes] = []
    read, keep = os.read, records.append  # some thousand times
    while sum(map(len, records)) <= READ_LIMIT:
        try:
            for _ in range(4096):
                keep(read(fd, 8192))
        except BlockingIOError:
            break
        except BrokenPipeError:
            continue
    return b"".join(records)


@record(frozen=True)
class NetnsHost:
    """This machine seen from another network namespace: each look enters it and comes back.

    Only /proc/net, /proc/sys/net and sockets follow the namespace that the caller is in
    (network_namespaces(7)); everything else is the machine's own, as before.
    """

    door: Door
    outside: LiveHost

    @property
    def name(self) -> str:
        return self.door.path

    def _inside(self, source: str, look: Callable[[], T | Unreadable]) -> T | Unreadable:
        source = f"netns {self.door.path}: {source}"
        try:
            with entered(self.door):
                answer = look()
        except OSError as error:
            return unreadable(source, error)
        if isinstance(answer, Unreadable):
            return Unreadable(source, answer.why, answer.detail)
        return answer

    def clock(self) -> Clock:
        return self.outside.clock()

    def read(self, path: str) -> Evidence | Unreadable:
        # /proc/net is the thread group leader's; we may be another thread.
        real = path.replace("/proc/net/", "/proc/thread-self/net/", 1)
        answer = self._inside(path, lambda: self.outside.read(real))
        if isinstance(answer, Evidence):
            return Evidence(f"netns {self.door.path}: {path}", answer.text)
        return answer

    def read_own(self, path: str) -> Evidence | Unreadable:
        return self.outside.read_own(path)

    def names(self, path: str) -> tuple[str, ...] | Unreadable:
        return self._inside(path, lambda: self.outside.names(path))

    def link(self, path: str) -> str | Unreadable:
        return self._inside(path, lambda: self.outside.link(path))

    def inode(self, path: str) -> int | Unreadable:
        return self._inside(path, lambda: self.outside.inode(path))

    def search(
        self, paths: Sequence[str], phrases: Sequence[Phrase]
    ) -> tuple[Search | Unreadable, ...]:
        return self.outside.search(paths, phrases)

    def journal(self, phrases: Sequence[Phrase]) -> Journal | Unreadable:
        return self.outside.journal(phrases)

    def ethtool(self, interface: str) -> Evidence | Unreadable:
        return self._inside(f"ethtool -S {interface}", lambda: self.outside.ethtool(interface))

    def conntrack_stats(self) -> Evidence | Unreadable:
        return self._inside("conntrack -S", self.outside.conntrack_stats)

    def conntrack_entries(self, first: int) -> Entries | Unreadable:
        return self._inside("conntrack -L", lambda: self.outside.conntrack_entries(first))

    def within(self, door: Door) -> Host:
        return NetnsHost(door, self.outside)

    def later(self, seconds: float) -> Host:
        self.outside.later(seconds)
        return self
