"""How far the kernel's log can be believed, for every diagnosis alike."""

from __future__ import annotations

import time

from ec2rl.facts.log import DRIFT
from ec2rl.host import DEBUG
from ec2rl.model import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.facts.console import Console
    from ec2rl.facts.log import Judged, KernelLog, LogLine
    from ec2rl.model import Json, Statement, Unreadable


def local_time(when: float | None) -> str:
    """Give a time as people in an outage compare it: local, with its zone."""
    if when is None:
        return "at a time unknown"
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(when))
    except (OverflowError, ValueError, OSError):  # no calendar has it
        return "at a time unknown"


def moment(line: LogLine) -> float | str | None:
    """Tell when a line was said, for a place `{when:time}`.

    Where no clock tells, since its boot.
    """
    if line.time is not None or line.monotonic is None:
        return line.time
    return f"{line.monotonic / 1e6:.1f} s after boot"


def with_time(line: LogLine) -> str:
    """Give a line with when it was said, as evidence quotes it."""
    when = moment(line)
    return f"{when if isinstance(when, str) else local_time(when)} {line.message}"


def covers(log: KernelLog, since: float | None, level: int = DEBUG) -> bool:
    """Tell whether all was read that the kernel said at a level in the time that is asked about.

    A console has of it what it must have shown.
    """
    if log.whole_boot:
        return True
    console = whole_console(log)
    if console is not None:
        return console.shows(level)
    complete = complete_from(log)
    return since is not None and complete is not None and complete <= since


def whole_console(log: KernelLog) -> Console | None:
    """Tell what a console shows that is whole since boot, and stands for the ring buffer."""
    return None if log.ring.gap or log.ring.unreadable is not None else log.ring.console


def complete_log(log: KernelLog, since: float | None) -> Statement:
    """Say which log has all that is asked about, and from when on; for one that `covers` it."""
    ring = log.ring
    console = whole_console(log)
    if console is not None and not log.whole_boot:
        words = "{log}, a console, whole since boot"
        words += "" if console.until is None else " until {until} s after it"
        until = None if console.until is None else round(console.until, 1)
        return say(words + " ({why})", log=ring.name, until=until, why=console.why)
    if ring.unreadable is not None:
        name = "the journal"
    elif ring.lost and log.whole_boot:
        name = "dmesg and the journal behind it"
    else:
        name = ring.name
    if log.whole_boot:
        return say("{log}, whole since boot", log=name)
    return say("{log}, whole since {since:time}", log=name, since=since)


def complete_from(log: KernelLog) -> float | None:
    """Tell from when on the ring buffer surely has all there was, in seconds since the epoch.

    The stamp of its oldest record may be behind the clock by what has drifted since boot
    (ABI/testing/dev-kmsg); without that, records overwritten just after it would be forgotten.
    """
    oldest = log.ring.oldest
    if oldest is None or log.booted is None:
        return oldest
    return oldest + DRIFT * max(0.0, oldest - log.booted)


def without_journal(log: KernelLog) -> Statement | None:
    """Say that the machine ran after the last boot that its journal has, None if nothing tells."""
    if log.judged is None or log.judged.later is None:
        return None
    words = "the boot in which the machine ran on {later:time} left no journal"
    return say(words, later=log.judged.later)


def hidden(log: KernelLog, level: int) -> Statement | None:
    """Say why a console that is whole need not have shown what is told at a level.

    None where it must have, or where there is more than a console.
    """
    console = whole_console(log)
    if console is None or console.shows(level) or log.whole_boot:
        return None
    from ec2rl.facts.console import NAMES

    words = "a console need not show {level}: {why}"
    return say(words, level=NAMES[level], why=console.why)


def missing(log: KernelLog, since: float | None, level: int = DEBUG) -> list[Statement]:
    """Say what the kernel's own log lacks of the time that is asked about, if anything."""
    ring = log.ring
    if unjudged := without_journal(log):
        return [unjudged]
    if ring.unreadable is not None:
        return [say("{unread}", unread=ring.unreadable)]
    if covers(log, since, level):
        return []
    unshown = hidden(log, level)
    if unshown is not None:
        return [unshown]
    kind = "dmesg" if ring.console is None else "console"
    reasons = [say("{kind}: {gap}", kind=kind, gap=ring.gap)]
    if not ring.gap:
        reasons = [say("the kernel's log is incomplete")]
    if ring.oldest is not None:
        reasons.append(say("complete since {oldest:time}", oldest=ring.oldest))
    return reasons


def _judged(boot: Judged) -> Statement:
    """Say which boot it is that was judged: one that failed need not have left a journal."""
    words = "Judged: the last boot that the journal has, {begun:time} to {until:time}"
    if boot.later is not None:
        words += "; the machine ran later ({later:time}), and left no journal of that"
    else:
        words += "; of a later one that left no journal nothing is known"
    return say(words, begun=boot.begun, until=boot.until, later=boot.later)


def reading(
    log: KernelLog, read: Sequence[str] = (), unread: Sequence[Unreadable] = ()
) -> list[Statement]:
    """Say which sources were read, in whole or in part, and which were not; others beside them."""
    seen = [source for source in log.sources if source.unreadable is None]
    whole = (*(source.name for source in seen if not source.gap), *read)
    lines = [] if log.judged is None else [_judged(log.judged)]
    lines += [say("Read: {sources}", sources=whole)] if whole else []
    for one in seen:
        if one.gap and one.lost:
            words = "Read in part: {source}: {gap}; complete since {oldest:time}"
            lines.append(say(words, source=one.name, gap=one.gap, oldest=one.oldest))
        elif one.gap:
            lines.append(say("Read in part: {source}: {gap}", source=one.name, gap=one.gap))
    lost = tuple(one.unreadable for one in log.sources if one.unreadable is not None)
    if lost or unread:
        lines.append(say("Not read: {sources:; }", sources=(*lost, *unread)))
    return lines


def source_facts(log: KernelLog) -> list[Json]:
    """Give the same as numbers and words for a program; None is unknown."""
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
