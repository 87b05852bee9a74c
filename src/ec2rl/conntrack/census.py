"""What a table consists of: counts by kind and by endpoint, and how long entries have been idle."""

from __future__ import annotations

import struct
from collections import Counter
from operator import add, itemgetter

from ec2rl.conntrack.entry import TCP, address, protocol_name
from ec2rl.conntrack.heavy import HeavyHitters
from ec2rl.conntrack.tally import Tally
from ec2rl.conntrack.timeouts import Kind
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Union

    Read = Callable[[bytes], Union["Endpoint", int, str]]

_GC_STATES = ("FIN_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE", "CLOSE_WAIT")


@record(frozen=True)
class Cell:
    """The entries of one kind.

    `idle` pairs the lower end of a time in seconds (bucket_end in ages.py has the other) with the
    entries that have been idle for so long; `beyond` entries have more time left than today's
    setting gives, so nobody knows how long they have been idle.
    """

    kind: Kind
    count: int
    idle: tuple[tuple[int, int], ...] = ()
    beyond: int = 0


@record(frozen=True)
class Endpoint:
    """What a ranking ranks: one side of connections, or both; "" and None for what it leaves open.

    `translated` is the address and port that answer where NAT rewrote the destination.
    """

    source: str = ""
    destination: str = ""
    port: int | None = None
    protocol: str = ""
    translated: str = ""

    def __str__(self) -> str:
        there = self.destination
        if there and self.protocol:
            there = f"{joined(there, self.port)}/{self.protocol}"
        return " -> ".join(part for part in (self.source, there, self.translated) if part)


@record(frozen=True)
class Row:
    """A line of a ranking: how many entries, and of what kinds; `key` is a mark or zone else."""

    key: Endpoint | int | str
    count: int
    kinds: tuple[tuple[Kind, int], ...]


@record(frozen=True)
class Ranking:
    """The rows with the most entries, most first.

    Each count is too low by at most `error` (0: exact).  `distinct` is how many different ones
    there are, None where memory did not allow to keep them all.
    """

    rows: tuple[Row, ...]
    distinct: int | None
    error: int


@record(frozen=True)
class Census:
    """A whole table, or the part of it that was seen, counted.

    `counted` is the kernel's own count (None where it gave none), `gaps` say in words why the
    two may differ.  `settings` are the timeouts that idle times were measured against.
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

    def entries(self, wanted: Callable[[Kind], bool]) -> int:
        """How many entries are of the kinds that are wanted."""
        return sum(cell.count for cell in self.cells if wanted(cell.kind))

    def by(self, name: Callable[[Kind], str]) -> tuple[tuple[str, int], ...]:
        """Entries by a name of their kind, most first: `protocol_of`, `state_of`, ..."""
        counts: Counter[str] = Counter()
        for cell in self.cells:
            counts[name(cell.kind)] += cell.count
        return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def protocol_of(kind: Kind) -> str:
    """The protocol's name."""
    return protocol_name(kind.protocol)


def state_of(kind: Kind) -> str:
    """Protocol and state, as far as the protocol has states."""
    return f"{protocol_name(kind.protocol)} {kind.state}".rstrip()


def standing_of(kind: Kind) -> str:
    """The flag that conntrack(8) shows: an entry has been answered, is assured, is offloaded."""
    if kind.offloaded:
        return "OFFLOAD"
    if kind.assured:
        return "ASSURED"
    return "unassured" if kind.answered else "UNREPLIED"


def evictable(kind: Kind) -> bool:
    """Whether a new connection may push it out of a full table at once (early_drop)."""
    return not kind.assured and not kind.offloaded


def evictable_later(kind: Kind) -> bool:
    """Whether only the garbage collector takes it while the table is full: some hundred a pass.

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
        numbers, idle = merged.setdefault(kind, ([0, 0], Counter()))
        numbers[0] += tally.entries[prefix]
        numbers[1] += tally.ages.beyond[prefix]
        idle.update(tally.ages.idle.get(prefix, {}))
    cells = [
        Cell(kind, count, tuple(sorted(idle.items())), beyond)
        for kind, ((count, beyond), idle) in merged.items()
    ]
    cells.sort(key=lambda cell: (-cell.count, _order(cell.kind)))
    if tally.malformed:
        gaps += (f"{tally.malformed} entries could not be decoded",)

    anything = dict.fromkeys(tally.kinds, b"")
    protocols = {prefix: bytes([kind.protocol]) for prefix, kind in tally.kinds.items()}

    def ranked(
        read: Read, groups: Mapping[bytes, bytes], *hitters: HeavyHitters, zero: bytes = b""
    ) -> Ranking:
        return _ranking(read, groups, hitters, tally.kinds, keep, zero)

    families = tally.endpoints.values()
    return Census(
        source,
        tally.total,
        counted,
        tuple(cells),
        ranked(lambda key: Endpoint(source=address(key)), anything, tally.sources),
        ranked(lambda key: Endpoint(destination=address(key)), anything, tally.destinations),
        ranked(_service, protocols, *(each.services for each in families)),
        ranked(_pair, protocols, *(each.pairs for each in families)),
        ranked(lambda key: int.from_bytes(key, "big"), anything, tally.marks, zero=bytes(4)),
        ranked(_zone, anything, tally.zones, zero=bytes(2)),
        settings,
        gaps,
    )


def _ranking(
    read: Read,
    groups: Mapping[bytes, bytes],
    hitters: Sequence[HeavyHitters],
    kinds: Mapping[bytes, Kind],
    keep: int,
    zero: bytes,
) -> Ranking:
    """Add up the kinds of what is the same, and make words of that with the most entries.

    Two keys are the same where their groups are, and what stands behind their prefixes; `zero`
    stands for nothing, and is left out.
    """
    sums: dict[bytes, int] = {}
    known = sums.get
    for each in hitters:
        kinds_of = map(groups.__getitem__, map(itemgetter(slice(0, 2)), each.counts))
        same = map(add, kinds_of, map(itemgetter(slice(2, None)), each.counts))
        for key, count in zip(same, each.counts.values()):
            sums[key] = known(key, 0) + count
    if zero:
        sums.pop(zero, None)
    # Equal counts in the order of their bytes: the same table, the same words.
    least = sorted(sums.values())[-keep:][0] if sums else 0
    top = [(key, count) for key, count in sums.items() if count >= least]
    top = sorted(sorted(top), key=itemgetter(1), reverse=True)[:keep]
    rows = []
    for key, count in top:
        parts: Counter[Kind] = Counter()
        for prefix, kind in kinds.items():
            size = len(groups[prefix])
            if key[:size] == groups[prefix]:
                for each in hitters:
                    parts[kind] += each.counts.get(prefix + key[size:], 0)
        rows.append(Row(read(key), count, _sorted(parts)))
    error = max((each.error for each in hitters), default=0)
    return Ranking(
        tuple(rows),
        None if error else len(sums),
        error * max((len(row.kinds) for row in rows), default=0),
    )


def _sorted(counts: Counter[Kind]) -> tuple[tuple[Kind, int], ...]:
    found = [item for item in counts.items() if item[1]]
    return tuple(sorted(found, key=lambda item: (-item[1], _order(item[0]))))


def _order(kind: Kind) -> tuple[int, str, bool, bool, bool]:
    return kind.protocol, kind.state, kind.assured, kind.answered, kind.offloaded


def _zone(key: bytes) -> str:
    return "/".join(str(number) for number in struct.unpack(f"!{len(key) // 2}H", key))


def _address_size(key: bytes) -> int:
    """4 or 16: of addresses with at most a port behind each, there are two at most."""
    return 4 if len(key) <= 12 else 16


def _service(key: bytes) -> Endpoint:
    protocol, key = key[0], key[1:]
    size = _address_size(key)
    there, translated = key, b""
    if len(key) > size + 2:
        there, translated = key[: len(key) // 2], key[len(key) // 2 :]
    return Endpoint(
        destination=address(there[:size]),
        port=_port(there[size:]),
        protocol=protocol_name(protocol),
        translated=joined(address(translated[:size]), _port(translated[size:]))
        if translated
        else "",
    )


def _pair(key: bytes) -> Endpoint:
    size = 4 if len(key) <= 17 else 16
    return replace(_service(key[:1] + key[1 + size :]), source=address(key[1 : 1 + size]))


def _port(data: bytes) -> int | None:
    """A port; an ICMP type is none, and has one byte."""
    return int.from_bytes(data, "big") if len(data) == 2 else None


def joined(host: str, port: int | None) -> str:
    """Address and port as people write them: `10.0.4.17:443`, `[2001:db8::1]:443`."""
    if port is None:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
