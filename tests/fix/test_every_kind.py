"""Each kind of change: made, verified, taken back, and refused where it cannot be."""

from __future__ import annotations

import os
from contextlib import ExitStack

import pytest

from ec2rl.commands.history import history_text
from ec2rl.facts.change import RightsItem
from ec2rl.fix.change import State
from ec2rl.fix.errors import Conflict, FixError, Refused
from ec2rl.fix.execute import things_of
from ec2rl.fix.machine import Machine
from ec2rl.fix.transaction import apply, foresee, history, undo
from ec2rl.model import Remedy, Risk, pack, unpack
from ec2rl.record import replace
from ec2rl.remedies import (
    Change,
    EditLines,
    Lines,
    Rebuild,
    Rename,
    SetLink,
    SetRights,
    SetSysctl,
    SetSysfs,
    WriteFile,
)
from fix.kinds_machine import FSTAB, SCHEDULER, build, picture, there_and_back
from fix.small import put, setting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LINK = "/etc/localtime"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return build(str(tmp_path))


def me() -> tuple[int, int]:
    return os.geteuid(), os.getegid()


def refused(machine: Machine, *changes: Change) -> str:
    seen = picture(machine)
    with pytest.raises(FixError) as caught:
        apply(changes, machine=machine, why="")
    assert issubclass(caught.type, (Refused, Conflict))
    assert picture(machine) == seen
    return str(caught.value)


def test_a_setting_of_any_key_also_a_word(machine: Machine) -> None:
    path = setting(machine.root, "vm.overcommit_memory")
    word = setting(machine.root, "net.ipv4.tcp_congestion_control")
    for name, text in ((path, "0\n"), (word, "cubic\n")):
        os.makedirs(os.path.dirname(name), exist_ok=True)
        put(name, text)
    changes = (
        SetSysctl("vm.overcommit_memory", "1", "0"),
        SetSysctl("net.ipv4.tcp_congestion_control", "renos", "cubic"),
    )
    apply(changes, machine=machine, why="")
    with open(path) as one, open(word) as two:
        assert (one.read(), two.read()) == ("1\n", "renos\n")
    undo(1, machine=machine)
    with open(path) as one, open(word) as two:
        assert (one.read(), two.read()) == ("0\n", "cubic\n")


def test_a_value_below_sys(machine: Machine) -> None:
    changed = there_and_back(machine, SetSysfs(SCHEDULER, "none-at-all", "mq-deadline"))
    assert changed == {SCHEDULER: ("file", 0o644, *me(), b"none-at-all\n")}


def test_of_several_the_chosen_one_is_the_value(machine: Machine) -> None:
    put(machine.root + SCHEDULER, "[none] mq-deadline kyber\n")
    words = refused(machine, SetSysfs(SCHEDULER, "kyber", "mq-deadline"))
    assert words == f"{SCHEDULER} is none by now, and was mq-deadline when it was planned"
    assert refused(machine, SetSysfs(SCHEDULER, "none", "none")).startswith("everything is already")


@pytest.mark.parametrize(
    "path",
    [
        "/sys/firmware/efi/vars/x",
        "/sys/kernel/debug/../x",
        "/sys/block",
        "/proc/sys/a",
        "sys/block/a",
    ],
)
def test_what_is_no_value_below_sys(machine: Machine, path: str) -> None:
    assert "is no value below /sys" in refused(machine, SetSysfs(path, "1", "0"))


def test_mode_and_owner_of_a_file_and_a_folder(machine: Machine) -> None:
    changes = (
        SetRights(FSTAB, (0o600, *me()), (0o644, *me())),
        SetRights("/etc/sysctl.d", (0o700, *me()), (0o755, *me())),
    )
    changed = there_and_back(machine, *changes)
    assert {path: told[:2] for path, told in changed.items() if isinstance(told, tuple)} == {
        FSTAB: ("file", 0o600),
        "/etc/sysctl.d": ("folder", 0o700),
    }


@pytest.mark.root
def test_a_set_id_bit_and_an_owner_come_and_go_together(machine: Machine) -> None:
    change = SetRights(FSTAB, (0o4755, 0, 0), (0o644, 12, 34))
    os.chown(machine.root + FSTAB, 12, 34)
    changed = there_and_back(machine, change)
    assert changed[FSTAB] is not None
    assert os.stat(machine.root + FSTAB).st_uid == 12
    again = there_and_back(machine, replace(change, rights=(0o640, 1, 1)))
    assert again[FSTAB] is not None


def test_rights_that_are_not_as_they_were_seen(machine: Machine) -> None:
    words = refused(machine, SetRights(FSTAB, (0o600, *me()), (0o640, *me())))
    assert words.startswith(f"{FSTAB} has mode 644, ")
    os.symlink("fstab", machine.root + LINK)
    assert "is no regular file" in refused(machine, SetRights(LINK, (0o600, 0, 0), (0o777, 0, 0)))


@pytest.mark.root
def test_a_set_id_bit_that_somebody_gives_meanwhile_stays(machine: Machine) -> None:
    """A kill leaves the owner of one side and the mode of the other: nothing else is that."""
    folder = machine.root + "/etc/sysctl.d"
    change = apply(
        (SetRights("/etc/sysctl.d", (0o700, *me()), (0o755, *me())),), machine=machine, why=""
    )
    os.chmod(folder, 0o2755)
    with ExitStack() as stack:
        (thing,) = things_of(change, machine, stack)
        thing.rescue()
        assert os.stat(folder).st_mode & 0o7777 == 0o2755
    os.chown(folder, 5, 6)
    (item,) = change.items
    assert isinstance(item, RightsItem)
    moved = replace(item, after=replace(item.after, uid=5, gid=6))
    with ExitStack() as stack:
        (thing,) = things_of(replace(change, items=(moved,)), machine, stack)
        thing.rescue()
        assert os.stat(folder).st_mode & 0o7777 == 0o2755, "of a folder none is taken either"
        os.chmod(folder, 0o755)
        thing.rescue()
        status = os.stat(folder)
        assert (status.st_mode & 0o7777, status.st_uid, status.st_gid) == (0o755, *me())


@pytest.mark.parametrize("path", ["/var", "/var/lib", "/var/lib/ec2rl", "/var/lib/ec2rl/changes"])
def test_the_way_to_the_journal_is_left_alone(machine: Machine, path: str) -> None:
    seen = os.stat(machine.root + "/var").st_mode & 0o7777, *me()
    for change in (Rename(path, "/srv"), SetRights(path, (0o777, *me()), seen)):
        assert refused(machine, change) == f"{path!a} is no file that ec2rl writes"


def test_two_of_which_one_moves_or_bars_the_other_are_not_made_together(machine: Machine) -> None:
    os.makedirs(machine.root + "/etc/a", 0o755)
    put(machine.root + "/etc/a/f", "a\nb\n")
    lines = EditLines("/etc/a/f", (Lines(1, ("a",), ("A",)),))
    rights = SetRights("/etc/a", (0o1777, *me()), (0o755, *me()))
    in_it = "/etc/a and {}, which lies in it, cannot be changed together"
    assert refused(machine, WriteFile("/etc/a/new", "x\n", None), rights) == in_it.format(
        "/etc/a/new"
    )
    away = Rename("/etc/a", "/etc/b")
    assert refused(machine, lines, away) == in_it.format("/etc/a/f")
    assert refused(machine, Rename("/etc/a/f", "/etc/a/g"), away) == in_it.format("/etc/a/f")
    same = "two changes of the same target: /etc/b"
    assert refused(machine, away, SetLink("/etc/b", "x", None)) == same
    changed = there_and_back(machine, lines, WriteFile("/etc/a/new", "x\n", None))
    assert list(changed) == ["/etc/a/f", "/etc/a/new"]


def test_another_name_for_a_file_a_folder_and_a_link(machine: Machine) -> None:
    os.symlink("nowhere", machine.root + LINK)
    changes = (
        Rename(FSTAB, "/etc/fstab.off"),
        Rename("/etc/modprobe.d", "/boot/modprobe.off"),
        Rename(LINK, "/boot/localtime"),
    )
    changed = there_and_back(machine, *changes)
    assert sorted(changed) == [
        "/boot/localtime",
        "/boot/modprobe.off",
        FSTAB,
        "/etc/fstab.off",
        LINK,
        "/etc/modprobe.d",
    ]


def test_a_name_that_is_taken_or_is_none(machine: Machine) -> None:
    put(machine.root + "/etc/taken", "")
    assert refused(machine, Rename(FSTAB, "/etc/taken")) == "/etc/taken exists, and would be lost"
    assert refused(machine, Rename("/etc/no", "/etc/b")).startswith("/etc/no does not exist")
    assert refused(machine, Rename("/etc", "/etc/b")) == "/etc/b is below /etc"
    os.mkfifo(machine.root + "/etc/pipe")
    assert refused(machine, Rename("/etc/pipe", "/etc/b")).startswith(
        "/etc/pipe does not exist, or"
    )


def test_a_name_that_is_taken_since_is_a_conflict(machine: Machine) -> None:
    apply((Rename(FSTAB, "/etc/fstab.off"),), machine=machine, why="")
    put(machine.root + FSTAB, "theirs\n")
    seen = picture(machine)
    with pytest.raises(Conflict):
        undo(1, machine=machine)
    assert picture(machine) == seen


def test_what_a_later_change_took_from_there_is_to_be_taken_back_first(machine: Machine) -> None:
    apply((Rename(FSTAB, "/etc/fstab.off"),), machine=machine, why="")
    apply((Rename("/etc/fstab.off", "/etc/fstab.old"),), machine=machine, why="")
    with pytest.raises(Refused, match="first undo 2"):
        undo(1, machine=machine)
    undo(2, machine=machine)
    undo(1, machine=machine)
    assert os.path.exists(machine.root + FSTAB)


def test_so_is_what_was_changed_in_a_folder_under_its_new_name(machine: Machine) -> None:
    apply((Rename("/etc/sysctl.d", "/etc/sysctl.off"),), machine=machine, why="")
    apply((WriteFile("/etc/sysctl.off/a.conf", "a\n", None),), machine=machine, why="")
    with pytest.raises(Refused, match="first undo 2"):
        undo(1, machine=machine)
    undo(2, machine=machine)
    undo(1, machine=machine)


def _made(machine: Machine) -> SetLink:
    return SetLink(LINK, "../usr/share/zoneinfo/UTC", None)


def _changed(machine: Machine) -> SetLink:
    os.symlink("nowhere", machine.root + LINK)
    return SetLink(LINK, "../usr/share/zoneinfo/UTC", "nowhere")


def _removed(machine: Machine) -> SetLink:
    os.symlink("nowhere", machine.root + LINK)
    return SetLink(LINK, None, "nowhere")


@pytest.mark.parametrize("way", [_made, _changed, _removed])
def test_a_link_is_made_changed_and_removed(
    machine: Machine, way: Callable[[Machine], SetLink]
) -> None:
    change = way(machine)
    (now,) = there_and_back(machine, change).values()
    assert now == (None if change.to is None else ("link", 0o777, *me(), change.to.encode()))


def test_a_link_that_leads_elsewhere_by_now_is_theirs(machine: Machine) -> None:
    apply((_made(machine),), machine=machine, why="")
    os.unlink(machine.root + LINK)
    os.symlink("theirs", machine.root + LINK)
    with pytest.raises(Conflict):
        undo(1, machine=machine)
    assert os.readlink(machine.root + LINK) == "theirs"


def test_where_a_file_is_no_link_is_made(machine: Machine) -> None:
    assert refused(machine, SetLink(FSTAB, "a", None)) == f"{FSTAB} is no symbolic link"
    assert "no link can lead to" in refused(machine, SetLink(LINK, "", None))


def test_no_kind_follows_a_link_on_its_way(machine: Machine) -> None:
    os.rename(machine.root + "/boot", machine.root + "/elsewhere")
    os.symlink("elsewhere", machine.root + "/boot")
    for change in (
        SetLink("/boot/a", "b", None),
        Rename(FSTAB, "/boot/fstab"),
        SetRights("/boot/a", (0o600, 0, 0), (0o644, 0, 0)),
        WriteFile("/boot/a", "b\n", None),
    ):
        assert refused(machine, change) == f"{machine.root}/boot is a symbolic link, or no folder"


def test_on_a_volume_files_change_and_nothing_that_runs(machine: Machine) -> None:
    volume = replace(machine, sysctls="", modules="")
    there_and_back(
        volume,
        SetRights(FSTAB, (0o600, *me()), (0o644, *me())),
        SetLink(LINK, "a", None),
        Rename("/etc/sysctl.d", "/etc/sysctl.off"),
    )
    words = refused(volume, SetSysfs(SCHEDULER, "none", "mq-deadline"))
    assert words == f"{SCHEDULER}: a volume has files only, nothing that runs"


def test_a_record_of_what_runs_found_on_a_volume_moves_nothing(machine: Machine) -> None:
    apply((SetSysfs(SCHEDULER, "none", "mq-deadline"),), machine=machine, why="")
    seen = picture(machine)
    undo(1, machine=replace(machine, sysctls="", modules=""))
    assert picture(machine) == seen
    assert history(machine=machine)[0].state is State.UNDONE


def test_what_is_proposed_crosses_to_another_process_whole() -> None:
    changes = (
        SetSysctl("a.b", "1", "0", "m/parameters/p"),
        SetSysfs(SCHEDULER, "none", "kyber"),
        EditLines(FSTAB, (Lines(1, ("a",), ("b", "c")), Lines(3, (), ("d",)))),
        SetRights(FSTAB, (0o600, 0, 0), (0o644, 1, 1)),
        Rename("/a", "/b"),
        SetLink(LINK, None, "a"),
        Rebuild("/boot/a", ("/bin/true", "{out}"), "text"),
    )
    remedy = Remedy("Mend it", changes, Risk.SAFE)
    assert unpack(pack(remedy)) == remedy


def test_a_dry_run_of_an_undo_and_history_write_nothing(machine: Machine) -> None:
    changes = (
        EditLines(FSTAB, (Lines(1, ("# mounts",), ()),)),
        SetRights("/etc/modprobe.d", (0o700, *me()), (0o755, *me())),
        Rename("/etc/sysctl.d", "/etc/sysctl.off"),
        SetLink(LINK, "a", None),
        SetSysfs(SCHEDULER, "none", "mq-deadline"),
    )
    apply(changes, machine=machine, why="")
    put(machine.root + FSTAB, "# theirs\n")

    def everything() -> dict[str, int]:
        paths = (f"{top}/{n}" for top, _, names in os.walk(machine.root) for n in names)
        return {path: os.lstat(path).st_ctime_ns for path in paths}

    seen = everything()
    found = [outcome.found.name for outcome in undo(1, machine=machine, dry_run=True)]
    assert found == ["AFTER", "CHANGED", "AFTER", "AFTER", "AFTER"]
    assert [one.id for one, _ in foresee(1, machine=machine)] == [1]
    history_text(machine)
    assert everything() == seen
