"""What a table costs in memory when it is full."""

from __future__ import annotations

from ec2rl.conntrack.defaults import EXTENSION, OBJECT, SLOT, memory_for
from ec2rl.limits import MUCH
from ec2rl.model import Evidence, Unreadable
from ec2rl.quantities import percent
from ec2rl.record import record

SLABS = "/proc/slabinfo"
"""Where the kernel tells root the sizes of its objects."""


@record(frozen=True)
class ObjectSize:
    """Bytes that an entry takes in the slab cache; `source` says where the number is from."""

    octets: int
    source: str

    @property
    def parts(self) -> str:
        """What the memory of a table is reckoned from, in words."""
        where = self.source.partition(": nf_conntrack")[0]
        return f"{self.octets} + {EXTENSION} bytes an entry ({where}), {SLOT} a bucket"


@record(frozen=True)
class Cost:
    """Bytes of unswappable kernel memory when it is full, and their share of the machine's.

    `share` is None where that is unknown; `otherwise` says what else to do where it is too much.
    """

    octets: int
    share: float | None
    otherwise: tuple[str, ...] = ()


def object_size(slabinfo: Evidence | Unreadable) -> ObjectSize:
    """Give the size of this kernel's entries from /proc/slabinfo, by its header.

    Else an assumption.
    """
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


def cost_of(
    entries: int,
    buckets: int,
    entry: ObjectSize,
    memory: int | None = None,
    free: int | None = None,
) -> Cost:
    """Give the cost of a table with so many entries.

    `memory` is the machine's, in bytes, `free` what a table may take part of (`limits.MUCH`).  An
    entry is counted with 128 bytes of extensions, which most have (accounting, labels, NAT).
    """
    octets = memory_for(entries, buckets, entry.octets + EXTENSION)
    share = octets / memory if memory else None
    if not free or octets <= free * MUCH:
        return Cost(octets, share)
    otherwise = (
        f"a full table would take {percent(octets / free)} of the memory that is available, and the"
        " kernel cannot swap it out",
        "track less: NOTRACK for what needs no state, in both directions (a flowtable spares"
        " work, and no entry)",
        "spread the load over more machines, or take a larger one",
        "look for the cause first: a table that fills for no reason fills at any size",
    )
    return Cost(octets, share, otherwise)
