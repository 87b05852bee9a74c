"""What a crash may leave, made by hand; the fault harness makes the same by real kills."""

from __future__ import annotations

import os

import pytest

from ec2rl.fix.change import State, Transaction
from ec2rl.fix.errors import Refused
from ec2rl.fix.journal import locked
from ec2rl.fix.machine import Machine
from ec2rl.fix.transaction import apply, history, recover, undo
from ec2rl.record import replace
from fix.small import CHANGES, FILE, MAX, NEW_TEXT, OLD_TEXT, boot, picture, put, setting

TEMP = "/etc/sysctl.d/.ec2rl-1-99-netfilter.conf.tmp"
DRAFT = "/etc/sysctl.d/.ec2rl-1-99-netfilter.conf.new"


def crashed(machine: Machine, state: State = State.APPLYING) -> Transaction:
    """Apply, and make the journal say that it is not known to have come to its end."""
    change = replace(apply(CHANGES, machine=machine, why=""), state=state)
    with locked(machine, "a test") as journal:
        journal.save(change)
    return change


def settled(machine: Machine) -> tuple[State, tuple[str, ...]]:
    """Recover, once and then in vain, and say how."""
    assert machine.interrupted()
    (change,) = recover(machine=machine)
    assert not machine.interrupted()
    assert recover(machine=machine) == ()
    assert history(machine=machine) == (change,)
    return change.state, change.notes


def test_nothing_else_is_done_before_a_recovery(machine: Machine) -> None:
    crashed(machine)
    for verb in (lambda: undo(1, machine=machine), lambda: apply((), machine=machine, why="")):
        with pytest.raises(Refused, match=r"^change 1 was interrupted, and is to be recovered"):
            verb()


def test_a_mark_without_a_reason_is_removed(machine: Machine) -> None:
    change = apply(CHANGES, machine=machine, why="")
    assert not machine.interrupted()
    put(f"{machine.root}{machine.state}/unfinished", "")
    assert machine.interrupted()
    assert recover(machine=machine) == ()
    assert not machine.interrupted()
    assert history(machine=machine) == (change,)


def test_all_that_was_to_be_done_is_done(machine: Machine) -> None:
    crashed(machine)
    seen = picture(machine)
    put(machine.root + TEMP, OLD_TEXT)
    os.chmod(machine.root + TEMP, 0o640)
    put(machine.root + DRAFT, NEW_TEXT[:7])
    assert settled(machine) == (State.APPLIED, ())
    assert picture(machine) == seen


def test_some_of_it_is_done(machine: Machine) -> None:
    seen = picture(machine)
    crashed(machine)
    put(setting(machine.root, MAX), "262144\n")
    put(machine.root + DRAFT, NEW_TEXT[:7])
    assert settled(machine) == (State.UNDONE, ())
    assert picture(machine) == seen


def test_an_undo_is_ended(machine: Machine) -> None:
    seen = picture(machine)
    crashed(machine, State.UNDOING)
    assert settled(machine) == (State.UNDONE, ())
    assert picture(machine) == seen


def test_after_a_reboot_the_kernel_has_forgotten(machine: Machine) -> None:
    crashed(machine)
    boot(machine.root, "second")
    put(setting(machine.root, MAX), "131072\n")
    assert settled(machine) == (State.UNDONE, ())
    with open(machine.root + FILE) as file:
        assert file.read() == OLD_TEXT
    with open(setting(machine.root, MAX)) as file:
        assert file.read() == "131072\n"


def test_an_edit_that_was_swapped_out_is_put_back(machine: Machine) -> None:
    crashed(machine)
    put(machine.root + TEMP, "theirs\n")
    state, notes = settled(machine)
    words = f"{FILE} was changed, or is open to be, by somebody else; theirs is kept"
    assert (state, notes[0]) == (State.PARTLY, words)
    seen = picture(machine)
    assert {seen[FILE][0], len(seen)} == {"theirs\n", 2}


def test_of_two_edits_both_are_kept(machine: Machine) -> None:
    crashed(machine)
    put(machine.root + TEMP, "theirs, first\n")
    put(machine.root + FILE, "theirs, second\n")
    state, notes = settled(machine)
    words = f"{FILE} was changed twice meanwhile: see also {TEMP}"
    assert (state, notes[0]) == (State.PARTLY, words)
    seen = picture(machine)
    assert (seen[TEMP][0], seen[FILE][0]) == ("theirs, first\n", "theirs, second\n")


def test_an_edit_of_what_was_removed_is_put_back(machine: Machine) -> None:
    crashed(machine, State.UNDOING)
    os.unlink(machine.root + FILE)
    put(machine.root + TEMP, "theirs\n")
    assert settled(machine)[0] is State.PARTLY
    assert picture(machine)[FILE][0] == "theirs\n"


def test_a_file_under_both_its_names_is_ours(machine: Machine) -> None:
    seen = picture(machine)
    crashed(machine)
    put(setting(machine.root, MAX), "262144\n")
    os.link(machine.root + FILE, machine.root + TEMP)
    assert settled(machine) == (State.UNDONE, ())
    assert picture(machine) == seen
