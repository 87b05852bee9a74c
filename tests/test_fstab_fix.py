"""`ec2rl fix fstabfailures`: a line of a volume's or this machine's fstab, and back to the byte."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from host.test_first_program import EMERGENCY, NEW, UP, written
from test_volume import EC2RL

pytestmark = [pytest.mark.root, pytest.mark.more]

ROOT = b"# /etc/fstab\nLABEL=root / ext4 defaults 0 1\n"
MORE = b"nofail,x-systemd.device-timeout=10s"


def ec2rl(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(EC2RL), *words], capture_output=True, text=True, timeout=120, check=False
    )


def verdict(root: Path) -> str:
    words = ("run", "--json", "--no-save", "--only-modules=fstabfailures", f"--root={root}")
    (found,) = json.loads(ec2rl(*words).stdout)["results"]
    return f"{found['verdict']}: {found['summary']}"


def volume(folder: Path, fstab: bytes, journal: bytes) -> Path:
    """A machine's root whose journal ends as it is told; the fix is planned as root alone."""
    if os.geteuid() != 0:
        pytest.skip("needs root to write as root does")
    root = folder / "root"
    for name in ("etc", "usr", "var/lib", "var/log/journal/11111111111111111111111111111111"):
        (root / name).mkdir(parents=True)
    (root / "etc/fstab").write_bytes(fstab)
    machine = next((root / "var/log/journal").iterdir())
    (machine / "system.journal").write_bytes(journal)
    return root


STOPPED = written((NEW, EMERGENCY))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"/dev/sdz /data xfs defaults 0 2\n", b"/dev/sdz /data xfs defaults,%s 0 2\n"),
        (b"/dev/sdz\t/data\txfs\tro\t0\t2\n", b"/dev/sdz\t/data\txfs\tro,%s\t0\t2\n"),
        (b"/dev/sdz /data xfs defaults 0 2", b"/dev/sdz /data xfs defaults,%s 0 2"),
        (b"/dev/sdz /data xfs defaults 0 2\r\n", b"/dev/sdz /data xfs defaults,%s 0 2\r\n"),
        (b"  /dev/sdz  /data  xfs\n", b"  /dev/sdz  /data  xfs %s\n"),
        (b"/dev/sdz /data\n", b"/dev/sdz /data auto %s\n"),
        (b"/dev/sdz /data xfs nofail,fail 0 0\n", b"/dev/sdz /data xfs nofail,fail,%s 0 0\n"),
        (b"/dev/sdz /data/ xfs ro, 0 0 # mine\n", b"/dev/sdz /data/ xfs ro,%s 0 0 # mine\n"),
        (b"# \xff\xfe no text\n/dev/sdz /data xfs ro 0 0\n# \xe9\n",
         b"# \xff\xfe no text\n/dev/sdz /data xfs ro,%s 0 0\n# \xe9\n"),
    ],
    ids=["plain", "tabs", "no newline", "crlf", "three fields", "two", "fail", "comment", "bytes"],
)  # fmt: skip
def test_the_line_to_blame_and_no_other_byte(tmp_path: Path, before: bytes, after: bytes) -> None:
    root = volume(tmp_path, ROOT + before, STOPPED)
    assert verdict(root).startswith("PROBLEM: /data stopped the boot: its device /dev/sdz")
    done = ec2rl("fix", "fstabfailures", f"--root={root}", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert "risk: high" in done.stdout
    assert "By hand" not in done.stdout
    assert (root / "etc/fstab").read_bytes() == ROOT + after.replace(b"%s", MORE)
    assert verdict(root).startswith("WARNING: /data stopped the boot")
    again = ec2rl("fix", "fstabfailures", f"--root={root}", "--yes")
    assert (again.returncode, "no line of /etc/fstab is known" in again.stdout) == (1, True)
    assert ec2rl("undo", f"--root={root}", "--yes").returncode == 0
    assert (root / "etc/fstab").read_bytes() == ROOT + before


@pytest.mark.parametrize(
    ("fstab", "why"),
    [
        (b"/dev/sdz /var xfs defaults 0 2\n", "/var: the system needs it"),
        (b"/dev/sdz /data xfs \xff 0 2\n", "/data: its line has bytes that are no text"),
        (b"/dev/sdy /else xfs defaults 0 2\n", "no line of /etc/fstab is known to stop a boot"),
    ],
    ids=["/var", "bytes", "no such line"],
)
def test_what_is_left_alone(tmp_path: Path, fstab: bytes, why: str) -> None:
    said: tuple[tuple[bytes, bytes], ...] = EMERGENCY
    if b"/var" in fstab:
        said = tuple((kind, words.replace(b"data", b"var")) for kind, words in said)
    root = volume(tmp_path, ROOT + fstab, written((NEW, said)))
    done = ec2rl("fix", "fstabfailures", f"--root={root}", "--yes")
    assert (done.returncode, why in done.stdout) == (1, True), done.stdout
    assert (root / "etc/fstab").read_bytes() == ROOT + fstab


def test_a_file_that_is_a_link_is_not_written(tmp_path: Path) -> None:
    root = volume(tmp_path, ROOT, STOPPED)
    (root / "etc/fstab").rename(root / "etc/real")
    with (root / "etc/real").open("ab") as file:
        file.write(b"/dev/sdz /data xfs defaults 0 2\n")
    (root / "etc/fstab").symlink_to("real")
    before = (root / "etc/real").read_bytes()
    done = ec2rl("fix", "fstabfailures", f"--root={root}", "--yes")
    assert (done.returncode, (root / "etc/real").read_bytes()) == (1, before)
    assert "symbolic link" in done.stdout + done.stderr


LIVE = """
mount --make-rprivate /
mount --bind "$1/etc" /etc
mount --bind "$1/lib" /var/lib/ec2rl
mount --bind "$1/log" /var/log
:
for words in "run --no-save --only-modules=fstabfailures" "fix fstabfailures --yes" "undo --yes"; do
    "$0" $words
    echo "exit $?"
    cp /etc/fstab "$1/after.${words%% *}"
done
"""


def test_this_machine_and_back(tmp_path: Path) -> None:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("needs root, and unshare, for a machine of its own")
    before = ROOT + b"/dev/sdzzz\t/data\txfs\tdefaults\t0\t2"
    shutil.copytree("/etc", tmp_path / "etc", symlinks=True)
    (tmp_path / "etc/fstab").write_bytes(before)
    for name in ("lib", "log"):
        (tmp_path / name).mkdir()
    (tmp_path / "lib").chmod(0o700)
    os.makedirs("/var/lib/ec2rl", mode=0o700, exist_ok=True)
    # A program of this name is what tells that systemd runs.
    shutil.copy(shutil.which("sh") or "/bin/sh", tmp_path / "systemd")
    words = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", str(tmp_path / "systemd")]
    said = subprocess.run(
        [*words, "-c", LIVE, str(EC2RL), str(tmp_path)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert "/data will stop the next boot: its device /dev/sdzzz is not there" in said.stdout
    assert said.stdout.count("exit 0") == 2, said.stdout + said.stderr
    assert (tmp_path / "after.run").read_bytes() == before
    changed = before.replace(b"defaults\t0\t2", b"defaults," + MORE + b"\t0\t2")
    assert (tmp_path / "after.fix").read_bytes() == changed
    assert (tmp_path / "after.undo").read_bytes() == before


def test_a_boot_that_came_up_leaves_nothing_to_fix(tmp_path: Path) -> None:
    root = volume(tmp_path, ROOT, written((NEW, UP)))
    assert verdict(root).startswith("UNKNOWN")
    assert ec2rl("fix", "fstabfailures", f"--root={root}", "--yes").returncode == 0
