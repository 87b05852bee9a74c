"""The write-ahead journal: one small file a change, durable before the change begins.

A record is replaced whole, never edited: written under another name, synced, renamed.
"""

from __future__ import annotations

import os
import re
import time
from contextlib import contextmanager, suppress

from ec2rl.facts.change_format import MAX_BYTES, decode, encode, shown
from ec2rl.fix.change import STANDING, Transaction
from ec2rl.fix.errors import Busy, JournalDamaged, Refused
from ec2rl.fix.machine import UNFINISHED, Machine, close, folder, missing, open_regular, there
from ec2rl.fix.prepare import held, prepare
from ec2rl.host.own import fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Callable

KEEP = 50
"""This many records are kept, and those of changes that are in force; the oldest go first."""

MOST_RECORDS, MOST_BYTES, MOST_NAMES = 1000, 64 << 20, 10_000
"""What is read of a journal; one that holds more is none that this program has written."""

LAST = 999_999_999

PATIENCE = 5.0
"""Seconds to wait for another process to be done with its change."""

_RECORD = r"([1-9][0-9]{0,8})\.json"
_TRIAL = r"trial-([1-9][0-9]{0,8})"
_SECONDS = rb"[0-9]{1,11}(\.[0-9]{1,20})?"
_SHOWN = 512
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Journal:
    """The records of a machine's changes, in the folder `fd`."""

    def __init__(self, fd: int, path: str) -> None:
        self.fd = fd
        self.path = path

    def ids(self) -> list[int]:
        return sorted(self._numbers(_RECORD))

    def _numbers(self, form: str) -> list[int]:
        names = []
        with os.scandir(self.fd) as entries:
            for entry in entries:
                names.append(entry.name)
                if len(names) > MOST_NAMES:
                    raise JournalDamaged(f"{self.path} holds more than {MOST_NAMES} names")
        found = [int(match[1]) for match in (re.fullmatch(form, name) for name in names) if match]
        if len(found) > MOST_RECORDS:
            raise JournalDamaged(f"{self.path} holds more than {MOST_RECORDS} changes")
        return found

    def load(self, number: int) -> Transaction | None:
        """Read a record, None if there is none; JournalDamaged if it cannot be trusted."""
        return self._load(number)[0]

    def _load(self, number: int) -> tuple[Transaction | None, int]:
        """Give a record, and its bytes."""
        name = f"{number}.json"
        raw: bytes | None = b""
        try:
            raw = self._read(name)
            if raw is None:
                return None, 0
            if len(raw) > MAX_BYTES:
                raise self._damaged(name, f"is larger than {MAX_BYTES >> 20} MiB", raw)
            return decode(raw, number), len(raw)
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise self._damaged(name, f"is damaged: {error}", raw or b"") from error
        except MemoryError:
            pass  # what was read of it so far is let go before more is said
        raise self._damaged(name, "takes more memory than there is", (raw or b"")[:_SHOWN])

    def _read(self, name: str) -> bytes | None:
        """Read a file of ours, None if there is none; JournalDamaged where it cannot be ours."""
        try:
            fd = open_regular(name, os.O_RDONLY, self.fd)
        except FileNotFoundError:
            return None
        except Refused as error:
            raise self._damaged(name, str(error).partition(" ")[2], b"") from None
        except OSError as error:
            raise self._damaged(name, f"cannot be opened ({error.strerror})", b"") from error
        try:
            why = fault(os.fstat(fd))
            if why:
                raise self._damaged(name, why, b"")
            with open(fd, "rb", closefd=False) as file:
                return file.read(MAX_BYTES + 1)
        finally:
            close(fd)

    def all(self) -> list[Transaction]:
        """Read every record, oldest first."""
        changes, total = [], 0
        for number in self.ids():
            change, size = self._load(number)
            total += size
            if total > MOST_BYTES:
                raise JournalDamaged(f"{self.path} holds more than {MOST_BYTES >> 20} MiB")
            changes += [change] if change else []
        return changes

    def draft(self, change: Transaction) -> None:
        """Have a record on disk under a name that does not count yet."""
        raw = encode(change)
        if len(raw) > MAX_BYTES:
            raise Refused(f"the record of this change would be larger than {MAX_BYTES >> 20} MiB")
        try:
            decode(raw, change.id)
        except (ValueError, LookupError, TypeError) as error:
            raise Refused(f"the record of this change could not be read again: {error}") from error
        fd = self._new("draft")
        try:
            rest = memoryview(raw)
            while rest:
                rest = rest[os.write(fd, rest) :]
            os.fsync(fd)
        finally:
            close(fd)

    def publish(self, change: Transaction, forget: Callable[[], bool] | None = None) -> None:
        """Make the draft the record of its change; from its rename on a finished one is done.

        `forget` is called then; where it cannot, the mark stays, and `recover` sees to it.
        """
        ours = change.unfinished
        try:
            if change.unfinished:
                try:
                    close(os.open(UNFINISHED, _NEW, 0o600, dir_fd=self.fd))
                except FileExistsError:
                    ours = False
            os.rename("draft", f"{change.id}.json", src_dir_fd=self.fd, dst_dir_fd=self.fd)
        except BaseException as error:
            # Over a network the answer to a rename that was done may be lost (rename(2), BUGS).
            if not isinstance(error, OSError) or there(self.fd, "draft"):
                if ours:  # nothing is under way, so nothing is to be said to be
                    self.unmark()
                raise
        if change.unfinished:
            os.fsync(self.fd)
            return
        with suppress(OSError):  # then the mark stays: either record is right about what there is
            try:
                os.fsync(self.fd)
            except OSError:  # for want of room or memory: once more, or what was kept stays as well
                os.fsync(self.fd)
            if forget is None or forget():
                self.unmark()

    def unmark(self) -> None:
        """Say that nothing is under way; if that fails, `recover` looks once in vain."""
        with suppress(OSError):
            os.unlink(UNFINISHED, dir_fd=self.fd)

    def save(self, change: Transaction, forget: Callable[[], bool] | None = None) -> None:
        self.draft(change)
        self.publish(change, forget)

    def prune(self, boot: str) -> tuple[int, ...]:
        """Drop the oldest records over `KEEP` that nobody needs; their numbers."""
        gone = [change.id for change in self.all()[:-KEEP] if not _needed(change, boot)]
        for number in gone:
            os.unlink(f"{number}.json", dir_fd=self.fd)
        return tuple(gone)

    def begin_trial(self, number: int, until: float) -> None:
        """Note, durably, when a change ends that is on trial (seconds since the epoch)."""
        fd = self._new(f"trial-{number}")
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
        """When each change ends that is on trial; one whose note a crash has torn, at once."""
        ends = {number: self._until(f"trial-{number}") for number in self._numbers(_TRIAL)}
        return {number: end for number, end in ends.items() if end is not None}

    def _until(self, name: str) -> float | None:
        raw = self._read(name)
        if raw is None:
            return None
        if not raw.strip(b"\0"):
            return 0.0
        if not re.fullmatch(_SECONDS, raw):
            raise self._damaged(name, "is damaged: it is no time of a trial", b"")
        return float(raw)

    def _new(self, name: str) -> int:
        """Make a file to write, in place of whatever has its name."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.fd)
        return os.open(name, _NEW, 0o600, dir_fd=self.fd)

    def _damaged(self, name: str, why: str, raw: bytes) -> JournalDamaged:
        text = f"{self.path}/{name} {why}; nothing was touched. Move it away to go on."
        return JournalDamaged(f"{text}\n{shown(raw)}" if raw else text)


def _needed(change: Transaction, boot: str) -> bool:
    """Tell whether an undo may have something to do, or a line of the log may be of that time.

    A change of settings went with its boot, if that is not `boot`; until then it tells, though it
    is undone, what the limits were (`diagnosis.before_last_fix`).
    """
    settings = [item.runs for item in change.items]
    this_boot = not boot or change.boot in ("", boot)
    standing = change.state in STANDING and not all(settings)
    return change.unfinished or standing or (any(settings) and this_boot)


@contextmanager
def looked_at(machine: Machine) -> Iterator[Journal | None]:
    """Open the journal to read, and write nothing; None where no change was ever made."""
    if missing(machine, machine.state):
        yield None
        return
    with folder(machine, machine.state) as fd:
        yield Journal(fd, os.path.join(machine.root, machine.state.lstrip("/")))


@contextmanager
def locked(machine: Machine, why: str) -> Iterator[Journal]:
    """Open the journal to write, alone; Busy names who has it after `PATIENCE` seconds.

    From then on signals wait: see `prepare.held`.
    """
    prepare()
    import fcntl

    with folder(machine, machine.state, create=True) as fd:
        with suppress(FileExistsError):
            close(os.open("lock", _NEW, 0o600, dir_fd=fd))
        lock = open_regular("lock", os.O_RDWR, fd)
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
