"""What another timeout would do, computed by hand beside it."""

from __future__ import annotations

import pytest

from ec2rl.conntrack.table.ages import bucket, bucket_end
from ec2rl.conntrack.table.timeouts import DEFAULTS
from ec2rl.conntrack.table.whatif import SettingError, parse_settings, what_if
from support.fill import BOTH_WAYS, ESTABLISHED, SYN_SENT, Row
from support.tables import counted

# A hundred connections, idle for 0, 1000, ... 99 000 seconds, and fifty half-open, 0 to 49.
ROWS = [
    Row("198.18.0.1", "192.0.2.1", 1000 + i, 443, 6, ESTABLISHED, BOTH_WAYS, 432000 - 1000 * i)
    for i in range(100)
] + [Row("198.18.0.2", "192.0.2.1", 1000 + i, 443, 6, SYN_SENT, 0, 120 - i) for i in range(50)]


def test_entries_that_would_not_be_there() -> None:
    answer = what_if(counted(ROWS), {"tcp_timeout_established": 86400, "tcp_timeout_syn_sent": 40})
    established, half_open = answer.effects
    assert (answer.size, answer.steady) == (150, 150 - 13 - 10)
    assert (established.governed, established.gone, established.cut) == (100, 13, 13)
    assert (established.today, established.wanted, established.now) == (432000, 86400, 0)
    assert "keepalives" in established.caution
    assert (half_open.governed, half_open.gone, half_open.cut, half_open.caution) == (50, 10, 0, "")


def test_a_longer_timeout_frees_nothing_and_needs_no_caution() -> None:
    (longer,) = what_if(counted(ROWS), {"tcp_timeout_established": 500000}).effects
    assert (longer.gone, longer.cut, longer.caution) == (0, 0, "")


def test_the_curve_falls_with_the_timeout() -> None:
    (effect,) = what_if(counted(ROWS), {"tcp_timeout_syn_sent": 60}).effects
    sizes = [point.entries for point in effect.curve]
    assert sizes == sorted(sizes)
    assert {point.timeout: point.entries for point in effect.curve}[30] == 30
    assert (effect.curve[0].timeout, effect.curve[-1].timeout, sizes[-1]) == (1, 120, 50)


def test_entries_older_than_the_setting_are_of_unknown_age() -> None:
    settings = {**DEFAULTS, "tcp_timeout_established": 380000}
    (effect,) = what_if(counted(ROWS, settings), {"tcp_timeout_established": 300000}).effects
    assert (effect.governed, effect.unknown, effect.gone) == (100, 52, 0)


def test_names_as_people_write_them() -> None:
    assert parse_settings(
        [
            "udp_timeout=60",
            "nf_conntrack_icmp_timeout=5",
            "net.netfilter.nf_conntrack_tcp_timeout_close=7",
            "net/netfilter/nf_conntrack_generic_timeout = 9",
        ]
    ) == {"udp_timeout": 60, "icmp_timeout": 5, "tcp_timeout_close": 7, "generic_timeout": 9}


@pytest.mark.parametrize(
    "word",
    [
        "udp_timeout=",
        "udp_timeout",
        "udp_timeout=-1",
        "udp_timeout=0",
        "udp_timeout=1.5",
        "udp_timeout=2147483648",
        "udp_timeout=9" * 50,
        "udp_timeout=\u0663",
    ],
)
def test_values_that_are_no_seconds(word: str) -> None:
    with pytest.raises(SettingError, match="udp_timeout"):
        parse_settings([word])


def test_an_unknown_name_is_told_the_known_ones() -> None:
    with pytest.raises(SettingError, match=r"known are generic_timeout, icmp_timeout"):
        parse_settings(["udp_timout=5"])
    with pytest.raises(SettingError, match=r"known are generic_timeout"):
        what_if(counted(ROWS), {"nonsense": 5})


@pytest.mark.parametrize("seconds", [0, 1, 127, 128, 129, 1000, 86400, 432000, 2**31])
def test_a_bucket_holds_its_seconds(seconds: int) -> None:
    lower = bucket(seconds)
    assert lower <= seconds < bucket_end(lower)
    assert bucket_end(lower) - lower <= max(1, lower / 64)
