"""Records of a journal, forged: as the program would write them, whatever they say."""

from __future__ import annotations

import hashlib
import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

FILE = "/etc/sysctl.d/50-site.conf"


def sealed(change: Any) -> bytes:
    """Write a record as the program does, with the right checksum."""
    body = f'"change": {json.dumps(change, indent=1, sort_keys=True)}}}\n'.encode()
    return b'{"sha256": "%s",\n' % hashlib.sha256(body).hexdigest().encode() + body


def transaction(number: int, items: Sequence[object], **fields: object) -> dict[str, Any]:
    change: dict[str, Any] = {
        "id": number,
        "state": "applied",
        "why": "fix conntrackfull",
        "time": 1790000000.0,
        "boot": "",
        "tool": "1",
        "items": list(items),
        "notes": [],
        "schema": 1,
    }
    return {**change, **fields}


def setting_item(key: str, before: str, after: str) -> dict[str, Any]:
    return {"key": key, "before": before, "asked": after, "after": after}


def file_item(path: str, before: str | None, after: str, mode: int = 0o644) -> dict[str, Any]:
    old = None if before is None else _image(before, mode)
    return {"path": path, "before": old, "after": _image(after, 0o644)}


def _image(text: str, mode: int) -> dict[str, Any]:
    return {"data": text, "mode": mode, "uid": 0, "gid": 0, "labels": None}
