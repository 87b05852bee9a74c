"""What a record of the journal looks like, and how little of one is believed.

{"sha256": "<of all bytes after this line>",
"change": {...}}

Schema 2 is schema 1 with a setting's `log_end`; a change without one is still written as schema 1.
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

MAX_BYTES = 512 << 10
"""No record is larger."""

_KEY = r"net(\.[A-Za-z0-9_-]{1,64}){1,8}"
_NUMBER = r"-?(0|[1-9][0-9]{0,18})"
_TARGET = r"/etc/(sysctl|modprobe|modules-load)\.d/[A-Za-z0-9][A-Za-z0-9_.@+-]{0,99}\.conf"
_HEAD = '{{"sha256": "{}",\n'
_SHOWN, _SHOWN_RAW = 16 << 10, 512


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
    record = {**change.__dict__, "schema": _schema(change), "state": change.state.value}
    record["items"] = [_item(item) for item in change.items]
    body = f'"change": {json.dumps(record, indent=1, sort_keys=True)}}}\n'.encode()
    return _HEAD.format(hashlib.sha256(body).hexdigest()).encode() + body


def _schema(change: Transaction) -> int:
    settings = (item for item in change.items if isinstance(item, SysctlItem))
    return 1 if all(item.log_end is None for item in settings) else 2


def _item(item: SysctlItem | FileItem) -> dict[str, Any]:
    if isinstance(item, SysctlItem):
        return {k: value for k, value in item.__dict__.items() if value is not None}
    before = item.before and _image(item.before)
    folder = {"folder": True} if item.folder else {}
    return {"path": item.path, "before": before, "after": _image(item.after), **folder}


def _image(image: Image) -> dict[str, Any]:
    labels = image.labels and [[name, b64encode(value).decode()] for name, value in image.labels]
    return {**image.__dict__, "data": image.data.decode(), "labels": labels}


def decode(raw: bytes, number: int) -> Transaction:
    """Read a record; ValueError, LookupError, TypeError for what `_encode` would not write."""
    head, _, body = raw.partition(b"\n")
    if head + b"\n" != _HEAD.format(hashlib.sha256(body).hexdigest()).encode():
        raise ValueError("its checksum is wrong")
    record = json.loads(raw, parse_int=_int)["change"]
    if _get(record, "schema", int) not in (1, 2):
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
    if change.id != number or encode(change) != raw:
        raise ValueError("it is not as this version writes it")
    return change


def _read_item(record: Any) -> SysctlItem | FileItem:
    if "key" in record:
        return _read_setting(record)
    path = _get(record, "path", str)
    if path_fault(path):
        raise ValueError(path_fault(path))
    before = record["before"] and _read_image(record["before"])
    folder = "folder" in record and _get(record, "folder", bool)
    if folder and before:
        raise ValueError("a file of it was there before its folder")
    return FileItem(path, before, _read_image(_get(record, "after", dict)), folder)


def _read_setting(record: Any) -> SysctlItem:
    names = ("key", "before", "asked", "after")
    key, before, asked, after = (_get(record, name, str) for name in names)
    log_end = _get(record, "log_end", int) if "log_end" in record else None
    bad = next(filter(None, (setting_fault(key, value) for value in (before, asked, after))), "")
    if bad or (log_end or 0) < 0:
        raise ValueError(bad or "a time of it is before the boot")
    return SysctlItem(key, before, asked, after, log_end)


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


def shown(raw: bytes) -> str:
    """Show what can be read of the images before, or the record as it stands, made printable."""
    try:
        items = json.loads(raw, parse_int=str)["change"]["items"]
        text = "\n".join(f"{i.get('key') or i.get('path')} was: {i['before']}" for i in items)
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        text = raw[:_SHOWN_RAW].decode("utf-8", "backslashreplace")
    text = "".join(c if c == "\n" or c.isprintable() else ascii(c)[1:-1] for c in text[:_SHOWN])
    return text[:_SHOWN]
