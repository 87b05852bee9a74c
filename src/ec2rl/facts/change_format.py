"""What a record of the journal looks like, and how little of one is believed.

{"sha256": "<of all bytes after this line>",
"change": {...}}

Schema 2 is schema 1 with a setting's `log_end`, schema 3 has a `module` or a setting's `log_back`;
a change without any of them is still written as schema 1.
Earlier versions wrote the same fields in another order, without `folder`, and with larger files.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from base64 import b64decode, b64encode

from ec2rl.facts.change import FileItem, Image, State, SysctlItem, Transaction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_BYTES = 4 << 20
"""No record is larger."""
FILE_BYTES = 1 << 20
"""Of a file in a record; the first versions wrote files of this size, today's write 64 KiB."""

_KEY = r"net(\.[A-Za-z0-9_-]{1,64}){1,8}"
_NUMBER = r"-?(0|[1-9][0-9]{0,18})"
_TARGET = r"/etc/(sysctl|modprobe|modules-load)\.d/[A-Za-z0-9][A-Za-z0-9_.@+-]{0,99}\.conf"
_HEAD = '{{"sha256": "{}",\n'
_SHOWN, _SHOWN_RAW = 16 << 10, 512
_ITEMS, _NOTES = 64, 1000
_END_OF_TIME = 253402300800.0
"""Seconds since the epoch: the year 10000."""
_NO_ID = (1 << 32) - 1
"""(gid_t) -1, with which chown(2) changes nothing."""


def setting_fault(key: str, value: str) -> str:
    """Say what is wrong with a key or a value, "" if nothing is.

    Numbers only, and without leading zeros, which the kernel would take for octal
    (proc_dointvec).
    """
    if not re.fullmatch(_KEY, key):
        return f"{key!a} is no setting below net."
    if not re.fullmatch(f"{_NUMBER}( {_NUMBER}){{0,7}}", value):
        return f"{key}: {value!a} is no decimal number"
    return ""


def path_fault(path: str) -> str:
    """Say why a path may not be written, "" if it may."""
    return "" if re.fullmatch(_TARGET, path) else f"{path!a} is no file that ec2rl writes"


def encode(change: Transaction) -> bytes:
    body = f'"change": {json.dumps(_fields(change), indent=1, sort_keys=True)}}}\n'.encode()
    return _HEAD.format(hashlib.sha256(body).hexdigest()).encode() + body


def _fields(change: Transaction) -> dict[str, Any]:
    record = {**change.__dict__, "schema": _schema(change), "state": change.state.value}
    if not change.module:
        del record["module"]
    record["items"] = [_item(item) for item in change.items]
    record["notes"] = list(change.notes)
    return record


def _schema(change: Transaction) -> int:
    settings = [item for item in change.items if isinstance(item, SysctlItem)]
    if change.module or any(item.log_back is not None for item in settings):
        return 3
    return 1 if all(item.log_end is None for item in settings) else 2


def _item(item: SysctlItem | FileItem) -> dict[str, Any]:
    if isinstance(item, SysctlItem):
        return {k: value for k, value in item.__dict__.items() if value is not None}
    before = item.before and _image(item.before)
    folder = {"folder": True} if item.folder else {}
    return {"path": item.path, "before": before, "after": _image(item.after), **folder}


def _image(image: Image) -> dict[str, Any]:
    labels = None
    if image.labels is not None:
        labels = [[name, b64encode(value).decode()] for name, value in image.labels]
    return {**image.__dict__, "data": image.data.decode(), "labels": labels}


def decode(raw: bytes, number: int) -> Transaction:
    """Read a record; ValueError, LookupError, TypeError for what `encode` would not write."""
    head, _, body = raw.partition(b"\n")
    if head + b"\n" != _HEAD.format(hashlib.sha256(body).hexdigest()).encode():
        raise ValueError("its checksum is wrong")
    document = json.loads(raw, parse_int=_int, parse_constant=_constant)
    record = document["change"]
    if _get(record, "schema", int) not in (1, 2, 3):
        raise ValueError(f"schema {record['schema']} is not known to this version")
    change = Transaction(
        _get(record, "id", int),
        State(_get(record, "state", str)),
        _words(record, "why"),
        _get(record, "time", float),
        _words(record, "boot"),
        _words(record, "tool"),
        tuple(_read_item(item) for item in _get(record, "items", list)[: _ITEMS + 1]),
        tuple(str(note) for note in _get(record, "notes", list)),
        _words(record, "module") if "module" in record else "",
    )
    if not 0 <= change.time < _END_OF_TIME:
        raise ValueError("its time is none")
    targets = {item.key if isinstance(item, SysctlItem) else item.path for item in change.items}
    if not 0 < len(targets) == len(change.items) <= _ITEMS or len(change.notes) > _NOTES:
        raise ValueError("it changes nothing, one thing twice, or too much")
    if change.id != number or len(document) != 2 or _fields(change) != record:
        raise ValueError("it is not as this program writes it")
    return change


def _read_item(record: Any) -> SysctlItem | FileItem:
    if "key" in record:
        return _read_setting(record)
    path = _get(record, "path", str)
    if path_fault(path):
        raise ValueError(path_fault(path))
    before = None if record["before"] is None else _read_image(_get(record, "before", dict))
    folder = "folder" in record and _get(record, "folder", bool)
    if folder and before:
        raise ValueError("a file of it was there before its folder")
    return FileItem(path, before, _read_image(_get(record, "after", dict)), folder)


def _read_setting(record: Any) -> SysctlItem:
    names = ("key", "before", "asked", "after")
    key, before, asked, after = (_get(record, name, str) for name in names)
    ends = [_get(record, n, int) if n in record else None for n in ("log_end", "log_back")]
    bad = next(filter(None, (setting_fault(key, value) for value in (before, asked, after))), "")
    if bad or any((end or 0) < 0 for end in ends):
        raise ValueError(bad or "a time of it is before the boot")
    return SysctlItem(key, before, asked, after, *ends)


def _read_image(record: Any) -> Image:
    labels = None
    if record["labels"] is not None:
        labels = tuple(_read_label(pair) for pair in _get(record, "labels", list))
    image = Image(
        _get(record, "data", str).encode(),
        _get(record, "mode", int),
        _get(record, "uid", int),
        _get(record, "gid", int),
        labels,
    )
    ours = image.uid in (0, os.geteuid()) and 0 <= image.gid < _NO_ID
    if image.mode & ~0o1777 or not ours:
        raise ValueError("a file of it has an impossible mode or owner")
    if len(image.data) > FILE_BYTES:
        raise ValueError("a file of it is larger than 1 MiB")
    return image


def _read_label(pair: Any) -> tuple[str, bytes]:
    """Read an extended attribute: its name has at most 255 bytes, its value 64 KiB (xattr(7))."""
    name, value = _get(pair, 0, str), b64decode(_get(pair, 1, str))
    if not 0 < len(os.fsencode(name)) <= 255 or "\0" in name or len(value) > 1 << 16:
        raise ValueError("a file of it has an impossible label")
    return name, value


def _words(record: Any, name: str) -> str:
    """Read words of ours: one line that can be printed."""
    words: str = _get(record, name, str)
    if len(words) > 1000 or not words.isprintable():
        raise ValueError(f"its field {name!r} is not one line of text")
    return words


def _get(record: Any, name: str | int, kind: type) -> Any:
    if type(record[name]) is not kind:
        raise TypeError(f"its field {name!r} is wrong")
    return record[name]


def _int(digits: str) -> int:
    if len(digits) > 18:
        raise ValueError("a number of it is too large")
    return int(digits)


def _constant(name: str) -> float:
    raise ValueError(f"{name} is no number of it")


def shown(raw: bytes) -> str:
    """Show what can be read of the images before, or the record as it stands, made printable."""
    try:
        items = json.loads(raw, parse_int=str)["change"]["items"]
        text = "\n".join(f"{i.get('key') or i.get('path')} was: {i['before']}" for i in items)
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError, MemoryError):
        text = raw[:_SHOWN_RAW].decode("utf-8", "backslashreplace")
    text = "".join(c if c == "\n" or c.isprintable() else ascii(c)[1:-1] for c in text[:_SHOWN])
    return text[:_SHOWN]
