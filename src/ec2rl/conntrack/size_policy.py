"""How large a table to have: one policy, for `explain`, `conntrack size` and `fix`.

docs/decisions/0019-the-vertical-slice.md says why these numbers.
"""

from __future__ import annotations

from ec2rl.conntrack.defaults import round_buckets
from ec2rl.conntrack.observations import NEAR, Observations
from ec2rl.model import Statement, say
from ec2rl.record import Choice, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.conntrack.tables import Table
    from ec2rl.host import Host

HEADROOM = 2
"""For peaks, and for entries that have expired: the kernel counts them until its worker comes by,
which can be as long again as they lived (gc_worker, net/netfilter/nf_conntrack_core.c; a steady
340,000 live entries of 20 s were 459,000 by the count on 6.18)."""

LOOKED_INTO = 4
"""Tables whose entries are looked at: the limit is one number, and the worst of them decides."""

_FAR = 400_000
"""Entries that the kernel may pass for a sample of a table that is not the fullest, some 150 ms of
the processor (6.18).  One that is so much smaller than all together decides nothing."""

_STEP = 16_384
_MOST_MAX, _MOST_BUCKETS = (1 << 31) - 1, (1 << 28) - 512

_TIMES = 4
"""A flood leads to any number of entries: who wants more than so many times as much says so."""


@record(frozen=True)
class Load:
    """The entries that the present load leads to, and how that is known."""

    entries: int
    how: Statement


class Because(Choice):
    """Why a table is to have other sizes than today's; the value is what people read."""

    LONG_CHAINS = "twice today's buckets, because the chains in them are too long"
    FEW_BUCKETS = "as many buckets as the limit has entries, so that chains stay short"
    PEAKS = "twice what the present load needs, which leaves room for peaks"
    LOST = (
        "twice today's limit, because packets were lost, and no counter tells how many entries "
        "they would have needed"
    )
    KERNEL = "the limit that this kernel chooses by itself for a machine with this much memory"
    BOUNDED = f"{_TIMES} times today's limit: more is taken only where you ask for it"


@record(frozen=True)
class TableSize:
    """The sizes to have, and why; today's, and None, where they will do.

    `more` is a limit that has room for all of a load that is too large to be taken as wanted, else
    None.
    """

    max: int
    buckets: int
    why: Because | None = None
    more: int | None = None


def table_size(seen: Observations) -> TableSize:
    """Give today's sizes, or as much more as this load needs.

    0 for what is unknown: then nothing can be said. A limit of 0 is none.
    """
    maximum, buckets = seen.limits.maximum, seen.limits.buckets
    if not maximum or buckets is None:
        return TableSize(maximum or 0, buckets or 0)
    if is_short(seen):
        lost = seen.times.now.lines or any(table.rate("drop") for table in seen.tables)
        entries = seen.load.entries if seen.load else 0
        return enlarged(entries, maximum, buckets, seen.default_maximum or 0, bool(lost))
    chains = sum(seen.last(table, "chaintoolong") or 0 for table in seen.tables)
    rising = any(table.rate("chaintoolong") for table in seen.tables)
    if rising and buckets >= maximum:
        return TableSize(maximum, round_buckets(2 * buckets), Because.LONG_CHAINS)
    # The last: below what any kernel has chosen.
    if (chains and buckets < maximum) or 4 * buckets < maximum:
        return TableSize(maximum, round_buckets(maximum), Because.FEW_BUCKETS)
    return TableSize(maximum, buckets)


def size_for(entries: int) -> TableSize:
    """Give the sizes for so many entries on a machine whose limits are not known."""
    most = _with_headroom(entries)
    return TableSize(most, _buckets(most, 0), Because.PEAKS)


def enlarged(
    entries: int, maximum: int, buckets: int, default: int = 0, lost: bool = False
) -> TableSize:
    """Give a table for so many entries, with as much again: never below today's, nor the default.

    `lost` is whether packets were refused for want of room.
    """
    wanted = _with_headroom(entries) if HEADROOM * entries > maximum else maximum
    # What was refused is in no census: where packets were lost, at least twice today's.
    most = max(wanted, default, 2 * maximum if lost else 0)
    more = None
    if most > max(_TIMES * maximum, default):
        most, more = max(_TIMES * maximum, default), most
        why = Because.BOUNDED
    elif lost and most == 2 * maximum:
        why = Because.LOST
    elif most == wanted:
        why = Because.PEAKS
    else:
        why = Because.KERNEL
    most = min(_MOST_MAX, most)
    return TableSize(most, _buckets(most, buckets), why, more)


def _with_headroom(entries: int) -> int:
    return min(_MOST_MAX, -(-HEADROOM * entries // _STEP) * _STEP)


def _buckets(maximum: int, today: int) -> int:
    """As many as entries: the kernel's own rule since 5.15, and 8 bytes each; never fewer."""
    return max(today, min(_MOST_BUCKETS, round_buckets(maximum)))


def is_short(seen: Observations) -> bool:
    """Tell whether the table was, or nearly is, too small, or is known to become so."""
    maximum = seen.limits.maximum or 0  # none, or unknown: nothing is small beside that
    fullest = seen.fullest
    near = fullest is not None and seen.near(fullest)
    small = seen.in_use and 0 < maximum < (seen.default_maximum or 0)
    will_be = maximum > 0 and seen.load is not None and seen.load.entries >= NEAR * maximum
    return bool(seen.times.now.lines or near or small or will_be)


def load_of(host: Host, seen: Observations) -> Load:
    """Give the entries that the present load leads to, by the fullest tables."""
    tables = sorted(seen.tables, key=lambda table: -(table.count or 0))
    found = [
        _load_of(host, table)
        for table in tables[:LOOKED_INTO]
        if table.count and (table is tables[0] or passed(seen, table) <= _FAR)
    ]
    nothing = Load(0, say("not known, because no table has any entries now"))
    return max(found, key=lambda one: one.entries, default=nothing)


def passed(seen: Observations, table: Table) -> int:
    """Reckon the entries that the kernel passes for a sample: its hash is that of all tables."""
    from ec2rl.conntrack.table.table_sample import FIRST

    whole = sum(one.count or 0 for one in seen.tables)
    return round(whole * min(1.0, FIRST / max(1, table.count or 0)))


def _load_of(host: Host, table: Table) -> Load:
    """Little's law over a sample of the entries, else the kernel's count of them."""
    from ec2rl.conntrack.table.sizing import need
    from ec2rl.conntrack.table.table_sample import sample_of

    count, label = table.count or 0, table.namespace.label
    census = sample_of(host, table)
    if census is None:
        words = (
            "{n:entry/entries}, which {label} has by the kernel's count (they could not be read)"
        )
        return Load(count, say(words, n=count, label=label))
    entries = max(count, round(need(census).entries * max(1.0, count / census.total)))
    words = (
        "{n:entry/entries}, which the present load of {label} leads to (by a census of {seen:,} of "
        "its {all:entry/entries})"
    )
    return Load(entries, say(words, n=entries, label=label, seen=census.total, all=count))
