"""Datagrams of a dump: whole, cut, repeated, interrupted, refused."""

from __future__ import annotations

import struct

import pytest

from ec2rl.conntrack.table.netlink import decode
from ec2rl.conntrack.table.stream import TRAIL, Stream
from support.fill import Row
from support.tables import COOKIE, DONE, body, datagrams, wrapped

ROWS = [Row("198.18.0.1", "192.0.2.1", port, 443) for port in range(1000, 1200)]
NOT_DONE = "the dump ended before the kernel said that it was complete"


def read(stream: Stream, *parts: bytes) -> list[bytes]:
    return [body[:-TRAIL] for part in parts for body in stream.bodies(part)]


@pytest.mark.parametrize("each", [1, 7, 100, 1000])
def test_a_dump_is_read_to_its_end(each: int) -> None:
    stream = Stream(COOKIE)
    assert read(stream, *datagrams(ROWS, each)) == [body(row) for row in ROWS]
    assert (stream.done, stream.gaps()) == (True, ())


def test_the_end_may_stand_behind_entries() -> None:
    stream = Stream(COOKIE)
    assert read(stream, wrapped(body(ROWS[0])) + DONE) == [body(ROWS[0])]
    assert stream.gaps() == ()


def test_a_dump_without_its_end_is_not_whole() -> None:
    stream = Stream(COOKIE)
    read(stream, *list(datagrams(ROWS))[:-1])
    assert stream.gaps() == (NOT_DONE,)


def test_a_datagram_cut_at_any_byte_loses_only_what_is_cut() -> None:
    datagram = b"".join(wrapped(body(row)) for row in ROWS[:3])
    size = len(datagram) // 3
    for cut in range(len(datagram)):
        stream = Stream(COOKIE)
        assert read(stream, datagram[:cut]) == [body(row) for row in ROWS[: cut // size]]
        assert stream.gaps()[0] == NOT_DONE
        assert stream.malformed == (0 if cut % size == 0 and cut else 1)


def test_a_bucket_that_is_sent_again_is_counted_once() -> None:
    first = b"".join(wrapped(body(row)) for row in ROWS[:100])
    # The kernel starts the bucket again; a counter or the seconds left may have changed.
    younger = Row("198.18.0.1", "192.0.2.1", 1099, 443, timeout=77)
    second = b"".join(wrapped(body(row)) for row in [younger, *ROWS[100:]])
    stream = Stream(COOKIE)
    entries = list(stream.entries([first, second, DONE]))
    assert [entry.original.source_port for entry in entries] == list(range(1000, 1200))
    assert (stream.repeated, stream.gaps()) == (1, ())


def test_the_same_tuple_in_another_zone_is_another_entry() -> None:
    other = Row("198.18.0.1", "192.0.2.1", 1000, 443, zone=5)
    stream = Stream(COOKIE)
    found = list(stream.entries([wrapped(body(ROWS[0])), wrapped(body(other)), DONE]))
    assert [entry.zone for entry in found] == [None, 5]


def test_an_interrupted_dump_says_so() -> None:
    stream = Stream(COOKIE)
    read(stream, wrapped(body(ROWS[0]), flags=0x12), DONE)
    assert stream.gaps() == (
        "the table was rebuilt during the dump: entries may be missing or repeated",
    )


def test_the_kernels_refusal_is_told() -> None:
    stream = Stream(COOKIE)
    error = struct.pack("=IHH8si", 36, 2, 0, COOKIE, -16) + bytes(16)
    assert read(stream, error) == []
    assert stream.gaps() == ("the kernel ended the dump with: Device or resource busy",)


def test_messages_of_somebody_else_are_not_entries() -> None:
    stream = Stream(b"othercki")
    assert read(stream, wrapped(body(ROWS[0]))) == []
    assert stream.malformed == 1


def test_an_entry_that_is_none_is_counted() -> None:
    stream = Stream(COOKIE)
    found = list(stream.entries([wrapped(b"\x02\0\0\0") + wrapped(body(ROWS[0])), DONE]))
    assert found == [decode(body(ROWS[0]))]
    assert stream.gaps() == ("1 message could not be decoded",)
