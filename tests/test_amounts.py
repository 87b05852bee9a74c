"""Numbers and lengths of time as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ec2rl.amounts import AmountError, count, seconds
from ec2rl.arguments import UsageError, moment, parse
from ec2rl.catalogue import load
from ec2rl.commands import all_commands
from ec2rl.commands.fix import request_of
from ec2rl.conntrack.commands.list import filter_of
from ec2rl.facts.services import ports
from ec2rl.quantities import grouped, span

MOST = 10**11


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0), ("7", 7), (" 42 ", 42), ("1048576", 1_048_576), ("1,000,000", 1_000_000),
        ("12,000", 12_000), ("1_000", 1_000), ("1 000", 1_000), ("1k", 1_000), ("1K", 1_000),
        ("512k", 512_000), ("512 k", 512_000), ("1M", 1_000_000), ("1.5M", 1_500_000),
        (".5M", 500_000), ("0.25k", 250), ("2G", 2 * 10**9), ("64ki", 65_536), ("64Ki", 65_536),
        ("1Mi", 1 << 20), ("1Gi", 1 << 30), ("1,024Ki", 1 << 20),
    ],
)  # fmt: skip
def test_counts_as_people_write_them(text: str, number: int) -> None:
    assert count(text, 0, MOST) == number


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "write it as 5000, 5,000, 5k, 1.5M or 64Ki"),
        ("many", "write it as 5000, 5,000, 5k, 1.5M or 64Ki"),
        ("-1", "write it as 5000, 5,000, 5k, 1.5M or 64Ki"),
        ("+1", "write it as 5000, 5,000, 5k, 1.5M or 64Ki"),
        ("٣", "write it as 5000, 5,000, 5k, 1.5M or 64Ki"),
        ("１２", "write it as 5000, 5,000, 5k, 1.5M or 64Ki"),
        ("²", "write it as 5000, 5,000, 5k, 1.5M or 64Ki"),
        ("1e6", "write 1000000 for it"),
        ("1E6", "write 1000000 for it"),
        ("1e99999", "write it as 5000, 5,000, 5k, 1.5M or 64Ki"),
        ("0x10", "write 16 for it"),
        ("0x", "write it as 5000, 5,000, 5k, 1.5M or 64Ki"),
        ("010", "write 10 for it, if it is no octal number"),
        ("1m", "write 1M for it"),
        ("1mi", "write 1Mi for it"),
        ("1MB", "it is no size in bytes: write 1M for so many"),
        ("512KiB", "it is no size in bytes: write 512Ki for so many"),
        ("1.000", "write it as 5000, 5,000, 5k, 1.5M or 64Ki"),
        ("1.000.000", "write it as 5000, 5,000, 5k, 1.5M or 64Ki"),
        ("1,5M", "write it as 5000, 5,000, 5k, 1.5M or 64Ki"),
        ("1,00", "write it as 5000, 5,000, 5k, 1.5M or 64Ki"),
        ("1,000_000", "write it as 5000, 5,000, 5k, 1.5M or 64Ki"),
        ("1000,000", "write it as 5000, 5,000, 5k, 1.5M or 64Ki"),
        ("1.M", "write it as 5000, 5,000, 5k, 1.5M or 64Ki"),
        ("1k5", "write it as 5000, 5,000, 5k, 1.5M or 64Ki"),
        ("nan", "write it as 5000, 5,000, 5k, 1.5M or 64Ki"),
        ("9" * 5000, "write it as 5000, 5,000, 5k, 1.5M or 64Ki"),
        ("1.0005k", "it is no whole number"),
    ],
)
def test_what_is_no_count_is_refused_with_what_would_be_taken(text: str, why: str) -> None:
    with pytest.raises(AmountError) as refused:
        count(text, 0, MOST)
    assert str(refused.value) == f"not a number from 0 to 100,000,000,000; {why}"


@pytest.mark.parametrize("text", ["200G", "999999999999", "1,000Gi", "9" * 39 + "G"])
def test_a_count_that_is_too_large_is_told_the_largest(text: str) -> None:
    with pytest.raises(AmountError) as refused:
        count(text, 1, MOST)
    assert str(refused.value) == "not a number from 1 to 100,000,000,000"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0.0), ("30", 30.0), ("1.5", 1.5), (".5", 0.5), ("500ms", 0.5), ("90s", 90.0),
        ("90 sec", 90.0), ("2 seconds", 2.0), ("5m", 300.0), ("5min", 300.0), ("1 minute", 60.0),
        ("1h", 3600.0), ("2hr", 7200.0), ("3 hours", 10_800.0), ("2d", 172_800.0),
        ("5 Days", 432_000.0), ("1w", 604_800.0), ("1h30m", 5400.0), ("2 d 4 h", 187_200.0),
        ("1 min 59 s", 119.0), ("1.5h", 5400.0), ("86,400", 86_400.0), ("1H", 3600.0),
    ],
)  # fmt: skip
def test_lengths_of_time_as_people_write_them(text: str, number: float) -> None:
    assert seconds(text, 0, 10**9) == number


@pytest.mark.parametrize(
    "text",
    ["", "-1", "+5", "1e3", "0x10", "nan", "inf", "1M", "1h30", "30m1h", "1h1h", "h", "5 s 5",
     "010", "1:30", "٣s", "5µs", "1y", "1 fortnight", "1,5h", "s5", "9" * 5000],
)  # fmt: skip
def test_what_is_no_length_of_time_is_refused_with_what_would_be_taken(text: str) -> None:
    with pytest.raises(AmountError) as refused:
        seconds(text, 0, 3600)
    as_this = "write it as 30, 500ms, 90s, 5m, 1h30m or 2d"
    assert str(refused.value) == f"not a number of seconds from 0 to 3,600; {as_this}"


def test_a_time_is_held_against_its_bounds_and_may_have_to_be_whole() -> None:
    with pytest.raises(AmountError, match=r"^not a number of seconds from 0.1 to 3,600$"):
        seconds("2h", 0.1, 3600)
    with pytest.raises(AmountError, match=r"it takes whole seconds alone$"):
        seconds("1500ms", 1, 3600, whole=True)
    assert seconds("1.5m", 1, 3600, whole=True) == 90


@pytest.mark.parametrize("number", [0, 1, 999, 1_000, 262_144, 72_859_648])
def test_what_is_printed_is_taken(number: int) -> None:
    assert count(grouped(number), 0, MOST) == number
    assert abs(seconds(span(number), 0, 10**9) - number) <= number * 0.05


HOSTILE = """\
# comment: https 1/tcp
https\t\t443/tcp\t\t\t\t# http protocol over TLS/SSL
https\t\t443/udp
www 80/tcp http   # an alias
two 1/tcp
two 2/udp
https 444/tcp
bad
bad seventy/tcp
bad 70000/tcp
bad -1/tcp
bad ٣/tcp
bad /tcp
"""


def test_a_service_has_the_ports_of_its_lines() -> None:
    text = HOSTILE + "x" * 100_000 + " https 9/sctp\n"
    assert ports(text, "https") == {"tcp": 443, "udp": 443}
    assert ports(text, "http") == {"tcp": 80}
    assert ports(text, "two") == {"tcp": 1, "udp": 2}
    assert ports(text, "bad") == {}
    assert ports(text, "443/tcp") == {}
    assert ports("", "https") == {}


@pytest.mark.parametrize(
    ("said", "name", "number"),
    [
        ("max=1M", "max", 1_000_000),
        ("max=1,000,000", "max", 1_000_000),
        ("net.netfilter.nf_conntrack_max=512k", "max", 512_000),
        ("buckets=64Ki", "buckets", 65_536),
        ("tcp_timeout_established=1h", "tcp_timeout_established", 3_600),
        ("tcp_timeout_established=2 d 4 h", "tcp_timeout_established", 187_200),
        ("udp_timeout=30", "udp_timeout", 30),
    ],
)
def test_a_setting_takes_what_people_write(said: str, name: str, number: int) -> None:
    asked = parse(["fix", "conntrackfull", "--set", said], all_commands())
    assert request_of(asked, load("conntrackfull")).settings == {name: number}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("max=1h", "--set=max=1h: not a number from 0 to 99,999,999,999; write it as 5000, 5,000,"),
        ("udp_timeout=1M", "--set=udp_timeout=1M: not a number of seconds from 0 to "),
        ("udp_timeout=500ms", "; it takes whole seconds alone"),
        ("max=", "--set=max=: not a number from 0 to"),
    ],
)
def test_a_setting_refuses_what_is_of_another_kind(said: str, why: str) -> None:
    asked = parse(["fix", "conntrackfull", "--set", said], all_commands())
    with pytest.raises(UsageError) as refused:
        request_of(asked, load("conntrackfull"))
    assert why in str(refused.value)


def test_an_older_name_goes_on_and_says_the_new_one() -> None:
    found = parse(["run", "--sample=0.5", "--sample", "0"], all_commands())
    assert (found.values, found.notes) == (
        {"interval": ("0.5", "0")},
        ("--sample of run is called --interval now",),
    )
    found = parse(["conntrack", "size", "--seconds=1"], all_commands())
    assert (found.last("interval"), len(found.notes)) == ("1", 1)
    assert parse(["conntrack", "top", "--sample=5k"], all_commands()).notes == ()


@pytest.mark.parametrize(
    ("text", "ago"), [("2h", 7200), ("-1h", 3600), ("1h30m ago", 5400), ("2 d 4 h", 187_200)]
)
def test_a_moment_may_be_so_long_ago(text: str, ago: float) -> None:
    now = 1_790_000_000.0
    assert moment("since", text, now) == now - ago


@pytest.mark.skipif(not Path("/etc/services").is_file(), reason="no /etc/services here")
def test_a_port_may_be_the_name_of_a_service() -> None:
    asked = parse(["conntrack", "list", "--dport=https"], all_commands())
    assert filter_of(asked).port == 443
    asked = parse(["conntrack", "list", "--dport=domain", "--protocol=udp"], all_commands())
    assert filter_of(asked).port == 53
    for text in ("hps", "70000", "-1", "٣", "x" * 100, "443/tcp"):
        with pytest.raises(UsageError, match=r"a number from 0 to 65,535"):
            filter_of(parse(["conntrack", "list", f"--dport={text}"], all_commands()))
