"""Patterns, beside the C library's own glob(3) through the layouts of test_sysctl_layouts.py."""

from __future__ import annotations

from ctypes import CDLL, c_char_p, c_int

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2rl.facts.glob import matches
from support.examples import examples


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("net/nf_*", True),
        ("net/*_max", True),
        ("net/*nf*max*", True),
        ("*/*", True),
        ("net/nf_???", True),
        ("net/[m-o]f_max", True),
        ("net/[!a-m]f_max", True),
        ("net/[^n]f_max", False),
        ("net/nf\\_max", True),
        ("net*nf_max", False),
        ("*", False),
        ("net/nf_????", False),
        ("net/[f-c]f_max", False),
        ("net/[nf_max", False),
        ("net/nf_max*[", False),
    ],
)
def test_patterns(pattern: str, expected: bool) -> None:
    assert matches(pattern, "net/nf_max") is expected


@given(
    st.text(alphabet="abc*?[]!^-", max_size=12),
    st.text(alphabet="abc-]", min_size=1, max_size=8),
)
@examples(500)
def test_the_c_library_agrees(pattern: str, name: str) -> None:
    # Without slashes: fnmatch(3) looks for them inside of brackets too, glob(3) splits there.
    libc = CDLL(None)
    libc.fnmatch.argtypes, libc.fnmatch.restype = [c_char_p, c_char_p, c_int], c_int
    theirs = libc.fnmatch(pattern.encode(), name.encode(), 0) == 0
    assert matches(pattern, name) is theirs


def test_a_pattern_of_many_stars_ends() -> None:
    assert not matches("*a" * 500 + "*b", "a" * 500)
