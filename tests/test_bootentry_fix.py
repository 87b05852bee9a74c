"""`ec2rl fix bootentry`: another default on a volume, grubenv with its 1024 bytes, and back."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
from pathlib import Path

import pytest

from host.test_boot_images import cpio, kernel
from test_volume import EC2RL

pytestmark = [pytest.mark.root, pytest.mark.more]

MENU = """if [ -s $prefix/grubenv ]; then load_env; fi
set default="%s"
menuentry 'New' --id new { linux /boot/vmlinuz-2 root=/dev/nvme0n1p1; initrd /boot/initrd.img-2; }
menuentry 'Old' --id old { linux /boot/vmlinuz-1 root=/dev/nvme0n1p1; initrd /boot/initrd.img-1; }
"""
ENV = "# GRUB Environment Block\nkernelopts=x\n".ljust(1024, "#").encode()


def ec2rl(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(EC2RL), *words], capture_output=True, text=True, timeout=120, check=False
    )


def verdict(root: Path) -> str:
    words = ("run", "--json", "--no-save", "--only-modules=bootentry", f"--root={root}")
    (found,) = json.loads(ec2rl(*words).stdout)["results"]
    return f"{found['verdict']}: {found['summary']}"


@pytest.mark.parametrize("default", ["${saved_entry}", "0"])
def test_the_default_is_set_and_goes_back_to_the_byte(tmp_path: Path, default: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to write as root does")
    root = tmp_path / "root"
    for name in (
        "boot/grub",
        "etc/default",
        "usr/lib",
        "var/lib",
        "lib/modules/2",
        "lib/modules/1",
    ):
        (root / name).mkdir(parents=True)
    whole = gzip.compress(cpio("init"))
    files = {
        "boot/grub/grub.cfg": (MENU % default).encode(),
        "boot/grub/grubenv": ENV,
        "etc/default/grub": b"GRUB_TIMEOUT=1\nGRUB_DEFAULT=0\n",
        "boot/vmlinuz-1": kernel("1"),
        "boot/vmlinuz-2": kernel("2"),
        "boot/initrd.img-1": whole,
        "boot/initrd.img-2": whole[: len(whole) // 2],
    }
    for name, data in files.items():
        (root / name).write_bytes(data)
    assert verdict(root).startswith("PROBLEM: The default boot entry cannot be started: New: ")
    done = ec2rl("fix", "bootentry", f"--root={root}", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert verdict(root).startswith("OK: The default boot entry has all that it starts: Old")
    changed = {name for name, data in files.items() if (root / name).read_bytes() != data}
    if default == "0":
        assert changed == {"boot/grub/grub.cfg", "etc/default/grub"}
    else:
        assert changed == {"boot/grub/grubenv"}
        assert len((root / "boot/grub/grubenv").read_bytes()) == 1024
    back = ec2rl("undo", f"--root={root}", "--yes")
    assert (back.returncode, back.stderr) == (0, "")
    assert all((root / name).read_bytes() == data for name, data in files.items())
