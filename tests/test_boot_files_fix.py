"""Fixes of what a boot reads on a volume: SELinux's labels, and back to the byte."""

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
