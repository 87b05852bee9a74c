"""Receives that fail on the way: lost room, silence, and a kernel that ends a dump too early."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from typing import Any

import pytest

from ec2rl.conntrack.queries import ctnetlink
from ec2rl.conntrack.table.census import Census
from ec2rl.conntrack.table.look import take_census
from ec2rl.host.fake import FakeHost
from support.fill import Row
from support.tables import COOKIE, DONE, body, wrapped

ROWS = [Row("198.18.0.1", "192.0.2.1", port, 443) for port in range(1000, 1100)]
FIRST, SECOND = (b"".join(wrapped(body(row)) for row in rows) for rows in (ROWS[:60], ROWS[60:]))
OVERRUN = errno.ENOBUFS
NOT_DONE = "the dump ended before the kernel said that it was complete"


class Kernel:
    """A netlink socket whose receives give these datagrams, or fail with these errnos."""

    def __init__(self, *outcomes: bytes | int) -> None:
        self._outcomes = iter(outcomes)

    def getsockname(self) -> tuple[int, int]:
        return int.from_bytes(COOKIE[4:], sys.byteorder), 0

    def send(self, request: bytes) -> int:
        return len(request)

    def recv(self, _: int) -> bytes:
        outcome = next(self._outcomes, errno.EAGAIN)
        if isinstance(outcome, int):
            raise OSError(outcome, os.strerror(outcome))
        return outcome

    def close(self) -> None:
        pass


class Asked(FakeHost):
    """A host that gives one answer."""

    def __init__(self, answer: Any) -> None:
        super().__init__({})
        self._answer = answer

    def query(self, query: object) -> Any:
        return self._answer


@pytest.fixture(params=["by itself", "through a child"])
def taken(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Census]:
    """A census of what a kernel gives, with and without the child that receives."""
    monkeypatch.setattr(ctnetlink, "_WORTH_A_CHILD", 0 if "child" in request.param else 1 << 40)
    monkeypatch.setattr(ctnetlink, "_may_fork", lambda: True)
    monkeypatch.setattr(os, "urandom", lambda _: COOKIE[:4])

    def take(*outcomes: bytes | int) -> Census:
        kernel: Any = Kernel(*outcomes)
        counts: Any = Kernel()  # gives no count
        census = take_census(host=Asked(ctnetlink.Dump(kernel, counts, 0)))
        assert isinstance(census, Census)
        return census

    return take


def test_after_an_overrun_the_dump_goes_on_and_says_so(taken: Callable[..., Census]) -> None:
    census = taken(FIRST, OVERRUN, OVERRUN, SECOND, DONE)
    assert census.total == 100
    assert census.gaps == ("a receive failed: No buffer space available",)


def test_a_kernel_that_falls_silent_ends_the_dump(taken: Callable[..., Census]) -> None:
    census = taken(FIRST)
    assert census.total == 60
    assert census.gaps == ("a receive failed: Resource temporarily unavailable", NOT_DONE)


def test_overruns_without_end_end_the_dump(taken: Callable[..., Census]) -> None:
    census = taken(FIRST, *[OVERRUN] * 1000, SECOND, DONE)
    assert census.total == 60
    assert census.gaps == ("a receive failed: No buffer space available", NOT_DONE)
