"""Entries of a connection-tracking table, as they are kept."""

from __future__ import annotations

from ec2rl.record import record


@record(frozen=True)
class Entries:
    """Entries of a connection-tracking table, one a line of `text`: a uniform sample of it.

    A line is the hexadecimal of ctnetlink's bytes, or text as /proc/net/nf_conntrack has it.  Of a
    table that somebody saved, `total` is how many entries it holds (None for a live one),
    `modified` its file's mtime in seconds since the epoch, and `gap` says what of it was not read.
    """

    source: str
    text: str
    total: int | None = None
    modified: float = 0.0
    gap: str = ""
