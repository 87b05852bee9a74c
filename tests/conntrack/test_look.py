"""What a look at a table says of itself: a leak, entries that came twice, an interruption."""

from __future__ import annotations

import pytest

from ec2rl.conntrack.commands.shared import was_interrupted
from ec2rl.conntrack.report.table_json import is_sample
from ec2rl.conntrack.table.look import compared
from ec2rl.record import replace
from support.tables import counted


@pytest.mark.parametrize(
    ("listed", "before", "after", "leaked", "gaps"),
    [
        (100_000, 100_000, 100_300, 0, ()),
        (100_000, 90_000, 100_000, 0, ()),
        (100_000, None, 1_000_000, 0, ()),
        (
            10_000,
            50_000,
            50_100,
            40_000,
            (
                "leak: the kernel counts 50,000 entries, and lists 10,000: "
                "40000 take room in the table that no timeout gives back",
            ),
        ),
        (
            50_000,
            10_000,
            10_100,
            0,
            ("50,000 entries were listed, and the kernel counts 10,100: some came twice",),
        ),
    ],
)
def test_a_leak_is_named_and_a_change_is_not(
    listed: int, before: int | None, after: int, leaked: int, gaps: tuple[str, ...]
) -> None:
    seen = compared(replace(counted([]), total=listed, counted=after), before)
    assert (seen.leaked, seen.gaps) == (leaked, gaps)
    # What leaked is in no list: the entries that are listed are all there are, and no sample.
    assert is_sample(seen) is (before is None)


@pytest.mark.parametrize("gap", ["leak: who wrote this", "interrupted, says the name of a file"])
def test_nothing_is_decided_by_the_words_of_a_gap(gap: str) -> None:
    seen = replace(counted([]), total=100, counted=1000, gaps=(gap,))
    assert is_sample(seen)
    assert not was_interrupted(seen)
