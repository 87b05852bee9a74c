"""The write-ahead journal: one small file a change, durable before the change begins.

    {"sha256": "<of all bytes after this line>",
    "change": {...}}

A record is replaced whole, never edited: written under another name, synced, renamed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import time
from base64 import b64decode, b64encode
from contextlib import contextmanager

from ec2rl.fix import files, sysctl
from ec2rl.fix.change import FileItem, Image, State, SysctlItem, Transaction
from ec2rl.fix.errors import Busy, JournalDamaged, Refused
from ec2rl.fix.machine import Machine, close, folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

SCHEMA = 1
MAX_BYTES = 4 << 20
KEEP = 50
"""This many records are kept, the oldest go first."""

PATIENCE = 5.0
"""Seconds to wait for another process to be done with its change."""

_RECORD = r"([1-9][0-9]{0,8})\.json"
_HEAD = '{{"sha256": "{}",\n'
_SHOWN = 16 << 10
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


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
            fd = os.open(f"{number}.json", _READ, dir_fd=self.fd)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._damaged(number, f"cannot be opened ({error.strerror})", b"") from error
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
                raise self._damaged(number, "is not a regular file with one name", b"")
            if status.st_uid not in (0, os.geteuid()) or status.st_mode & 0o022:
                raise self._damaged(number, "can be written by others", b"")
            with open(fd, "rb", closefd=False) as file:
                raw = file.read(MAX_BYTES + 1)
        finally:
            close(fd)
        if len(raw) > MAX_BYTES:
            raise self._damaged(number, "is larger than 4 MiB", raw)
        try:
            return _decode(raw, number)
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise self._damaged(number, f"is damaged: {error}", raw) from error

    def all(self) -> list[Transaction]:
        """Read every record, oldest first."""
        return [change for change in map(self.load, self.ids()) if change]

    def draft(self, change: Transaction) -> None:
        """Have a record on disk under a name that does not count yet."""
        raw = _encode(change)
        if len(raw) > MAX_BYTES:
            raise Refused(f"the record of this change would be larger than {MAX_BYTES >> 20} MiB")
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
        """Make the draft the record of its change."""
        os.rename("draft", f"{change.id}.json", src_dir_fd=self.fd, dst_dir_fd=self.fd)
        os.fsync(self.fd)

    def save(self, change: Transaction) -> None:
        self.draft(change)
        self.publish(change)

    def prune(self) -> None:
        for number in self.ids()[:-KEEP]:
            os.unlink(f"{number}.json", dir_fd=self.fd)

    def _damaged(self, number: int, why: str, raw: bytes) -> JournalDamaged:
        text = f"{self.path}/{number}.json {why}; nothing was touched. Move it away to go on."
        return JournalDamaged(f"{text}\n{_shown(raw)}" if raw else text)


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
    """Open the journal to write, alone; Busy names who has it after `PATIENCE` seconds."""
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
            yield Journal(fd, os.path.join(machine.root, machine.state.lstrip("/")))
        finally:
            close(lock)


def _encode(change: Transaction) -> bytes:
    record = {**change.__dict__, "schema": SCHEMA, "state": change.state.value}
    record["items"] = [_item(item) for item in change.items]
    body = f'"change": {json.dumps(record, indent=1, sort_keys=True)}}}\n'.encode()
    return _HEAD.format(hashlib.sha256(body).hexdigest()).encode() + body


def _item(item: SysctlItem | FileItem) -> dict[str, Any]:
    if isinstance(item, SysctlItem):
        return dict(item.__dict__)
    before = item.before and _image(item.before)
    return {"path": item.path, "before": before, "after": _image(item.after)}


def _image(image: Image) -> dict[str, Any]:
    labels = image.labels and [[name, b64encode(value).decode()] for name, value in image.labels]
    return {**image.__dict__, "data": image.data.decode(), "labels": labels}


def _decode(raw: bytes, number: int) -> Transaction:
    """Read a record; ValueError, LookupError, TypeError for what `_encode` would not write."""
    head, _, body = raw.partition(b"\n")
    if head + b"\n" != _HEAD.format(hashlib.sha256(body).hexdigest()).encode():
        raise ValueError("its checksum is wrong")
    record = json.loads(raw, parse_int=_int)["change"]
    if _get(record, "schema", int) != SCHEMA:
        raise ValueError(f"schema {record['schema']} is not known to this version")
    change = Transaction(
        _get(record, "id", int),
        State(_get(record, "state", str)),
        _get(record, "why", str),
        _get(record, "time", float),
        _get(record, "boot", str),
        _get(record, "tool", str),
        tuple(_read_item(item) for item in _get(record, "items", list)),
        tuple(str(note) for note in _get(record, "notes", list)),
    )
    if change.id != number or _encode(change) != raw:
        raise ValueError("it is not as this version writes it")
    return change


def _read_item(record: Any) -> SysctlItem | FileItem:
    if "key" in record:
        names = ("key", "before", "asked", "after")
        item = SysctlItem(*(_get(record, name, str) for name in names))
        bad = next(filter(None, (sysctl.valid(item.key, getattr(item, n)) for n in names[1:])), "")
        if bad:
            raise ValueError(bad)
        return item
    path = _get(record, "path", str)
    if files.valid(path):
        raise ValueError(files.valid(path))
    before = record["before"] and _read_image(record["before"])
    return FileItem(path, before, _read_image(_get(record, "after", dict)))


def _read_image(record: Any) -> Image:
    labels = record["labels"]
    if labels is not None:
        labels = tuple((_get(pair, 0, str), b64decode(_get(pair, 1, str))) for pair in labels)
    image = Image(
        _get(record, "data", str).encode(),
        _get(record, "mode", int),
        _get(record, "uid", int),
        _get(record, "gid", int),
        labels,
    )
    if image.mode & ~0o1777 or image.uid not in (0, os.geteuid()) or image.gid < 0:
        raise ValueError("a file of it has an impossible mode or owner")
    return image


def _get(record: Any, name: str | int, kind: type) -> Any:
    if type(record[name]) is not kind:
        raise TypeError(f"its field {name!r} is wrong")
    return record[name]


def _int(digits: str) -> int:
    if len(digits) > 18:
        raise ValueError("a number of it is too large")
    return int(digits)


def _shown(raw: bytes) -> str:
    """Show what can be read of the images before, or the record as it stands, made printable."""
    try:
        items = json.loads(raw[:MAX_BYTES], parse_int=str)["change"]["items"]
        text = "\n".join(f"{i.get('key') or i.get('path')} was: {i['before']}" for i in items)
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        text = raw[:_SHOWN].decode("utf-8", "backslashreplace")
    return "".join(c if c == "\n" or c.isprintable() else ascii(c)[1:-1] for c in text[:_SHOWN])
