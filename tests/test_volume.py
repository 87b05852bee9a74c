"""`ec2rl fix` and `conntrack boot` on a mounted volume: its files, and none that is not in it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Callable

import pytest

pytestmark = [pytest.mark.root, pytest.mark.more]

EC2RL = Path(__file__).parent.parent / "ec2rl"
FIX = ("fix", "conntrackfull", "--set=max=524288", "--yes")
FIRST = "etc/sysctl.d/99-zz-ec2rl-conntrack.conf"
SECOND = "etc/sysctl.d/zzz-ec2rl-conntrack.conf"
MODULES = "etc/modules-load.d/ec2rl-conntrack.conf"
MARK = "# Written by ec2rl: `ec2rl history` says when, `ec2rl undo` takes it back.\n"
WRITTEN = (
    f"{MARK}net.netfilter.nf_conntrack_buckets = 524288\nnet.netfilter.nf_conntrack_max = 524288\n"
)


def ec2rl(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(EC2RL), *words, f"--root={root}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def lay(folder: Path) -> Path:
    """The root of a machine that has one kernel."""
    if os.geteuid() != 0:
        pytest.skip("needs root to write as root does")
    root = folder / "root"
    for name in ("etc/sysctl.d", "etc/modules-load.d", "var/log", "lib/modules/6.1.0-9"):
        (root / name).mkdir(parents=True)
    for name in ("modules.builtin", "modules.dep"):
        (root / "lib/modules/6.1.0-9" / name).touch()
    (root / "boot/grub").mkdir(parents=True)
    (root / "boot/grub/grub.cfg").write_text("\tlinux /boot/vmlinuz-6.1.0-9 root=/dev/x ro\n")
    outside = folder / "outside"
    outside.mkdir()
    (outside / "victim").write_text("ours\n")
    return root


def files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and "var/lib/ec2rl" not in str(path)
    }


def test_it_is_written_told_and_taken_back(tmp_path: Path) -> None:
    root = lay(tmp_path)
    before = files(tmp_path)
    done = ec2rl(root, *FIX)
    assert (done.returncode, done.stderr) == (0, "")
    assert "By hand" not in done.stdout
    assert f"(in the volume at {root}, as recorded at a time unknown)" in done.stdout
    after = {**before, f"root/{FIRST}": WRITTEN, f"root/{MODULES}": f"{MARK}nf_conntrack\n"}
    assert files(tmp_path) == after
    said = ec2rl(root, "conntrack", "boot")
    assert said.returncode == 0
    lines = said.stdout.splitlines()
    assert [line.split() for line in lines if line.startswith(("setting ", "nf_conntrack_"))] == [
        ["setting", "after"],
        ["nf_conntrack_max", "524,288"],
        ["nf_conntrack_buckets", "524,288"],
    ]
    assert "fix conntrackfull" in ec2rl(root, "history").stdout
    asked = ec2rl(root, "undo")
    assert (asked.returncode, files(tmp_path)) == (1, after)
    assert "there is no terminal to ask on; --yes does it" in asked.stderr
    assert ec2rl(root, "undo", "--yes").returncode == 0
    assert files(tmp_path) == before


def swapped(path: str, make: Callable[[Path, Path], object]) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        place = root / path
        if place.is_dir():
            place.rmdir()
        place.parent.mkdir(parents=True, exist_ok=True)
        make(place, root.parent / "outside")

    return change


def anybodys(place: Path, _: Path) -> None:
    place.mkdir()
    place.chmod(0o777)


LINK = "is a symbolic link, or no folder"
REFUSED = {
    "out": (swapped("etc/sysctl.d", lambda p, out: p.symlink_to(out)), f"etc/sysctl.d {LINK}"),
    "upwards": (
        swapped("etc/sysctl.d", lambda p, _: p.symlink_to("../../outside")),
        f"etc/sysctl.d {LINK}",
    ),
    "to ours": (
        swapped("etc/sysctl.d", lambda p, _: p.symlink_to("/etc/sysctl.d")),
        "what it will be cannot be told: /etc/sysctl.d: failed (Too many levels of symbolic links)",
    ),
    "inside": (
        swapped("etc/sysctl.d", lambda p, _: p.symlink_to("modules-load.d")),
        f"etc/sysctl.d {LINK}",
    ),
    "modules-load.d": (
        swapped("etc/modules-load.d", lambda p, out: p.symlink_to(out)),
        f"etc/modules-load.d {LINK}",
    ),
    "the journal": (
        swapped("var/lib/ec2rl", lambda p, out: p.symlink_to(out)),
        f"var/lib/ec2rl {LINK}",
    ),
    "above the journal": (
        swapped("var/lib", lambda p, out: p.symlink_to(out)),
        f"var/lib {LINK}",
    ),
    "anybody's journal": (swapped("var/lib/ec2rl/changes", anybodys), "is writable by others"),
    "no folder": (swapped("etc/sysctl.d", lambda p, _: p.touch()), "etc/sysctl.d"),
}


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.sampled(3)
def test_what_is_no_plain_file_inside_is_refused(tmp_path: Path, what: str) -> None:
    root = lay(tmp_path)
    change, words = REFUSED[what]
    change(root)
    before = files(tmp_path)
    ours = sorted(os.listdir("/etc/sysctl.d")) if os.path.isdir("/etc/sysctl.d") else None
    done = ec2rl(root, *FIX)
    assert done.returncode == 1
    assert words in done.stdout + done.stderr
    assert files(tmp_path) == before
    now = sorted(os.listdir("/etc/sysctl.d")) if os.path.isdir("/etc/sysctl.d") else None
    assert now == ours


@pytest.mark.parametrize("what", ["a link", "a hard link", "a FIFO", "somebody's file"])
def test_another_name_is_taken_where_ours_is_not_ours(tmp_path: Path, what: str) -> None:
    root = lay(tmp_path)
    place = root / FIRST
    if what == "a link":
        place.symlink_to(tmp_path / "outside/victim")
    elif what == "a hard link":
        os.link(tmp_path / "outside/victim", place)
    elif what == "a FIFO":
        os.mkfifo(place)
    else:
        place.write_text("# mine\n")
    before = files(tmp_path)
    assert ec2rl(root, *FIX).returncode == 0
    after = {**before, f"root/{SECOND}": WRITTEN, f"root/{MODULES}": f"{MARK}nf_conntrack\n"}
    assert files(tmp_path) == after


def test_the_command_to_take_it_back_can_be_copied(tmp_path: Path) -> None:
    """Whatever the folder is called: a shell reads it as that folder, and runs nothing."""
    root = lay(tmp_path / "odd\x1b[31mx;$(touch pwn)'\n")
    before = files(root)
    told = ec2rl(root, *FIX).stdout.split("To take it back: ")[1]
    assert told.isascii()
    assert told.rstrip("\n").isprintable()
    again = ["bash", "-c", f"{told.rstrip()} --yes"]
    done = subprocess.run(again, capture_output=True, timeout=60, check=False, cwd=tmp_path)
    assert (done.returncode, files(root)) == (0, before), done.stderr
    assert not (tmp_path / "pwn").exists()


def test_a_root_that_may_not_be_looked_at() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to become nobody")
    for words in (FIX, ("undo",), ("history",), ("conntrack", "boot")):
        command = [str(EC2RL), *words, "--root=/proc/1/root"]
        done = subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        assert done.stderr.startswith("ec2rl: --root=/proc/1/root: Permission denied")
