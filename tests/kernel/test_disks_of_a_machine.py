"""The modules of disks on a machine with partitions, made of loop devices and a /sys of our own.

In a mount namespace: a GPT disk and its partition are two loop devices over one file, and /sys,
/dev and /etc/fstab are such that the program sees nothing else.  Then each source is taken away, or
made odd: where a copy is attached, nothing of that may come out as SUCCESS.
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
NEEDS = ("mkfs.xfs", "sfdisk", "losetup", "unshare", "setpriv", "blkid")
MODULES = "duplicatefsuuid,duplicatefslabels,duplicatepartuuid,notgrown"

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(
        not all(map(shutil.which, NEEDS)), reason="needs xfsprogs, fdisk, util-linux"
    ),
]

# `attach DISK FILE` makes a disk and its partition, `look NAME ODD` writes what is said of all
# where ODD has been done, in a namespace of its own.
SCRIPT = """
set -e
mount --make-rprivate /
cd "$1"; here=$PWD
mkdir mounted dev sys real; mount --bind /dev real
truncate -s 402M one
printf 'label: gpt\\nstart=2048,size=819200,name=root\\n' | sfdisk -q one
loops=""
trap 'for one in $loops; do losetup -d "$here/real/${one#/dev/}"; done' EXIT
part=$(losetup -f --show -o 1048576 --sizelimit 419430400 one)
mkfs.xfs -q -L root "$part"; uuid=$(blkid -p -s UUID -o value "$part"); losetup -d "$part"
cp one two
mkdir -p sys/class/block sys/devices sys/block
attach() {
    whole=$(losetup -f --show "$2"); loops="$loops $whole"
    part=$(losetup -f --show -o 1048576 --sizelimit 419430400 "$2"); loops="$loops $part"
    size=$(($(stat -c %s "$2") / 512))
    node "$1" "sys/devices/$1" "$whole" "$size"
    node "$1p1" "sys/devices/$1/$1p1" "$part" 819200
    echo 1 > "sys/devices/$1/$1p1/partition"; echo 2048 > "sys/devices/$1/$1p1/start"
}
node() {
    mkdir -p "$2"; echo "$4" > "$2/size"; cat "/sys/class/block/${3#/dev/}/dev" > "$2/dev"
    ln -s "/$2" "sys/class/block/$1"
    mknod "dev/$1" b 7 "$(cut -d: -f2 "$2/dev")"
}
look() {
    here=$here nobody="setpriv --reuid=65534 --regid=65534 --clear-groups" unshare -m sh -c "
        DROP=
        mount -t tmpfs t /sys; cp -a $here/sys/. /sys/
        mount -t tmpfs -o mode=755 t /dev; cp -a $here/dev/* /dev/; mknod -m 666 /dev/null c 1 3
        echo 'UUID=$uuid / xfs defaults 0 1' > $here/fstab; mount --bind $here/fstab /etc/fstab
        mount -o nouuid /dev/nvme0n1p1 $here/mounted
        $2
        \\$DROP $LAUNCHER run --no-save --json --only-modules=$MODULES > '$here/$1.json'
        umount $here/mounted
    " || true
}
attach nvme0n1 one
look alone :
attach nvme1n1 two
look copy :
"""
GROWN = """
rm sys/class/block/nvme1n1*; truncate -s 2G one; set -- $loops; losetup -c "$1"
echo 4194304 > sys/devices/nvme0n1/size
look grown :
"""
ODD = {
    "/sys is empty": "mount -t tmpfs t /sys",
    "/sys/class/block is empty": "mount -t tmpfs t /sys/class/block",
    "/sys/class/block is closed": "mount -t tmpfs -o mode=000 t /sys/class/block; DROP=$nobody",
    "/sys/class/block is a file": "rm -r /sys/class/block; touch /sys/class/block",
    "links lead nowhere": "rm -r /sys/devices",
    "links lead to themselves": "ln -sfn nvme1n1p1 /sys/class/block/nvme1n1p1",
    "no size is told": "rm /sys/devices/nvme1n1/nvme1n1p1/size; rm /dev/nvme1n1",
    "the size is no number": "echo x > /sys/devices/nvme1n1/size",
    "the size is huge": "echo 9223372036854775807 > /sys/devices/nvme1n1/nvme1n1p1/size",
    "the number is another's": "echo 7:200 > /sys/devices/nvme1n1/nvme1n1p1/dev",
    "the number is none": "echo x > /sys/devices/nvme1n1/nvme1n1p1/dev",
    "/dev is empty": "rm /dev/nvme*",
    "/dev is closed": "chmod 0 /dev/nvme*; DROP=$nobody",
    "/dev is on nodev": "mount -o remount,nodev /dev",
    "a device is a file": "rm /dev/nvme1n1p1; cp $here/two /dev/nvme1n1p1",
    "a device is a FIFO": "rm /dev/nvme1n1p1; mkfifo /dev/nvme1n1p1",
    "a device is a link": "ln -sf nvme0n1p1 /dev/nvme1n1p1",
    "a device is a folder": "rm /dev/nvme1n1p1; mkdir /dev/nvme1n1p1",
    "a device is a terminal": "rm /dev/nvme1n1p1; mknod /dev/nvme1n1p1 c 5 0",
    "a device is gone": "rm /dev/nvme1n1p1",
    "no rights at all": "DROP=$nobody",
    "fstab is closed": "chmod 0 $here/fstab; DROP=$nobody",
    "fstab is a folder": "umount /etc/fstab; mount --bind $here/mounted /etc",
    "mounts are not told": "mount -t tmpfs t /proc/self 2>/dev/null || mount --bind /dev/null "
    "/proc/self/mountinfo",
    "the disk is cut": "truncate -s 4096 $here/two",
    "the table is cut": "dd if=/dev/zero of=$here/two bs=512 count=34 conv=notrunc status=none",
    "the file system is garbage": "head -c 4096 /dev/urandom | dd of=$here/two bs=4096 seek=256 "
    "conv=notrunc status=none",
}


def test_a_machine_its_copy_and_odd_sources(tmp_path: Path) -> None:
    env = {**os.environ, "LAUNCHER": str(LAUNCHER), "MODULES": MODULES}
    looks = "".join(f"look {n} '{odd}'\n" for n, odd in enumerate(ODD.values()))
    script = SCRIPT + looks + GROWN
    command = ["unshare", "-m", "sh", "-c", script, "sh", str(tmp_path)]
    subprocess.run(command, env=env, check=True, timeout=600)

    def said(name: object) -> dict[str, dict[str, Any]]:
        results = json.loads((tmp_path / f"{name}.json").read_text())["results"]
        return {one["module"]: one for one in results}

    def verdicts(name: object) -> dict[str, str]:
        return {module: one["status"] for module, one in said(name).items()}

    assert verdicts("alone") == dict.fromkeys(MODULES.split(","), "SUCCESS")
    assert verdicts("copy") == {
        "duplicatefsuuid": "FAILURE",
        "duplicatefslabels": "WARN",
        "duplicatepartuuid": "WARN",
        "notgrown": "SUCCESS",
    }
    copy = said("copy")
    told = f"nvme0n1p1 ({tmp_path}/mounted) and nvme1n1p1 have the same UUID "
    assert copy["duplicatefsuuid"]["summary"].startswith(told)
    assert "sgdisk -G /dev/nvme1n1 " in "\n".join(copy["duplicatepartuuid"]["details"])
    grown = said("grown")["notgrown"]
    assert grown["status"] == "WARN"
    assert "1.6 GiB of nvme0n1 (2 GiB) is in no partition, behind nvme0n1p1" in grown["summary"]
    commands = f"growpart /dev/nvme0n1 1, then xfs_growfs {tmp_path}/mounted"
    assert commands in "\n".join(grown["details"])
    overlooked = []
    for number, odd in enumerate(ODD):
        for module, one in said(number).items():
            is_of_it = module != "notgrown" and module not in ODD_PARTITIONS.get(odd, ())
            if one["verdict"] == "CRASHED" or (is_of_it and one["status"] == "SUCCESS"):
                overlooked.append((odd, module, one["summary"]))
    assert overlooked == []


ODD_PARTITIONS: dict[str, tuple[str, ...]] = {}
"""Where the copy is not there any more for one of the modules, by what was done."""
