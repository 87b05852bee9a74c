"""Changes on top of each other, taken back in any order: what is said to be undone is undone."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from ec2rl.fix.change import State
from ec2rl.fix.errors import Conflict, Refused
from ec2rl.fix.machine import Machine
from ec2rl.fix.transaction import apply, foresee, history, prune, undo
from ec2rl.remedies import Rename, SetLink, SetRights, SetSysctl, WriteFile
from fix import small
from fix.small import FILE, MAX, NEW, OLD_TEXT, put, setting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Union

    Change = Union[SetSysctl, WriteFile, SetRights, Rename, SetLink]

OLD = "262144"
VALUES = {
    "there and back": ("262145", OLD, "262145"),
    "and back at last": ("262145", "262146", OLD),
    "and back to the second": ("262145", "262146", "262145"),
    "up": ("262145", "262146", "262147"),
}
ORDERS = tuple(itertools.permutations((1, 2, 3)))


def over_it(number: int, machine: Machine) -> list[int]:
    """The changes that were made on top of one, in the order to take them back."""
    return [one.id for one, _ in foresee(number, machine=machine)[:-1]]


def of_settings(values: Sequence[str]) -> list[Change]:
    return [SetSysctl(MAX, new, old) for old, new in zip((OLD, *values), values)]


def of_files(values: Sequence[str]) -> list[Change]:
    texts = [OLD_TEXT, *(f"{MAX}={value}\n" for value in values)]
    return [WriteFile(FILE, new, old) for old, new in zip(texts, texts[1:])]


def of_a_file_that_was_not_there(values: Sequence[str]) -> list[Change]:
    texts = [None, *(f"# {value}\n" for value in values)]
    return [WriteFile(NEW, new or "", old) for old, new in zip(texts, texts[1:])]


KINDS = (of_settings, of_files, of_a_file_that_was_not_there)


def now(machine: Machine) -> tuple[str, str, str]:
    """The text of each target."""
    new = Path(machine.root + NEW)
    return (
        Path(setting(machine.root, MAX)).read_text(),
        Path(machine.root + FILE).read_text(),
        new.read_text() if new.exists() else "none",
    )


def standing(machine: Machine) -> list[int]:
    return [change.id for change in history(machine=machine) if change.state is State.APPLIED]


@pytest.mark.parametrize("order", ORDERS, ids=str)
@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES.keys())
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.sampled(5)
def test_only_the_top_one_is_taken_back(
    machine: Machine, kind: object, values: tuple[str, ...], order: tuple[int, ...]
) -> None:
    states = [now(machine)]
    for change in kind(values):  # type: ignore[operator]
        apply((change,), machine=machine, why="")
        states.append(now(machine))
    for number in order * 3:
        top = max(standing(machine), default=0)
        over = list(range(top, number, -1))
        assert over_it(number, machine) == over
        if over and number in standing(machine):
            names = ", ".join(map(str, over))
            with pytest.raises(Refused, match=f"on top of change {number}: first undo {names}$"):
                undo(number, machine=machine)
            with pytest.raises(Refused, match="on top of"):
                undo(number, machine=machine, partial=True)
        else:
            undo(number, machine=machine)
        # As many changes as stand are what there is.
        assert now(machine) == states[len(standing(machine))]
    assert standing(machine) == []
    assert now(machine) == states[0]


def test_600_to_599_and_back(machine: Machine) -> None:
    key = "net.netfilter.nf_conntrack_tcp_timeout_close_wait"
    put(setting(machine.root, key), "600\n")
    apply((SetSysctl(key, "599", "600"),), machine=machine, why="")
    apply((SetSysctl(key, "600", "599"),), machine=machine, why="")
    with pytest.raises(Refused, match=r"^later changes were made on top of change 1: first undo 2"):
        undo(1, machine=machine)
    undo(2, machine=machine)
    assert Path(setting(machine.root, key)).read_text() == "599\n"
    undo(1, machine=machine)
    assert Path(setting(machine.root, key)).read_text() == "600\n"


def test_what_shares_no_target_is_in_nobodys_way(machine: Machine) -> None:
    apply(of_settings(["262145"]), machine=machine, why="")
    apply(of_files(["262145"]), machine=machine, why="")
    assert over_it(1, machine) == []
    undo(1, machine=machine)
    undo(2, machine=machine)
    assert standing(machine) == []


def test_a_chain_over_two_targets(machine: Machine) -> None:
    """The third shares nothing with the first, but has to go before the second, which does."""
    apply(of_settings(["262145"]), machine=machine, why="")
    second = (*of_settings(["262145", "262146"])[1:], *of_files(["1"]))
    apply(second, machine=machine, why="")
    apply(of_files(["1", "2"])[1:], machine=machine, why="")
    assert over_it(1, machine) == [3, 2]
    for number in (3, 2, 1):
        undo(number, machine=machine)
    assert now(machine) == ("262144\n", OLD_TEXT, "none")


def test_a_later_change_that_was_set_back_by_hand_is_in_nobodys_way(machine: Machine) -> None:
    for change in of_settings(["262145", "262146"]):
        apply((change,), machine=machine, why="")
    put(setting(machine.root, MAX), "262145\n")
    assert over_it(1, machine) == []
    undo(1, machine=machine)
    assert now(machine)[0] == "262144\n"


@pytest.mark.more
def test_sixty_changes_that_are_in_force_are_all_taken_back(machine: Machine) -> None:
    before = now(machine)
    values = [str(262145 + n) for n in range(60)]
    for change in of_files(values):
        apply((change,), machine=machine, why="")
        assert prune(machine=machine) == ()
    assert standing(machine) == list(range(1, 61))
    for number in range(60, 0, -1):
        undo(number, machine=machine)
    assert now(machine) == before
    assert prune(machine=machine) == tuple(range(1, 11))
    assert [change.id for change in history(machine=machine)] == list(range(11, 61))


@pytest.mark.more
def test_sixty_changes_of_what_a_reboot_forgets(machine: Machine) -> None:
    for change in of_settings([str(262145 + n) for n in range(60)]):
        apply((change,), machine=machine, why="")
    assert prune(machine=machine) == ()
    put(setting(machine.root, MAX), "262144\n")
    small.boot(machine.root, "second")
    assert prune(machine=machine) == tuple(range(1, 11))


def me() -> tuple[int, int]:
    return os.geteuid(), os.getegid()


@pytest.mark.parametrize(
    "later",
    [
        lambda: SetRights("/etc/app/x/f", (0o600, *me()), (0o644, *me())),
        lambda: WriteFile("/etc/app/x/f", "ours\n", ""),
        lambda: Rename("/etc/app/x/f", "/etc/app/x/g"),
        lambda: SetLink("/etc/app/x/l", "f", None),
    ],
)
def test_what_was_below_a_folder_that_is_gone_is_in_nobodys_way(
    tmp_path: Path, later: Callable[[], Change]
) -> None:
    machine = small.build(str(tmp_path))
    os.makedirs(machine.root + "/etc/app/x", 0o755)
    put(machine.root + "/etc/app/x/f", "")
    apply((WriteFile(FILE, "a\n", OLD_TEXT),), machine=machine, why="")
    apply((later(),), machine=machine, why="")
    shutil.rmtree(machine.root + "/etc/app")
    assert over_it(1, machine) == []
    undo(1, machine=machine)
    assert history(machine=machine)[0].state is State.UNDONE
    with pytest.raises(Conflict, match=r"/etc/app/x/\w \(.*/etc/app does not exist\)"):
        undo(2, machine=machine)
    (outcome,) = undo(2, machine=machine, partial=True)
    assert outcome.why.endswith("/etc/app does not exist")
    assert history(machine=machine)[1].state is State.APPLIED
