"""How large, how long: Little's law by hand."""

from __future__ import annotations

import pytest

from ec2rl.conntrack.table.cost import Cost, ObjectSize, cost_of, object_size
from ec2rl.conntrack.table.sizing import (
    Growth,
    Need,
    Rate,
    TimeToFull,
    growth,
    need,
    rates,
    time_to_full,
)
from ec2rl.model import Evidence, Unreadable, Why
from support.fill import BOTH_WAYS, ESTABLISHED, SYN_SENT, TIME_WAIT, Row
from support.tables import counted

GIB = 1 << 30
KERNEL = ObjectSize(256, "/proc/slabinfo")


def half_open(per_second: int, seconds: int) -> list[Row]:
    """A scan that began so many seconds ago."""
    return [
        Row("198.18.0.1", f"192.0.2.{at}", 1024 + i, 443, 6, SYN_SENT, 0, 119 - at)
        for at in range(seconds)
        for i in range(per_second)
    ]


def pool(size: int, left: int = 431999) -> list[Row]:
    return [
        Row("198.18.0.1", "192.0.2.1", 1024 + i, 443, 6, ESTABLISHED, BOTH_WAYS, left)
        for i in range(size)
    ]


def test_the_rate_of_arrival_from_ages() -> None:
    (rate,) = rates(counted(half_open(20, 100)))
    assert rate == Rate("tcp_timeout_syn_sent", 20.0, rate.low, rate.high, 600, 30)
    assert (rate.low, rate.high) == pytest.approx((18.4, 21.6), abs=0.01)


def test_a_state_that_is_filling_up_is_followed_to_its_timeout() -> None:
    # 30 s of a scan at 20 a second: at 120 s it will be 2400.
    found = need(counted(half_open(20, 30)))
    assert found.entries == pytest.approx(2400, rel=0.05)
    assert found.growing[0][0] == "tcp_timeout_syn_sent"


def test_a_state_in_balance_needs_no_more_than_it_has() -> None:
    seen = counted(half_open(20, 120))
    assert need(seen) == Need(2400, ())


def test_idle_connections_alone_say_nothing_of_growth() -> None:
    assert need(counted(pool(1000, left=400000))) == Need(1000, ())


def test_growth_of_connections_that_nobody_closes() -> None:
    # 100 more in 10 s: 10 a second for five days.
    grown = growth(counted(pool(1000)), counted(pool(1100)), 10)
    assert [(each.setting, each.per_second, each.arrived) for each in grown] == [
        ("tcp_timeout_established", 10.0, 10.0)
    ]
    assert grown[0].low == pytest.approx(8.04)
    assert grown[0].high == pytest.approx(11.96)
    found = need(counted(pool(1100)), grown)
    assert found.entries == pytest.approx(1100 + 10 * 432000, rel=0.01)


def test_what_expired_between_two_looks_has_arrived_anew() -> None:
    rows = [
        Row("198.18.0.1", "192.0.2.1", 1024 + i, 80, 6, TIME_WAIT, BOTH_WAYS, i % 120)
        for i in range(1200)
    ]
    (found,) = growth(counted(rows), counted(rows), 10)
    assert (found.per_second, found.arrived) == (0.0, 11.0)
    assert found.low < 0 < found.high
    assert need(counted(rows), (found,)).growing == ()


def test_time_runs_forward() -> None:
    with pytest.raises(ValueError):
        growth(counted([]), counted([]), 0)


def test_time_to_full_with_its_bounds() -> None:
    grown = (Growth("udp_timeout", 10.0, 8.0, 12.0, 10.0),)
    assert time_to_full(1000, 1600, grown) == TimeToFull(60.0, 50.0, 75.0)
    assert time_to_full(1600, 1600, grown) == TimeToFull(0.0, 0.0, 0.0)
    assert time_to_full(1000, 0, grown) == TimeToFull(None, None, None)
    still = (Growth("udp_timeout", 0.0, -2.0, 2.0, 10.0),)
    assert time_to_full(1000, 1600, still) == TimeToFull(None, 300.0, None)


def test_the_cost_of_a_full_table() -> None:
    octets = 606_208 * (256 + 128 + 8)
    assert cost_of(606_208, 606_208, KERNEL) == Cost(octets, None)
    assert cost_of(606_208, 606_208, KERNEL, 16 * GIB, GIB) == Cost(octets, octets / (16 * GIB))


def test_too_much_memory_has_other_ways() -> None:
    cost = cost_of(6_000_000, 6_000_000, KERNEL, 16 * GIB, 4 * GIB)
    assert cost.otherwise[0] == (
        "a full table would take 55% of the memory that is available, and the kernel cannot swap "
        "it out"
    )


SLABINFO = """slabinfo - version: 2.1
# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables
nf_conntrack_expect      0      0    208   39    2 : tunables    0    0    0
nf_conntrack        1264   1312    256   32    2 : tunables    0    0    0
"""


def test_the_size_of_an_entry_from_the_kernel() -> None:
    line = "nf_conntrack        1264   1312    256   32    2 : tunables    0    0    0"
    assert object_size(Evidence("/proc/slabinfo", SLABINFO)) == ObjectSize(
        256, f"/proc/slabinfo: {line}"
    )
    old = SLABINFO.replace("nf_conntrack  ", "nf_conntrack_1").replace("256", "304")
    assert object_size(Evidence("/proc/slabinfo", old)).octets == 304


def test_the_size_of_an_entry_that_nobody_tells() -> None:
    denied = Unreadable("/proc/slabinfo", Why.DENIED, "needs root")
    assert object_size(denied) == ObjectSize(320, "assumed: /proc/slabinfo: denied (needs root)")
    without = Evidence("/proc/slabinfo", SLABINFO.replace("nf_conntrack ", "other "))
    assert object_size(without).octets == 320
