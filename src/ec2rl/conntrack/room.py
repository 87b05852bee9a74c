"""How large a table this load needs, how that was found out, and what it costs."""

from __future__ import annotations

from ec2rl.conntrack.defaults import round_buckets
from ec2rl.conntrack.seen import Seen
from ec2rl.conntrack.table.glimpse import sample_of
from ec2rl.conntrack.table.recommend import object_size, recommend
from ec2rl.conntrack.table.sizing import need
from ec2rl.conntrack.tables import Table
from ec2rl.host import Host
from ec2rl.record import record

_STEP = 4
"""A flood leads to any number of entries: who wants more than so many times as much says so."""

_LOOKED_INTO = 4
"""Tables whose entries are looked at: the limit is one number, and the worst of them decides."""


@record(frozen=True)
class Room:
    """The sizes to have, and in words how they were found; today's, and (), where they will do."""

    max: int
    buckets: int
    why: tuple[str, ...] = ()


def room(host: Host, seen: Seen) -> Room:
    """Today's sizes, or as much more as this load needs."""
    maximum, buckets = seen.limits.maximum or 0, seen.limits.buckets or 0
    if maximum and is_short(seen):
        return _more(host, seen, maximum, buckets)
    chains = sum(seen.last(table, "chaintoolong") or 0 for table in seen.tables)
    rising = any(table.rate("chaintoolong") for table in seen.tables)
    if rising and buckets >= maximum:
        return Room(maximum, round_buckets(2 * buckets), ("Size: twice the buckets: long chains",))
    # The last: below what any kernel has chosen.
    if (chains and buckets < maximum) or 4 * buckets < maximum:
        return Room(maximum, round_buckets(maximum), ("Size: as many buckets as entries",))
    return Room(maximum, buckets)


def _more(host: Host, seen: Seen, maximum: int, buckets: int) -> Room:
    need = _needed(host, seen)
    size = recommend(need.entries, maximum, buckets, object_size(host.read("/proc/slabinfo")))
    default = seen.default_maximum or 0
    lost = seen.times.now.lines or any(table.rate("drop") for table in seen.tables)
    # What was refused is in no census: where packets were lost, at least twice today's.
    most = max(size.max, default, 2 * maximum if lost else 0)
    more: tuple[str, ...] = ()
    if most > max(_STEP * maximum, default):
        most = max(_STEP * maximum, default)
        why = f"{_STEP} times today's limit, the most that is taken without being asked for"
        more = (
            f"More: --set max={size.max} has room for all of it; look first whether the load is "
            "wanted: ./ec2rl conntrack top",
        )
    elif lost and most == 2 * maximum:
        why = "twice today's limit, as packets were lost: what was refused is in no count"
    elif most == size.max:
        why = "twice what is needed, for peaks"
    else:
        why = "what this kernel chooses for this machine's memory"
    told = (f"Size: {why}", f"Need: {need.words}", *more)
    return Room(most, max(buckets, round_buckets(most)), told)


def is_short(seen: Seen) -> bool:
    """Whether the table was, or nearly is, too small."""
    fullest = seen.fullest
    near = fullest is not None and seen.near(fullest)
    small = seen.in_use and (seen.limits.maximum or 0) < (seen.default_maximum or 0)
    return bool(seen.times.now.lines or near or small)


@record(frozen=True)
class _Need:
    entries: int
    words: str


def _needed(host: Host, seen: Seen) -> _Need:
    """The entries that the present load leads to, and how that is known."""
    tables = sorted(seen.tables, key=lambda table: -(table.count or 0))
    found = [_need_of(host, table) for table in tables[:_LOOKED_INTO] if table.count]
    nothing = _Need(0, "not known: no table has entries to go by now")
    return max(found, key=lambda one: one.entries, default=nothing)


def _need_of(host: Host, table: Table) -> _Need:
    """Little's law over a sample of the entries, else the kernel's count of them."""
    count, label = table.count or 0, table.namespace.label
    census = sample_of(host, table)
    if census is None:
        return _Need(
            count, f"{count} entries of {label} by the kernel's count; they could not be read"
        )
    entries = max(count, round(need(census).entries * max(1.0, count / census.total)))
    how = f"a census of {census.total} of its {count}"
    return _Need(entries, f"{entries} entries at the present load of {label}, by {how}")
