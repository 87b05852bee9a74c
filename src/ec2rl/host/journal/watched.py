"""Whether a journal is still the one that was opened, after journald wrote to it meanwhile."""

from __future__ import annotations

import os

from ec2rl.host.watched import Watched

_STATE, _ONLINE = 16, 1
_FIXED = (slice(0, 8), slice(12, 16), slice(24, 56), slice(72, 96), slice(104, 136))
"""Of the header what journald never changes: file, machine, seqnum, and where the tables are."""
_RISING = (slice(96, 104), slice(136, 144), slice(144, 152), slice(152, 160))
"""What it only raises: the arena's size, the last object, how many objects and entries."""


class WatchedJournal(Watched):
    """A journal of this machine, where journald writes into what is already there.

    It keeps 8 MiB ahead, so that a growing journal seldom grows, and links what it appends to what
    was there (systemd's journal-def.h, journal-file.c, v257).  While it has a journal open, and
    says so there, that the header is still of the same file, and goes on, is all that can be asked.
    """

    def _is_same(self, now: os.stat_result) -> bool:
        before, header = self._ends[:1], self._read_ends()[:1]
        if not (before and header and _ONLINE in (before[0][_STATE], header[0][_STATE])):
            return super()._is_same(now)
        return all(before[0][part] == header[0][part] for part in _FIXED) and all(
            _number(before[0][part]) <= _number(header[0][part]) for part in _RISING
        )


def _number(field: bytes) -> int:
    return int.from_bytes(field, "little")
