"""Who and what has the most entries: counts of bytes in, rows in words out."""

from __future__ import annotations

import struct
from collections import Counter
from operator import itemgetter

from ec2rl.conntrack.table.entry import LABEL, address, protocol_name
from ec2rl.conntrack.table.heavy_hitters import PREFIX, HeavyHitters
from ec2rl.conntrack.table.timeouts import Kind
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Union

    Read = Callable[[bytes], Union["Endpoint", int, str]]


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


def ranking(
    read: Read,
    skip: int,
    hitters: Sequence[HeavyHitters],
    kinds: Mapping[bytes, Kind],
    keep: int,
    zero: bytes,
) -> Ranking:
    """Add up the kinds of what is the same, and make words of that with the most entries.

    Two keys are the same where they are alike from byte `skip` on: behind the prefix of their
    kind, or from the protocol on that it ends with.  `zero` stands for nothing, and is left out.
    """
    sums: dict[bytes, int] = {}
    known = sums.get
    for each in hitters:
        same = map(itemgetter(slice(skip, None)), each.counts)
        for key, count in zip(same, each.counts.values()):
            sums[key] = known(key, 0) + count
    if zero:
        sums.pop(zero, None)
    # Equal counts in the order of their bytes: the same table, the same words.
    least = _largest(sums.values(), keep)
    top = [(key, count) for key, count in sums.items() if count >= least]
    top = sorted(sorted(top), key=itemgetter(1), reverse=True)[:keep]
    shared = PREFIX - skip
    rows, most_kinds = [], 0
    for key, count in top:
        parts: dict[Kind, int] = {}
        behind = key[shared:]
        possible = [prefix for prefix in kinds if prefix.endswith(key[:shared])]
        most_kinds = max(most_kinds, len(possible))
        for prefix in possible:
            for each in hitters:
                found = each.counts.get(prefix + behind)
                if found:
                    kind = kinds[prefix]
                    parts[kind] = parts.get(kind, 0) + found
        rows.append(Row(read(key), count, _sorted(parts)))
    error = max((each.error for each in hitters), default=0)
    # Also of a kind that a row lost altogether, as many may be missing.
    return Ranking(tuple(rows), None if error else len(sums), error * most_kinds)


def _largest(counts: Iterable[int], keep: int) -> int:
    """The count that so many others reach, as far as there are so many; most of them are small."""
    left = keep
    frequencies = Counter(counts)
    for count in sorted(frequencies, reverse=True):
        left -= frequencies[count]
        if left <= 0:
            return count
    return 0


def _sorted(counts: Mapping[Kind, int]) -> tuple[tuple[Kind, int], ...]:
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], order_of_kind(item[0]))))


def order_of_kind(kind: Kind) -> tuple[int, str, bool, bool, bool]:
    """Tell what kinds with the same count are sorted by."""
    return kind.protocol, kind.state, kind.assured, kind.answered, kind.offloaded


def read_zone(key: bytes) -> str:
    """Give the zone of both directions, or those of each."""
    return "/".join(str(number) for number in struct.unpack(f"!{len(key) // 2}H", key))


def _address_size(key: bytes) -> int:
    """4, 16 or `LABEL`: of addresses with at most a port behind each, there are two at most."""
    return next(size for size in (4, 16, LABEL) if len(key) <= 2 * (size + 2))


def read_service(key: bytes) -> Endpoint:
    """Give a protocol, an address and its port, and what answers where NAT rewrote them."""
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


def read_pair(key: bytes) -> Endpoint:
    """Give a protocol, a source, and the service it talks to."""
    size = next(size for size in (4, 16, LABEL) if len(key) <= 1 + 3 * size + 4)
    return replace(read_service(key[:1] + key[1 + size :]), source=address(key[1 : 1 + size]))


def _port(data: bytes) -> int | None:
    """A port; an ICMP type is none, and has one byte."""
    return int.from_bytes(data, "big") if len(data) == 2 else None


def joined(host: str, port: int | None) -> str:
    """Address and port as people write them: `10.0.4.17:443`, `[2001:db8::1]:443`."""
    if port is None:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
