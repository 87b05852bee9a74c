"""What is in a folder that others can write stays, with a reason; all else can be taken back."""

from __future__ import annotations

import os

import pytest

from ec2rl.commands.history import history_text
from ec2rl.fix.change import Found, State
from ec2rl.fix.errors import Conflict, Refused
from ec2rl.fix.machine import Machine
from ec2rl.fix.transaction import apply, foresee, history, undo
from ec2rl.remedies import Rename, SetLink, SetRights, SetSysctl, WriteFile
from fix.small import CHANGES, FILE, MAX, NEW_TEXT, OLD_TEXT, picture, put, setting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ec2rl.remedies import Change

FOLDER = "/etc/app.d"
PATH = f"{FOLDER}/a.conf"
BARRED = rf"{PATH} \(.*{FOLDER} is writable by others\)"


def read(machine: Machine, path: str) -> str:
    with open(machine.root + path) as file:
        return file.read()


def spoil(machine: Machine, mode: int = 0o775) -> None:
    os.chmod(machine.root + FOLDER, mode)


@pytest.fixture
def folder(machine: Machine) -> Machine:
    os.mkdir(machine.root + FOLDER, 0o755)
    put(machine.root + PATH, "a\n")
    return machine


def me() -> tuple[int, int]:
    return os.geteuid(), os.getegid()


LATER: tuple[Callable[[], Change], ...] = (
    lambda: WriteFile(PATH, "b\n", "a\n"),
    lambda: WriteFile(PATH, None, "a\n"),
    lambda: SetRights(PATH, (0o600, *me()), (0o644, *me())),
    lambda: Rename(PATH, f"{PATH}.off"),
    lambda: SetLink(f"{FOLDER}/link", "a.conf", None),
)


@pytest.mark.parametrize("later", LATER)
@pytest.mark.parametrize("mode", [0o775, 0o1777])
def test_a_later_change_in_it_is_in_no_older_ones_way(
    folder: Machine, later: Callable[[], Change], mode: int
) -> None:
    os.chmod(folder.root + PATH, 0o644)
    before = picture(folder)
    apply(CHANGES, machine=folder, why="")
    apply((later(),), machine=folder, why="")
    spoil(folder, mode)
    assert [change.id for change, _ in foresee(1, machine=folder)] == [1]
    undo(1, machine=folder)
    assert picture(folder) == before
    assert "is writable by others" in history_text(folder)
    with pytest.raises(Conflict, match=r"^cannot be looked at: .*app.d is writable by others\)$"):
        undo(2, machine=folder)
    assert history(machine=folder)[1].state is State.APPLIED
    spoil(folder, 0o755)
    undo(2, machine=folder)
    assert read(folder, PATH) == "a\n"
    assert os.listdir(folder.root + FOLDER) == ["a.conf"]


def test_of_one_change_the_rest_is_taken_back_and_that_one_named(folder: Machine) -> None:
    apply((WriteFile(PATH, "b\n", "a\n"), *CHANGES), machine=folder, why="")
    spoil(folder)
    with pytest.raises(Conflict, match=f"^cannot be looked at: {BARRED}$"):
        undo(1, machine=folder)
    assert read(folder, FILE) == NEW_TEXT
    outcomes = undo(1, machine=folder, partial=True)
    assert {one.target: one.found for one in outcomes}[PATH] is Found.CHANGED
    assert read(folder, FILE) == OLD_TEXT
    assert read(folder, PATH) == "b\n"
    assert history(machine=folder)[0].state is State.PARTLY
    spoil(folder, 0o755)
    undo(1, machine=folder)
    assert read(folder, PATH) == "a\n"
    assert history(machine=folder)[0].state is State.UNDONE


def test_both_reasons_are_told_apart(folder: Machine) -> None:
    apply((WriteFile(PATH, "b\n", "a\n"), *CHANGES), machine=folder, why="")
    spoil(folder)
    put(folder.root + FILE, "theirs\n")
    words = f"^somebody else has changed since: {FILE}; cannot be looked at: {BARRED}$"
    with pytest.raises(Conflict, match=words):
        undo(1, machine=folder)


def test_two_changes_of_what_is_in_it_hold_nothing_else_back(folder: Machine) -> None:
    apply(
        (WriteFile(PATH, "b\n", "a\n"), SetSysctl(MAX, "524288", "262144")), machine=folder, why=""
    )
    apply((WriteFile(PATH, "c\n", "b\n"),), machine=folder, why="")
    spoil(folder)
    undo(1, machine=folder, partial=True)
    with open(setting(folder.root, MAX)) as file:
        assert file.read() == "262144\n"
    assert read(folder, PATH) == "c\n"
    spoil(folder, 0o755)
    with pytest.raises(Refused, match="later changes were made on top of change 1: first undo 2"):
        undo(1, machine=folder)
    undo(2, machine=folder)
    undo(1, machine=folder)
    assert read(folder, PATH) == "a\n"


def test_a_folder_is_not_moved_away_with_what_may_be_a_later_change_in_it(machine: Machine) -> None:
    os.mkdir(machine.root + "/etc/old.d", 0o755)
    put(machine.root + "/etc/old.d/a.conf", "a\n")
    apply((Rename("/etc/old.d", FOLDER),), machine=machine, why="")
    apply((WriteFile(PATH, "b\n", "a\n"),), machine=machine, why="")
    spoil(machine)
    with pytest.raises(Refused, match="later changes were made on top of change 1: first undo 2"):
        undo(1, machine=machine)
    spoil(machine, 0o755)
    undo(2, machine=machine)
    undo(1, machine=machine)
    assert read(machine, "/etc/old.d/a.conf") == "a\n"


def test_the_journals_own_folder_bars_everything(folder: Machine) -> None:
    apply(CHANGES, machine=folder, why="")
    os.chmod(folder.root + "/var/lib", 0o775)
    with pytest.raises(Refused, match=r"/var/lib is writable by others$"):
        undo(1, machine=folder)
    assert read(folder, FILE) == NEW_TEXT
