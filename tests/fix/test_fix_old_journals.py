"""Records that earlier versions wrote (tests/fix/journals/make.py) are read, settled and undone."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ec2rl.fix.change import State
from ec2rl.fix.machine import Machine
from ec2rl.fix.transaction import apply, history, recover, undo
from ec2rl.remedies import WriteFile
from fix.small import CHANGES, FILE, picture

JOURNALS = {path.stem: path for path in (Path(__file__).parent / "journals").glob("*.json")}

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the files of the records are root's")


def changed(machine: Machine, commit: str, state: State) -> dict[str, tuple[str, int]]:
    """Leave the machine as a version left it, with its record; what was before the change."""
    if commit != "71c18b7":  # from then on a folder was made, and taken back
        os.makedirs(machine.root + "/etc/modules-load.d", exist_ok=True)
    else:
        os.rmdir(machine.root + "/etc/modules-load.d")
    seen = picture(machine)
    apply(CHANGES, machine=machine, why="")
    record = json.loads(JOURNALS[commit].read_text())[state.value]
    Path(machine.root + machine.state + "/1.json").write_text(record)
    return seen


def test_each_form_is_there() -> None:
    assert sorted(JOURNALS) == ["57ee096", "71c18b7", "80f7e31"]


@pytest.mark.parametrize("commit", JOURNALS)
@pytest.mark.parametrize("state", State, ids=lambda state: state.name)
def test_it_is_read_settled_and_undone(machine: Machine, commit: str, state: State) -> None:
    before = changed(machine, commit, state)
    (read,) = history(machine=machine)
    assert (read.state, read.why, read.time) == (state, "fix conntrackfull", 1790000000.25)
    assert read.notes == (("a note",) if state is State.PARTLY else ())
    after = picture(machine)
    settled = recover(machine=machine)
    assert [one.state for one in settled] == {
        State.APPLYING: [State.APPLIED],
        State.UNDOING: [State.UNDONE],
    }.get(state, [])
    undo(1, machine=machine)
    assert picture(machine) == (after if state is State.UNDONE else before)
    assert history(machine=machine)[0].state is State.UNDONE


def test_a_new_change_stands_beside_an_old_one(machine: Machine) -> None:
    changed(machine, "57ee096", State.APPLIED)
    with open(machine.root + FILE) as file:
        text = file.read()
    assert apply((WriteFile(FILE, "# more\n", text),), machine=machine, why="").id == 2
    undo(2, machine=machine)
    undo(1, machine=machine)
    assert [change.state for change in history(machine=machine)] == [State.UNDONE, State.UNDONE]


def test_a_file_as_large_as_the_first_versions_wrote_is_put_back(machine: Machine) -> None:
    import hashlib

    path = machine.root + machine.state + "/1.json"
    changed(machine, "57ee096", State.APPLIED)
    change = json.loads(Path(path).read_text())["change"]
    text = "# as it was\n" * 80_000
    change["items"][1]["before"]["data"] = text
    body = f'"change": {json.dumps(change, indent=1)}}}\n'
    Path(path).write_text(f'{{"sha256": "{hashlib.sha256(body.encode()).hexdigest()}",\n{body}')
    undo(1, machine=machine)
    assert Path(machine.root + FILE).read_text() == text
