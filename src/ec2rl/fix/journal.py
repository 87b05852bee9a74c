"""The write-ahead journal: one small file a change, durable before the change begins.

A record is replaced whole, never edited: written under another name, synced, renamed.
"""

from __future__ import annotations

import os
import re
import time
from contextlib import contextmanager, suppress

from ec2rl.facts.change_format import MAX_BYTES, decode, encode, shown
from ec2rl.fix.change import Transaction
from ec2rl.fix.errors import Busy, JournalDamaged, Refused
from ec2rl.fix.machine import UNFINISHED, Machine, close, folder
from ec2rl.fix.prepare import held, prepare
from ec2rl.host.own import READ, fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

KEEP = 50
"""This many records are kept, the oldest go first."""

PATIENCE = 5.0
"""Seconds to wait for another process to be done with its change."""

_RECORD = r"([1-9][0-9]{0,8})\.json"
_TRIAL = r"trial-([1-9][0-9]{0,8})"


class Journal:
    """The records of a machine's changes, in the folder `fd`."""

    def __init__(self, fd: int, path: str) -> None:
        self.fd = fd
        self.path = path

    def ids(self) -> list[int]:
        found = (re.fullmatch(_RECORD, name) for name in os.listdir(self.fd))
        return sorted(int(match[1]) for match in found if match)

    def load(self, number: int) -> Transaction | None:
        """Read a record, None if there is none; JournalDamaged if it cannot be trusted."""
        try:
            fd = os.open(f"{number}.json", READ, dir_fd=self.fd)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._damaged(number, f"cannot be opened ({error.strerror})", b"") from error
        try:
            why = fault(os.fstat(fd))
            if why:
                raise self._damaged(number, why, b"")
            with open(fd, "rb", closefd=False) as file:
                raw = file.read(MAX_BYTES + 1)
        finally:
            close(fd)
        if len(raw) > MAX_BYTES:
            raise self._damaged(number, "is larger than 512 KiB", raw)
        try:
            return decode(raw, number)
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise self._damaged(number, f"is damaged: {error}", raw) from error

    def all(self) -> list[Transaction]:
        """Read every record, oldest first."""
        return [change for change in map(self.load, self.ids()) if change]

    def draft(self, change: Transaction) -> None:
        """Have a record on disk under a name that does not count yet."""
        raw = encode(change)
        if len(raw) > MAX_BYTES:
            raise Refused(f"the record of this change would be larger than {MAX_BYTES >> 10} KiB")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open("draft", flags, 0o600, dir_fd=self.fd)
        try:
            rest = memoryview(raw)
            while rest:
                rest = rest[os.write(fd, rest) :]
            os.fsync(fd)
        finally:
            close(fd)

    def publish(self, change: Transaction) -> None:
        """Make the draft the record of its change; from its rename on a finished one is done."""
        if change.unfinished:
            flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            close(os.open(UNFINISHED, flags, 0o600, dir_fd=self.fd))
        os.rename("draft", f"{change.id}.json", src_dir_fd=self.fd, dst_dir_fd=self.fd)
        if change.unfinished:
            os.fsync(self.fd)
            return
        with suppress(OSError):  # then the mark stays: either record is right about what there is
            os.fsync(self.fd)
            self.unmark()

    def unmark(self) -> None:
        """Say that nothing is under way; if that fails, `recover` looks once in vain."""
        with suppress(OSError):
            os.unlink(UNFINISHED, dir_fd=self.fd)

    def save(self, change: Transaction) -> None:
        self.draft(change)
        self.publish(change)

    def prune(self) -> None:
        for number in self.ids()[:-KEEP]:
            os.unlink(f"{number}.json", dir_fd=self.fd)

    def begin_trial(self, number: int, until: float) -> None:
        """Note, durably, when a change ends that is on trial (seconds since the epoch)."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(f"trial-{number}", flags, 0o600, dir_fd=self.fd)
        try:
            os.write(fd, repr(until).encode())
            os.fsync(fd)
        finally:
            close(fd)
        os.fsync(self.fd)

    def end_trial(self, number: int) -> bool:
        """Take the note away; False if there is none."""
        try:
            os.unlink(f"trial-{number}", dir_fd=self.fd)
        except FileNotFoundError:
            return False
        os.fsync(self.fd)
        return True

    def trials(self) -> dict[int, float]:
        """When each change ends that is on trial; one whose note is torn, at once."""
        found = (re.fullmatch(_TRIAL, name) for name in os.listdir(self.fd))
        return {int(match[1]): self._until(match[0]) for match in found if match}

    def _until(self, name: str) -> float:
        fd = os.open(name, READ, dir_fd=self.fd)
        try:
            return float(os.read(fd, 64))
        except ValueError:
            return 0.0
        finally:
            close(fd)

    def _damaged(self, number: int, why: str, raw: bytes) -> JournalDamaged:
        text = f"{self.path}/{number}.json {why}; nothing was touched. Move it away to go on."
        return JournalDamaged(f"{text}\n{shown(raw)}" if raw else text)


@contextmanager
def looked_at(machine: Machine) -> Iterator[Journal | None]:
    """Open the journal to read; None where no change was ever made."""
    path = os.path.join(machine.root, machine.state.lstrip("/"))
    try:
        os.lstat(path)
    except FileNotFoundError:
        yield None
        return
    with folder(machine.root, machine.state) as fd:
        yield Journal(fd, path)


@contextmanager
def locked(machine: Machine, why: str) -> Iterator[Journal]:
    """Open the journal to write, alone; Busy names who has it after `PATIENCE` seconds.

    From then on signals wait: see `prepare.held`.
    """
    prepare()
    import fcntl

    with folder(machine.root, machine.state, create=True) as fd:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        lock = os.open("lock", flags, 0o600, dir_fd=fd)
        try:
            end = time.monotonic() + PATIENCE
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > end:
                        holder = ascii(os.pread(lock, 200, 0).decode("utf-8", "replace").strip())
                        raise Busy(f"another change is under way: {holder}") from None
                    time.sleep(0.1)
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"process {os.getpid()}, {why}".encode("utf-8", "replace")[:200], 0)
            with held():
                yield Journal(fd, os.path.join(machine.root, machine.state.lstrip("/")))
        finally:
            close(lock)
