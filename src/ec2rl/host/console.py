"""What `aws ec2 get-console-output` printed as JSON: a console's text, and of when it is."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from binascii import Error
from datetime import datetime

MOST = 4 << 20
"""Bytes; EC2 gives the last 64 KiB."""


def is_console(head: bytes) -> bool:
    """Whether a file that begins so is one."""
    return re.match(rb'\s*\{\s*"(?:InstanceId|Output|Timestamp)"\s*:', head) is not None


def console_text(data: bytes) -> tuple[bytes, float | None]:
    """The console's text, and its time in seconds since the epoch. ValueError for anything else.

    The API itself gives it in base64, which the command line has decoded.
    """
    try:
        said = json.loads(data)
        text: bytes = said["Output"].encode("utf-8", "backslashreplace")
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        raise ValueError("it is no console output") from None
    try:
        text = b64decode(text, validate=True) if text.strip() else text
    except Error:
        pass
    return text, _when(said.get("Timestamp"))


def _when(stamp: object) -> float | None:
    try:
        return datetime.fromisoformat(str(stamp).replace("Z", "+00:00")).timestamp()
    except (ValueError, OverflowError):
        return None
