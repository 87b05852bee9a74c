"""What a table consists of: counts by kind and by endpoint, and how long entries have been idle."""

from __future__ import annotations

from collections import Counter

from ec2rl.conntrack.table.entry import TCP, address, protocol_name
from ec2rl.conntrack.table.heavy_hitters import PREFIX, HeavyHitters
from ec2rl.conntrack.table.ranking import (
    Endpoint,
    Ranking,
    order_of_kind,
    ranking,
    read_pair,
    read_service,
    read_zone,
)
from ec2rl.conntrack.table.tally import Tally
from ec2rl.conntrack.table.timeouts import Kind
from ec2rl.quantities import plural
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ec2rl.conntrack.table.ranking import Read

_NONE: Mapping[str, int] = {}
_GC_STATES = ("FIN_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE", "CLOSE_WAIT")


@record(frozen=True)
class Cell:
    """The entries of one kind.

    `idle` pairs the lower end of a time in seconds (bucket_end in ages.py has the other) with the
    entries that have been idle for so long; `beyond` entries have more time left than today's
    setting gives, so nobody knows how long they have been idle; NAT rewrites `rewritten`.
    """

    kind: Kind
    count: int
    idle: tuple[tuple[int, int], ...] = ()
    beyond: int = 0
    rewritten: int = 0


@record(frozen=True)
class Census:
    """A whole table, or the part of it that was seen, counted.

    `counted` is the kernel's own count (None where it gave none), `gaps` say in words why the
    two may differ; `leaked` of it are no longer in the table, `interrupted` is whether Ctrl-C ended
    the look.  `settings` are the timeouts that idle times were measured against; of
    those not known, `largest` has the most seconds that an entry has left, and idle times are lower
    bounds (ages.py).  `whole` is
    False where the look ended before the table did; `random` is whether such a part is a uniform
    sample, which alone tells of the rest.
    """

    source: str
    total: int
    counted: int | None
    cells: tuple[Cell, ...]
    sources: Ranking
    destinations: Ranking
    services: Ranking
    pairs: Ranking
    marks: Ranking
    zones: Ranking
    settings: Mapping[str, int]
    gaps: tuple[str, ...] = ()
    whole: bool = True
    random: bool = True
    largest: Mapping[str, int] = _NONE
    leaked: int = 0
    interrupted: bool = False

    def entries(self, wanted: Callable[[Kind], bool]) -> int:
        """Tell how many entries are of the kinds that are wanted."""
        return sum(cell.count for cell in self.cells if wanted(cell.kind))

    def by(self, name: Callable[[Kind], str]) -> tuple[tuple[str, int], ...]:
        """Give entries by a name of their kind, most first: `protocol_of`, `state_of`, ..."""
        counts: Counter[str] = Counter()
        for cell in self.cells:
            counts[name(cell.kind)] += cell.count
        return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def protocol_of(kind: Kind) -> str:
    """Give the protocol's name."""
    return protocol_name(kind.protocol)


def state_of(kind: Kind) -> str:
    """Protocol and state, as far as the protocol has states."""
    return f"{protocol_name(kind.protocol)} {kind.state}".rstrip()


def standing_of(kind: Kind) -> str:
    """Give the flag that conntrack(8) shows.

    An entry has been answered, is assured, is offloaded.
    """
    if kind.offloaded:
        return "OFFLOAD"
    if kind.assured:
        return "ASSURED"
    return "unassured" if kind.answered else "UNREPLIED"


def evictable(kind: Kind) -> bool:
    """Tell whether a new connection may push it out of a full table at once (early_drop)."""
    return not kind.assured and not kind.offloaded


def evictable_later(kind: Kind) -> bool:
    """Tell whether only the garbage collector takes it while the table is full.

    Some hundred a pass.

    Assured TCP entries that are closing (tcp_can_early_drop, Linux 4.14 and later).
    """
    closing = kind.protocol == TCP and kind.state in _GC_STATES
    return kind.assured and not kind.offloaded and closing


def census(
    tally: Tally,
    settings: Mapping[str, int],
    source: str,
    counted: int | None = None,
    gaps: tuple[str, ...] = (),
    keep: int = 100,
) -> Census:
    """Make sense of a tally that was fed to its end; each ranking keeps so many rows."""
    tally.finish()
    merged: dict[Kind, tuple[list[int], Counter[int]]] = {}
    for prefix, kind in tally.kinds.items():
        numbers, idle = merged.setdefault(kind, ([0, 0, 0], Counter()))
        numbers[0] += tally.entries[prefix]
        numbers[1] += tally.ages.beyond[prefix]
        numbers[2] += tally.entries[prefix] if prefix in tally.rewriting else 0
        idle.update(tally.ages.idle.get(prefix, {}))
    cells = [
        Cell(kind, count, tuple(sorted(idle.items())), beyond, rewritten)
        for kind, ((count, beyond, rewritten), idle) in merged.items()
    ]
    cells.sort(key=lambda cell: (-cell.count, order_of_kind(cell.kind)))
    if tally.malformed:
        gaps += (f"{plural(tally.malformed, 'entry/entries')} could not be decoded",)

    def ranked(read: Read, skip: int, *hitters: HeavyHitters, zero: bytes = b"") -> Ranking:
        return ranking(read, skip, hitters, tally.kinds, keep, zero)

    by_protocol = PREFIX - 1
    families = tally.endpoints.values()
    return Census(
        source,
        tally.total,
        counted,
        tuple(cells),
        ranked(lambda key: Endpoint(source=address(key)), PREFIX, tally.sources),
        ranked(lambda key: Endpoint(destination=address(key)), PREFIX, tally.destinations),
        ranked(read_service, by_protocol, *(each.services for each in families)),
        ranked(read_pair, by_protocol, *(each.pairs for each in families)),
        ranked(lambda key: int.from_bytes(key, "big"), PREFIX, tally.marks, zero=bytes(4)),
        ranked(read_zone, PREFIX, tally.zones, zero=bytes(2)),
        settings,
        gaps,
        largest=tally.ages.largest,
    )
