"""Shares of a sample, and whether their bounds hold as often as is said."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from ec2rl.conntrack.table.sample import Estimate, estimate


def test_a_share_with_its_bounds() -> None:
    assert estimate(1000, 20_000, 1_000_000) == Estimate(50_000, 44_894, 55_458)
    among_many = estimate(1000, 20_000, 1_000_000, 10_000)
    assert among_many == Estimate(50_000, 42_627, 58_131)


def test_the_whole_table_is_no_estimate() -> None:
    assert estimate(7, 50, 50) == Estimate(7, 7, 7)


def test_nothing_seen_is_not_nothing_there() -> None:
    assert estimate(0, 1000, 1_000_000) == Estimate(0, 0, 5968)


@pytest.mark.parametrize("numbers", [(-1, 10, 10), (11, 10, 20), (1, 10, 9), (0, 0, 5)])
def test_numbers_that_cannot_be(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError):
        estimate(*numbers)


@pytest.mark.more
def test_what_came_out_largest_of_thousands_that_are_alike() -> None:
    chance = random.Random(12)
    held = 0
    for _ in range(100):
        counts = Counter(chance.choices(range(5000), k=20_000))
        (_, most), *_ = counts.most_common(1)
        bounds = estimate(most, 20_000, 1_000_000, len(counts))
        held += bounds.low <= 200 <= bounds.high
    assert held >= 95


@pytest.mark.slow
def test_ten_bounds_hold_together_in_95_of_100_samples() -> None:
    chance = random.Random(11)
    total, seen = 1_000_000, 20_000
    shares = [0.3, 0.12, 0.05, 0.03, 0.02, 0.01, 0.007, 0.003, 0.001, 0.0004]
    truth = [round(total * share) for share in shares]
    borders = [sum(truth[: i + 1]) for i in range(10)]
    held = 0
    for _ in range(300):
        hits = [0] * 11
        for place in chance.sample(range(total), seen):
            hits[next((i for i, border in enumerate(borders) if place < border), 10)] += 1
        bounds = [estimate(hits[i], seen, total) for i in range(10)]
        held += all(each.low <= real <= each.high for each, real in zip(bounds, truth))
    assert held >= 285
