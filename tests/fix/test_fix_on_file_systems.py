"""Files that chattr, a mount, an owner or a full disk holds: refused whole; labels: kept."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress

import pytest

from ec2rl.fix.errors import FixError
from ec2rl.fix.machine import Machine
from ec2rl.fix.transaction import apply, undo
from fix.apart import NEWNS, apart
from fix.small import CHANGES, FILE, build, picture

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.root


def run(*command: str) -> None:
    subprocess.run(command, check=True)


def tried(machine: Machine) -> str:
    """Try the change, and give the reason of its refusal if all is still as before."""
    seen = picture(machine)
    try:
        apply(CHANGES, machine=machine, why="")
    except FixError as error:
        words = f"{type(error).__name__}: {error} {error.notes or ''}".strip()
        return words if picture(machine) == seen else f"touched: {words}"
    return "applied"


def chattr(flag: str, path: str) -> None:
    if os.geteuid() != 0 or not shutil.which("chattr"):
        pytest.skip("needs root and chattr")
    if subprocess.run(["chattr", flag, path], check=False, capture_output=True).returncode:
        pytest.skip("this file system has no such flags")


@pytest.mark.parametrize("flag", ["i", "a"])
def test_a_file_that_chattr_holds(machine: Machine, flag: str) -> None:
    path = machine.root + FILE
    chattr(f"+{flag}", path)
    try:
        assert tried(machine) == f"Refused: {FILE} is immutable or append-only (chattr)"
    finally:
        run("chattr", f"-{flag}", path)
    assert tried(machine) == "applied"
    chattr(f"+{flag}", path)
    seen = picture(machine)
    try:
        with pytest.raises(FixError, match="immutable or append-only"):
            undo(1, machine=machine)
    finally:
        run("chattr", f"-{flag}", path)
    assert picture(machine) == seen


def test_a_folder_that_chattr_holds(machine: Machine) -> None:
    path = machine.root + os.path.dirname(FILE)
    chattr("+i", path)
    try:
        assert tried(machine) == f"Refused: the folder of {FILE} is immutable (chattr)"
    finally:
        run("chattr", "-i", path)


def test_a_file_that_is_a_mount_point(machine: Machine) -> None:
    def inside() -> str:
        path = machine.root + FILE
        run("mount", "--bind", path, path)
        return tried(machine)

    assert apart(NEWNS, inside) == f"Refused: {FILE} is a mount point"


def test_a_read_only_file_system(machine: Machine) -> None:
    def inside() -> str:
        path = machine.root + "/etc/modules-load.d"
        run("mount", "--bind", path, path)
        run("mount", "-o", "remount,ro,bind", path)
        return tried(machine)

    words = "Refused: /etc/modules-load.d/ec2rl.conf is on a read-only file system"
    assert apart(NEWNS, inside) == words


@pytest.mark.parametrize("full", ["etc/modules-load.d", "var/lib"])
def test_a_full_disk(machine: Machine, full: str) -> None:
    def inside() -> str:
        path = f"{machine.root}/{full}"
        run("mount", "-t", "tmpfs", "-o", "size=8k,mode=755", "tmpfs", path)
        os.makedirs(f"{machine.root}/var/lib/ec2rl/changes", 0o700, exist_ok=True)
        with suppress(OSError), open(f"{path}/ballast", "wb", 0) as file:
            while file.write(b"x" * 4096):
                pass
        return tried(machine)

    words = apart(NEWNS, inside)
    assert words.startswith(("Refused: no change is begun: ", "Failed: "))
    assert "No space left on device" in words


def test_somebody_elses_file(machine: Machine) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    os.chown(machine.root + FILE, 65534, 65534)
    assert tried(machine) == f"Refused: {FILE} belongs to user 65534"


def test_somebody_elses_folder(machine: Machine) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    os.chown(machine.root + "/etc", 65534, 65534)
    words = f"Unreachable: {machine.root}/etc belongs to user 65534"
    assert tried(machine) == words


def test_labels_and_owners_are_kept_and_restored(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    machine = build(str(tmp_path))
    path = machine.root + FILE
    os.chown(path, 0, 4)
    labels = {"trusted.ec2rl": b"\0\xff", "user.note": b"mine"}
    try:
        for name, value in labels.items():
            os.setxattr(path, name, value)
    except OSError as error:
        pytest.skip(f"this file system has no extended attributes: {error}")

    def whole() -> tuple[dict[str, bytes], int, int, int]:
        status = os.stat(path)
        seen = {name: os.getxattr(path, name) for name in os.listxattr(path)}
        return seen, status.st_uid, status.st_gid, status.st_mode

    before = whole()
    apply(CHANGES, machine=machine, why="")
    assert whole() == before
    undo(1, machine=machine)
    assert whole() == before
    assert before == (labels, 0, 4, before[3])
