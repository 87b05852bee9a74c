"""Datagrams of one ctnetlink dump in, bodies of entries out, and what went wrong on the way.

Every message of a dump carries the same sequence number and port id, the cookie: to split a
datagram there costs a tenth of walking its lengths, and message headers stand between the bodies.
"""

from __future__ import annotations

import sys

from ec2rl.conntrack.table.entry import Entry
from ec2rl.conntrack.table.netlink import decode
from ec2rl.netlink import DONE, DUMP_INTR, ERROR, HEADER, MalformedError
from ec2rl.quantities import plural

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TRAIL = 8
"""Bytes behind each body: those of the next header that stand in front of its cookie."""
_NEAR = 32
"""Entries on each side of a border between datagrams that are searched for repetitions."""
_TUPLE = slice(4, 88)
"""Where the original tuple stands, whatever the family and protocol."""


class Stream:
    """Takes the datagrams of one dump in their order; its attributes are the account of them.

    `done` is set by the kernel's own word that the dump is over; `interrupted` when the kernel
    says that the table was rebuilt meanwhile; `error` is the errno that it refused with;
    `repeated` and `malformed` count entries left out.
    """

    def __init__(self, cookie: bytes) -> None:
        self.cookie = cookie
        self.done = False
        self.interrupted = False
        self.error = 0
        self.repeated = 0
        self.malformed = 0
        self._tail: dict[bytes, bytes] = {}

    def bodies(self, datagram: bytes) -> list[bytes]:
        """Give the bodies of a datagram's entries; `TRAIL` bytes follow each of them."""
        pieces = (datagram + bytes(TRAIL)).split(self.cookie)
        lead = pieces[0]
        if len(pieces) < 2 or len(lead) != TRAIL:
            self.malformed += 1
            return []
        if _number(lead[6:8]) & DUMP_INTR:
            self.interrupted = True
        last_lead = pieces[-2][-TRAIL:]
        del pieces[0]
        kind = _number(last_lead[4:6])
        if kind in (DONE, ERROR):
            self._finish(kind, _number(last_lead[6:8]), pieces.pop())
        else:
            size = _number(last_lead[:4]) - HEADER + TRAIL
            if len(pieces[-1]) != size:
                self.malformed += 1  # cut off: in this entry, or in the header behind it
                last = pieces.pop()
                if TRAIL < size < len(last):
                    pieces.append(last[:size])
        return self._new(pieces)

    def _finish(self, kind: int, flags: int, body: bytes) -> None:
        self.done = kind == DONE
        if flags & DUMP_INTR:
            self.interrupted = True
        code = int.from_bytes(body[:4], sys.byteorder, signed=True)
        if code < 0:
            self.error = -code

    def _new(self, bodies: list[bytes]) -> list[bytes]:
        """Leave out what the datagram before had already.

        A dump that finds its place gone starts that bucket of the hash again
        (ctnetlink_dump_table), so a repetition stands next to a border.
        """
        head = [body[_TUPLE] for body in bodies[:_NEAR]]
        again = self._tail.keys() & set(head)
        if again:
            for place in range(len(head) - 1, -1, -1):
                if head[place] in again and _same(self._tail[head[place]], bodies[place]):
                    del bodies[place]
                    self.repeated += 1
        if bodies:
            self._tail = {body[_TUPLE]: body for body in bodies[-_NEAR:]}
        return bodies

    def entries(self, datagrams: Iterable[bytes]) -> Iterator[Entry]:
        """Decode everything, an entry at a time: for filters, where a census is not enough."""
        for datagram in datagrams:
            for body in self.bodies(datagram):
                try:
                    entry = decode(body[:-TRAIL])
                except MalformedError:
                    self.malformed += 1
                else:
                    yield entry

    def gaps(self) -> tuple[str, ...]:
        """Tell what stands between this stream and the whole table, in words; () for nothing."""
        said = []
        if self.error:
            import os

            said.append(f"the kernel ended the dump with: {os.strerror(self.error)}")
        elif not self.done:
            said.append("the dump ended before the kernel said that it was complete")
        if self.interrupted:
            said.append("the table was rebuilt during the dump: entries may be missing or repeated")
        if self.malformed:
            said.append(f"{plural(self.malformed, 'message')} could not be decoded")
        return tuple(said)


def _number(data: bytes) -> int:
    return int.from_bytes(data, sys.byteorder)


def _same(one: bytes, other: bytes) -> bool:
    try:
        first, second = decode(one[:-TRAIL]), decode(other[:-TRAIL])
    except MalformedError:
        return False
    return (first.original, first.zone, first.id) == (second.original, second.zone, second.id)
