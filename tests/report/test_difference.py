"""A diff that somebody decides by: nothing is hidden in it, and no text makes it long to come."""

from __future__ import annotations

import random
import time

import pytest

from ec2rl.report.difference import difference


def changed(before: str, after: str, most: int | None = None) -> list[str]:
    """The lines that differ, by the diff."""
    return [line for line in difference(before, after, most) if line[0] in "+-"]


def test_equal_texts_do_not_differ() -> None:
    assert difference("a\nb\n", "a\nb\n") == difference("", "") == []


@pytest.mark.parametrize(
    "mark", ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
)
def test_only_a_newline_ends_a_line(mark: str) -> None:
    """The kernel's tools take all of it for one comment, or for one setting."""
    code = f"\\x{ord(mark):02x}" if ord(mark) < 256 else f"\\u{ord(mark):04x}"
    assert changed(f"# a{mark}b\n", "# a\nb\n") == [f"-# a{code}b", "+# a", "+b"]
    assert changed("", f"# a{mark}b\n") == [f"+# a{code}b"]


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("a\n", "a \n", ["-a", "+a\\x20"]),
        ("a\n", "a\t\n", ["-a", "+a\\x09"]),
        ("a\n", "a\r\n", ["-a", "+a\\x0d"]),
        ("a\n", "a", ["-a", "+a  (no newline at the end)"]),
        ("a", "a\n", ["-a  (no newline at the end)", "+a"]),
        ("a\n", "a\n\n", ["+"]),
        ("a\n", "a\n ", ["+\\x20  (no newline at the end)"]),
    ],
)
def test_ends_of_lines_are_shown(before: str, after: str, shown: list[str]) -> None:
    assert changed(before, after) == shown


def test_what_is_cut_is_said() -> None:
    assert changed("", "x" * 350 + "\n", 200) == ["+" + "x" * 199 + " ... 151 more characters"]
    assert changed("", "x" * 199 + "\n", 200) == ["+" + "x" * 199]


@pytest.mark.parametrize("lines", [2001, 80_000])
def test_more_than_can_be_compared_is_told_as_replaced(lines: int) -> None:
    old = "".join(f"{n % 7}\n" for n in range(lines))
    assert difference(old, "one\ntwo\n") == [
        f"@@ too large to be compared, replaced whole: {lines} lines become 2 @@",
        "-0",
        f" ... {lines - 2} more lines",
        f"-{(lines - 1) % 7}",
        "+one",
        "+two",
    ]
    assert difference("", "x" * (64 << 10) + "\n", 10)[1:] == [
        "+xxxxxxxxx ... 65527 more characters"
    ]


@pytest.mark.parametrize("symbols", [1, 2, 10, 60, 100, 101, 1000])
def test_no_text_takes_long(symbols: int) -> None:
    """Measured below 1 s for the worst of these."""
    dice = random.Random(symbols)
    one, other = ("".join(f"{dice.randrange(symbols)}\n" for _ in range(1000)) for _ in "ab")
    begun = time.process_time()
    difference(one, other)
    assert time.process_time() - begun < 10
