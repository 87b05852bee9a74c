"""A value of the running kernel: one write, read back."""

from __future__ import annotations

import os

from ec2rl.facts.change_items import value_fault
from ec2rl.fix.change import Found, Now
from ec2rl.fix.errors import Conflict, KernelRefused, Refused
from ec2rl.fix.kinds.kind import At, Kind
from ec2rl.fix.machine import Machine, close
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.facts.change import SysctlItem, SysfsItem
    from ec2rl.remedies import SetSysctl, SetSysfs

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_WRITE = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
"""Without O_TRUNC, which would be a second change."""


class Value(Kind):
    """A value at a path; a kind of it says where that is, and how the kernel shows it."""

    order = 0
    item: SysctlItem | SysfsItem

    def __init__(self, item: SysctlItem | SysfsItem, at: At) -> None:
        at.machine.need_the_host()
        super().__init__(item, at)

    @classmethod
    def planned(
        cls, machine: Machine, target: str, change: SetSysctl | SetSysfs
    ) -> tuple[str, str]:
        """Give the value now and the one to set; Refused where either could not be set."""
        value = " ".join(change.value.split())
        bad = value_fault(target, value)
        if bad:
            raise Refused(bad)
        machine.need_the_host()
        now = _expect(target, cls.read(machine, target), change.before)
        if value_fault(target, now):
            raise Refused(f"{target} is {now!a}, which could not be put back")
        return now, value

    @staticmethod
    def at_path(machine: Machine, target: str) -> str:
        raise NotImplementedError

    @staticmethod
    def value(text: str) -> str:
        """Take the value out of what the kernel shows, its blanks made single."""
        return " ".join(text.split())

    @classmethod
    def read(cls, machine: Machine, target: str) -> str | None:
        """Read a value; None where there is none of this name."""
        try:
            fd = os.open(cls.at_path(machine, target), _READ)
        except FileNotFoundError:
            return None
        try:
            return cls._of(fd)
        finally:
            close(fd)

    @classmethod
    def _of(cls, fd: int) -> str:
        return cls.value(os.pread(fd, 4096, 0).decode("utf-8", "backslashreplace"))

    def by_hand(self) -> str:
        """Give the command that sets it."""
        raise NotImplementedError

    def open(self) -> int:
        """Open the value to write it."""
        return os.open(self.at_path(self.at.machine, self.target), _WRITE)

    def observe(self) -> Found:
        now = self.read(self.at.machine, self.target)
        if now is None:
            return Found.GONE
        if now == self.item.before:
            return Found.BEFORE
        if now == self.item.after:
            return Found.AFTER
        return Found.GONE if self.at.rebooted else Found.CHANGED

    def now(self) -> Now:
        now = self.read(self.at.machine, self.target)
        return Now("not there" if now is None else now)

    def check(self) -> None:
        """Refused where the value cannot be written from here."""
        try:
            close(self.open())
        except OSError as error:
            raise self._barred(error.strerror or "") from error

    def foresee(self) -> None:
        if not any(os.access(path, os.W_OK) for path in self.ways()):
            raise self._barred("not writable")

    def ways(self) -> tuple[str, ...]:
        """Give the paths of which one has to be writable."""
        return (self.at_path(self.at.machine, self.target),)

    def _barred(self, why: str) -> Refused:
        return Refused(
            f"{self.target} cannot be written here ({why}); in a container or a network "
            f"namespace, set it on the host: {self.by_hand()}"
        )

    def move(self, to: Found) -> None:
        """Write the value; Conflict if it is no longer the one to replace.

        The kernel has no compare-and-swap here.  Three system calls in a row read, write and read
        back; what somebody else writes between the first and the last of them is taken for ours.
        """
        item, name = self.item, self.target
        old, new = (item.before, item.asked) if to is Found.AFTER else (item.after, item.before)
        fd = self.open()
        try:
            if self._of(fd) != old:
                raise Conflict(f"{name} was changed by somebody else meanwhile: theirs is kept")
            try:
                os.write(fd, new.encode() + b"\n")
            except OSError as error:
                raise KernelRefused(f"{name}={new}: {error.strerror}") from error
            now = self._of(fd)
            if to is Found.BEFORE and now not in (old, new):
                os.pwrite(fd, old.encode() + b"\n", 0)
                again = self._of(fd)
                raise KernelRefused(f"{name}={new}: the kernel makes {now} of it; it is {again}")
        finally:
            close(fd)
        if now == old:
            raise KernelRefused(f"{name}={new}: the kernel ignores it, and keeps {now}")
        if to is Found.AFTER:
            self.item = replace(item, after=now)
        self.moved(to)

    def moved(self, to: Found) -> None:
        """Note what there is to note of it."""


def _expect(name: str, now: str | None, before: str) -> str:
    """Give the value that is there; Conflict where it is not the one that the proposer saw."""
    if now is None:
        raise Refused(f"{name} does not exist on this kernel, or its module is not loaded")
    if now != " ".join(before.split()):
        raise Conflict(f"{name} is {now} by now, and was {before} when it was planned")
    return now
