"""What a command knows of its change is told, though the journal cannot be asked any more."""

from __future__ import annotations

import pytest

from ec2rl.commands.changed import known, standing_told
from ec2rl.fix.change import State
from ec2rl.fix.machine import Machine
from ec2rl.fix.transaction import apply, undo
from ec2rl.record import replace
from ec2rl.terminal import Terminal
from fix.small import CHANGES, build

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

FILES = CHANGES[:2]


Captured = pytest.CaptureFixture[str]


def last_words(
    machine: Machine, captured: Captured, state: State = State.APPLIED, *, remembered: bool = True
) -> str:
    """What is said when the memory ends after a change, whose record cannot be read by then."""

    def change() -> None:
        apply(FILES, machine=machine, why="fix conntrackfull")
        if state is State.UNDONE:
            undo(1, machine=machine)
        if remembered:
            known(1, state, machine)
        with open(f"{machine.root}{machine.state}/1.json", "w") as file:
            file.write("torn")
        raise MemoryError

    with pytest.raises(MemoryError), standing_told(machine, Terminal({})):
        change()
    return captured.readouterr().err


def test_a_change_that_was_made_is_told(machine: Machine, capfd: Captured) -> None:
    words = last_words(machine, capfd)
    assert words.startswith("ec2rl: change 1 is applied; to take it back: sudo ./ec2rl undo 1 (")
    assert "is damaged: its checksum is wrong" in words


def test_one_that_was_undone_needs_no_undo(machine: Machine, capfd: Captured) -> None:
    words = last_words(machine, capfd, State.UNDONE)
    assert words.startswith("ec2rl: change 1 is undone (what else")


def test_on_a_volume_the_way_back_names_it(machine: Machine, capfd: Captured) -> None:
    volume = replace(machine, sysctls="", modules="")
    assert f"sudo ./ec2rl undo 1 --root={machine.root} (" in last_words(volume, capfd)


def test_a_command_that_has_changed_nothing_yet_remembers_nothing(
    machine: Machine, tmp_path: Path, capfd: Captured
) -> None:
    """Nor does it speak of what the last command in this process did."""
    last_words(machine, capfd)
    other = tmp_path / "other"
    other.mkdir()
    words = last_words(build(str(other)), capfd, remembered=False)
    assert words.startswith("ec2rl: how its changes stand cannot be told (")
