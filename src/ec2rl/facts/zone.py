"""The time zone that a machine's logs are written in."""

from __future__ import annotations

import os
import re
import time

from ec2rl.host import Host
from ec2rl.model import Evidence

# POSIX.1-2024, "TZ", without the forms that name a file: the C library would open one of ours.
_NAME = r"(?:[A-Za-z]{3,10}|<[A-Za-z0-9+-]{3,10}>)"
_OFFSET = r"[+-]?\d{1,3}(?::\d\d){0,2}"
_RULE = rf",[JM]?\d{{1,3}}(?:\.\d){{0,2}}(?:/{_OFFSET})?"
_ZONE = rf"{_NAME}{_OFFSET}(?:{_NAME}(?:{_OFFSET})?(?:{_RULE}){{2}})?"


def zone(host: Host) -> str:
    """Give a machine's time zone in the form that tzset(3) takes; "" if it is unknown.

    It stands at the end of a zone's file (RFC 9636, 3.3).
    """
    text = host.read("/etc/localtime")
    last = text.text.rstrip("\n").rpartition("\n")[2] if isinstance(text, Evidence) else ""
    return last if is_zone(last) else ""


def is_zone(text: str) -> bool:
    """Tell whether a text is a time zone that leads to no file."""
    return re.fullmatch(_ZONE, text) is not None


def our_zone() -> str:
    """Give the offset from UTC that this process shows times with now, as a zone."""
    east = time.localtime().tm_gmtoff // 60
    hours, minutes = divmod(abs(east), 60)
    name = f"<{'+' if east >= 0 else '-'}{hours:02}{minutes:02}>"
    return f"{name}{'-' if east >= 0 else '+'}{hours}:{minutes:02}"


class InZone:
    """The time zone of a machine, for a while; ours where its own is not known."""

    def __init__(self, name: str) -> None:
        self.name = name if is_zone(name) else ""

    def __enter__(self) -> None:
        self.before = os.environ.get("TZ")
        _set(self.name or self.before)

    def __exit__(self, *_: object) -> None:
        _set(self.before)


def _set(name: str | None) -> None:
    if name is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = name
    time.tzset()
