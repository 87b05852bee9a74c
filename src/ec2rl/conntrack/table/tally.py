"""Counts a whole table while it streams past, in constant memory.

All loops over entries run inside the interpreter's C code: a body goes to the list of those that
look like it, and some thousand bodies are counted at once.  An entry whose layout is not proved
is decoded attribute by attribute, so that speed never decides what is counted.
"""

from __future__ import annotations

from collections import Counter
from operator import add

from ec2rl.conntrack.table.ages import Ages
from ec2rl.conntrack.table.entry import (
    ASSURED,
    DST_NAT,
    HW_OFFLOAD,
    LABEL,
    OFFLOAD,
    SEEN_REPLY,
    SRC_NAT,
    Entry,
    state_name,
)
from ec2rl.conntrack.table.heavy_hitters import Endpoints, HeavyHitters
from ec2rl.conntrack.table.layout import Layout
from ec2rl.conntrack.table.netlink import decode
from ec2rl.conntrack.table.stream import TRAIL
from ec2rl.conntrack.table.timeouts import DEFAULTS, Kind
from ec2rl.netlink import MalformedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_BATCH = 512
_MOST_WAITING = 8 * _BATCH
_GROUPS, _LAYOUTS = 256, 4
"""Layouts that are remembered; a table with more is read right, and slowly."""
_UNPROVED = b""
_NO_MARK = {bytes(4)}


class _Kinds(dict[int, bytes]):
    """From a masked entry to the prefix of its kind: decoded once, then looked up."""

    def __init__(self, layout: Layout, tally: Tally) -> None:
        self.layout, self.tally = layout, tally

    def __missing__(self, masked: int) -> bytes:
        layout = self.layout
        if not layout.fits(masked):
            return _UNPROVED
        body = layout.unmasked(masked)
        status = int.from_bytes(body[layout.status], "big") if layout.status else 0
        state = state_name(layout.protocol, body[layout.state.start]) if layout.state else ""
        prefix = self.tally.prefix(layout.protocol, state, status)
        if len(self) < 1024:
            self[masked] = prefix
        return prefix


class Tally:
    """Counts of a table's entries; `census` in census.py makes sense of them.

    Each key is the prefix of a kind (`kinds`) and the bytes of what is counted.  `settings` are
    the timeouts in force, in seconds by name (timeouts.py): what idle times are measured against.
    """

    def __init__(self, settings: Mapping[str, int] = DEFAULTS) -> None:
        self.total = 0
        self.malformed = 0
        self.kinds: dict[bytes, Kind] = {}
        self._prefixes: dict[tuple[int, str, int], bytes] = {}
        self._translating: set[bytes] = set()
        self.rewriting: set[bytes] = set()
        """The prefixes of entries that NAT rewrites."""
        self.entries: Counter[bytes] = Counter()
        self.ages = Ages(self.kinds, settings)
        self.sources = HeavyHitters()
        self.destinations = HeavyHitters()
        self.endpoints = {
            size: Endpoints(size, self.sources, self.destinations) for size in (4, 16, LABEL)
        }
        self.marks = HeavyHitters()
        self.zones = HeavyHitters()
        self._groups: dict[tuple[int, int], list[bytes]] = {}
        self._waiting = 0
        self._layouts: dict[tuple[int, int], list[tuple[Layout, _Kinds]]] = {}

    def prefix(self, protocol: int, state: str, status: int) -> bytes:
        """Give the prefix of a kind's keys, which also tells what NAT rewrites.

        A number in two bytes, and the protocol.
        """
        bits = status & (ASSURED | SEEN_REPLY | OFFLOAD | HW_OFFLOAD | SRC_NAT | DST_NAT)
        known = self._prefixes.get((protocol, state, bits))
        if known is None:
            known = len(self._prefixes).to_bytes(2, "big") + bytes((protocol,))
            self._prefixes[protocol, state, bits] = known
            offloaded = bool(bits & (OFFLOAD | HW_OFFLOAD))
            self.kinds[known] = Kind(
                protocol, state, bool(bits & ASSURED), bool(bits & SEEN_REPLY), offloaded
            )
            if bits & DST_NAT:
                self._translating.add(known)
            if bits & (SRC_NAT | DST_NAT):
                self.rewriting.add(known)
        return known

    def add_bodies(self, bodies: Sequence[bytes]) -> None:
        """Count the entries in bodies as `Stream.bodies` gives them."""
        groups = self._groups
        for body in bodies:
            try:
                # The protocol for IPv4, for IPv6 the first byte of its destination.
                group = groups[len(body), body[36]]
            except KeyError:
                groups[len(body), body[36]] = [body]
            except IndexError:
                self.malformed += 1
            else:
                group.append(body)
                if len(group) == _BATCH:
                    self._waiting -= _BATCH
                    self._count(len(body), body[36], group)
                    group.clear()
        self._waiting += len(bodies)
        if self._waiting > _MOST_WAITING:
            self.flush()

    def flush(self) -> None:
        """Count what still waits for its batch to fill."""
        for (length, byte), group in self._groups.items():
            self._count(length, byte, group)
        self._groups.clear()
        self._waiting = 0

    def finish(self) -> None:
        """Count what is left over: to be called once, after the last entry."""
        self.flush()
        self.ages.finish()
        for endpoints in self.endpoints.values():
            endpoints.finish()

    def add(self, entry: Entry) -> None:
        """Count one entry that was decoded already, of whatever origin."""
        there, back, status = entry.original, entry.reply, entry.status
        prefix = self.prefix(there.protocol, entry.state, status)
        self.total += 1
        self.entries[prefix] += 1
        if entry.timeout is not None:
            self.ages.update((prefix + entry.timeout.to_bytes(4, "big"),))
        pair = there.source + there.destination + _service(there.destination_port, there.icmp)
        if status & DST_NAT:
            pair += back.source + _service(back.source_port, back.icmp)
        self.endpoints[len(there.source)].pairs.update((prefix + pair,))
        if entry.mark:
            self.marks.update((prefix + entry.mark.to_bytes(4, "big"),))
        zones = [zone for zone in (there.zone, back.zone, entry.zone) if zone is not None]
        if zones:
            self.zones.update((prefix + b"".join(zone.to_bytes(2, "big") for zone in zones),))

    def _count(self, length: int, byte: int, bodies: list[bytes]) -> None:
        layouts = self._layouts.setdefault((length, byte), [])
        if len(self._layouts) > _GROUPS:
            self._layouts.clear()
        for layout, kinds in layouts:
            bodies = self._count_alike(layout, kinds, bodies)
            if not bodies:
                return
        while bodies and len(layouts) < _LAYOUTS:
            try:
                layout = Layout(bodies[0][:-TRAIL])
            except MalformedError:
                break
            kinds = _Kinds(layout, self)
            layouts.append((layout, kinds))
            bodies = self._count_alike(layout, kinds, bodies)
        for body in bodies:
            try:
                self.add(decode(body[:-TRAIL]))
            except MalformedError:
                self.malformed += 1

    def _count_alike(self, layout: Layout, kinds: _Kinds, bodies: list[bytes]) -> list[bytes]:
        """Count the bodies that have this layout, and give back the others."""
        prefixes = list(map(kinds.__getitem__, layout.masked(bodies)))
        entries = Counter(prefixes)
        others = []
        if _UNPROVED in entries:
            others = [body for body, prefix in zip(bodies, prefixes) if prefix == _UNPROVED]
            bodies = [body for body, prefix in zip(bodies, prefixes) if prefix != _UNPROVED]
            prefixes = [prefix for prefix in prefixes if prefix != _UNPROVED]
            del entries[_UNPROVED]
        self.entries.update(entries)
        self.total += len(bodies)
        self._count_pairs(layout, prefixes, bodies, entries)
        if layout.timeout is not None:
            self.ages.update(map(add, prefixes, layout.timeout(bodies)))
        if layout.mark is not None and set(layout.mark(bodies)) != _NO_MARK:
            self.marks.update(map(add, prefixes, layout.mark(bodies)))
        if layout.zone is not None:
            self.zones.update(map(add, prefixes, layout.zone(bodies)))
        return others

    def _count_pairs(
        self, layout: Layout, prefixes: list[bytes], bodies: list[bytes], entries: Counter[bytes]
    ) -> None:
        """Count who talks to what; where NAT rewrote the destination, with who really answers."""
        pairs = self.endpoints[layout.address_size].pairs
        rewritten = self._translating
        if not rewritten.isdisjoint(entries):
            both = list(zip(prefixes, bodies))
            behind = [each for each in both if each[0] in rewritten]
            pairs.update(
                map(add, [prefix for prefix, _ in behind], layout.translated(b for _, b in behind))
            )
            both = [each for each in both if each[0] not in rewritten]
            prefixes, bodies = [prefix for prefix, _ in both], [body for _, body in both]
        pairs.update(map(add, prefixes, layout.pair(bodies)))


def _service(port: int | None, icmp: tuple[int, int, int] | None) -> bytes:
    """What stands for the service behind an address, as `Layout.service` has it."""
    if port is not None:
        return port.to_bytes(2, "big")
    return bytes([icmp[0]]) if icmp else b""
