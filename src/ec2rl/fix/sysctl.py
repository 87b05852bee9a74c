"""Kernel settings: one write, read back."""

from __future__ import annotations

import os
import struct

from ec2rl.fix.change import Found, SysctlItem
from ec2rl.fix.errors import Conflict, KernelRefused, Refused
from ec2rl.fix.machine import Machine, close
from ec2rl.record import replace

BUCKETS = "net.netfilter.nf_conntrack_buckets"


def rounded(key: str, value: str) -> str:
    """Foresee what the kernel makes of a value: it fills the last page of the hash table.

    nf_ct_alloc_hashtable (net/netfilter/nf_conntrack_core.c) rounds up to whole pages of pointers.
    """
    if key != BUCKETS or not value.isdigit():
        return value
    slots = os.sysconf("SC_PAGE_SIZE") // struct.calcsize("P")
    return str(-(-int(value) // slots) * slots)


def read(machine: Machine, key: str) -> str | None:
    """Read a setting, its blanks made single; None where there is no such setting."""
    try:
        fd = os.open(_path(machine, key), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return _text(fd)
    finally:
        close(fd)


class Setting:
    """One kernel setting of a change, and the ways to look at it and move it."""

    def __init__(self, machine: Machine, item: SysctlItem, *, rebooted: bool) -> None:
        self.machine = machine
        self.item = item
        self.rebooted = rebooted
        self.target = item.key

    def found(self) -> Found:
        now = read(self.machine, self.item.key)
        if now is None:
            return Found.GONE
        if now == self.item.before:
            return Found.BEFORE
        if now == self.item.after:
            return Found.AFTER
        return Found.GONE if self.rebooted else Found.CHANGED

    def check(self) -> None:
        """Refused where the setting cannot be written from here."""
        try:
            close(_open(self.machine, self.item.key))
        except OSError as error:
            item = self.item
            raise Refused(
                f"{item.key} cannot be written here ({error.strerror}); in a container or a "
                f"network namespace, set it on the host: sysctl -w {item.key}={item.asked}"
            ) from error

    def stage(self, to: Found) -> None:
        """Nothing to prepare."""

    def move(self, to: Found) -> None:
        """Write the value; Conflict if it is no longer the one to replace.

        The kernel has no compare-and-swap here.  Three system calls in a row read, write and read
        back; what somebody else writes between the first and the last of them is taken for ours.
        """
        item = self.item
        old, new = (item.before, item.asked) if to is Found.AFTER else (item.after, item.before)
        fd = _open(self.machine, item.key)
        try:
            if _text(fd) != old:
                raise Conflict(f"{item.key} was changed by somebody else meanwhile: theirs is kept")
            try:
                os.write(fd, new.encode() + b"\n")
            except OSError as error:
                raise KernelRefused(f"{item.key}={new}: {error.strerror}") from error
            now = _text(fd)
        finally:
            close(fd)
        if now == old:
            raise KernelRefused(f"{item.key}={new}: the kernel ignores it, and keeps {now}")
        end = self.machine.log_end()
        if to is Found.AFTER:
            self.item = replace(item, after=now, log_end=end)
        else:
            self.item = replace(item, log_back=end)

    def rescue(self) -> str:
        return ""

    def discard(self) -> str:
        return ""


class Unmoved:
    """A setting in a record that was found on a volume: never looked at, and never moved.

    It was of what ran there, and is gone, unless that is what runs here (`here`).
    """

    def __init__(self, item: SysctlItem, change: int, *, here: bool) -> None:
        self.item = item
        self.target = item.key
        self.change = change
        self.here = here

    def found(self) -> Found:
        return Found.RUNNING if self.here else Found.GONE

    def check(self) -> None:
        raise Refused(f"{self.target}: a volume has files only, nothing that runs")

    def stage(self, to: Found) -> None:
        self.check()

    def move(self, to: Found) -> None:
        self.check()

    def rescue(self) -> str:
        return ""

    def discard(self) -> str:
        if not self.here:
            return ""
        return f"{self.target} of what runs stays: sudo ./ec2rl undo {self.change} takes it back"


def _path(machine: Machine, key: str) -> str:
    return f"{machine.sysctls}/{key.replace('.', '/')}"


def _text(fd: int) -> str:
    return " ".join(os.pread(fd, 4096, 0).decode("utf-8", "backslashreplace").split())


def _open(machine: Machine, key: str) -> int:
    """Open a setting to write it; without O_TRUNC, which would be a second change."""
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(_path(machine, key), flags)
    except PermissionError:
        # Before Linux 4.9 the number of buckets is a module parameter alone.
        if key != BUCKETS:
            raise
        return os.open(f"{machine.modules}/nf_conntrack/parameters/hashsize", flags)
