"""What is refused, before any change and with the reason."""

from __future__ import annotations

import os

import pytest

from ec2rl.fix.errors import Conflict, FixError, Refused
from ec2rl.fix.machine import Machine
from ec2rl.fix.transaction import apply, history, undo
from ec2rl.remedies import SetSysctl, WriteFile
from fix.small import CHANGES, FILE, MAX, NEW, NEW_TEXT, OLD_TEXT, picture, put, setting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Union

    Change = Union[SetSysctl, WriteFile]

SET = CHANGES[2]
WRITE = CHANGES[0]


def refused(machine: Machine, *changes: Change) -> str:
    """Apply changes that must not be, check that nothing was touched, and give the reason."""
    seen = picture(machine)
    with pytest.raises(FixError) as caught:
        apply((SET, *changes) if SET not in changes else changes, machine=machine, why="")
    assert picture(machine) == seen
    assert history(machine=machine) == ()
    kind = next(one for one in (Refused, Conflict) if issubclass(caught.type, one))
    return f"{kind.__name__}: {caught.value}".replace(machine.root, "")


def _symlink(root: str) -> None:
    os.rename(root + FILE, root + "/etc/elsewhere")
    os.symlink("../elsewhere", root + FILE)


def _dangling(root: str) -> None:
    os.unlink(root + FILE)
    os.symlink("nowhere", root + FILE)


def _fifo(root: str) -> None:
    os.unlink(root + FILE)
    os.mkfifo(root + FILE)


def _folder(root: str) -> None:
    os.unlink(root + FILE)
    os.mkdir(root + FILE)


def _linked_folder(root: str) -> None:
    os.rename(root + "/etc/sysctl.d", root + "/etc/real.d")
    os.symlink("real.d", root + "/etc/sysctl.d")


LAYOUTS: tuple[tuple[Callable[[str], object], str], ...] = (
    (_symlink, f"Refused: {FILE} is a symbolic link, or no regular file"),
    (_dangling, f"Refused: {FILE} is a symbolic link, or no regular file"),
    (_fifo, f"Refused: {FILE} is no regular file"),
    (_folder, f"Refused: {FILE} is no regular file"),
    (
        lambda root: os.link(root + FILE, root + "/etc/second"),
        f"Refused: {FILE} has 2 names (hard links)",
    ),
    (lambda root: os.chmod(root + FILE, 0o4755), f"Refused: {FILE} has a set-id bit"),
    (
        lambda root: put(root + FILE, "x" * ((64 << 10) + 1)),
        f"Refused: {FILE} is larger than 64 KiB",
    ),
    (
        lambda root: put(root + FILE, "theirs\n"),
        f"Conflict: {FILE} is not as it was when the change was planned",
    ),
    (
        lambda root: os.unlink(root + FILE),
        f"Conflict: {FILE} is not as it was when the change was planned",
    ),
    (
        lambda root: os.chmod(root + "/etc/sysctl.d", 0o777),
        "Refused: /etc/sysctl.d is writable by others",
    ),
    (lambda root: os.chmod(root + "/etc", 0o775), "Refused: /etc is writable by others"),
    (
        lambda root: os.chmod(root + "/var/lib", 0o1777),
        "Refused: /var/lib is writable by others",
    ),
    (lambda root: os.chmod(root, 0o757), "Refused:  is writable by others"),
    (_linked_folder, "Refused: /etc/sysctl.d is a symbolic link, or no folder"),
    (
        lambda root: os.rename(root + "/etc", root + "/elsewhere"),
        "Refused: /etc does not exist",
    ),
    (
        lambda root: put(setting(root, MAX), "300000\n"),
        f"Conflict: {MAX} is 300000 by now, and was 262144 when it was planned",
    ),
    (
        lambda root: os.unlink(setting(root, MAX)),
        f"Refused: {MAX} does not exist on this kernel, or its module is not loaded",
    ),
)


@pytest.mark.parametrize(("spoil", "words"), LAYOUTS, ids=range(len(LAYOUTS)))
def test_a_target_that_is_not_what_it_must_be(
    machine: Machine, spoil: Callable[[str], object], words: str
) -> None:
    spoil(machine.root)
    if "var/lib" in words or words.startswith("Refused:  is"):
        seen = picture(machine)
        with pytest.raises(Refused) as caught:
            apply(CHANGES, machine=machine, why="")
        assert f"Refused: {caught.value}".replace(machine.root, "") == words
        assert picture(machine) == seen
    else:
        assert refused(machine, *CHANGES) == words


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/etc/sysctl.d/../passwd.conf", "no plain path of a file"),
        ("/etc/sysctl.d/a.conf\n", "no plain path of a file"),
        ("/etc/" + "a" * 201, "no plain path of a file"),
        ("/etc//a", "no plain path of a file"),
        ("/etc/", "no plain path of a file"),
        ("etc/sysctl.d/a.conf", "no plain path of a file"),
        ("/", "no plain path of a file"),
        ("", "no plain path of a file"),
        ("/proc/sys/kernel/core_pattern", "no file that ec2rl writes"),
        ("/sys/module/a", "no file that ec2rl writes"),
        ("/dev/vda", "no file that ec2rl writes"),
        ("/run/a", "no file that ec2rl writes"),
        ("/var/lib/ec2rl/changes/1.json", "no file that ec2rl writes"),
    ],
)
def test_a_file_that_is_none_of_ours(machine: Machine, path: str, why: str) -> None:
    words = f"Refused: {path!a} is {why}"
    assert refused(machine, WriteFile(path, "x\n", None)) == words


@pytest.mark.parametrize(
    "key", ["kernel", "net", "net.", "net..a", "net.a/b", "net/a", "net.a\n", "../a.b", ""]
)
def test_a_setting_that_is_none(machine: Machine, key: str) -> None:
    words = f"Refused: {key!a} is no kernel setting"
    assert refused(machine, SetSysctl(key, "1", "0")) == words


def test_a_setting_that_the_module_does_not_have(machine: Machine) -> None:
    seen = picture(machine)
    with pytest.raises(Refused, match=rf"^{MAX} is no setting of neighbourfull$"):
        apply((SET,), machine=machine, why="", module="neighbourfull", keys=("net.core.somaxconn",))
    assert picture(machine) == seen
    assert apply((SET,), machine=machine, why="", module="conntrackfull", keys=(MAX,)).id == 1


@pytest.mark.parametrize(
    "value", ["", "0x10", "010", "1.5", "-", "1e9", "9" * 20, "1;2", "１", "|/bin/sh", "/x", "a/b"]
)
def test_a_value_that_is_no_number_nor_a_word(machine: Machine, value: str) -> None:
    words = f"Refused: {MAX}: {value!a} is no decimal number, nor a plain word"
    assert refused(machine, SetSysctl(MAX, value, "262144"), SET) == words


def test_two_changes_of_one_target(machine: Machine) -> None:
    assert (
        refused(machine, WRITE, WRITE) == f"Refused: two changes of the same target: {WRITE.path}"
    )


def test_what_is_already_as_wished(machine: Machine) -> None:
    seen = picture(machine)
    same = (WriteFile(FILE, OLD_TEXT, OLD_TEXT), SetSysctl(MAX, "262144", "262144"))
    for changes in (same, ()):
        with pytest.raises(Refused, match=r"^everything is already as you asked$"):
            apply(changes, machine=machine, why="")
    assert picture(machine) == seen


def test_a_text_that_cannot_be_written(machine: Machine) -> None:
    words = f"Refused: {NEW}: the text is no UTF-8"
    assert refused(machine, WriteFile(NEW, "\udc80", None)) == words
    words = f"Refused: {NEW}: more than 64 KiB to write"
    assert refused(machine, WriteFile(NEW, "x" * ((64 << 10) + 1), None)) == words


def test_a_file_of_ours_that_is_in_the_way(machine: Machine) -> None:
    put(machine.root + "/etc/sysctl.d/.ec2rl-1-99-netfilter.conf.tmp", "whose?\n")
    seen = picture(machine)
    with pytest.raises(Refused) as caught:
        apply(CHANGES, machine=machine, why="")
    temp = "/etc/sysctl.d/.ec2rl-1-99-netfilter.conf.tmp"
    assert str(caught.value) == f"{temp} is in the way; it may be somebody's edit"
    assert picture(machine) == seen


def test_an_undo_that_does_not_exist(machine: Machine) -> None:
    with pytest.raises(Refused, match=r"^there is no change 7$"):
        undo(7, machine=machine)


def test_an_undo_of_what_has_become_a_link(machine: Machine) -> None:
    apply(CHANGES, machine=machine, why="")
    os.rename(machine.root + FILE, machine.root + "/etc/elsewhere")
    os.symlink("../elsewhere", machine.root + FILE)
    seen = picture(machine)
    with pytest.raises(Conflict):
        undo(1, machine=machine)
    assert picture(machine) == seen
    undo(1, machine=machine, partial=True)
    assert os.readlink(machine.root + FILE) == "../elsewhere"
    with open(machine.root + "/etc/elsewhere") as file:
        assert file.read() == NEW_TEXT
