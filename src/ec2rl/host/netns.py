"""This machine seen from another network namespace: the one that was meant, and no other."""

from __future__ import annotations

import errno
import os

from ec2rl.host import Door, Host
from ec2rl.host.files import WrongDoorError, unreadable
from ec2rl.host.forwarding import ForwardingHost
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from ctypes import CDLL
    from typing import Callable, TypeVar

    from ec2rl.host.query import Query

    T = TypeVar("T")

_HERE = "/proc/thread-self/ns/net"
_CLONE_NEWNET = 0x40000000


def open_door(door: Door) -> int:
    """Open the file of a namespace for setns(2); OSError, WrongDoorError where another one stands.

    The descriptor is looked at, not the path: a process that moves, a number that is another
    process's by now, a name that is bound anew or a mount that covers it are all found out.
    """
    fd = os.open(door.path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        found = os.fstat(fd)
        if found.st_dev != os.stat(_HERE).st_dev:  # one file system has all namespaces: nsfs
            raise WrongDoorError(Why.FAILED, "not a network namespace")
        if door.inode not in (None, found.st_ino):
            raise WrongDoorError(Why.ABSENT, "another namespace stands there")
    except OSError:
        os.close(fd)
        raise
    return fd


class held:  # noqa: N801 - a context manager, used like a function
    """The first of some doors that leads where it should, held open; None for no doors.

    Meanwhile the namespace stays, whoever leaves it, and nothing else can have its number.  OSError
    of the first door where none leads there.
    """

    def __init__(self, doors: Sequence[Door]) -> None:
        self.doors = doors
        self.door: Door | None = None

    def __enter__(self) -> Door | None:
        failed: OSError | None = None
        for door in self.doors:
            try:
                self.door = replace(door, fd=open_door(door))
            except OSError as error:
                failed = failed or error
            else:
                return self.door
        if failed is not None:
            raise failed
        return None

    def __exit__(self, *_: object) -> None:
        if self.door is not None and self.door.fd is not None:
            os.close(self.door.fd)


class entered:  # noqa: N801 - a context manager, used like a function
    """The calling thread inside a network namespace; OSError when it cannot enter.

    What it opens there stays there.  For no door it stays where it is.
    """

    def __init__(self, door: Door | None) -> None:
        self.door = door

    def __enter__(self) -> None:
        if self.door is None:
            return
        self.home = os.open(_HERE, os.O_RDONLY | os.O_CLOEXEC)
        try:
            there = open_door(self.door) if self.door.fd is None else self.door.fd
            try:
                setns(there, _CLONE_NEWNET)
            except WrongDoorError:
                raise
            except OSError as error:
                if error.errno == errno.EINVAL:
                    raise WrongDoorError(Why.FAILED, "not a network namespace") from None
                raise
            finally:
                if there != self.door.fd:
                    os.close(there)
        except OSError:
            os.close(self.home)
            raise

    def __exit__(self, *_: object) -> None:
        if self.door is None:
            return
        try:
            setns(self.home, _CLONE_NEWNET)
        except OSError as error:
            # No OSError: whatever this process looked at next would be another namespace's.
            raise RuntimeError(f"no way back to the own network namespace: {error}") from error
        finally:
            os.close(self.home)


def setns(fd: int, kind: int) -> None:
    """Move the calling thread into a namespace (setns(2)); OSError when the kernel refuses.

    WrongDoorError where this Python cannot ask it.
    """
    if hasattr(os, "setns"):  # Python 3.12
        os.setns(fd, kind)
        return
    try:
        import ctypes
    except ImportError:  # python3-minimal
        words = "this Python has no ctypes, and enters no namespace: install python3"
        raise WrongDoorError(Why.FAILED, words) from None

    # Looking up a function of the C library makes a class each time: once is enough.
    libc = _LIBC or [ctypes.CDLL(None, use_errno=True)]
    _LIBC[:] = libc
    if libc[0].setns(fd, kind):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


_LIBC: list[CDLL] = []


class NetnsHost(ForwardingHost):
    """This machine seen from another network namespace: each look enters it and comes back.

    Only /proc/net, /proc/sys/net and sockets follow the namespace that the caller is in
    (network_namespaces(7)); everything else is the machine's own, as before.
    """

    def __init__(self, door: Door, host: Host) -> None:
        super().__init__(host)
        self.name = door.path
        self._door = door

    def _inside(self, source: str, look: Callable[[], T | Unreadable]) -> T | Unreadable:
        source = f"netns {self._door.path}: {source}"
        try:
            with entered(self._door):
                answer = look()
        except OSError as error:
            return unreadable(source, error)
        if isinstance(answer, Unreadable):
            return Unreadable(source, answer.why, answer.detail)
        return answer

    def read(self, path: str) -> Evidence | Unreadable:
        # /proc/net is the thread group leader's; we may be another thread.
        real = path.replace("/proc/net/", "/proc/thread-self/net/", 1)
        answer = self._inside(path, lambda: self.host.read(real))
        if isinstance(answer, Evidence):
            return Evidence(f"netns {self._door.path}: {path}", answer.text)
        return answer

    def names(self, path: str) -> tuple[str, ...] | Unreadable:
        return self._inside(path, lambda: self.host.names(path))

    def link(self, path: str) -> str | Unreadable:
        return self._inside(path, lambda: self.host.link(path))

    def inode(self, path: str) -> int | Unreadable:
        return self._inside(path, lambda: self.host.inode(path))

    def query(self, query: Query[T]) -> T | Unreadable:
        return self._inside(query.key, lambda: self.host.query(query))

    def within(self, door: Door) -> Host:
        return NetnsHost(door, self.host)

    def later(self, seconds: float) -> Host:
        self.host.later(seconds)
        return self
