"""How far the kernel's log can be believed, in words and numbers, for every diagnosis alike."""

from __future__ import annotations

import time

from ec2rl.facts.log import DRIFT
from ec2rl.model import Statement, say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.facts.log import KernelLog, LogSource
    from ec2rl.model import Json, Value


def stamp(when: float | None) -> str:
    """A time as people in an outage compare it: local, with its zone."""
    if when is None:
        return "at a time unknown"
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(when))
    except (OverflowError, ValueError, OSError):  # no calendar has it
        return "at a time unknown"


def covers(log: KernelLog, since: float | None) -> bool:
    """Whether the kernel's own log was read for all of the time that is asked about."""
    if log.whole_boot:
        return True
    complete = complete_from(log)
    return since is not None and complete is not None and complete <= since


def whole_log(log: KernelLog, since: float | None) -> Statement:
    """Which log has all that is asked about, and from when on; for one that `covers` it."""
    ring = log.sources[0]
    if ring.unreadable is not None:
        name = "the journal"
    elif ring.lost and log.whole_boot:
        name = "dmesg and the journal behind it"
    else:
        name = ring.name
    if log.whole_boot:
        return say("{name}, whole since boot", name=name)
    return say("{name}, whole since {since:time}", name=name, since=since)


def complete_from(log: KernelLog) -> float | None:
    """From when on the ring buffer surely has all there was; seconds since the epoch.

    The stamp of its oldest record may be behind the clock by what has drifted since boot
    (ABI/testing/dev-kmsg); without that, records overwritten just after it would be forgotten.
    """
    oldest = log.sources[0].oldest
    if oldest is None or log.booted is None:
        return oldest
    return oldest + DRIFT * max(0.0, oldest - log.booted)


def reading(
    log: KernelLog, read: Sequence[str] = (), unread: Sequence[Value] = ()
) -> list[Statement]:
    """Which sources were read, in whole or in part, and which were not; with others beside them."""
    seen = [source for source in log.sources if source.unreadable is None]
    whole = (*(source.name for source in seen if not source.gap), *read)
    lines = [say("Read: {whole}", whole=whole)] if whole else []
    lines += [_in_part(source) for source in seen if source.gap]
    missing = (*(s.unreadable for s in log.sources if s.unreadable is not None), *unread)
    return lines + ([say("Not read: {missing:; }", missing=missing)] if missing else [])


def _in_part(source: LogSource) -> Statement:
    words = "Read in part: {name}: {gap}" + "; none since {oldest:time}" * bool(source.lost)
    return say(words, name=source.name, gap=source.gap, oldest=source.oldest)


def source_facts(log: KernelLog) -> list[Json]:
    """The same as numbers and words for a program; None is unknown."""
    return [
        {
            "name": source.name,
            "status": "read" if source.unreadable is None else source.unreadable.why.value,
            "gap": source.gap
            or (source.unreadable.detail if source.unreadable is not None else ""),
            "oldest": source.oldest,
        }
        for source in log.sources
    ]
