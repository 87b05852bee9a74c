"""How large a table this load needs, how that was found out, and what it costs."""

from __future__ import annotations

from ec2rl.conntrack.defaults import round_buckets
from ec2rl.conntrack.seen import Seen
from ec2rl.conntrack.table.glimpse import sample_of
from ec2rl.conntrack.table.recommend import object_size, recommend
from ec2rl.conntrack.table.sizing import need
from ec2rl.conntrack.tables import Table
from ec2rl.host import Host
from ec2rl.model import Evidence
from ec2rl.record import record

MUCH = 0.25
"""The share of the available memory that a full table may take without being forced to it."""

ENTRY, SLOT = 320 + 128, 8
"""Bytes an entry takes at most (the largest object of any kernel, and its extensions), a bucket."""

_LOOKED_INTO = 4
"""Tables whose entries are looked at: the limit is one number, and the worst of them decides."""


@record(frozen=True)
class Room:
    """The sizes to have, and in words how they were found; today's, and "", where they will do."""

    max: int
    buckets: int
    why: str = ""


def room(host: Host, seen: Seen) -> Room:
    """Today's sizes, or as much more as this load needs."""
    maximum, buckets = seen.limits.maximum or 0, seen.limits.buckets or 0
    if maximum and is_short(seen):
        entries, words = _needed(host, seen)
        size = recommend(entries, maximum, buckets, object_size(host.read("/proc/slabinfo")))
        default = seen.default_maximum or 0
        lost = seen.times.now.lines or any(table.rate("drop") for table in seen.tables)
        # What was refused is in no census: where packets were lost, at least twice today's.
        most = max(size.max, default, 2 * maximum if lost else 0)
        if most == size.max > maximum:
            why = f"twice {words}"
        elif lost and most == 2 * maximum:
            why = f"twice today's limit, as packets were lost and are in no count ({words} now)"
        else:
            why = f"what this kernel chooses for this memory ({words} now)"
        return Room(most, max(buckets, round_buckets(most)), why)
    chains = sum(seen.last(table, "chaintoolong") or 0 for table in seen.tables)
    rising = any(table.rate("chaintoolong") for table in seen.tables)
    if rising and buckets >= maximum:
        return Room(maximum, round_buckets(2 * buckets), "twice today's buckets: chains too long")
    if chains and buckets < maximum:
        return Room(maximum, round_buckets(maximum), "as many buckets as entries: chains too long")
    if 4 * buckets < maximum:  # below what any kernel has chosen
        return Room(maximum, round_buckets(maximum), "as many buckets as entries")
    return Room(maximum, buckets)


def is_short(seen: Seen) -> bool:
    """Whether the table was, or nearly is, too small."""
    fullest = seen.fullest
    fill = None if fullest is None else seen.fill(fullest)
    small = seen.default_maximum is not None and (seen.limits.maximum or 0) < seen.default_maximum
    return bool(seen.times.now.lines or (fill or 0) >= 0.9 or small)


def _needed(host: Host, seen: Seen) -> tuple[int, str]:
    """The entries that the present load leads to, and how that is known."""
    tables = sorted(seen.tables, key=lambda table: -(table.count or 0))
    found = [_need_of(host, table) for table in tables[:_LOOKED_INTO] if table.count]
    return max(found, default=(0, "no table has entries to go by"))


def _need_of(host: Host, table: Table) -> tuple[int, str]:
    """Little's law over a sample of the entries, else the kernel's count of them."""
    count = table.count or 0
    census = sample_of(host, table)
    label = table.namespace.label
    if census is None or not census.total:
        return count, f"the {count} entries of {label} by the kernel's count, no census to be had"
    entries = max(count, round(need(census).entries * max(1.0, count / census.total)))
    return entries, (
        f"the {entries} entries that the load of {label} leads to "
        f"(census: {census.total} of {count} entries seen)"
    )


def memory_for(entries: int, buckets: int, octets: int = ENTRY) -> int:
    """Bytes of unswappable kernel memory when every entry is used."""
    return entries * octets + buckets * SLOT


def available(host: Host) -> int | None:
    """Bytes that can still be had without swapping (MemAvailable), else all there are."""
    text = host.read("/proc/meminfo")
    found = {}
    for line in text.text.splitlines() if isinstance(text, Evidence) else ():
        words = line.split()
        if len(words) > 1 and words[1].isdecimal():
            found[words[0]] = int(words[1][:15]) << 10
    return found.get("MemAvailable:", found.get("MemTotal:"))
