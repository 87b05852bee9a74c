"""A machine that a line of fstab keeps from booting: fixed on its volume, booted, and undone.

    EC2RL_BOOT_BENCH=FOLDER python -m pytest -m slow tests/boot

The disk is mounted as a loop device, as a rescue instance mounts a volume.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from boot.machine import BREAKS, apply, boot, machine_of
from support.log_verdicts import judged
from test_volume import EC2RL

pytestmark = [pytest.mark.slow, pytest.mark.root]

MOUNTED = """
mount --make-rprivate /
mount -o loop "$1" "$2"
shift 2
"$@"
"""


def ec2rl(disk: Path, folder: Path, *words: str) -> str:
    """Say what this program says of the disk, mounted in a mount namespace of its own."""
    folder.mkdir(exist_ok=True)
    command = [str(EC2RL), *words, f"--root={folder}"]
    said = subprocess.run(
        ["unshare", "--mount", "sh", "-euc", MOUNTED, "sh", str(disk), str(folder), *command],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    return said.stdout + said.stderr


def fstab(disk: Path) -> str:
    said = subprocess.run(
        ["debugfs", "-R", "cat /etc/fstab", str(disk)],
        capture_output=True, text=True, check=True, env={"PATH": f"/usr/sbin:{os.environ['PATH']}"},
    )  # fmt: skip
    return said.stdout


def test_a_line_is_fixed_booted_and_undone(tmp_path: Path) -> None:
    machine = machine_of(os.environ.get("EC2RL_BOOT_BENCH"))
    if isinstance(machine, str):
        pytest.skip(machine)
    disk = machine / "disk.fixed"
    try:
        apply(machine, disk, BREAKS / "fstab_device.sh")
        before = fstab(disk)
        module = "--only-modules=fstabfailures"
        said = ec2rl(disk, tmp_path / "volume", "run", "--no-save", module)
        assert "is not on this disk: a boot without that volume stops" in said
        ec2rl(disk, tmp_path / "volume", "fix", "fstabfailures", "--yes")
        assert "defaults,x-systemd.device-timeout=5s,nofail 0 2" in fstab(disk)
        console = boot(machine, BREAKS / "sound.sh", base=disk)
        found = judged(console.encode(), ["bootstopped", "fstabfailures"])
        assert found["bootstopped"].verdict.name == "OK", console[-4000:]
        assert found["fstabfailures"].verdict.name in ("OK", "WARNING")
        ec2rl(disk, tmp_path / "volume", "undo", "--yes")
        assert fstab(disk) == before
    finally:
        disk.unlink(missing_ok=True)
