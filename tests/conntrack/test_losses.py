"""What is lost each second, by the counters alone."""

from __future__ import annotations

import pytest

from ec2rl.conntrack.losses import losses
from ec2rl.host.recording import RecordedHost

STAT = "/proc/1/net/stat/nf_conntrack"


def counters(drop: int, insert_failed: int = 0, chainlength: int = 0) -> str:
    return (
        "entries  clashres found new invalid ignore delete chainlength insert insert_failed drop "
        "early_drop icmp_error  expect_new expect_create expect_delete search_restart\n"
        f"00040000  0 0 0 0 0 0 {chainlength:08x} 0 {insert_failed:08x} {drop:08x} 0 0  0 0 0 0\n"
    )


def lost(first: str, second: str) -> float | None:
    host = RecordedHost(
        {
            "ls /proc": "1",
            "link /proc/self/ns/net": "net:[4026531840]",
            "link /proc/1/ns/net": "net:[4026531840]",
            STAT: first,
            f"later: {STAT}": second,
            "later: link /proc/1/task/1/ns/net": "net:[4026531840]",  # it is where it was
        }
    )
    return losses(host)


@pytest.mark.parametrize(
    ("first", "second", "rate"),
    [
        (counters(0), counters(0), 0.0),
        (counters(100), counters(137), 37.0),
        (counters(0xFFFFFFFF), counters(4), 5.0),
        (counters(100, insert_failed=50), counters(110, insert_failed=58), 2.0),
        (counters(100), counters(110, insert_failed=8, chainlength=8), 10.0),
        (counters(5, insert_failed=5), counters(6, insert_failed=9), 0.0),
        ("!denied", "!denied", None),
        (counters(5), "garbage", None),
    ],
)
def test_what_is_refused_each_second(first: str, second: str, rate: float | None) -> None:
    assert lost(first, second) == rate
