"""Lines of text logs: who wrote them, and when."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2rl.facts.syslog import parse_lines
from ec2rl.facts.trust import Grade
from ec2rl.forms.parse import parse_record
from ec2rl.forms.times import epoch
from ec2rl.host import Line
from support.examples import examples

FULL = "nf_conntrack: nf_conntrack: table full, dropping packet"


def utc(*fields: int) -> float:
    return datetime(*fields, tzinfo=timezone.utc).timestamp()  # type: ignore[misc, arg-type]


NOW = utc(2026, 11, 24, 2)


@pytest.fixture
def zone(request: pytest.FixtureRequest) -> Iterator[None]:
    os.environ["TZ"] = request.param
    time.tzset()
    yield
    os.environ["TZ"] = "UTC"
    time.tzset()


@pytest.mark.parametrize(
    ("stamp", "latest", "when"),
    [
        ("Nov 24 01:59:59", NOW, utc(2026, 11, 24, 1, 59, 59)),
        ("Nov  6 02:39:55", NOW, utc(2026, 11, 6, 2, 39, 55)),
        ("Nov 24 02:00:00", NOW, NOW),
        ("Nov 24 02:00:01", NOW, utc(2025, 11, 24, 2, 0, 1)),  # not of tomorrow: of last year
        ("Dec 31 23:59:59", NOW, utc(2025, 12, 31, 23, 59, 59)),
        ("Jan  1 00:00:00", utc(2027, 1, 1), utc(2027, 1, 1)),
        ("Dec 31 23:59:59", utc(2027, 1, 1), utc(2026, 12, 31, 23, 59, 59)),
        ("Feb 29 12:00:00", NOW, utc(2024, 2, 29, 12)),
        ("Feb 29 12:00:00", utc(2024, 2, 29, 11), utc(2020, 2, 29, 12)),
        ("Nov 23 23:59:60", NOW, utc(2026, 11, 23, 23, 59, 59)),  # a leap second
        ("Tue Nov 24 01:00:00 2026"[4:], NOW, utc(2026, 11, 24, 1)),  # dmesg -T
        ("Nov 24 03:00:00 2027", NOW, utc(2027, 11, 24, 3)),
        ("2026-11-24T01:59:59.123456+00:00", NOW, utc(2026, 11, 24, 1, 59, 59, 123456)),
        ("2026-11-24T01:59:59.123456789Z", NOW, utc(2026, 11, 24, 1, 59, 59, 123456)),
        ("2026-11-24T01:59:59,5Z", NOW, utc(2026, 11, 24, 1, 59, 59, 500000)),
        ("2026-11-24 01:59:59", NOW, utc(2026, 11, 24, 1, 59, 59)),
        ("2026-11-24T01:59:59+0530", NOW, utc(2026, 11, 23, 20, 29, 59)),
        ("2026-11-24T01:59:59-08:00", NOW, utc(2026, 11, 24, 9, 59, 59)),
        ("2027-06-01T00:00:00Z", NOW, utc(2027, 6, 1)),  # a clock that was wrong, said as it is
    ],
)
def test_a_stamp_is_a_moment(stamp: str, latest: float, when: float) -> None:
    assert epoch(stamp, latest) == when


@pytest.mark.parametrize(
    "stamp",
    [
        "Feb 30 00:00:00",
        "Nov 31 00:00:00",
        "Nov 24 24:00:00",
        "Nov 24 23:60:00",
        "Nov  0 00:00:00",
        "Foo 11 00:00:00",
        "Nov 24 01:00:00 0000",
        "2026-13-01T00:00:00Z",
        "2026-11-24T25:00:00Z",
        "2026-02-29T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "2026-11-24T",
        "2026-11-24T::::",
        "2026-11-24T01:59:59+99:99",
        "9999-99-99 99:99:99",
    ],
)
def test_what_is_no_time_is_none(stamp: str) -> None:
    assert epoch(stamp, NOW) is None


@pytest.mark.parametrize("zone", ["Europe/Berlin"], indirect=True)
@pytest.mark.parametrize(
    ("stamp", "when"),
    [
        ("Jul  1 12:00:00", utc(2026, 7, 1, 10)),
        ("Nov  1 12:00:00", utc(2026, 11, 1, 11)),
        ("Mar 29 01:59:59", utc(2026, 3, 29, 0, 59, 59)),
        ("Mar 29 02:30:00", utc(2026, 3, 29, 1, 30)),  # an hour that there was not
        ("Oct 25 02:30:00", utc(2026, 10, 25, 0, 30)),  # one that there was twice: the first
        ("2026-07-01 12:00:00", utc(2026, 7, 1, 10)),
    ],
)
def test_a_stamp_without_a_zone_is_local(zone: None, stamp: str, when: float) -> None:
    assert epoch(stamp, NOW) == when


def lines(*texts: str) -> tuple[Line, ...]:
    return tuple(Line(i, text, "conntrack" in text) for i, text in enumerate(texts))


def test_years_are_counted_back_from_the_end_of_the_file() -> None:
    found = parse_lines(
        "/var/log/messages",
        lines(
            *(f"{stamp} 10:00:00 host kernel: {FULL}" for stamp in ("Dec 30", "Mar 01", "Nov 20"))
        ),
        utc(2026, 11, 21),
        None,
    )
    assert [line.time for line in found] == [
        utc(2025, 12, 30, 10),
        utc(2026, 3, 1, 10),
        utc(2026, 11, 20, 10),
    ]


def test_a_line_is_of_this_boot_by_its_time() -> None:
    booted = utc(2026, 11, 20)
    found = parse_lines(
        "/var/log/kern.log",
        lines(
            f"2026-11-19T23:59:57Z host kernel: {FULL}",
            f"2026-11-19T23:59:59Z host kernel: [    0.5] {FULL}",
            f"2026-11-20T00:00:01Z host kernel: [    1.500000] {FULL}",
            f"[    2.000000] {FULL}",
        ),
        NOW,
        booted,
    )
    assert [(line.this_boot, line.monotonic) for line in found] == [
        (False, None),
        (True, None),
        (True, 1_500_000),
        (None, 2_000_000),
    ]
    assert found[1].message == f"[    0.5] {FULL}"
    assert not any(line.trusted for line in found)


def test_the_lines_behind_a_hit_are_its_context() -> None:
    found = parse_lines(
        "/var/log/messages",
        (
            Line(0, "Nov 24 01:00:00 host kernel: nf_conntrack: one"),
            Line(1, "Nov 24 01:00:00 host kernel: behind one", hit=False),
            Line(2, "Nov 24 01:00:00 host sshd[9]: not the kernel's", hit=False),
            Line(3, "Nov 24 01:00:00 host kernel: behind it too", hit=False),
            Line(4, "Nov 24 01:00:01 host kernel: nf_conntrack: two"),
        ),
        NOW,
        None,
    )
    assert [(line.message, line.time, line.context, line.grade) for line in found] == [
        (
            "nf_conntrack: one",
            utc(2026, 11, 24, 1),
            ("behind one", "behind it too"),
            Grade.UNVERIFIED,
        ),
        ("nf_conntrack: two", utc(2026, 11, 24, 1, 0, 1), (), Grade.UNVERIFIED),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"Nov  6 02:39:55 host kernel[1]: {FULL}",
        f"Nov  6 02:39:55 host kernel_: {FULL}",
        f"Nov  6 02:39:55 host my kernel: {FULL}",
        f"[1.5] {FULL}",
        f"[ 1234567890.000000] {FULL}",
    ],
)
def test_what_is_not_the_kernels_is_refused(text: str) -> None:
    found = parse_record(text)
    assert found is None or not found.is_kernels


def test_bytes_that_are_no_text_stay_in_their_line() -> None:
    found = parse_record("Nov  6 02:39:55 h\\xff\x1b[2J kernel: a\x00b\rc")
    assert found is not None
    assert (found.message, found.stamp, found.up) == ("a\x00b\rc", "Nov  6 02:39:55", None)


PIECES = st.sampled_from(
    [
        *("Nov  6 02:39:55", "2026-11-24T01:59:59", ".123456", "Z", "+05:30", " host", " kernel:"),
        *("    1.500000", "message repeated 3 times: [", FULL, "\n", "\x00", "٣", "9" * 30, " : "),
        *("[", "]", "<4>"),
    ]
)


@examples(2000)
@given(st.lists(PIECES, max_size=8).map("".join) | st.text(max_size=80))
@pytest.mark.more
def test_any_line_is_parsed_or_refused(text: str) -> None:
    parsed = parse_record(text)
    if parsed is not None and parsed.stamp:
        when = epoch(parsed.stamp, NOW)
        assert when is None or isinstance(when, float)
    kernels = parsed is not None and parsed.is_kernels
    assert len(parse_lines("/f", (Line(0, text),), NOW, None)) >= kernels


@pytest.mark.parametrize(
    ("text", "message", "uptime"),
    [
        (f"Nov  6 02:39:55 host kernel: [   12.345678][ T1234] {FULL}", FULL, 12345678),
        ("Nov  6 02:39:55 host kernel: [   12.345678][    C0]  f+0x1/0x2", " f+0x1/0x2", 12345678),
        (f"2026-11-06T02:39:55+00:00 host kernel: [    T1] {FULL}", FULL, None),
        (f"<4>[   12.345678][    T1] {FULL}", FULL, 12345678),
        (f"[   12.345678] [    T1] {FULL}", FULL, 12345678),
        ("[   12.345678][    C3]  g+0x1/0x2", " g+0x1/0x2", 12345678),
        ("[   12.345678] [  12538]     0 12538", "[  12538]     0 12538", 12345678),
        (
            "Nov  6 02:39:55 h kernel: [1.000000] #011#1: 100% system,#011",
            "#011#1: 100% system,#011",
            1000000,
        ),
    ],
)
def test_who_called_the_kernel_is_no_part_of_what_it_says(
    text: str, message: str, uptime: int | None
) -> None:
    parsed = parse_record(text)
    assert parsed is not None
    assert (parsed.message, parsed.up) == (message, uptime)
