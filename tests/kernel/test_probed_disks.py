"""`fserrors` and `diskfull` on the running kernel: ext4 on a loop device, damaged and filled.

All of it is mounted in a mount namespace of its own, below pytest's folder; what stays behind is
some lines of the kernel's log, of a loop device that nothing is mounted from any more.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

LAUNCHER = Path(__file__).parent.parent.parent / "ec2rl"
NEEDS = ("mkfs.ext4", "losetup", "e2fsck", "unshare")

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(not all(map(shutil.which, NEEDS)), reason="needs e2fsprogs, util-linux"),
]

# `look NAME WORDS...` writes a report as JSON to NAME.
SCRIPT = """
set -e
mount --make-rprivate /
cd "$1"
truncate -s 64M image
mkfs.ext4 -q -N 256 image
mkdir mounted
loop=$(losetup -f --show image)
trap 'umount mounted 2>/dev/null || true; losetup -d "$loop"' EXIT
mount "$loop" mounted
look() { name=$1; shift; "$LAUNCHER" run --no-save --json "$@" > "$name.json" || true; }
echo test > "/sys/fs/ext4/${loop#/dev/}/trigger_fs_error"
look damaged --only-modules=fserrors
look damaged-volume --only-modules=fserrors --root=mounted
umount mounted
e2fsck -fy "$loop" > /dev/null || true
mount "$loop" mounted
look checked-volume --only-modules=fserrors --root=mounted
dd if=/dev/zero of=mounted/fill bs=1M 2> /dev/null || true
cat /dev/zero > mounted/rest 2> /dev/null || true
look full --only-modules=diskfull
look full-volume --only-modules=diskfull --root=mounted
rm mounted/fill mounted/rest
n=0
while [ $n -lt 300 ]; do touch "mounted/$n" 2> /dev/null || break; n=$((n + 1)); done
look inodes-volume --only-modules=diskfull --root=mounted
"""


def test_a_damaged_and_a_full_file_system(tmp_path: Path) -> None:
    env = {**os.environ, "LAUNCHER": str(LAUNCHER)}
    command = ["unshare", "-m", "sh", "-c", SCRIPT, "sh", str(tmp_path)]
    subprocess.run(command, env=env, check=True, timeout=300)

    def found(name: str) -> dict[str, Any]:
        (result,) = json.loads((tmp_path / f"{name}.json").read_text())["results"]
        told: dict[str, Any] = result
        return told

    live = found("damaged")
    assert live["status"] == "FAILURE"
    assert str(tmp_path / "mounted") in live["summary"]
    damaged = found("damaged-volume")
    assert (damaged["status"], "marked as damaged" in damaged["summary"]) == ("FAILURE", True)
    assert found("checked-volume")["status"] == "SUCCESS"
    full = found("full")
    assert full["status"] == "WARN"  # a folder that the system itself does not need
    assert "0 of" in full["summary"]
    assert found("full-volume")["status"] == "FAILURE"
    inodes = found("inodes-volume")
    assert (inodes["status"], "no inodes left" in inodes["summary"]) == ("FAILURE", True)
