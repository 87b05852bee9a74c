"""A few hundred of the texts of tests/fuzz/log_forms.py."""

from __future__ import annotations

import random

import pytest

from ec2rl.model import Verdict
from support.log_forms import EVENTS
from support.log_verdicts import judged
from support.mutations import mutated, still_says


@pytest.mark.parametrize("part", range(4))
@pytest.mark.more
def test_no_failure_becomes_a_success_while_the_words_are_there(part: int) -> None:
    false = []
    for number in range(100 * part, 100 * (part + 1)):
        form, event, text, data = mutated(random.Random(f"0 {number}"))
        name, message = EVENTS[event]
        if still_says(text, message) and judged(data, [name])[name].verdict is Verdict.OK:
            false.append((number, form, event))
    assert false == []
