"""Evidence that changes while it is read, through the command line: never a SUCCESS."""

from __future__ import annotations

import pytest

from hostile.changing import KINDS, campaign


@pytest.mark.parametrize("kind", ["plain", "gz", "journal", "tar"])
@pytest.mark.more
def test_three_changes_of_each_kind(kind: str) -> None:
    found = campaign(kind, 3)
    assert {what.split()[0] for what in found} == {"UNKNOWN"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_each_change_once(kind: str) -> None:
    """A file that was moved was open: all of it was read, and what was found counts."""
    found = campaign(kind, 10, seed=2)
    assert sum(found.values()) == 10
    wrong = [what for what in found if what.split()[0] not in ("UNKNOWN", "WARNING", "PROBLEM")]
    assert wrong == []
