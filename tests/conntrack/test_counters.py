"""Conntrack's counters, as each kernel prints them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2rl.conntrack.counters import Counters, parse_conntrack_stats, parse_stat
from ec2rl.facts.proc import rise
from support.examples import examples

HEADERS = {
    "2.6.24 to 4.9": (
        "entries  searched found new invalid ignore delete delete_list insert insert_failed drop "
        "early_drop icmp_error  expect_new expect_create expect_delete search_restart"
    ),
    "4.14 to 5.14": (
        "entries  clashres found new invalid ignore delete delete_list insert insert_failed drop "
        "early_drop icmp_error  expect_new expect_create expect_delete search_restart"
    ),
    "5.15 and later": (
        "entries  clashres found new invalid ignore delete chainlength insert insert_failed drop "
        "early_drop icmp_error  expect_new expect_create expect_delete search_restart"
    ),
}


def row(header: str, **values: int) -> str:
    return "  ".join(f"{values.get(name, 0):08x}" for name in header.split())


@pytest.mark.parametrize("kernel", HEADERS)
def test_every_layout_is_read_by_its_names(kernel: str) -> None:
    header = HEADERS[kernel]
    known = "chainlength" in header
    text = "\n".join(
        [
            header,
            row(header, entries=300, insert_failed=5, drop=10, early_drop=7, chainlength=2),
            row(header, entries=300, insert_failed=1, drop=23, early_drop=0, chainlength=1),
        ]
    )
    chains = 3 if known else None
    expected = Counters(300, drop=33, early_drop=7, insert_failed=6, chaintoolong=chains)
    assert parse_stat(text + "\n") == expected
    assert expected.refused == 33 - (6 - (chains or 0))


def test_columns_of_tomorrow_are_passed_over() -> None:
    header = "new1 drop entries insert_failed new2 early_drop chaintoolong"
    assert parse_stat(f"{header}\n1 2 3 4 5 6 7\n") == Counters(3, 2, 6, 4, 7)


def test_a_counter_that_a_kernel_lacks_is_unknown_and_not_zero() -> None:
    assert parse_stat("entries drop\n00000001 00000002\n") == Counters(1, 2, None, None, None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "entries drop",
        "entries drop\n",
        "entries drop\n1\n",
        "entries drop\n1 2 3\n",
        "entries drop\n1 x\n",
        "entries drop\n1 -2\n",
        "entries drop\n1 123456789\n",
        "entries drop\n1 ٣\n",
        "entries drop\n1 2\nentries drop\n",
        "drop found\n1 2\n",
        "entries found\n1 2\n",
        "<html>\n<body>\n",
    ],
)
def test_what_is_no_table_of_counters_is_refused(text: str) -> None:
    assert parse_stat(text) is None


def test_the_words_of_conntrack_are_read() -> None:
    text = (
        "cpu=0   \tfound=0 invalid=3 insert=0 insert_failed=1 drop=10 early_drop=2 error=0 "
        "search_restart=0 clash_resolve=0 chaintoolong=0\n"
        "cpu=1   \tfound=0 invalid=0 insert=0 insert_failed=0 drop=13 early_drop=0 error=0 "
        "search_restart=0 clash_resolve=0 chaintoolong=4\n"
    )
    assert parse_conntrack_stats(text, 77) == Counters(77, 23, 2, 1, 4)
    assert parse_conntrack_stats("cpu=0 drop=1\n", None) == Counters(None, 1, None, None, None)


@pytest.mark.parametrize(
    "text",
    ["", "conntrack v1.4.7: nothing", "cpu=0 drop=-1", "cpu=0 drop=x", "cpu=0", "drop=٣",
     "cpu=0 drop=99999999999"],
)  # fmt: skip
def test_other_words_than_conntracks_are_refused(text: str) -> None:
    assert parse_conntrack_stats(text, 1) is None


@pytest.mark.parametrize(
    ("drop", "failed", "chains", "refused"),
    [
        (23, 0, 0, 23),
        (23, 3, 0, 20),  # three clashes
        (23, 3, 3, 23),  # three chains: these are drops, not clashes
        (3, 23, 0, 3),  # clashes that were resolved
        (3, None, None, 3),
        (None, 5, 5, None),
        (5, 0, 9, 5),
    ],
)
def test_what_was_refused_is_less_the_clashes(
    drop: int | None, failed: int | None, chains: int | None, refused: int | None
) -> None:
    assert Counters(0, drop, 0, failed, chains).refused == refused


@pytest.mark.parametrize(
    ("before", "after", "rose"),
    [
        (0, 0, 0),
        (5, 28, 23),
        (2**32 - 3, 20, 23),
        (None, 5, None),
        (5, None, None),
        (2**33, 2**33 + 1, 1),
        (184, 0, None),  # another namespace's, or made anew: no 4294967112 were lost
        (5000, 4999, None),
    ],
)
def test_a_rise_goes_over_the_wrap(before: int | None, after: int | None, rose: int | None) -> None:
    assert rise(before, after) == rose


PIECES = st.sampled_from(
    ["0", "1", "f", "12345678", "123456789", "-1", "x", "=", " ", "\n", "entries ", "drop ", "٣"]
)


@examples(2000)
@given(st.lists(PIECES, max_size=20).map("".join) | st.text(max_size=60))
def test_any_text_is_counters_or_is_not(text: str) -> None:
    for found in (parse_stat(text), parse_conntrack_stats(text, 3)):
        assert found is None or (found.drop is not None and found.drop >= 0)


def _cpus(*drops: int) -> str:
    return "".join(f"cpu={n}   \tfound=0 insert_failed=0 drop={d} \n" for n, d in enumerate(drops))


@pytest.mark.parametrize(
    ("text", "drop"),
    [
        (_cpus(100, 101) * 2, 201),  # the same
        (_cpus(100, 100) + "\n" + _cpus(900, 901), 1801),  # later
        (_cpus(1, 2, 3) + _cpus(2, 2, 3) + _cpus(7), 12),  # cut in the last one
        (_cpus(100, 100) + _cpus(100, 99), None),  # of another table
        (_cpus(5) + "conntrack v1.4.7 (conntrack-tools): x\n" + _cpus(6), 6),
        ("entries 9\ndrop 4\n" + "entries 7\ndrop 6\n", 6),  # before 1.0
    ],
)
def test_of_several_samples_the_last_one_counts(text: str, drop: int | None) -> None:
    found = parse_conntrack_stats(text, None)
    assert (found and found.drop) == drop


@pytest.mark.parametrize(("drops", "told"), [((4, 4), 4), ((4, 9), 9), ((9, 4), None)])
def test_so_it_is_of_the_kernels_own_file(drops: tuple[int, ...], told: int | None) -> None:
    header = "entries  found drop\n"
    text = "".join(f"{header}0000000{d} 00000000 0000000{d}\n" for d in drops)
    found = parse_stat(text)
    assert (found and (found.entries, found.drop)) == (told and (told, told))
