"""The fast count is the slow count: whatever the layouts, and however they are mixed."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2rl.conntrack.table.census import Census, census
from ec2rl.conntrack.table.entry import OFFLOAD, Entry
from ec2rl.conntrack.table.heavy_hitters import HeavyHitters
from ec2rl.conntrack.table.netlink import decode
from ec2rl.conntrack.table.stream import TRAIL
from ec2rl.conntrack.table.tally import Tally
from ec2rl.conntrack.table.timeouts import DEFAULTS
from ec2rl.netlink import MalformedError
from support.examples import examples
from support.fill import ASSURED, BOTH_WAYS, DNAT, ESTABLISHED, SNAT, Row, mixture
from support.tables import body

ADDRESSES = st.sampled_from(["198.18.0.1", "198.18.0.2", "198.18.255.7", "192.0.2.1"])
ADDRESSES_V6 = st.sampled_from(["2001:db8::1", "2001:db8::2", "600::1"])
PORTS = st.sampled_from([1, 53, 443, 65535])
STATUS = st.sampled_from([0, 2, ASSURED, BOTH_WAYS, BOTH_WAYS | DNAT, BOTH_WAYS | SNAT | OFFLOAD])


def rows_of(addresses: st.SearchStrategy[str]) -> st.SearchStrategy[Row]:
    return st.builds(
        Row,
        addresses,
        addresses,
        PORTS,
        PORTS,
        st.sampled_from([6, 17, 132]),
        st.integers(0, 9),
        STATUS,
        st.sampled_from([1, 100, 500000]),
        st.sampled_from([0, 7]),
        st.sampled_from([0, 9]),
        st.none() | st.tuples(addresses, PORTS),
    )


ROWS = st.lists(rows_of(ADDRESSES) | rows_of(ADDRESSES_V6), max_size=25)


def fast(bodies: list[bytes]) -> Census:
    tally = Tally()
    tally.add_bodies([each + bytes(TRAIL) for each in bodies])
    return census(tally, DEFAULTS, "")


def slow(bodies: list[bytes]) -> Census:
    tally = Tally()
    for each in bodies:
        try:
            tally.add(decode(each))
        except MalformedError:
            tally.malformed += 1
    return census(tally, DEFAULTS, "")


@examples(150)
@given(ROWS)
def test_any_mix_of_entries_is_counted_the_same_way(rows: list[Row]) -> None:
    bodies = [body(row) for row in rows]
    assert fast(bodies) == slow(bodies)


@examples(150)
@given(ROWS, st.randoms(use_true_random=False))
@pytest.mark.more
def test_damaged_entries_are_counted_the_same_way(rows: list[Row], chance: random.Random) -> None:
    bodies = [bytearray(body(row)) for row in rows]
    for each in bodies:
        if chance.random() < 0.5:
            each[chance.randrange(len(each))] ^= 1 << chance.randrange(8)
        if chance.random() < 0.1:
            del each[chance.randrange(len(each)) :]
    damaged = [bytes(each) for each in bodies]
    assert fast(damaged) == slow(damaged)


@pytest.mark.more
def test_a_great_many_entries_are_counted_the_same_way() -> None:
    bodies = [body(row) for row in mixture(6000)]
    assert fast(bodies) == slow(bodies)


def test_an_entry_with_the_types_of_both_icmps_is_counted_the_same_way() -> None:
    usual = body(Row("192.0.2.1", "192.0.2.2", 7, 0, 1))
    code = b"\x05\0\x06\0\0\0\0\0"  # CTA_PROTO_ICMP_CODE, which makes room for ..._ICMPV6_TYPE
    both = usual.replace(code, b"\x05\0\x08\0\x09\0\0\0", 1)
    assert both != usual
    assert fast([usual, both]) == slow([usual, both])


def test_an_everyday_mix() -> None:
    seen = fast([body(row) for row in mixture(2000)])
    states = {(cell.kind.protocol, cell.kind.state): 0 for cell in seen.cells}
    for cell in seen.cells:
        states[cell.kind.protocol, cell.kind.state] += cell.count
    assert states == {
        (6, "SYN_SENT"): 500,
        (6, "ESTABLISHED"): 500,
        (6, "TIME_WAIT"): 400,
        (6, "CLOSE_WAIT"): 100,
        (6, "FIN_WAIT"): 100,
        (17, ""): 300,
        (1, ""): 100,
    }
    assert seen.total == 2000


@pytest.mark.slow
def test_a_million_sources_are_counted_within_the_bound() -> None:
    tally = Tally()
    batch: list[bytes] = []
    parts = body(Row("9.9.9.9", "192.0.2.1", 40000, 443, 6, ESTABLISHED, BOTH_WAYS)).split(
        b"\x09\x09\x09\x09"
    )
    for i in range(1_000_000):
        source = b"\x0a\0\0\x01" if i % 50 == 0 else (0xC0000000 + i).to_bytes(4, "big")
        batch.append(source.join(parts) + bytes(TRAIL))
        if len(batch) == 5000:
            tally.add_bodies(batch)
            batch = []
    seen = census(tally, DEFAULTS, "")
    top = seen.sources.rows[0]
    assert (seen.total, str(top.key), seen.sources.distinct) == (1_000_000, "10.0.0.1", None)
    assert 0 < seen.sources.error <= 100
    assert 20_000 - seen.sources.error <= top.count <= 20_000
    (service,) = seen.services.rows
    assert (str(service.key), service.count) == ("192.0.2.1:443/tcp", 1_000_000)


@pytest.mark.more
def test_a_count_is_too_low_by_the_error_at_most() -> None:
    hitters = HeavyHitters()
    chance = random.Random(7)
    truth: dict[bytes, int] = {}
    for _ in range(100):
        keys = [
            b"%d" % (chance.randrange(9) if chance.random() < 0.2 else chance.randrange(10**7))
            for _ in range(2000)
        ]
        for key in keys:
            truth[key] = truth.get(key, 0) + 1
        hitters.update(keys)
    assert 0 < hitters.error <= 200_000 // 10_000
    for key, count in truth.items():
        assert count - hitters.error <= hitters.counts[key] <= count
    assert len(hitters.counts) <= 21_500


def test_entry_without_a_timeout_is_of_no_age() -> None:
    tally = Tally()
    entry = decode(body(Row("192.0.2.1", "192.0.2.2", 1, 2)))
    tally.add(Entry(entry.original, entry.reply, OFFLOAD | ASSURED, None))
    (cell,) = census(tally, DEFAULTS, "").cells
    assert (cell.count, cell.idle, cell.beyond, cell.kind.offloaded) == (1, (), 0, True)
