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

    @property
    def left(self) -> int:
        """Entries that are meant, and more than one run takes."""
        return self.matched - self.kept - self.unnamed - self.chosen


@record(frozen=True)
class DeletionResult:
    """What became of the entries: `deleted` by us, `gone` by themselves before, and the others
    by the errno that the kernel refused with (EBUSY: offloaded, up to 6.x)."""

    deleted: int
    gone: int
    refused: tuple[tuple[int, int], ...] = ()
    interrupted: bool = False


def reason(code: int) -> str:
    """Give an errno in words, with what it means of an entry."""
    meaning = {
        errno.EBUSY: " (offloaded: it leaves when its flow ends)",
        errno.ENOBUFS: " (no answer came: some of these may be gone)",
    }
    return os.strerror(code) + meaning.get(code, "")
