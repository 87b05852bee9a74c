"""By the thousand as one by one: whatever the layouts, the filter, and the damage."""

from __future__ import annotations

import random
from dataclasses import replace as changed

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2rl.conntrack.report.entry_text import entry_line
from ec2rl.conntrack.table.batches import Sieve
from ec2rl.conntrack.table.entry import Entry
from ec2rl.conntrack.table.filters import Filter, parse_net
from ec2rl.conntrack.table.netlink import decode
from ec2rl.conntrack.table.stream import TRAIL
from ec2rl.conntrack.table.timeouts import DEFAULTS
from ec2rl.netlink import MalformedError
from support.examples import examples
from support.fill import ASSURED, BOTH_WAYS, DNAT, ESTABLISHED, SNAT, Row, mixture
from support.tables import body

FOUR = st.sampled_from(["198.18.0.1", "198.18.0.2", "192.0.2.1"])
SIX = st.sampled_from(["2001:db8::1", "600::1"])
PORTS = st.sampled_from([1, 53, 443, 65535])


def rows_of(addresses: st.SearchStrategy[str]) -> st.SearchStrategy[Row]:
    return st.builds(
        Row,
        addresses,
        addresses,
        PORTS,
        PORTS,
        st.sampled_from([1, 6, 17, 58, 132]),
        st.integers(0, 12),
        st.sampled_from([0, 2, ASSURED, BOTH_WAYS, BOTH_WAYS | DNAT | SNAT, 1 << 14, 1 << 15]),
        st.sampled_from([1, 100, 300, 500000]),
        st.sampled_from([0, 7]),
        st.sampled_from([0, 9]),
        st.none() | st.tuples(addresses, PORTS),
    )


ROWS = st.lists(rows_of(FOUR) | rows_of(SIX), max_size=25)
FILTERS = st.sampled_from(
    [
        Filter(),
        Filter(source=parse_net("198.18.0.0/16")),
        Filter(source=parse_net("2001:db8::/32"), port=443),
        Filter(destination=parse_net("192.0.2.1")),
        Filter(port=53, protocol=17),
        Filter(protocol=6, states=("ESTABLISHED", "TIME_WAIT")),
        Filter(unreplied=True),
        Filter(idle_over=60.0),
        Filter(idle_over=0.0, states=("ESTABLISHED",)),
        Filter(mark=7),
        Filter(mark=0, unreplied=True),
        Filter(zone=9),
        Filter(zone=0),
    ]
)


def quick(bodies: list[bytes], wanted: Filter) -> tuple[list[str], int, list[str]]:
    sieve = Sieve(wanted, DEFAULTS)
    lines: list[str] = []
    decoded: list[Entry] = []
    seen = 0
    for found in sieve.sift([[each + bytes(TRAIL) for each in bodies]]):
        for batch in found.batches:
            lines += batch.lines()
            decoded += map(batch.entry, range(len(batch.bodies)))
        lines += map(entry_line, found.entries)
        decoded += found.entries
        seen += found.seen
    assert seen == len(bodies)
    return sorted(lines), sieve.malformed, sorted(map(repr, decoded))


def each_by_itself(bodies: list[bytes], wanted: Filter) -> tuple[list[str], int, list[str]]:
    entries, malformed = [], 0
    for one in bodies:
        try:
            entries.append(decode(one))
        except MalformedError:
            malformed += 1
    meant = [entry for entry in entries if wanted.admits(entry, DEFAULTS)]
    return sorted(map(entry_line, meant)), malformed, sorted(map(repr, meant))


@examples(60)
@given(ROWS, FILTERS)
def test_any_mix_of_entries_is_listed_the_same_way(rows: list[Row], wanted: Filter) -> None:
    bodies = [body(row) for row in rows]
    assert quick(bodies, wanted) == each_by_itself(bodies, wanted)


@examples(60)
@given(ROWS, FILTERS, st.randoms(use_true_random=False))
def test_damaged_entries_are_listed_the_same_way(
    rows: list[Row], wanted: Filter, chance: random.Random
) -> None:
    bodies = [bytearray(body(row)) for row in rows]
    for each in bodies:
        if chance.random() < 0.5:
            each[chance.randrange(len(each))] ^= 1 << chance.randrange(8)
        if chance.random() < 0.1:
            del each[chance.randrange(len(each)) :]
    damaged = [bytes(each) for each in bodies]
    assert quick(damaged, wanted) == each_by_itself(damaged, wanted)


@pytest.mark.parametrize("number", [0, 1, 5_000])
@pytest.mark.more
def test_a_usual_mixture_is_listed_the_same_way(number: int) -> None:
    bodies = [body(row) for row in mixture(number, lasting=300)]
    for wanted in (Filter(), Filter(unreplied=True), Filter(idle_over=30.0)):
        assert quick(bodies, wanted) == each_by_itself(bodies, wanted)


def test_most_entries_are_not_decoded() -> None:
    row = Row("198.18.0.1", "198.18.0.2", 1, 443, 6, ESTABLISHED, BOTH_WAYS, 300)
    bodies = [body(changed(row, source_port=port)) + bytes(TRAIL) for port in range(1, 100)]
    (found,) = Sieve(Filter(), DEFAULTS).sift([bodies])
    assert (len(found.entries), len(found.batches[0].bodies)) == (0, 99)
