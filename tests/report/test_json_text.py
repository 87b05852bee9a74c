"""Our JSON is read by every reader as what it was made of."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2rl.report.json_text import dumps

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


@given(VALUES)
def test_it_is_read_back_as_it_was(value: object) -> None:
    text = dumps(value)  # type: ignore[arg-type]
    assert json.loads(text) == value
    assert text.isascii()
    assert not any(ord(character) < 32 and character != "\n" for character in text)


@given(VALUES)
def test_it_is_what_the_standard_library_writes(value: object) -> None:
    theirs = json.dumps(value, indent=2).replace("\\b", "\\u0008").replace("\\f", "\\u000c")
    assert dumps(value) == theirs or "\\\\" in theirs  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_json_has_not_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="no number"):
        dumps(value)


def test_what_is_no_value_is_refused() -> None:
    with pytest.raises(TypeError):
        dumps(object())  # type: ignore[arg-type]
