"""A module that raises or hangs: what is asked of it has an end, and is told."""

from __future__ import annotations

import time

import pytest

from ec2rl.catalogue import load
from ec2rl.commands.fix import measured
from ec2rl.host import Host
from ec2rl.model import Rate
from ec2rl.process import within
from ec2rl.record import replace


def raising(host: Host) -> Rate:
    raise RuntimeError("a fault")


def hanging(host: Host) -> Rate:
    while True:
        time.sleep(1)


def test_what_raises_or_hangs_has_measured_nothing() -> None:
    module = load("conntrackfull")
    assert measured(replace(module, measure=raising)) is None
    assert measured(replace(module, measure=hanging, seconds=0.2)) is None


def test_work_has_an_end_and_what_it_gives_or_raises_is_told() -> None:
    assert within(5, lambda: 7) == 7
    with pytest.raises(TimeoutError, match="took longer"):
        within(0.2, lambda: time.sleep(60))
    with pytest.raises(ZeroDivisionError):
        within(5, lambda: 1 / 0)
