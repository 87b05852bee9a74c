"""What a record of the journal looks like, and how little of one is believed.

{"sha256": "<of all bytes after this line>",
"change": {...}}

Schema 2 is schema 1 with a setting's `log_end`, schema 3 has a `module` or a setting's `log_back`,
schema 4 other kinds of change, any setting, any path or bytes that are no UTF-8, schema 5 a file
that was removed; a change without any of them is still written as schema 1.
Earlier versions wrote the same fields in another order, without `folder`, and with larger files.
"""

from __future__ import annotations

import hashlib

from ec2rl.facts.change import FileItem, State, SysctlItem, Transaction
from ec2rl.facts.change_items import dump, get, is_old, load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_BYTES = 4 << 20
"""No record is larger."""

_HEAD = '{{"sha256": "{}",\n'
_SHOWN, _SHOWN_RAW = 16 << 10, 512
_ITEMS, _NOTES = 64, 1000
_END_OF_TIME = 253402300800.0
"""Seconds since the epoch: the year 10000."""


def encode(change: Transaction) -> bytes:
    import json  # python3-minimal has none, and a record is seldom there

    body = f'"change": {json.dumps(_fields(change), indent=1, sort_keys=True)}}}\n'.encode()
    return _HEAD.format(hashlib.sha256(body).hexdigest()).encode() + body


def _fields(change: Transaction) -> dict[str, Any]:
    record = {**change.__dict__, "schema": _schema(change), "state": change.state.value}
    if not change.module:
        del record["module"]
    record["items"] = [dump(item) for item in change.items]
    record["notes"] = list(change.notes)
    return record


def _schema(change: Transaction) -> int:
    if any(isinstance(item, FileItem) and item.after is None for item in change.items):
        return 5
    if not all(is_old(item) for item in change.items):
        return 4
    settings = [item for item in change.items if isinstance(item, SysctlItem)]
    if change.module or any(item.log_back is not None for item in settings):
        return 3
    return 1 if all(item.log_end is None for item in settings) else 2


def decode(raw: bytes, number: int) -> Transaction:
    """Read a record; ValueError, LookupError, TypeError for what `encode` would not write."""
    head, _, body = raw.partition(b"\n")
    if head + b"\n" != _HEAD.format(hashlib.sha256(body).hexdigest()).encode():
        raise ValueError("its checksum is wrong")
    import json

    document = json.loads(raw, parse_int=_int, parse_constant=_constant)
    record = document["change"]
    schema = get(record, "schema", int)
    if schema not in (1, 2, 3, 4, 5):
        raise ValueError(f"schema {schema} is not known to this version")
    change = Transaction(
        get(record, "id", int),
        State(get(record, "state", str)),
        _words(record, "why"),
        get(record, "time", float),
        _words(record, "boot"),
        _words(record, "tool"),
        tuple(load(item, schema < 4) for item in get(record, "items", list)[: _ITEMS + 1]),
        tuple(str(note) for note in get(record, "notes", list)),
        _words(record, "module") if "module" in record else "",
    )
    if not 0 <= change.time < _END_OF_TIME:
        raise ValueError("its time is none")
    targets = {item.target for item in change.items}
    if not 0 < len(targets) == len(change.items) <= _ITEMS or len(change.notes) > _NOTES:
        raise ValueError("it changes nothing, one thing twice, or too much")
    if change.id != number or len(document) != 2 or _fields(change) != record:
        raise ValueError("it is not as this program writes it")
    return change


def _words(record: Any, name: str) -> str:
    """Read words of ours: one line that can be printed."""
    words: str = get(record, name, str)
    if len(words) > 1000 or not words.isprintable():
        raise ValueError(f"its field {name!r} is not one line of text")
    return words


def _int(digits: str) -> int:
    if len(digits) > 18:
        raise ValueError("a number of it is too large")
    return int(digits)


def _constant(name: str) -> float:
    raise ValueError(f"{name} is no number of it")


def shown(raw: bytes) -> str:
    """Show what can be read of the images before, or the record as it stands, made printable."""
    import json

    try:
        items = json.loads(raw, parse_int=str)["change"]["items"]
        text = "\n".join(f"{i.get('key') or i.get('path')} was: {i['before']}" for i in items)
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError, MemoryError):
        text = raw[:_SHOWN_RAW].decode("utf-8", "backslashreplace")
    text = "".join(c if c == "\n" or c.isprintable() else ascii(c)[1:-1] for c in text[:_SHOWN])
    return text[:_SHOWN]
