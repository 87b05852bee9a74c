"""Duplicates and room that is not used, on the running kernel: file systems on loop devices.

All of it is mounted in a mount namespace of its own, below pytest's folder; what stays behind is
what the kernel's log says of loop devices that are no more.
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
NEEDS = ("mkfs.xfs", "mkfs.ext4", "resize2fs", "losetup", "unshare", "blkid")

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(
        not all(map(shutil.which, NEEDS)), reason="needs xfsprogs, e2fsprogs, util-linux"
    ),
]

SCRIPT = """
set -e
mount --make-rprivate /
cd "$1"
truncate -s 320M one; mkfs.xfs -q -L twin one; cp one two; cp one three
truncate -s 64M four; mkfs.ext4 -q -L twin four
first=$(losetup -f --show one); same=$(losetup -f --show one); second=$(losetup -f --show two)
fourth=$(losetup -f --show four)
trap 'umount mounted copy volume 2>/dev/null || true; losetup -d $first $same $second $fourth' EXIT
mkdir mounted copy volume
mount "$first" mounted
mount "$second" copy 2>/dev/null && exit 7
echo "$first $same $second $fourth" > names
look() { name=$1; shift; "$LAUNCHER" run --no-save --json "$@" > "$name.json" || true; }
touch fstab; mount --bind fstab /etc/fstab
look unused --only-modules=duplicatefsuuid
echo "UUID=$(blkid -p -s UUID -o value "$first") /srv xfs defaults 0 0" > fstab
look used --only-modules=duplicatefsuuid
look labels --only-modules=duplicatefslabels
mount -o ro,nouuid "$second" copy
look rescue --only-modules=duplicatefsuuid
look one-volume --only-modules=duplicatefsuuid --root=copy
mount "$fourth" volume
look grown --only-modules=notgrown --root=volume
truncate -s 256M four; losetup -c "$fourth"
look not-grown --only-modules=notgrown --root=volume
dd if=/dev/zero of=volume/fill bs=1M 2>/dev/null || true
cat /dev/zero > volume/rest 2>/dev/null || true
look full --only-modules=notgrown --root=volume
umount volume; e2fsck -fp "$fourth" >/dev/null; resize2fs "$fourth" >/dev/null 2>&1
mount "$fourth" volume
look grown-again --only-modules=notgrown --root=volume
"""


def test_copies_of_file_systems(tmp_path: Path) -> None:
    env = {**os.environ, "LAUNCHER": str(LAUNCHER)}
    command = ["unshare", "-m", "sh", "-c", SCRIPT, "sh", str(tmp_path)]
    subprocess.run(command, env=env, check=True, timeout=300)
    first, same, second, fourth = (tmp_path / "names").read_text().split()

    def found(name: str) -> dict[str, Any]:
        (result,) = json.loads((tmp_path / f"{name}.json").read_text())["results"]
        told: dict[str, Any] = result
        return told

    unused, used = found("unused"), found("used")
    assert (unused["status"], used["status"]) == ("WARN", "FAILURE")
    assert f"{first[5:]} ({tmp_path}/mounted)" in used["summary"]
    (copies,) = used["duplicates"]
    names = {one["device"] for one in copies["devices"]}
    assert second in names
    assert len(names & {first, same}) == 1  # two ways to one file
    assert used["refused_by_xfs"] >= 1
    (labels,) = found("labels")["duplicates"]
    assert {second, fourth} < {one["device"] for one in labels["devices"]}
    assert found("rescue")["status"] == "WARN"
    assert found("one-volume")["status"] == "UNKNOWN"
    assert found("grown")["status"] == "SUCCESS"
    assert found("not-grown")["status"] == "WARN"
    assert "takes 64 MiB of 256 MiB" in found("not-grown")["summary"]
    assert found("full")["status"] == "FAILURE"
    assert found("grown-again")["status"] == "SUCCESS"
