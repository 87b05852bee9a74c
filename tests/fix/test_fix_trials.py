"""Notes of trials and records that stay: only a change that stands is kept, or kept on record."""

from __future__ import annotations

import time

import pytest

from ec2rl.fix.machine import Machine
from ec2rl.fix.transaction import apply, confirm, end_trials, prune, trials, undo
from ec2rl.remedies import SetSysctl
from fix.records import file_item, sealed, setting_item, transaction
from fix.small import CHANGES, MAX, boot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def note(machine: Machine, number: int, until: float) -> None:
    with open(f"{machine.root}{machine.state}/trial-{number}", "w") as file:
        file.write(repr(until))


def later() -> float:
    return time.time() + 300


def test_a_change_on_trial_is_kept_once(machine: Machine) -> None:
    apply(CHANGES, machine=machine, why="", until=later())
    assert confirm(1, machine=machine)
    assert not confirm(1, machine=machine)


@pytest.mark.parametrize("how", ["undone", "an earlier boot", "no record"])
def test_what_does_not_stand_is_not_kept_and_its_note_goes(machine: Machine, how: str) -> None:
    """As after a kill between the record and the note."""
    apply(CHANGES, machine=machine, why="")
    number = 7 if how == "no record" else 1
    if how == "undone":
        undo(1, machine=machine)
    note(machine, number, later())
    if how == "an earlier boot":
        boot(machine.root, "second")
    assert not confirm(number, machine=machine)
    ended = end_trials(time.time(), machine=machine)
    assert ended == ((1,) if how == "an earlier boot" else ())
    assert trials(machine=machine) == {}


def test_a_trial_that_goes_on_keeps_its_note(machine: Machine) -> None:
    apply((SetSysctl(MAX, "524288", "262144"),), machine=machine, why="", until=later())
    assert end_trials(time.time(), machine=machine) == ()
    assert list(trials(machine=machine)) == [1]


SETTING = setting_item(MAX, "262144", "524288")
FILE_ITEM = file_item("/etc/sysctl.d/50-site.conf", "a\n", "b\n")


@pytest.mark.parametrize(
    ("items", "state", "of", "kept"),
    [
        ([SETTING], "undone", "first", True),
        ([SETTING, FILE_ITEM], "undone", "first", True),
        ([SETTING], "applied", "first", True),
        ([SETTING], "undone", "", True),
        ([SETTING], "applied", "earlier", False),
        ([SETTING], "undone", "earlier", False),
        ([FILE_ITEM], "undone", "first", False),
        ([FILE_ITEM], "applied", "earlier", True),
    ],
)
def test_a_record_of_this_boot_that_tells_of_a_limit_is_never_dropped(
    machine: Machine, items: list[Any], state: str, of: str, kept: bool
) -> None:
    apply(CHANGES, machine=machine, why="")
    for number in range(1, 52):
        record = transaction(number, items, state=state, boot=of)
        with open(f"{machine.root}{machine.state}/{number}.json", "wb") as file:
            file.write(sealed(record))
    assert prune(machine=machine) == (() if kept else (1,))
