"""The instance's own limit, as the ENA driver tells of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2rl.conntrack.allowance import Allowance, parse_allowance, read_allowances, risen
from ec2rl.conntrack.namespaces import Namespace, Namespaces
from ec2rl.host.recording import RecordedHost
from ec2rl.model import Unreadable, Why
from support.examples import examples

ENA = """NIC statistics:
     tx_timeout: 0
     suspend: 0
     bw_in_allowance_exceeded: 12
     pps_allowance_exceeded: 3
     conntrack_allowance_exceeded: 4711
     linklocal_allowance_exceeded: 0
     conntrack_allowance_available: 136812
     queue_0_tx_cnt: 1
"""
HOST = Namespace(4026531840, True, "/proc/1/net", (), "")
BOX = Namespace(4026532400, False, "/proc/77/net", (), "container abc")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ENA, Allowance("eth0", 4711, 136812)),
        ("     conntrack_allowance_exceeded: 0\n", Allowance("eth0", 0, None)),
        ("     conntrack_allowance_exceeded: 18446744073709551615\n",
         Allowance("eth0", 2**64 - 1, None)),
        ("     conntrack_allowance_available: 5\n", None),
        ("     conntrack_allowance_exceeded: -1\n", None),
        ("     conntrack_allowance_exceeded: \n", None),
        ("     conntrack_allowance_exceeded: ٣\n", None),
        ("NIC statistics:\n     rx_packets: 1\n", None),
        ("no stats available\n", None),
        ("", None),
    ],
)  # fmt: skip
def test_the_two_counters_are_found(text: str, expected: Allowance | None) -> None:
    assert parse_allowance("eth0", text) == expected


@pytest.mark.parametrize(
    ("before", "after", "rate"),
    [
        (4711, 4711, 0.0),
        (4711, 4757, 23.0),
        (4711, 5, None),  # the driver was reset: it starts from zero
        (4711, 0, None),
    ],
)
def test_the_rate_between_two_looks(before: int, after: int, rate: float | None) -> None:
    first, second = Allowance("eth0", before, None), Allowance("eth0", after, 9)
    assert risen((first,), (second,), 2.0) == (Allowance("eth0", after, 9, rate),)


def test_an_interface_that_came_between_the_looks_has_no_rate() -> None:
    new = Allowance("eth1", 5, None)
    assert risen((Allowance("eth0", 1, None),), (new,), 1.0) == (new,)


def test_an_interface_that_went_between_the_looks_is_left_out() -> None:
    assert risen((Allowance("eth0", 1, None),), (), 1.0) == ()


def test_every_interface_that_has_the_counters_is_told() -> None:
    host = RecordedHost(
        {
            "ls /sys/bus/pci/drivers/ena": "0000:00:05.0\nbind",
            "ls /sys/bus/pci/devices/0000:00:05.0/net": "eth0",
            "ls /sys/class/net": "docker0\neth0\neth1\nlo",
            "ethtool -S eth0": ENA,
            "ethtool -S eth1": "NIC statistics:\n     rx: 1",
            "ethtool -S docker0": "!failed Operation not permitted",
        }
    )
    assert read_allowances(host, Namespaces((HOST,), None)) == (Allowance("eth0", 4711, 136812),)


def test_an_interface_that_was_moved_into_a_container_is_found_there() -> None:
    host = RecordedHost(
        {
            "ls /sys/class/net": "lo",
            "ls /sys/bus/pci/drivers/ena": "0000:00:05.0\nbind",
            "ls /sys/bus/pci/devices/0000:00:05.0/net": "",
            "netns /proc/77/ns/net: /proc/net/dev": "Inter-|\n face |\n    lo: 0\n  eth5: 1 2",
            "netns /proc/77/ns/net: ethtool -S eth5": ENA,
        }
    )
    (found,) = read_allowances(host, Namespaces((HOST, BOX), None))
    assert found == Allowance(f"eth5 in {BOX.label}", 4711, 136812)


def test_without_a_moved_device_no_container_is_entered() -> None:
    host = RecordedHost(
        {
            "ls /sys/class/net": "eth0",
            "ethtool -S eth0": ENA,
            "ls /sys/bus/pci/drivers/ena": "0000:00:05.0",
            "ls /sys/bus/pci/devices/0000:00:05.0/net": "eth0",
            "netns /proc/77/ns/net: /proc/net/dev": "a\nb\n  eth5: 1",
            "netns /proc/77/ns/net: ethtool -S eth5": ENA,
        }
    )
    found = read_allowances(host, Namespaces((HOST, BOX), None))
    assert found == (Allowance("eth0", 4711, 136812),)


def test_what_could_not_be_asked_is_told() -> None:
    """Of the driver's own interfaces each has an answer; of others nobody expects one."""
    host = RecordedHost(
        {
            "ls /sys/bus/pci/drivers/ena": "0000:00:05.0\n0000:00:06.0\n0000:00:07.0\nbind",
            "ls /sys/bus/pci/devices/0000:00:05.0/net": "eth0",
            "ls /sys/bus/pci/devices/0000:00:06.0/net": "eth1",
            "ls /sys/bus/pci/devices/0000:00:07.0/net": "",
            "ls /sys/class/net": "docker0\neth0\neth1\nlo",
            "ethtool -S eth0": "!denied",
            "ethtool -S eth1": "NIC statistics:\n     rx: 1",
            "ethtool -S docker0": "!denied",
        }
    )
    gone = "its interface was not found in any namespace that can be seen"
    first, second = (read_allowances(host, Namespaces((HOST,), None)) for _ in range(2))
    assert first == (
        Allowance("eth0", None, None, unreadable=Unreadable("ethtool -S eth0", Why.DENIED)),
        Allowance("eth1", None, None, unreadable="the driver does not tell"),
        Allowance("ENA device 0000:00:07.0", None, None, unreadable=gone),
    )
    assert risen(first, second, 1.0) == first


def test_a_driver_that_may_not_be_looked_for_is_told() -> None:
    host = RecordedHost({"ls /sys/bus/pci/drivers/ena": "!denied needs root"})
    why = Unreadable("/sys/bus/pci/drivers/ena", Why.DENIED, "needs root")
    assert read_allowances(host, Namespaces((HOST,), None)) == (
        Allowance("ENA", None, None, unreadable=why),
    )


def test_no_interface_is_no_limit() -> None:
    assert read_allowances(RecordedHost({}), Namespaces((HOST,), None)) == ()


@examples(2000)
@given(st.text(max_size=30) | st.from_regex(r"conntrack_allowance_(exceeded|available): .{0,25}"))
@pytest.mark.more
def test_any_text_is_an_allowance_or_is_not(text: str) -> None:
    found = parse_allowance("eth0", text)
    assert found is None or (found.exceeded is not None and found.exceeded >= 0)
