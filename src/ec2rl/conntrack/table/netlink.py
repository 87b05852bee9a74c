"""ctnetlink entries: attributes in, `Entry` out; every length is checked, nothing else trusted.

Numbers are those of linux/netfilter/nfnetlink_conntrack.h.  Attributes that this program does
not know are passed over; one that it knows and that has the wrong length makes the entry
`MalformedError`, for a guess would be counted as if it were the truth.
"""

from __future__ import annotations

from ec2rl.conntrack.table.entry import DCCP, SCTP, TCP, Entry, Flow, state_name
from ec2rl.netlink import NFGEN, MalformedError, attributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    Attributes = Mapping[int, bytes]

_PROTOINFO = {1: TCP, 2: DCCP, 3: SCTP}


def decode(body: bytes) -> Entry:
    """Decode what stands behind a netlink header: nfgenmsg and attributes.

    MalformedError if that is no entry.
    """
    found = attributes(body[NFGEN:])
    if 1 not in found or 2 not in found:
        raise MalformedError("no tuple")
    original, reply = _flow(found[1]), _flow(found[2])
    there, back = _nested(found, 9), _nested(found, 10)
    stamps = _nested(found, 20)
    protocol, state = _state(_nested(found, 4))
    return Entry(
        original,
        reply,
        status=_number(found, 3, 4) or 0,
        timeout=_number(found, 7, 4),
        state=state if protocol == original.protocol else "",
        mark=_number(found, 8, 4) or 0,
        zone=_number(found, 18, 2),
        id=_number(found, 12, 4),
        use=_number(found, 11, 4),
        packets=_pair(there, back, 1),
        octets=_pair(there, back, 2),
        start=_number(stamps, 1, 8),
        stop=_number(stamps, 2, 8),
        helper=_nested(found, 5).get(1, b"").rstrip(b"\0").decode("ascii", "backslashreplace"),
    )


def _flow(data: bytes) -> Flow:
    parts = attributes(data)
    ip, ports = _nested(parts, 1), _nested(parts, 2)
    source, destination = ip.get(1, ip.get(3, b"")), ip.get(2, ip.get(4, b""))
    if len(source) != len(destination) or len(source) != (4 if 1 in ip else 16):
        raise MalformedError("no pair of addresses")
    protocol = _number(ports, 1, 1)
    if protocol is None:
        raise MalformedError("no protocol")
    icmp = None
    for first in (7, 4):  # an entry that had both would be told by ICMP's, as in layout.py
        kind = _number(ports, first + 1, 1)
        if kind is not None:
            icmp = (kind, _number(ports, first + 2, 1) or 0, _number(ports, first, 2) or 0)
    return Flow(
        source,
        destination,
        protocol,
        _number(ports, 2, 2),
        _number(ports, 3, 2),
        icmp,
        _number(parts, 3, 2),
    )


def _state(info: Attributes) -> tuple[int, str]:
    for kind, protocol in _PROTOINFO.items():
        number = _number(_nested(info, kind), 1, 1)
        if number is not None:
            return protocol, state_name(protocol, number)
    return 0, ""


def _nested(found: Attributes, kind: int) -> Attributes:
    return attributes(found[kind]) if kind in found else {}


def _number(found: Attributes, kind: int, size: int) -> int | None:
    payload = found.get(kind)
    if payload is None:
        return None
    if len(payload) != size:
        raise MalformedError(f"attribute {kind} has {len(payload)} bytes, not {size}")
    return int.from_bytes(payload, "big")


def _pair(there: Attributes, back: Attributes, kind: int) -> tuple[int, int] | None:
    first, second = _number(there, kind, 8), _number(back, kind, 8)
    return None if first is None or second is None else (first, second)
