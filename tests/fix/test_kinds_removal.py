"""A whole file is removed, and is back after an undo: its bytes, owner, mode and labels."""

from __future__ import annotations

import os
import shutil

import pytest

from ec2rl.commands.history import history_text
from ec2rl.fix.change import Found, State
from ec2rl.fix.errors import Conflict, FixError
from ec2rl.fix.machine import Machine
from ec2rl.fix.transaction import apply, foresee, history, undo
from ec2rl.model import Proposal, Remedy, Risk
from ec2rl.next_boot.by_hand import commands
from ec2rl.remedies import SetLink, WriteFile
from ec2rl.report.plan import plan
from fix.kinds_machine import FSTAB, FSTAB_TEXT, build, picture, there_and_back
from fix.small import put

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

REMOVE = WriteFile(FSTAB, None, FSTAB_TEXT)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return build(str(tmp_path))


@pytest.mark.parametrize("data", [b"", b"a\n", b"a\xff\r\n\0\n\nb", b"\\xff", b"x" * 65536])
def test_it_goes_and_comes_back_byte_for_byte(machine: Machine, data: bytes) -> None:
    with open(machine.root + FSTAB, "wb") as file:
        file.write(data)
    os.chmod(machine.root + FSTAB, 0o1640)
    change = WriteFile(FSTAB, None, data.decode("utf-8", "backslashreplace"))
    assert there_and_back(machine, change) == {FSTAB: None}


@pytest.mark.root
def test_its_owner_and_labels_come_back(machine: Machine) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    path = machine.root + FSTAB
    os.chown(path, 0, 34)
    os.setxattr(path, "trusted.ec2rl", b"\xff")
    assert there_and_back(machine, REMOVE) == {FSTAB: None}
    assert (os.stat(path).st_gid, os.getxattr(path, "trusted.ec2rl")) == (34, b"\xff")


def test_it_is_shown_and_told(machine: Machine) -> None:
    shown = plan(Proposal((Remedy("Remove a file", (REMOVE,), Risk.SAFE),)))
    minus = "".join(f"    -{line}\n" for line in FSTAB_TEXT.splitlines())
    assert f"    --- {FSTAB}\n    +++ /dev/null\n    @@ -1,3 +0,0 @@\n{minus}" in shown
    assert commands((REMOVE,)) == (f"rm {FSTAB}",)
    apply((REMOVE,), machine=machine, why="a test")
    assert f"    {FSTAB}: {len(FSTAB_TEXT)} bytes -> absent\n" in history_text(machine)
    put(machine.root + FSTAB, "of somebody\n")
    assert "somebody else changed it since, it is 12 bytes now" in history_text(machine)


def test_an_empty_file_is_shown_too(machine: Machine) -> None:
    change = WriteFile(FSTAB, None, "")
    shown = plan(Proposal((Remedy("Remove a file", (change,), Risk.SAFE),)))
    assert f"    --- {FSTAB}\n    +++ /dev/null\n" in shown


def test_what_is_gone_already_is_as_wished_and_what_is_not_as_seen_stays(machine: Machine) -> None:
    for before, words in ((None, "already as you asked"), ("other\n", "is not as it was")):
        if before is None:
            os.unlink(machine.root + FSTAB)
        else:
            put(machine.root + FSTAB, FSTAB_TEXT)
        seen = picture(machine)
        with pytest.raises(FixError, match=words):
            apply((WriteFile(FSTAB, None, before),), machine=machine, why="")
        assert picture(machine) == seen


def test_one_that_somebody_made_anew_is_theirs(machine: Machine) -> None:
    apply((REMOVE, SetLink("/etc/localtime", "UTC", None)), machine=machine, why="")
    put(machine.root + FSTAB, "theirs\n")
    with pytest.raises(Conflict, match=FSTAB):
        undo(1, machine=machine)
    undo(1, machine=machine, partial=True)
    with open(machine.root + FSTAB) as file:
        assert file.read() == "theirs\n"
    assert not os.path.lexists(machine.root + "/etc/localtime")
    os.unlink(machine.root + FSTAB)
    undo(1, machine=machine)
    assert history(machine=machine)[0].state is State.UNDONE
    with open(machine.root + FSTAB) as file:
        assert file.read() == FSTAB_TEXT


def test_written_anew_by_a_later_change_it_is_below_that(machine: Machine) -> None:
    apply((REMOVE,), machine=machine, why="")
    apply((WriteFile(FSTAB, "new\n", None),), machine=machine, why="")
    assert [change.id for change, _ in foresee(1, machine=machine)] == [2, 1]
    undo(2, machine=machine)
    undo(1, machine=machine)
    with open(machine.root + FSTAB) as file:
        assert file.read() == FSTAB_TEXT


@pytest.mark.parametrize("what", ["file", "link"])
def test_where_its_folder_is_gone_it_cannot_come_back_and_the_rest_can(
    machine: Machine, what: str
) -> None:
    folder = machine.root + "/etc/app.d"
    os.mkdir(folder, 0o755)
    target = "/etc/app.d/one"
    change = WriteFile(target, None, "a\n") if what == "file" else SetLink(target, None, "a")
    put(machine.root + target, "a\n") if what == "file" else os.symlink("a", machine.root + target)
    apply((change, REMOVE), machine=machine, why="")
    shutil.rmtree(folder)
    with pytest.raises(Conflict, match=rf"{target} \(.*/etc/app.d does not exist\)"):
        undo(1, machine=machine)
    found = [outcome.found for outcome in undo(1, machine=machine, partial=True)]
    assert sorted(found, key=str) == [Found.AFTER, Found.CHANGED]
    with open(machine.root + FSTAB) as file:
        assert file.read() == FSTAB_TEXT
    os.mkdir(folder, 0o755)
    undo(1, machine=machine)
    assert history(machine=machine)[0].state is State.UNDONE
    assert os.path.lexists(machine.root + target)
