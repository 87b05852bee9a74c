"""A change, as the one who makes it sees it: applied whole, told, and taken back whole."""

from __future__ import annotations

import itertools
import os
import stat
import subprocess
import sys
import tempfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2rl import __version__
from ec2rl.fix.change import FileItem, Found, Image, State, SysctlItem, Transaction
from ec2rl.fix.errors import Busy, Conflict, Outcome, Refused
from ec2rl.fix.machine import Machine
from ec2rl.fix.transaction import apply, history, prune, recover, undo
from ec2rl.record import replace
from ec2rl.remedies import SetSysctl, WriteFile
from fix import small
from fix.small import CHANGES, FILE, MAX, NEW, NEW_TEXT, OLD_TEXT, boot, picture, put, setting
from support.examples import examples

REGULAR = stat.S_IFREG
NAME = os.path.basename(setting("", MAX))
BEFORE = {FILE: (OLD_TEXT, REGULAR | 0o640), NAME: ("262144\n", REGULAR | 0o644)}
AFTER = {
    FILE: (NEW_TEXT, REGULAR | 0o640),
    NEW: ("nf_conntrack\n", REGULAR | 0o644),
    NAME: ("524288\n", REGULAR | 0o644),
}


def test_a_change_is_applied_and_told_and_undone(machine: Machine) -> None:
    change = apply(CHANGES, machine=machine, why="fix conntrackfull")
    uid, gid = os.geteuid(), os.getegid()
    assert change == Transaction(
        id=1,
        state=State.APPLIED,
        why="fix conntrackfull",
        time=change.time,
        boot="first",
        tool=__version__,
        items=(
            SysctlItem(MAX, "262144", "524288", "524288"),
            FileItem(
                FILE,
                Image(OLD_TEXT.encode(), 0o640, uid, gid, ()),
                Image(NEW_TEXT.encode(), 0o640, uid, gid, ()),
            ),
            FileItem(NEW, None, Image(b"nf_conntrack\n", 0o644, uid, gid, None)),
        ),
    )
    assert picture(machine) == AFTER
    assert history(machine=machine) == (change,)
    assert recover(machine=machine) == ()

    done = tuple(Outcome(target, Found.AFTER) for target in (MAX, FILE, NEW))
    assert undo(1, machine=machine, dry_run=True) == done
    assert picture(machine) == AFTER
    assert undo(1, machine=machine) == done
    assert picture(machine) == BEFORE
    assert history(machine=machine) == (replace(change, state=State.UNDONE),)


def test_to_undo_twice_is_to_do_nothing(machine: Machine) -> None:
    apply(CHANGES, machine=machine, why="")
    undo(1, machine=machine)
    put(setting(machine.root, MAX), "524288\n")
    nothing = tuple(Outcome(target, Found.BEFORE) for target in (MAX, FILE, NEW))
    assert undo(1, machine=machine) == nothing
    assert picture(machine)[NAME] == ("524288\n", REGULAR | 0o644)


def test_the_journal_is_for_root_alone(machine: Machine) -> None:
    apply(CHANGES, machine=machine, why="")
    folder = machine.root + machine.state
    modes = {n: stat.S_IMODE(os.stat(f"{folder}/{n}").st_mode) for n in os.listdir(folder)}
    assert modes == {"1.json": 0o600, "lock": 0o600}
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    assert stat.S_IMODE(os.stat(os.path.dirname(folder)).st_mode) == 0o700


@pytest.mark.more
def test_no_more_than_fifty_changes_are_kept_that_were_taken_back(machine: Machine) -> None:
    for number in range(1, 54):
        apply((SetSysctl(MAX, "524288", "262144"),), machine=machine, why="")
        undo(number, machine=machine)
    assert prune(machine=machine) == (), "of this boot: they tell what the limits were"
    boot(machine.root, "second")
    assert prune(machine=machine) == (1, 2, 3)
    assert [change.id for change in history(machine=machine)] == list(range(4, 54))


def test_after_a_reboot_what_the_kernel_forgot_is_no_conflict(machine: Machine) -> None:
    apply(CHANGES, machine=machine, why="")
    small.boot(machine.root, "second")
    put(setting(machine.root, MAX), "393216\n")
    assert undo(1, machine=machine) == (
        Outcome(MAX, Found.GONE),
        Outcome(FILE, Found.AFTER),
        Outcome(NEW, Found.AFTER),
    )
    assert picture(machine) == {**BEFORE, NAME: ("393216\n", REGULAR | 0o644)}


def test_a_setting_whose_module_is_gone_needs_no_undo(machine: Machine) -> None:
    apply(CHANGES, machine=machine, why="")
    os.unlink(setting(machine.root, MAX))
    assert undo(1, machine=machine)[0] == Outcome(MAX, Found.GONE)
    assert picture(machine) == {FILE: BEFORE[FILE]}


def without_folders(machine: Machine) -> dict[str, tuple[str, int]]:
    """Leave the machine with none of the folders that settings are kept in."""
    os.unlink(machine.root + FILE)
    for folder in small.FOLDERS:
        os.rmdir(f"{machine.root}/etc/{folder}")
    return picture(machine)


MADE = (WriteFile(FILE, NEW_TEXT, None), WriteFile(NEW, "nf_conntrack\n", None))


def test_missing_folders_are_made_for_all_to_read_and_taken_back(machine: Machine) -> None:
    seen = without_folders(machine)
    umask = os.umask(0o077)
    try:
        change = apply(MADE, machine=machine, why="")
    finally:
        os.umask(umask)
    assert [item.folder for item in change.items if isinstance(item, FileItem)] == [True, True]
    assert picture(machine) == {
        FILE: (NEW_TEXT, REGULAR | 0o644),
        NEW: AFTER[NEW],
        NAME: BEFORE[NAME],
        "modprobe.d": ("missing", 0),
    }
    modes = {stat.S_IMODE(os.stat(machine.root + os.path.dirname(p)).st_mode) for p in (FILE, NEW)}
    assert modes == {0o755}
    assert history(machine=machine) == (change,)
    undo(1, machine=machine)
    assert picture(machine) == seen


def test_a_folder_that_somebody_uses_by_now_stays(machine: Machine) -> None:
    without_folders(machine)
    apply(MADE, machine=machine, why="")
    put(machine.root + "/etc/sysctl.d/theirs.conf", "kernel.sysrq = 1\n")
    os.chmod(machine.root + os.path.dirname(NEW), 0o700 | stat.S_ISVTX)
    undo(1, machine=machine)
    assert picture(machine) == {
        "/etc/sysctl.d/theirs.conf": ("kernel.sysrq = 1\n", REGULAR | 0o644),
        NAME: BEFORE[NAME],
        "modprobe.d": ("missing", 0),
    }


def test_a_change_that_fails_leaves_no_folder_behind(machine: Machine) -> None:
    seen = without_folders(machine)
    os.chmod(machine.root + "/etc", 0o755)
    put(machine.root + "/etc/modules-load.d", "no folder")
    with pytest.raises(Refused, match=r"modules-load.d is a symbolic link, or no folder$"):
        apply((*MADE, CHANGES[2]), machine=machine, why="")
    os.unlink(machine.root + "/etc/modules-load.d")
    assert picture(machine) == seen


def test_a_folder_that_is_gone_by_the_undo_is_no_obstacle(machine: Machine) -> None:
    seen = without_folders(machine)
    apply((*MADE, CHANGES[2]), machine=machine, why="")
    os.unlink(machine.root + NEW)
    os.rmdir(machine.root + os.path.dirname(NEW))
    outcomes = undo(1, machine=machine)
    assert [(out.target, out.found) for out in outcomes] == [
        (MAX, Found.AFTER),
        (FILE, Found.AFTER),
        (NEW, Found.BEFORE),
    ]
    assert picture(machine) == seen


STATES = tuple(itertools.product((Found.BEFORE, Found.AFTER, Found.CHANGED), repeat=3))


@pytest.mark.parametrize("states", STATES, ids=lambda states: "-".join(s.name for s in states))
def test_undo_meets_targets_in_every_mixture_of_states(
    machine: Machine, states: tuple[Found, Found, Found]
) -> None:
    def stand(state: Found, path: str, before: str | None, after: str) -> str | None:
        text = {Found.BEFORE: before, Found.AFTER: after, Found.CHANGED: "393216\n"}[state]
        if text is None:
            os.unlink(path)
        else:
            put(path, text)
        return before if state is Found.AFTER else text

    change = apply(CHANGES, machine=machine, why="")
    root = machine.root
    wished = {
        NAME: stand(states[0], setting(root, MAX), "262144\n", "524288\n"),
        FILE: stand(states[1], root + FILE, OLD_TEXT, NEW_TEXT),
        NEW: stand(states[2], root + NEW, None, "nf_conntrack\n"),
    }
    outcomes = tuple(map(Outcome, (MAX, FILE, NEW), states))
    changed = Found.CHANGED in states
    seen = picture(machine)
    if changed:
        with pytest.raises(Conflict) as caught:
            undo(1, machine=machine)
        assert caught.value.outcomes == outcomes
        assert picture(machine) == seen
        assert history(machine=machine) == (change,)
    assert undo(1, machine=machine, partial=changed) == outcomes
    texts = {name: text for name, (text, _) in picture(machine).items()}
    assert texts == {name: text for name, text in wished.items() if text is not None}
    theirs_alone = State.APPLIED if Found.AFTER not in states else State.PARTLY
    assert history(machine=machine)[0].state is (theirs_alone if changed else State.UNDONE)


def test_what_was_left_can_be_undone_later(machine: Machine) -> None:
    apply(CHANGES, machine=machine, why="")
    put(machine.root + FILE, "theirs\n")
    undo(1, machine=machine, partial=True)
    put(machine.root + FILE, NEW_TEXT)
    undo(1, machine=machine)
    assert picture(machine) == BEFORE


@examples(50)
@given(
    before=st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    after=st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    mode=st.integers(0o400, 0o777).filter(lambda mode: mode & 0o400),
)
@pytest.mark.more
def test_undo_is_exact_for_any_text_and_mode(before: str | None, after: str, mode: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        machine = small.build(folder)
        path = folder + "/etc/modprobe.d/a.conf"
        if before is not None:
            with open(path, "wb") as file:
                file.write(before.encode())
            os.chmod(path, mode)
        seen = picture(machine)
        change = WriteFile("/etc/modprobe.d/a.conf", after, before)
        if before == after:
            with pytest.raises(Refused, match="everything is already as you asked"):
                apply((change,), machine=machine, why="")
            return
        apply((change,), machine=machine, why="")
        with open(path, "rb") as file:
            assert file.read() == after.encode()
        undo(1, machine=machine)
        assert picture(machine) == seen


@pytest.mark.more
def test_of_many_at_once_one_wins_and_the_others_say_why(machine: Machine) -> None:
    program = (
        "import sys\n"
        "from fix.small import *\n"
        "from ec2rl.fix.transaction import apply\n"
        "from ec2rl.fix.errors import Conflict\n"
        "r = sys.argv[1]\n"
        "m = Machine(root=r, sysctls=r + '/proc/sys', modules=r + '/sys/module')\n"
        "try:\n"
        "    apply(CHANGES, machine=m, why='')\n"
        "except Conflict:\n"
        "    sys.exit(3)\n"
    )
    command = [sys.executable, "-c", program, machine.root]
    tests = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    source = os.path.join(os.path.dirname(tests), "src")
    environment = {"PYTHONPATH": f"{source}:{tests}"}
    running = [subprocess.Popen(command, env=environment) for _ in range(5)]
    assert sorted(process.wait(60) for process in running) == [0, 3, 3, 3, 3]
    assert picture(machine) == AFTER


@pytest.mark.slow
def test_who_holds_the_lock_is_named(machine: Machine) -> None:
    import fcntl

    apply(CHANGES, machine=machine, why="fix conntrackfull")
    with open(machine.root + machine.state + "/lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Busy) as caught:
            undo(1, machine=machine)
    words = f"another change is under way: 'process {os.getpid()}, fix conntrackfull'"
    assert str(caught.value) == words
    assert picture(machine) == AFTER
