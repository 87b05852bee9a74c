"""One event, however many places tell of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2rl.facts.log import LogLine
from ec2rl.facts.merge import merge
from ec2rl.facts.trust import Grade
from ec2rl.record import replace
from support.examples import examples

FULL = "nf_conntrack: nf_conntrack: table full, dropping packet"
BOOTED = 1_790_000_000.0


def ring(microseconds: int, message: str = FULL, grade: Grade = Grade.KERNEL) -> LogLine:
    when = BOOTED + microseconds / 1e6
    return LogLine(message, ("dmesg",), when, microseconds, "b1", True, grade)


def journal(microseconds: int, message: str = FULL, boot: str = "b1") -> LogLine:
    when = BOOTED + microseconds / 1e6 + 0.3
    return LogLine(message, ("journal",), when, microseconds, boot, boot == "b1", Grade.KERNEL)


def text(
    microseconds: int, path: str, stamped: bool, message: str = FULL, count: int = 1
) -> LogLine:
    when = float(int(BOOTED + microseconds / 1e6))
    stamp = microseconds if stamped else None
    return LogLine(message, (path,), when, stamp, None, True, Grade.UNVERIFIED, count)


def total(lines: list[LogLine]) -> int:
    return sum(line.count for line in lines)


MOMENTS = st.lists(st.integers(0, 10**12), min_size=1, max_size=40, unique=True)


@examples(300)
@given(MOMENTS, st.lists(st.booleans(), min_size=1, max_size=4), st.booleans(), st.booleans())
def test_one_event_in_many_places_counts_once(
    moments: list[int], texts: list[bool], in_ring: bool, in_journal: bool
) -> None:
    moments.sort()
    found = merge(
        [ring(m) for m in moments] if in_ring else [],
        [journal(m) for m in moments] if in_journal else [],
        [[text(m, f"/{i}", stamped) for m in moments] for i, stamped in enumerate(texts)],
    )
    assert total(found) == len(moments)
    assert all(line.trusted is (in_ring or in_journal) for line in found)
    places = ["dmesg"] * in_ring + ["journal"] * in_journal + [f"/{i}" for i in range(len(texts))]
    assert [sorted(line.sources) for line in found] == [sorted(places)] * len(moments)


@examples(300)
@given(MOMENTS)
def test_distinct_events_stay_distinct(moments: list[int]) -> None:
    """Each place tells of other events, at least 10 s + the drift apart."""
    moments = [m // 10**12 + i * 2_000_000_000 for i, m in enumerate(moments)]
    places = [moments[start::4] for start in range(4)]
    found = merge(
        [ring(m) for m in places[0]],
        [journal(m) for m in places[1]],
        [[text(m, "/a", True) for m in places[2]], [text(m, "/b", False) for m in places[3]]],
    )
    assert total(found) == len(moments)
    assert [len(line.sources) for line in found] == [1] * len(moments)


@examples(200)
@given(st.integers(1, 30), st.integers(0, 30), st.booleans())
def test_lines_of_one_second_meet_as_many(here: int, there: int, stamped: bool) -> None:
    """Ten lines in one second meet ten; what one place has more of is kept."""
    found = merge(
        [ring(5_000_000 + i) for i in range(here)],
        [],
        [[text(5_000_000 + i, "/a", stamped) for i in range(there)]],
    )
    assert total(found) == max(here, there)


def test_a_repetition_stands_for_as_many_lines() -> None:
    found = merge([ring(1_000_000 * i) for i in range(3)], [], [[text(0, "/a", False, count=5)]])
    assert [(line.count, line.trusted, line.sources) for line in found] == [
        (1, True, ("dmesg", "/a")),
        (2, False, ("/a",)),
        (1, True, ("dmesg", "/a")),
        (1, True, ("dmesg", "/a")),
    ]


def test_a_forged_repetition_adds_nothing_to_what_is_trusted() -> None:
    found = merge([ring(1_000_000)], [], [[text(1_000_000, "/a", False, count=999_999_999)]])
    assert sum(line.count for line in found if line.trusted) == 1


def test_the_same_stamp_of_another_boot_is_another_event() -> None:
    found = merge([ring(1_000_000)], [journal(1_000_000, boot="b0")], [])
    assert sorted((line.sources, line.this_boot) for line in found) == [
        (("dmesg",), True),
        (("journal",), False),
    ]


def test_other_words_at_the_same_moment_are_another_event() -> None:
    found = merge([ring(1_000_000)], [journal(1_000_000, "net_ratelimit: 2 callbacks")], [])
    assert [line.sources for line in found] == [("dmesg",), ("journal",)]


def test_a_line_without_a_time_is_kept_and_comes_first() -> None:
    lost = replace(text(0, "/a", False), time=None)
    found = merge([ring(1_000_000)], [], [[lost]])
    assert found == [lost, ring(1_000_000)]


def many_alike(path: str) -> list[LogLine]:
    return [text(1_000_000, path, True) for _ in range(8_000)]


def far_apart_stamps(path: str) -> list[LogLine]:
    shift = 1 if path == "/a" else 8_001
    return [
        replace(text(1_000_000, path, True), monotonic=999_999_000_000_000 + i + shift)
        for i in range(8_000)
    ]


def wide_reach(path: str) -> list[LogLine]:
    """One stamp says that the machine is up for 30 years: everything might be near it."""
    first = replace(text(0, path, True), monotonic=10**15)
    return [first] + [text(5_000_000 * i, path, path == "/a") for i in range(8_000)]


def one_second(path: str) -> list[LogLine]:
    return [text(1_000_000, path, False) for _ in range(8_000)]


@pytest.mark.more
def test_hostile_stamps_take_no_longer_than_honest_ones() -> None:
    """A square of 8,000 lines would not end within the time limit of any module."""
    for made in (many_alike, far_apart_stamps, wide_reach, one_second):
        found = merge([ring(1_000_000)], [], [made("/a"), made("/b"), made("/c")])
        assert 8_000 <= total(found) <= 24_002


def test_a_line_without_a_time_stays_behind_the_one_above_it() -> None:
    def said(words: str, when: float | None) -> LogLine:
        return LogLine(words, ("dmesg",), when, None, "b1", True, Grade.TEXT)

    told = [said("a", None), said("b", 10.0), said("c", None)]
    merged = merge(told, (), [[said("d", 5.0), said("e", 20.0)]])
    assert [one.message for one in merged] == ["a", "d", "b", "c", "e"]


def dmesg(seconds: float, message: str = FULL) -> LogLine:
    """A line of `dmesg` in a file: when its boot began is not known."""
    return replace(ring(int(seconds * 1e6), message), time=None, boot=None)


def dmesg_t(seconds: float, message: str = FULL) -> LogLine:
    return text(int(seconds * 1e6), "dmesg -T", False, message)


MANY = tuple(n * n / 7 for n in range(1000))
TWICE = (7.1, 7.2, 9.9, 400.0, 5000.3)


@pytest.mark.parametrize(
    ("plain", "dated", "together"),
    [
        (TWICE, TWICE, 5),
        (TWICE[1:], TWICE, 5),  # the ring went on, and lost its first one
        (TWICE, TWICE[:3], 5),
        ((5.0,), (5.0,), 1),
        (TWICE, (7.1, 90.0), 7),  # another boot's: no one span
        ((10.0, 20.0, 30.0), (10.0, 20.0), 5),  # two spans would do
        (MANY, MANY[40:], 1000),
    ],
)
def test_dmesg_and_dmesg_t_of_one_boot(
    plain: tuple[float, ...], dated: tuple[float, ...], together: int
) -> None:
    one, other = [dmesg(at) for at in plain], [dmesg_t(at) for at in dated]
    assert total(merge(one, [], [other])) == together
    assert total(merge(other, [], [one])) == together


def test_each_wording_has_to_fit_the_one_span() -> None:
    oom = "Out of memory: Killed process 1 (a)"
    one = [dmesg(7.0), dmesg(90.0, oom)]
    assert total(merge(one, [], [[dmesg_t(7.0), dmesg_t(90.0, oom)]])) == 2
    assert total(merge(one, [], [[dmesg_t(7.0), dmesg_t(95.0, oom)]])) == 4


def dmesg_h(*seconds: float) -> list[LogLine]:
    """What `dmesg -H` shows: the first line of each minute has a date, and no other."""
    found: list[LogLine] = []
    for at in seconds:
        minute = (BOOTED + at) // 60 * 60
        known = any(one.time == minute for one in found)
        time = None if known else minute
        found.append(replace(dmesg_t(at), sources=("dmesg -H",), time=time, form="dmesg -H"))
    return found


@pytest.mark.parametrize(
    ("plain", "human", "together"),
    [
        (TWICE, TWICE, 5),
        ((5.0, 5.1, 5.2), (5.0, 5.1, 5.2), 3),
        (TWICE, TWICE[:4], 5),
        (TWICE[2:], TWICE, 5),
        ((400.0,), (400.0,), 1),
        ((400.0, 400.1), (400.0, 400.1, 400.2), 3),
        (TWICE, (7.1, 9000.0), 7),  # another boot's: no one span
    ],
)
@pytest.mark.parametrize("beside", [dmesg, dmesg_t])
def test_dmesg_h_beside_another_dmesg_of_one_boot(
    plain: tuple[float, ...],
    human: tuple[float, ...],
    together: int,
    beside: Callable[[float], LogLine],
) -> None:
    one, other = [beside(at) for at in plain], dmesg_h(*human)
    expected = together - (beside is dmesg_t and together == 7)  # the first one is both's
    assert total(merge(one, [], [other])) == expected
    assert total(merge(other, [], [one])) == expected


def test_three_forms_of_one_boot_are_one() -> None:
    plain, dated = [dmesg(at) for at in TWICE], [dmesg_t(at) for at in TWICE]
    for order in ((plain, dated), (dated, plain)):
        for first, second, third in ((dmesg_h(*TWICE), *order), (*order, dmesg_h(*TWICE))):
            assert total(merge(first, [], [second, third])) == 5
    assert total(merge(dmesg_h(*TWICE), [], [dmesg_h(*TWICE)])) == 5


def test_a_line_of_dmesg_h_without_a_date_is_no_event_of_another_time() -> None:
    human = dmesg_h(100.0, 100.1, 4000.0)
    for at in (20.0, 4500.0, 9000.0):
        assert total(merge(human, [], [[dmesg_t(at)]])) == 4
