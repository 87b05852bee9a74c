"""Words and times as a recording has them."""

from __future__ import annotations

import re
import time
from calendar import timegm


def escaped(text: str) -> str:
    """Escape words so that they can stand in a key, a note or a list of names."""
    return re.sub(r"[\n\r;\\]|^ | $", lambda match: f"\\x{ord(match[0]):02x}", text)


def unescaped(text: str) -> str:
    """Undo `escaped`."""
    return re.sub(r"\\x([0-7][0-9a-f])", lambda match: chr(int(match[1], 16)), text)


_FIRST, _LAST = -30610224000, 253402300799
"""The years 1000 to 9999, which have four digits."""


def format_time(when: float) -> str:
    """Write seconds since the epoch in UTC, as `2026-11-24T02:00:00Z`, to the nanosecond.

    What no calendar has, a file or a damaged journal may: the nearest that one has stands for it.
    """
    when = min(max(when, _FIRST), _LAST)
    whole = int(when // 1)
    second = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
    fraction = f"{when - whole:.9f}"[1:].rstrip("0").rstrip(".")
    return f"{second}{fraction}Z"


def parse_time(text: str) -> float:
    """Read what `format_time` wrote. ValueError."""
    second, _, fraction = text.removesuffix("Z").partition(".")
    return float(timegm(time.strptime(second, "%Y-%m-%dT%H:%M:%S"))) + float(f"0.{fraction or 0}")
