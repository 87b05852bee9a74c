"""Numbers as people read them."""

from __future__ import annotations

import pytest

from ec2rl.quantities import grouped, pace, percent, plural, size, span


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59.6, "1 min"),
        (119, "1 min 59 s"),
        (6420, "1 h 47 min"),
        (187_200, "2 d 4 h"),
        (352_558, "4 d 1 h"),
        (432_000, "5 d"),
        (1_000 * 86_400, "1,000 d"),
    ],
)
def test_a_length_of_time_has_its_two_largest_units(seconds: float, words: str) -> None:
    assert span(seconds) == words


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1_023, "1,023 bytes"),
        (72_859_648, "69 MiB"),
        (1_610_612_736, "1.5 GiB"),
        (2**40, "1 TiB"),
        (2**60, "1,048,576 TiB"),
    ],
)
def test_bytes_have_the_largest_unit_of_which_there_is_one(octets: int, words: str) -> None:
    assert size(octets) == words


def test_thousands_stand_apart_and_one_thing_is_no_plural() -> None:
    assert (grouped(72_859_648), plural(1, "packet"), plural(2_000, "packet")) == (
        *("72,859,648", "1 packet", "2,000 packets"),
    )
    assert (pace(0), pace(0.04), pace(1_234.5)) == ("0", "0.04", "1,234")
    assert (percent(0.001), percent(0.999), percent(13.96)) == ("below 1%", "99%", "1,396%")
