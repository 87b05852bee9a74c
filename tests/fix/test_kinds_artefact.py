"""A program that builds an artefact: the old image is kept, whatever the program does."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

from ec2rl.fix.change import State
from ec2rl.fix.errors import Conflict, Failed, FixError
from ec2rl.fix.machine import Machine
from ec2rl.fix.transaction import apply, history, recover, undo
from ec2rl.record import replace
from ec2rl.remedies import EditLines, Lines, Rebuild
from fix.apart import NEWNS, apart
from fix.kinds_machine import FSTAB, build, picture, there_and_back

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.root

IMAGE = "/boot/initrd.img"
CPIO = b"070701"
SHELL = ("/bin/sh", "-c")
BUILD = 'printf 070701 > "$0"; cat {}/etc/fstab >> "$0"'


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    os.chmod(tmp_path, 0o755)
    machine = build(str(tmp_path))
    with open(machine.root + IMAGE, "wb") as file:
        file.write(CPIO + b"old" * 4)
    os.chmod(machine.root + IMAGE, 0o600)
    return machine


def rebuild(machine: Machine, script: str, form: str = "initrd", seconds: float = 60.0) -> Rebuild:
    """A live machine of a test has its root elsewhere, and the program does not."""
    named = f'case $0 in /boot/*) set -- "{machine.root}$0";; esac; set -- "$1"; '
    return Rebuild(IMAGE, (*SHELL, named + script.replace('"$0"', '"$1"'), "{out}"), form, seconds)


def beside(machine: Machine) -> list[str]:
    return sorted(os.listdir(machine.root + "/boot"))


def test_it_is_built_from_what_is_changed_and_taken_back(machine: Machine) -> None:
    before = picture(machine)
    lines = EditLines(FSTAB, (Lines(1, ("# mounts",), ("# new",)),))
    apply((rebuild(machine, BUILD.format(machine.root)), lines), machine=machine, why="")
    with open(machine.root + IMAGE, "rb") as file:
        assert file.read().startswith(CPIO + b"# new\n")
    assert os.stat(machine.root + IMAGE).st_mode & 0o7777 == 0o600
    assert beside(machine) == [".ec2rl-1-initrd.img.tmp", "initrd.img"]
    undo(1, machine=machine)
    assert picture(machine) == before


def test_one_that_was_not_there_goes_again(machine: Machine) -> None:
    os.unlink(machine.root + IMAGE)
    (name,) = there_and_back(machine, rebuild(machine, BUILD.format(machine.root)))
    assert name == IMAGE


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo no room >&2; exit 3", "/bin/sh ended with status 3: 'no room'"),
        ("kill -9 $$", "/bin/sh ended with status 137: ''"),
        ("exit 0", "it wrote no file"),
        (': > "$0"', "what the program wrote is empty"),
        ('printf abcdefghij > "$0"', "what the program wrote is no initial RAM disk"),
        ('printf 07 > "$0"', "it has 2 bytes, and the old one has 18"),
        ('ln -s /etc/passwd "$0"', "what it wrote is no regular file"),
        ('printf 07070100000 > "$0"; chmod 4755 "$0"', "what it wrote has a set-id bit"),
        ('printf 07070100000 > "$0"; ln "$0" "$0".2', "what it wrote has 2 names (hard links)"),
    ],
)
def test_what_cannot_be_right_changes_nothing(machine: Machine, script: str, why: str) -> None:
    before = picture(machine)
    with pytest.raises(Failed) as caught:
        apply((rebuild(machine, script),), machine=machine, why="")
    assert str(caught.value) == f"{IMAGE} was not built: {why}"
    assert picture(machine) == before
    assert history(machine=machine)[0].state is State.UNDONE


@pytest.mark.parametrize("named", ['"$0"', '"$0".d'])
@pytest.mark.more
def test_folders_that_it_leaves_go_and_nothing_that_their_links_lead_to(
    machine: Machine, named: str
) -> None:
    before = picture(machine)
    script = f"mkdir -p {named}/a/b/c; ln -s {machine.root}/etc {named}/a/b/l; touch {named}/a/f"
    with pytest.raises(Failed) as caught:
        apply((rebuild(machine, script + "; exit 1"),), machine=machine, why="")
    assert caught.value.whole
    assert picture(machine) == before
    assert history(machine=machine)[0].state is State.UNDONE


@pytest.mark.more
def test_one_that_takes_too_long_ends_with_all_that_it_started(machine: Machine) -> None:
    before = picture(machine)
    mark = f"{machine.root}/var/lib/alive"
    script = f"(setsid sh -c 'sleep 3; touch {mark}') & sleep 60"
    begin = time.monotonic()
    with pytest.raises(Failed, match="took longer than 1 s"):
        apply((rebuild(machine, script, seconds=1),), machine=machine, why="")
    assert time.monotonic() - begin < 10
    assert picture(machine) == before
    time.sleep(3)
    assert not os.path.exists(mark)


@pytest.mark.more
def test_a_text_is_whole(machine: Machine) -> None:
    with pytest.raises(Failed, match="is no text, or is cut"):
        apply((rebuild(machine, 'printf "set default=0" > "$0"', "text"),), machine=machine, why="")
    apply((rebuild(machine, 'echo "set default=0 # ..." > "$0"', "text"),), machine=machine, why="")


def test_one_that_was_built_anew_since_is_theirs(machine: Machine) -> None:
    apply((rebuild(machine, BUILD.format(machine.root)),), machine=machine, why="")
    with open(machine.root + IMAGE, "ab") as file:
        file.write(b"by a package")
    with pytest.raises(Conflict, match="somebody else has changed since"):
        undo(1, machine=machine)
    assert ".ec2rl-1-initrd.img.tmp" in beside(machine)


def test_an_old_image_that_is_gone_cannot_be_put_back(machine: Machine) -> None:
    apply((rebuild(machine, BUILD.format(machine.root)),), machine=machine, why="")
    os.unlink(f"{machine.root}/boot/.ec2rl-1-initrd.img.tmp")
    seen = picture(machine)
    with pytest.raises(FixError, match="the old image of /boot/initrd"):
        undo(1, machine=machine)
    assert picture(machine) == seen
    assert history(machine=machine)[0].state is State.APPLIED


@pytest.mark.more
def test_a_kill_while_it_builds_leaves_nothing(machine: Machine) -> None:
    before = picture(machine)
    child = os.fork()
    if child == 0:
        try:
            script = 'printf 07070100000 > "$0"; sleep 60'
            apply((rebuild(machine, script),), machine=machine, why="")
        finally:
            os._exit(9)
    end = time.monotonic() + 20
    while ".ec2rl-1-initrd.img.new" not in beside(machine) and time.monotonic() < end:
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert beside(machine) == [".ec2rl-1-initrd.img.new", "initrd.img"]
    recover(machine=machine)
    assert picture(machine) == before
    assert history(machine=machine)[0].state is State.UNDONE


@pytest.mark.more
def test_on_a_volume_nothing_is_seen_that_the_rescuer_has_mounted(machine: Machine) -> None:
    busybox = shutil.which("busybox")
    if not busybox:
        pytest.skip("needs busybox")
    for name in ("bin", "sys", "run", "mnt"):
        os.makedirs(f"{machine.root}/{name}", 0o755, exist_ok=True)
    shutil.copy(busybox, machine.root + "/bin/busybox")
    libraries = subprocess.run(["ldd", busybox], capture_output=True, text=True, check=False)
    for path in re.findall(r"(/\S+) \(", libraries.stdout):
        os.makedirs(os.path.dirname(machine.root + path), exist_ok=True)
        shutil.copy(path, machine.root + path)
    theirs = f"{machine.root}/var/theirs"
    os.makedirs(theirs)
    volume = replace(machine, sysctls="", modules="")
    script = (
        "B=/bin/busybox; echo x > /mnt/written; "
        '{ printf 070701; $B ls -d /sys/kernel /run/socket /mnt/mark; $B ls /boot; } > "$0" 2>&1'
    )
    change = Rebuild(IMAGE, ("/bin/busybox", "sh", "-c", script, "{out}"), "initrd")

    def inside() -> str:
        binds = (("--rbind", "/sys", "sys"), ("--bind", theirs, "run"), ("--bind", theirs, "mnt"))
        for how, source, name in binds:
            subprocess.run(["mount", how, source, f"{machine.root}/{name}"], check=True)
        with socket.socket(socket.AF_UNIX) as one, open(theirs + "/mark", "w"):
            one.bind(theirs + "/socket")
            apply((change,), machine=volume, why="")
        with open(machine.root + IMAGE) as file:
            return file.read()

    told = apart(NEWNS, inside)
    for path in ("/sys/kernel", "/run/socket", "/mnt/mark"):
        assert f"{path}: No such file" in told, told
    assert sorted(os.listdir(theirs)) == ["mark", "socket"]
    undo(1, machine=volume)


@pytest.mark.more
def test_on_a_volume_it_sees_nothing_but_the_volume(machine: Machine) -> None:
    busybox = shutil.which("busybox")
    if not busybox:
        pytest.skip("needs busybox")
    os.makedirs(machine.root + "/bin", 0o755)
    os.makedirs(machine.root + "/dev", 0o755)
    shutil.copy(busybox, machine.root + "/bin/busybox")
    libraries = subprocess.run(["ldd", busybox], capture_output=True, text=True, check=False)
    for path in re.findall(r"(/\S+) \(", libraries.stdout):
        os.makedirs(os.path.dirname(machine.root + path), exist_ok=True)
        shutil.copy(path, machine.root + path)
    os.mknod(machine.root + "/boot/disk", 0o060600, os.makedev(7, 0))
    script = (
        "B=/bin/busybox; { printf 070701; $B cat /etc/fstab; $B ls /dev; $B ls -d /proc/[0-9]*; "
        "$B cat /boot/disk || echo no device; "
        "echo x > /proc/sys/kernel/domainname || echo no write; "
        "$B mount -t tmpfs none /boot || echo no mount; $B mknod /boot/n c 1 3 || echo no node; "
        '$B cat /proc/net/dev; } > "$0" 2>/dev/null'
    )
    volume = replace(machine, sysctls="", modules="")
    change = Rebuild(IMAGE, ("/bin/busybox", "sh", "-c", script, "{out}"), "initrd")
    apply((change,), machine=volume, why="")
    with open(machine.root + IMAGE) as file:
        told = file.read()
    assert "full\nnull\nrandom\nurandom\nzero\n" in told
    for words in ("no device", "no write", "no mount", "no node", "lo:"):
        assert words in told, told
    assert told.count(":") == told.count("lo:"), "no other interface"
    undo(1, machine=volume)
