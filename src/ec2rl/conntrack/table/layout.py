"""Where the parts of an entry stand in its bytes, proved for each entry by one masked compare.

The kernel writes all entries of one protocol that have the same attributes alike: the places are
found once, by walking the attributes of the first such entry.  An entry is then read as one large
integer; what is left of it under a mask of all attribute headers, the status, the protocol and
the state must be what it was for the first, and names the entry's kind besides.
"""

from __future__ import annotations

from itertools import repeat
from operator import itemgetter

from ec2rl.conntrack.table.entry import DCCP, SCTP, TCP
from ec2rl.conntrack.table.netlink import decode
from ec2rl.netlink import KIND, NESTED, NFGEN, MalformedError, spans

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Literal

    Offset = slice
    Path = tuple[int, ...]
    Values = Callable[[Iterable[bytes]], Iterator[bytes]]

_ORIG, _REPLY, _STATUS, _TIMEOUT, _MARK = (1,), (2,), (3,), (7,), (8,)
_ZONES = ((1, 3), (2, 3), (18,))  # of one direction, of the other, of both
_PROTOCOL = (1, 2, 1)
_STATES = {TCP: (4, 1, 1), DCCP: (4, 2, 1), SCTP: (4, 3, 1)}  # CTA_PROTOINFO_...
_SOURCES, _DESTINATIONS = ((1, 1), (1, 3)), ((1, 2), (1, 4))
_PORTS = ((2, 2), (2, 3))  # CTA_PROTO_SRC_PORT, CTA_PROTO_DST_PORT
_ICMP_TYPES = ((2, 5), (2, 8))
_NESTS = {(1,), (1, 1), (1, 2), (2,), (2, 1), (2, 2), (4,), (4, 1), (4, 2), (4, 3)}
_NESTS |= {(5,), (9,), (10,), (20,)}
"""What `decode` reads as nested, with NLA_F_NESTED or without."""
_DEEPEST = 3
_LITTLE: Literal["little"] = "little"


class Layout:
    """The places in all entries that look like `body`, which must decode; else MalformedError."""

    def __init__(self, body: bytes) -> None:
        decode(body)  # says MalformedError of lengths that the walk below takes for granted
        mask = bytearray(len(body))
        mask[0] = 0xFF  # the family
        self.places: dict[Path, Offset] = {}
        """Where the payload of each attribute stands, by the numbers that lead to it."""
        places = self.places
        _walk(body, NFGEN, len(body), (), places, mask)
        if _PROTOCOL not in places:
            raise MalformedError("a nest without its flag")
        mask[places[_PROTOCOL]] = b"\xff"
        self._headers = int.from_bytes(mask, "little")
        self.protocol = body[places[_PROTOCOL].start]
        self.status = places.get(_STATUS)
        self.state = places.get(_STATES.get(self.protocol, ()))
        for place in (self.status, self.state):
            if place is not None:
                mask[place] = b"\xff" * (place.stop - place.start)
        self._mask = int.from_bytes(mask, "little")
        self._shape = int.from_bytes(body, "little") & self._headers
        self._size = len(body)
        source, destination = (_first(places, _ORIG, of) for of in (_SOURCES, _DESTINATIONS))
        service = _first(places, _ORIG, (_PORTS[1], *_ICMP_TYPES))
        answering = _first(places, _REPLY, _SOURCES)
        answering_service = _first(places, _REPLY, (_PORTS[0], *_ICMP_TYPES))
        if source is None or destination is None or answering is None:
            raise MalformedError("an address is missing")
        self.address_size = source.stop - source.start
        self.pair = _values(source, destination, service)
        self.translated = _values(source, destination, service, answering, answering_service)
        self.timeout = _values(places[_TIMEOUT]) if _TIMEOUT in places else None
        self.mark = _values(places[_MARK]) if _MARK in places else None
        zones = [places[path] for path in _ZONES if path in places]
        self.zone = _values(*zones) if zones else None

    def masked(self, bodies: Iterable[bytes]) -> Iterator[int]:
        """Yield of each body what is left under the mask, to be looked up and proved by `fits`."""
        return map(self._mask.__and__, map(int.from_bytes, bodies, repeat(_LITTLE)))

    def fits(self, masked: int) -> bool:
        """Tell whether an entry that gave `masked` has this very layout."""
        return masked & self._headers == self._shape

    def unmasked(self, masked: int) -> bytes:
        """Give the bytes behind a masked entry, where its `status` and `state` stand."""
        return masked.to_bytes(self._size, "little")


def _walk(
    body: bytes, at: int, end: int, path: Path, places: dict[Path, Offset], mask: bytearray
) -> None:
    for kind, start, stop in spans(body, at, end):
        mask[start - 4 : start] = b"\xff\xff\xff\xff"
        here = (*path, kind & KIND)
        if here in places:
            raise MalformedError(f"attribute {here} comes twice")
        places[here] = slice(start, stop)
        if here in _NESTS or (kind & NESTED and len(here) < _DEEPEST):
            _walk(body, start, stop, here, places, mask)


def _first(places: dict[Path, Offset], root: Path, paths: Sequence[Path]) -> Offset | None:
    return next((places[root + path] for path in paths if root + path in places), None)


def _values(*wanted: Offset | None) -> Values:
    """A function from bodies to the bytes at some places, joined."""
    places = [place for place in wanted if place is not None]
    get = itemgetter(*places)
    if len(places) == 1:
        return lambda bodies: map(get, bodies)
    join = b"".join
    return lambda bodies: map(join, map(get, bodies))
