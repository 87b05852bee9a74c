"""`history` says of each change in force whether its targets still are as it left them."""

from __future__ import annotations

import json
import os

import pytest

from ec2rl.commands.history import history_text
from ec2rl.fix.machine import Machine
from ec2rl.fix.transaction import apply, undo
from ec2rl.remedies import Change, EditLines, Lines, Rename, SetLink, SetRights, SetSysfs, WriteFile
from fix.kinds_machine import FSTAB, SCHEDULER, build
from fix.small import CHANGES, FILE, MAX, NEW, boot, put, setting
from fix.test_kinds_lines import NOFAIL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LINK = "/etc/localtime"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return build(str(tmp_path))


def since(machine: Machine) -> list[str]:
    """What is told below the items of all changes, without their rows and the heads of diffs."""
    lines = history_text(machine).splitlines()
    return [line.strip() for line in lines if line.startswith("        ") and "@@" not in line]


def test_what_is_in_force_says_nothing(machine: Machine) -> None:
    lines = EditLines(FSTAB, (NOFAIL,))
    apply((*CHANGES, lines, SetLink(LINK, "a", None)), machine=machine, why="")
    with open(machine.root + FSTAB, "a") as file:
        file.write("# of somebody, elsewhere\n")
    assert since(machine) == []
    document = json.loads(history_text(machine, json.dumps))
    assert [item["in_force"] for item in document["changes"][0]["items"]] == [True] * 5
    undo(1, machine=machine)
    assert since(machine) == []


def _rights(machine: Machine) -> SetRights:
    me = os.geteuid(), os.getegid()
    return SetRights(FSTAB, (0o600, *me), (0o644, *me))


def _chmod(machine: Machine) -> None:
    os.chmod(machine.root + FSTAB, 0o640)


ME = f"user {os.geteuid()}, group {os.getegid()}"
KINDS: tuple[tuple[Callable[[Machine], Change], Callable[[Machine], object], list[str]], ...] = (
    (
        lambda machine: CHANGES[2],
        lambda machine: put(setting(machine.root, MAX), "400000\n"),
        ["no longer in force: somebody else changed it since, it is 400,000 now"],
    ),
    (
        lambda machine: CHANGES[2],
        lambda machine: put(setting(machine.root, MAX), "262144\n"),
        ["no longer in force: somebody else took it back, it is 262,144 now"],
    ),
    (
        lambda machine: SetSysfs(SCHEDULER, "none-at-all", "mq-deadline"),
        lambda machine: put(machine.root + SCHEDULER, "none [kyber] bfq\n"),
        ["no longer in force: somebody else changed it since, it is kyber now"],
    ),
    (
        lambda machine: CHANGES[0],
        lambda machine: put(machine.root + FILE, "# theirs\n"),
        [
            "no longer in force: somebody else changed it since, it is 9 bytes now",
            "-net.netfilter.nf_conntrack_max=524288",
            "+# theirs",
        ],
    ),
    (
        lambda machine: CHANGES[0],
        lambda machine: put(
            machine.root + FILE, "# why: ticket 7\nnet.netfilter.nf_conntrack_max=524288\n"
        ),
        [
            "somebody else changed it since; what it sets is in it still:",
            "+# why: ticket 7",
            "net.netfilter.nf_conntrack_max=524288",
        ],
    ),
    (
        lambda machine: CHANGES[0],
        lambda machine: put(
            machine.root + FILE,
            "net.netfilter.nf_conntrack_max=524288\nnet/netfilter/nf_conntrack_max = 9\n",
        ),
        [
            "no longer in force: somebody else changed it since, it is 73 bytes now",
            "net.netfilter.nf_conntrack_max=524288",
            "+net/netfilter/nf_conntrack_max = 9",
        ],
    ),
    (
        lambda machine: CHANGES[1],
        lambda machine: os.unlink(machine.root + NEW),
        ["no longer in force: somebody else took it back, it is absent now"],
    ),
    (
        lambda machine: EditLines(FSTAB, (Lines(1, ("# mounts",), ("# ours",)),)),
        lambda machine: put(machine.root + FSTAB, "# all theirs\n"),
        [
            "no longer in force: somebody else changed it since, it is 13 bytes now",
            "-# ours",
            "-UUID=1 / xfs defaults 0 0",
            "-/dev/xvdf /data ext4 defaults 0 2",
            "+# all theirs",
        ],
    ),
    (
        _rights,
        _chmod,
        [f"no longer in force: somebody else changed it since, it is mode 640, {ME} now"],
    ),
    (
        lambda machine: Rename(FSTAB, "/etc/fstab.off"),
        lambda machine: put(machine.root + FSTAB, ""),
        [
            "no longer in force: somebody else changed it since, it is "
            "file at /etc/fstab, file at /etc/fstab.off now"
        ],
    ),
    (
        lambda machine: SetLink(LINK, "a", None),
        lambda machine: os.unlink(machine.root + LINK),
        ["no longer in force: somebody else took it back, it is no link now"],
    ),
)


@pytest.mark.parametrize(("change", "edit", "words"), KINDS, ids=range(len(KINDS)))
def test_what_somebody_else_has_changed(
    machine: Machine,
    change: Callable[[Machine], Change],
    edit: Callable[[Machine], object],
    words: list[str],
) -> None:
    apply((change(machine),), machine=machine, why="")
    assert since(machine) == []
    edit(machine)
    assert since(machine) == words
    (item,) = json.loads(history_text(machine, json.dumps))["changes"][0]["items"]
    assert item["in_force"] is words[0].endswith("what it sets is in it still:")
    assert item["now"] is not None


def test_a_later_change_is_named(machine: Machine) -> None:
    apply((CHANGES[2],), machine=machine, why="")
    later = apply(
        (WriteFile(FILE, "# more\n", "net.netfilter.nf_conntrack_max=262144\n"),),
        machine=machine,
        why="",
    )
    assert later.id == 2
    apply((WriteFile(FILE, "# most\n", "# more\n"),), machine=machine, why="")
    assert since(machine)[0] == "no longer in force: change 3 changed it since, it is 7 bytes now"


def test_what_went_with_the_reboot(machine: Machine) -> None:
    apply((CHANGES[2],), machine=machine, why="")
    boot(machine.root, "second")
    put(setting(machine.root, MAX), "262144\n")
    gone = "no longer in force, gone with the reboot, or with its kernel module: it is 262,144 now"
    assert since(machine) == [gone]


def test_what_cannot_be_told_is_said(machine: Machine) -> None:
    apply((CHANGES[0],), machine=machine, why="")
    os.rename(machine.root + "/etc/sysctl.d", machine.root + "/etc/away")
    os.symlink("away", machine.root + "/etc/sysctl.d")
    (words,) = since(machine)
    assert words.startswith("whether it is in force cannot be told: ")
