"""Entering a network namespace, and making sure that it is the one that was meant."""

from __future__ import annotations

import errno
import os

from ec2rl.host import Door
from ec2rl.model import Why
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from ctypes import CDLL

_HERE = "/proc/thread-self/ns/net"
_CLONE_NEWNET = 0x40000000


class WrongDoorError(OSError):
    """What stands behind a door is not what was meant: `why` and `words` as `Unreadable` has it."""

    def __init__(self, why: Why, words: str) -> None:
        super().__init__(errno.EINVAL, words)
        self.why, self.words = why, words


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
    """Move the calling thread into a namespace (setns(2)); OSError when the kernel refuses."""
    if hasattr(os, "setns"):  # Python 3.12
        os.setns(fd, kind)
        return
    import ctypes

    # Looking up a function of the C library makes a class each time: once is enough.
    libc = _LIBC or [ctypes.CDLL(None, use_errno=True)]
    _LIBC[:] = libc
    if libc[0].setns(fd, kind):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


_LIBC: list[CDLL] = []
