"""What a deletion of entries is about to do, and what became of it."""

from __future__ import annotations

import errno
import os

from ec2rl.record import record


@record(frozen=True)
class Choice:
    """What the filters mean in one table.

    Of `matched` entries `kept` belong to sessions, `chosen` would be deleted, of which `live` are
    answered and not over; `shown` are lines of those that spoke last.  `unnamed` have no id.
    """

    table: str
    count: int | None
    matched: int
    kept: int
    chosen: int
    live: int
    shown: tuple[str, ...]
    unnamed: int
    gaps: tuple[str, ...]


@record(frozen=True)
class Freed:
    """What became of the entries: `deleted` by us, `gone` by themselves before, and the others
    by the errno that the kernel refused with (EBUSY: offloaded, up to 6.x)."""

    deleted: int
    gone: int
    refused: tuple[tuple[int, int], ...] = ()
    interrupted: bool = False


def reason(code: int) -> str:
    """An errno in words, with what it means of an entry."""
    words = os.strerror(code)
    return f"{words} (offloaded: it leaves when its flow ends)" if code == errno.EBUSY else words
