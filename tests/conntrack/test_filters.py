"""Filters, lines of text, and deletions: what is meant is what is hit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2rl.conntrack.delete import MOST, DeletionBatch, deletion
from ec2rl.conntrack.report.entry_text import entry_line, entry_short
from ec2rl.conntrack.table.capture import parse_line
from ec2rl.conntrack.table.entry import ASSURED, ICMP, ICMPV6, SEEN_REPLY, STATES, Entry, Flow
from ec2rl.conntrack.table.filters import Filter, Net, alive, idle_time, kind_of, parse_net
from ec2rl.conntrack.table.netlink import decode
from ec2rl.conntrack.table.timeouts import DEFAULTS
from ec2rl.netlink import attributes
from ec2rl.record import replace

A, B = bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))
SIX = bytes.fromhex("20010db8000000000000000000000001")
FLOW = Flow(A, B, 6, 1024, 443)
ENTRY = Entry(FLOW, Flow(B, A, 6, 443, 1024), ASSURED | SEEN_REPLY, 431000, "ESTABLISHED", id=7)

short = st.integers(0, 0xFFFF)
byte = st.integers(0, 255)


@st.composite
def flows(draw: st.DrawFn, protocol: int, size: int) -> Flow:
    source, destination = (draw(st.binary(min_size=size, max_size=size)) for _ in "ab")
    zone = draw(st.none() | st.integers(1, 0xFFFF))
    if protocol in (ICMP, ICMPV6):
        return Flow(
            source, destination, protocol, icmp=draw(st.tuples(byte, byte, short)), zone=zone
        )
    if protocol == 2:
        return Flow(source, destination, protocol, zone=zone)
    return Flow(source, destination, protocol, draw(short), draw(short), zone=zone)


@st.composite
def some_entries(draw: st.DrawFn) -> Entry:
    protocol = draw(st.sampled_from((6, 17, 1, 58, 2, 47, 132, 33)))
    size = draw(st.sampled_from((4, 16)))
    states = STATES.get(protocol, [])
    return Entry(
        draw(flows(protocol, size)),
        draw(flows(protocol, size)),
        draw(st.sampled_from((0, SEEN_REPLY, SEEN_REPLY | ASSURED))),
        draw(st.integers(0, 0xFFFFFFFF)),
        draw(st.sampled_from(states)) if states else "",
        draw(st.integers(0, 0xFFFFFFFF)),
        draw(st.none() | st.integers(1, 0xFFFF)),
        draw(st.integers(0, 0xFFFFFFFF)),
        draw(st.none() | st.integers(0, 99)),
        helper=draw(st.sampled_from(("", "ftp"))),
    )


@given(some_entries())
@pytest.mark.more
def test_a_line_is_read_as_the_entry_it_was_written_from(entry: Entry) -> None:
    again = parse_line(entry_line(entry).encode())
    nat = again.status & ~(SEEN_REPLY | ASSURED)  # text tells it by the addresses
    assert replace(again, status=again.status & ~nat) == entry


@given(some_entries())
def test_a_deletion_names_one_entry_by_everything_that_it_is(entry: Entry) -> None:
    """Never without a tuple: that is a flush. The kernel's own way to write it is read back."""
    message = deletion(entry, 3)
    assert int.from_bytes(message[:4], "little") == len(message)
    found = attributes(message[20:])
    assert found.keys() - {18} == {1, 12}
    # Its tuple in both directions makes an entry that decodes.
    tuple_, head = message[20 : 20 + 4 + len(found[1])], message[16:20]
    reply = b"%c%c\x02\x80" % (tuple_[0], tuple_[1]) + tuple_[4:]
    decoded = decode(head + tuple_ + reply + message[20 + len(tuple_) :])
    assert (decoded.original, decoded.id, decoded.zone) == (entry.original, entry.id, entry.zone)


def test_an_entry_without_an_id_is_never_taken() -> None:
    doomed = DeletionBatch()
    assert not doomed.add(replace(ENTRY, id=None))
    assert doomed.add(ENTRY)
    assert [len(batch) for batch in doomed.batches()] == [len(deletion(ENTRY, 0))]


def test_one_run_takes_a_bounded_number() -> None:
    doomed = DeletionBatch()
    doomed.count = MOST
    assert not doomed.add(ENTRY)


def test_networks() -> None:
    assert parse_net("10.0.0.0/8").holds(A)
    assert not parse_net("10.0.0.2").holds(A)
    assert parse_net("0.0.0.0/0").holds(A)
    assert not parse_net("0.0.0.0/0").holds(SIX)
    assert parse_net("2001:db8::/33").holds(SIX)
    assert parse_net("10.0.0.129/25") == Net(bytes((10, 0, 0, 129)), 25)
    assert not parse_net("10.0.0.129/25").holds(A)


def test_the_family_is_left_to_the_kernel_where_an_address_tells_it() -> None:
    assert [Filter(source=Net(A, 8)).family, Filter(destination=Net(SIX, 8)).family] == [2, 10]
    assert Filter(protocol=6).family == 0
    assert not Filter().any
    assert Filter(zone=0).any


def test_idle_times() -> None:
    assert idle_time(ENTRY, DEFAULTS) == 1000
    # Not acknowledged for 100 s of 300, far likelier than idle for five days but 200 s.
    assert idle_time(replace(ENTRY, timeout=200), DEFAULTS) == 100
    assert idle_time(replace(ENTRY, timeout=500_000), DEFAULTS) is None
    assert idle_time(replace(ENTRY, timeout=None), DEFAULTS) is None
    wanted = Filter(idle_over=900)
    assert wanted.admits(ENTRY, DEFAULTS)
    assert not wanted.admits(replace(ENTRY, timeout=500_000), DEFAULTS)


def test_zones_of_one_direction_count_as_well() -> None:
    only_back = replace(ENTRY, reply=replace(ENTRY.reply, zone=9))
    assert Filter(zone=9).admits(only_back, DEFAULTS)
    assert not Filter(zone=0).admits(only_back, DEFAULTS)
    assert Filter(zone=0).admits(ENTRY, DEFAULTS)


def test_what_lives() -> None:
    assert alive(kind_of(ENTRY))
    assert not alive(kind_of(replace(ENTRY, state="TIME_WAIT")))
    assert not alive(kind_of(replace(ENTRY, status=0)))
    assert entry_short(ENTRY, None) == (
        "10.0.0.1:1024 -> 10.0.0.2:443/tcp ESTABLISHED, of unknown idle time"
    )
