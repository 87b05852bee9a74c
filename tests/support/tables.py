"""Tables for tests, without a kernel: rows of `fill` as the datagrams of a dump."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping

from ec2rl.conntrack.table.census import Census, census
from ec2rl.conntrack.table.stream import Stream
from ec2rl.conntrack.table.tally import Tally
from ec2rl.conntrack.table.timeouts import DEFAULTS
from support.fill import Row, message

COOKIE = b"\x11\x22\x33\x44\x55\x66\x77\x88"
DONE = struct.pack("=IHH8si", 20, 3, 2, COOKIE, 0)


def body(row: Row) -> bytes:
    """What stands behind the netlink header of this row's entry."""
    return message(row)[16:]


def wrapped(body: bytes, flags: int = 2) -> bytes:
    """A body with its header, as one message of a dump."""
    return struct.pack("=IHH8s", 16 + len(body), 0x100, flags, COOKIE) + body


def datagrams(rows: Iterable[Row], each: int = 100) -> Iterator[bytes]:
    """A whole dump, `each` entries a datagram; the kernel's word that it is over comes alone."""
    waiting: list[bytes] = []
    for row in rows:
        waiting.append(wrapped(body(row)))
        if len(waiting) == each:
            yield b"".join(waiting)
            waiting.clear()
    if waiting:
        yield b"".join(waiting)
    yield DONE


def counted(rows: Iterable[Row], settings: Mapping[str, int] = DEFAULTS) -> Census:
    """The census of a table that consists of these rows."""
    tally, stream = Tally(settings), Stream(COOKIE)
    for datagram in datagrams(rows):
        tally.add_bodies(stream.bodies(datagram))
    return census(tally, settings, "rows", gaps=stream.gaps())
