"""Idle times are sorted into their buckets many at once, as one by one."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from ec2rl.conntrack.table.ages import Ages, bucket
from ec2rl.conntrack.table.timeouts import Kind

ESTABLISHED = Kind(6, "ESTABLISHED", assured=True, answered=True, offloaded=False)
WAIT = Kind(6, "TIME_WAIT", assured=True, answered=True, offloaded=False)
KINDS = {b"est": ESTABLISHED, b"tim": WAIT}
SETTINGS = {
    "tcp_timeout_established": 86_400,
    "tcp_timeout_unacknowledged": 300,
    "tcp_timeout_time_wait": 120,
}


def _by_hand(left: list[int], limit: int, shorter: int) -> Counter[int]:
    return Counter(bucket((shorter if n <= shorter else limit) - n) for n in left if n <= limit)


@pytest.mark.parametrize("number", [1, 50, 3000, 150_000])
@pytest.mark.more
def test_each_entry_is_in_the_bucket_of_its_idle_time(number: int) -> None:
    chance = random.Random(number)
    busy = [chance.randrange(90_000) for _ in range(number)]
    ending = [chance.randrange(130) for _ in range(number)]
    listed, keyed = Ages(KINDS, SETTINGS), Ages(KINDS, SETTINGS)
    for at in range(0, number, 1000):
        listed.add(b"est", busy[at : at + 1000])
        listed.add(b"tim", ending[at : at + 1000])
    keyed.update(b"est" + n.to_bytes(4, "big") for n in busy)
    keyed.update(b"tim" + n.to_bytes(4, "big") for n in ending)
    for ages in (listed, keyed):
        ages.finish()
        assert ages.idle == {
            b"est": _by_hand(busy, 86_400, 300),
            b"tim": _by_hand(ending, 120, -1),
        }
        assert ages.beyond == Counter(
            prefix
            for prefix, left, limit in ((b"est", busy, 86_400), (b"tim", ending, 120))
            for n in left
            if n > limit
        )


@pytest.mark.more
def test_without_a_timeout_each_is_measured_from_the_one_with_most_left() -> None:
    chance = random.Random(1)
    left = [chance.randrange(100, 120) for _ in range(5000)]
    ages = Ages(KINDS, {})
    ages.add(b"tim", left)
    ages.finish()
    assert ages.idle == {b"tim": Counter(max(left) - n for n in left)}
