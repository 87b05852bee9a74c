"""How large a table to have, and what it costs in memory."""

from __future__ import annotations

from math import ceil

from ec2rl.conntrack.defaults import EXTENSION, OBJECT, memory_for, round_buckets
from ec2rl.model import Evidence, Unreadable
from ec2rl.record import record

HEADROOM = 2.0
"""For peaks, and for entries that have expired: the kernel counts them until its worker comes by,
which can be as long again as they lived (gc_worker, net/netfilter/nf_conntrack_core.c; a steady
340,000 live entries of 20 s were 459,000 by the count on 6.18)."""

_STEP = 16_384
_MOST_MAX, _MOST_BUCKETS = (1 << 31) - 1, (1 << 28) - 512
_MUCH = 0.15
_CLOSING = ("TIME_WAIT", "CLOSE", "LAST_ACK", "FIN_WAIT")


@record(frozen=True)
class ObjectSize:
    """Bytes that an entry takes in the slab cache; `source` says where the number is from."""

    octets: int
    source: str


@record(frozen=True)
class Size:
    """A table to have: never smaller than today's.

    `octets` of unswappable kernel memory when full, `share` of the machine's (None: unknown);
    `otherwise` says what else to do where that is too much.
    """

    max: int
    buckets: int
    octets: int
    share: float | None
    otherwise: tuple[str, ...]


def object_size(slabinfo: Evidence | Unreadable) -> ObjectSize:
    """The size of this kernel's entries from /proc/slabinfo, by its header; else an assumption."""
    if isinstance(slabinfo, Evidence):
        columns: list[str] = []
        for line in slabinfo.text.splitlines():
            words = line.split()
            if words[:2] == ["#", "name"]:
                columns = [word.strip("<>") for word in words[1:]]
            elif words and _is_entry_cache(words[0]) and "objsize" in columns:
                place = columns.index("objsize")
                if (
                    place < len(words)
                    and words[place].isdecimal()
                    and 64 <= int(words[place]) < 4096
                ):
                    return ObjectSize(int(words[place]), f"{slabinfo.source}: {line.strip()}")
        return ObjectSize(OBJECT, f"assumed: {slabinfo.source} has no nf_conntrack cache")
    return ObjectSize(OBJECT, f"assumed: {slabinfo}")


def _is_entry_cache(name: str) -> bool:
    """`nf_conntrack`, or up to 4.8 `nf_conntrack_1` and so on, one for each namespace."""
    return name == "nf_conntrack" or (
        name.startswith("nf_conntrack_")
        and name[len("nf_conntrack_") :].isalnum()
        and name != "nf_conntrack_expect"
    )


def recommend(
    wanted: int, limit: int, buckets: int, entry: ObjectSize, memory: int | None = None
) -> Size:
    """A table for `wanted` entries (the larger of the need and the peak), with as much again.

    `limit` and `buckets` are today's, and never undercut; `memory` is the machine's, in bytes.
    Buckets are as many as entries: the kernel's own rule since 5.15, and 8 bytes each.  A limit
    of 0 (none, up to 6.18) stays.  An entry is counted with 128 bytes of extensions, which most
    have (accounting, labels, NAT).
    """
    most = limit
    if limit and wanted * HEADROOM > limit:
        most = min(_MOST_MAX, ceil(wanted * HEADROOM / _STEP) * _STEP)
    slots = max(buckets, min(_MOST_BUCKETS, round_buckets(max(most, 0))))
    octets = memory_for(max(most, wanted), slots, entry.octets + EXTENSION)
    share = octets / memory if memory else None
    otherwise: tuple[str, ...] = ()
    if share is not None and share > _MUCH:
        otherwise = (
            f"a full table would take {share:.0%} of the memory, which the kernel cannot swap out",
            "track less: NOTRACK for what needs no state, in both directions (a flowtable spares"
            " work, and no entry)",
            "spread the load over more machines, or take a larger one",
            "look for the cause first: a table that fills for no reason fills at any size",
        )
    return Size(most, slots, octets, share, otherwise)
