"""Fixes of what a boot reads on a volume, and back to the byte: SELinux, auditd, LVM, names."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from test_volume import EC2RL

pytestmark = [pytest.mark.root, pytest.mark.more]

LABEL = "security.selinux"


def ec2rl(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(EC2RL), *words], capture_output=True, text=True, timeout=120, check=False
    )


def verdict(root: Path, name: str) -> str:
    words = ("run", "--json", "--no-save", f"--only-modules={name}", f"--root={root}")
    (found,) = json.loads(ec2rl(*words).stdout)["results"]
    return f"{found['verdict']}: {found['summary']}"


def volume(folder: Path, files: dict[str, str]) -> Path:
    """A machine's root with these files; the fix is planned as root alone."""
    if os.geteuid() != 0:
        pytest.skip("needs root to write as root does")
    root = folder / "root"
    for name in ("usr/bin", "etc", "var/lib"):
        (root / name).mkdir(parents=True)
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def tree(root: Path) -> dict[str, bytes]:
    """All files but those of our own journal."""
    found = (one for one in root.rglob("*") if one.is_file() and "ec2rl" not in one.parts)
    return {str(one.relative_to(root)): one.read_bytes() for one in found}


def test_files_without_labels_do_not_lock_out(tmp_path: Path) -> None:
    config = "# SELINUX=disabled\nSELINUX=enforcing\nSELINUXTYPE=targeted\n"
    root = volume(
        tmp_path,
        {
            "etc/selinux/config": config,
            "etc/selinux/targeted/policy/policy.33": "x",
            "etc/passwd": "root:x:0:0::/root:/bin/sh\n",
            "etc/ssh/sshd_config": "",
        },
    )
    try:
        os.setxattr(root / "etc/ssh", LABEL, b"system_u:object_r:etc_t:s0\0")
    except OSError:
        pytest.skip("this file system has no labels")
    before = tree(root)
    name = "selinuxpermissive"
    assert "have no label: /etc/passwd (" in verdict(root, name)
    assert verdict(root, name).startswith("PROBLEM: ")
    done = ec2rl("fix", name, f"--root={root}", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert "touch FOLDER/.autorelabel" in done.stdout
    after = tree(root)
    assert after.pop("etc/selinux/config") == config.replace("=enforcing", "=permissive").encode()
    assert ec2rl("undo", f"--root={root}", "--yes").returncode == 0
    assert tree(root) == before
    os.setxattr(root / "etc/passwd", LABEL, b"system_u:object_r:passwd_file_t:s0\0")
    assert verdict(root, name).startswith("OK: ")


def test_bindings_are_taken_out_and_put_back(tmp_path: Path) -> None:
    card = "DEVICE=eth0\r\nHWADDR=02:00:00:00:00:01\r\n"
    rule = 'SUBSYSTEM=="net", ATTR{address}=="02:00:00:00:00:01", \\\n  NAME="eth0"\n'
    root = volume(
        tmp_path,
        {
            "etc/udev/rules.d/70-persistent-net.rules": f"# mine\n{rule}# end",
            "etc/sysconfig/network-scripts/ifcfg-eth0": card,
        },
    )
    before, name = tree(root), "udevpersistentnet"
    assert verdict(root, name).startswith("WARNING: The interface eth0")
    done = ec2rl("fix", name, f"--root={root}", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert tree(root) == {
        "etc/udev/rules.d/70-persistent-net.rules": b"# mine\n# end",
        "etc/sysconfig/network-scripts/ifcfg-eth0": b"DEVICE=eth0\r\n",
    }
    assert verdict(root, name).startswith("OK: No interface is bound")
    assert ec2rl("undo", f"--root={root}", "--yes").returncode == 0
    assert tree(root) == before


def test_auditd_stops_its_log_and_not_the_machine(tmp_path: Path) -> None:
    conf = "# disk_full_action = HALT\ndisk_full_action =HALT  \r\nspace_left_action = \xe9mail\n"
    root = volume(tmp_path, {"etc/audit/auditd.conf": conf})
    (root / "etc/audit/auditd.conf").write_bytes(conf.encode("latin-1"))
    before, name = tree(root), "auditdhalts"
    assert verdict(root, name).startswith("WARNING: auditd stops the machine once its disk")
    done = ec2rl("fix", name, f"--root={root}", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    after = conf.replace("=HALT  ", "=SUSPEND")
    assert tree(root) == {"etc/audit/auditd.conf": after.encode("latin-1")}
    assert verdict(root, name).startswith("OK: auditd does not stop the machine")
    assert ec2rl("undo", f"--root={root}", "--yes").returncode == 0
    assert tree(root) == before


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("selinuxpermissive", "etc/selinux/config"),
        ("cloudinitfailed", "var/lib/cloud/data/status.json"),
        ("auditdhalts", "etc/audit/auditd.conf"),
        ("udevpersistentnet", "etc/udev/rules.d/70-persistent-net.rules"),
    ],
)
def test_what_is_no_file_of_the_volume_is_unknown(tmp_path: Path, name: str, path: str) -> None:
    """A FIFO hangs nobody; what a link leads out to is not that of the machine that looks."""
    root = volume(tmp_path, {"etc/cloud/cloud.cfg": "", path: ""})
    (root / path).unlink()
    os.mkfifo(root / path)
    assert verdict(root, name).startswith("UNKNOWN: Cannot tell whether ")
    (root / path).unlink()
    (tmp_path / "ours").write_text("SELINUX=enforcing\ndisk_full_action = HALT\n")
    (root / path).symlink_to(tmp_path / "ours")
    assert not verdict(root, name).startswith(("PROBLEM", "WARNING"))


def test_a_devices_file_is_put_aside(tmp_path: Path) -> None:
    first, second = "AbCdEf-0123-4567-89ab-cdef-0123-456789", "Z" * 32
    group = f'vg {{\nphysical_volumes {{\npv0 {{\nid = "{first}"\ndevice = "/dev/sda"\n}}\n}}\n}}\n'
    line = f"IDTYPE=devname IDNAME=/dev/sdb DEVNAME=/dev/sdb PVID={second}\n"
    file = "etc/lvm/devices/system.devices"
    root = volume(tmp_path, {file: line, "etc/lvm/backup/vg": group})
    before, name = tree(root), "lvmdevices"
    assert verdict(root, name).startswith("WARNING: /dev/sda of the group vg is a physical volume")
    done = ec2rl("fix", name, f"--root={root}", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert (root / f"{file}.aside").read_text() == line
    assert verdict(root, name).startswith("NOT_APPLICABLE")
    assert ec2rl("undo", f"--root={root}", "--yes").returncode == 0
    assert tree(root) == before
