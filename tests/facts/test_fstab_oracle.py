"""Our reader of fstab against systemd's own generator: the same units, wanted by the same targets.

The generator runs in a folder that has nothing but /usr and what it writes, in a mount namespace of
its own, so that it finds no container and no udev, and logs to its standard error.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from ec2rl.facts.fstab import Entry, parse_fstab
from ec2rl.facts.unit_names import unit_name

pytestmark = [pytest.mark.root, pytest.mark.more]

GENERATOR = "/usr/lib/systemd/system-generators/systemd-fstab-generator"
INPUTS = 140
SCRIPT = """
cd "$1"
mkdir usr proc work
: > proc/swaps
mount --bind /usr usr
for name in lib lib64 bin sbin; do ln -s "usr/$name" "$name"; done
for one in in/*; do
    at=work/${one#in/}
    mkdir "$at" "$at/early" "$at/late" "$at/normal"
    cp "$one" "$at/fstab"
    SYSTEMD_LOG_TARGET=console SYSTEMD_FSTAB=/$at/fstab SYSTEMD_PROC_CMDLINE= chroot . "$0" \
        "/$at/normal" "/$at/early" "/$at/late" 2> "$at/said" || :
done
umount usr
"""

WHATS = (
    "UUID=aaaaaaaa-0000-0000-0000-000000000001", "LABEL=data", 'LABEL="quoted"', "LABEL='a'",
    "LABEL=a/b", "LABEL=two\\040words", "PARTUUID=11-02", "PARTLABEL=EFI\\040System", "UUID=",
    "/dev/sdb", "/dev/xvdf", "/dev/nvme1n1p1", "/dev/mapper/vg-lv", "/dev/disk/by-id/x", "none",
    "tmpfs", "proc", "host:/export", "//host/share", "/images/a.iso", "/srv/a\\134b", "fs-1:/",
    "s3fs#bucket", "LABEL=caf\u00e9", "/swap.img", "LABEL", "=", "UUID=A-B=C", "/dev//sdc/",
)  # fmt: skip
WHERES = (
    "/", "/data", "/data/", "//data", "/data/deep", "/var", "/var/log", "/boot/efi", "/x\\040y",
    "/a-b", "/.hidden", "/a\\134b", "none", "swap", "rel", "rel/ative", "/proc", "/dev/shm", "/run",
    "/sys/fs/cgroup/x", "/sys/fs/bpf", "/tmp", "/mnt/../x", "/mnt/./x", "/caf\u00e9", "/a@b",
    "/a+b", "/a:b", "/tab\\011bed", "/dev", "/home",
)  # fmt: skip
KINDS = (
    "ext4", "xfs", "vfat", "auto", "swap", "none", "nfs", "nfs4", "cifs", "tmpfs", "fuse.sshfs",
    "fuse.s3fs", "autofs", "iso9660", "btrfs", "efs", "ext5", "fuse.glusterfs", "smb3",
)  # fmt: skip
OPTIONS = (
    "defaults", "nofail", "fail", "noauto", "auto", "_netdev", "x-systemd.automount", "ro", "bind",
    "x-systemd.device-timeout=10s", "x-systemd.device-timeout=0", "x-systemd.device-timeout=2min",
    "comment=systemd.automount", "comment=systemd.device-timeout=5", "x-systemd.growfs", "sw",
    "pri=5", "discard", "x-systemd.requires=a.service", "noauto,auto", "nofail,fail", "fail,nofail",
    "user,exec", "", ",", "a\\,b", "nofailure", "x-nofail", "x-systemd.wanted-by=a.target",
    "x-systemd.required-by=b.target", "x-systemd.mount-timeout=5",
)  # fmt: skip
ENDS = ("0 0", "0 2", "0 1", "1 1", "0", "", "2", "x y", "0 2 # why", "0 2UUID=b", "-1 3", "0\t2")
BLANKS = (" ", "\t", "  ", " \t ", "\t\t")
BESIDE = (
    "", " ", "\t", "# a comment", "  # a comment", "#UUID=1 / ext4", "\r", "UUID=alone", "a /b",
    "a /b ext4", "/dev/sdq /q ext4 defaults\r", "/dev/sdr /r ext4 defaults 0 2\r", "/dev/sds\x0b/s",
    "/dev/sdt /t ext4 defaults 0 0  ", "x" * 5000,
    "/dev/" + "u" * 4000 + " /u ext4 defaults,nofail" * 9,
    "\\040 /w ext4", "/dev/sdv\x00 /v ext4", "; /no ext4", "\u00a0/dev/sdw /w xfs",
)  # fmt: skip


def line(rng: random.Random) -> str:
    options = ",".join(rng.choice(OPTIONS) for _ in range(rng.randint(1, 3)))
    kind = rng.choice(KINDS)
    where = rng.choice(("none", "swap", "/data")) if kind == "swap" else rng.choice(WHERES)
    fields = [rng.choice(WHATS), where, kind, options, rng.choice(ENDS)]
    kept = fields[: rng.choice((2, 3, 4, 5, 5, 5, 5, 5))]
    text = rng.choice(("", "", "", " ", "\t"))
    for field in kept:
        text += field + rng.choice(BLANKS)
    return text if rng.random() < 0.2 else text.rstrip()


def fstab(seed: int) -> str:
    rng = random.Random(seed)
    lines = [rng.choice(BESIDE) if rng.random() < 0.25 else line(rng) for _ in range(12)]
    return "\n".join(lines) + rng.choice(("\n", "\n", "", "\n\n", "\r\n"))


Units = dict[str, tuple[str, ...]]


def ours(text: str) -> Units:
    """What our reader says that there will be: of each unit what, where, type, and who needs it."""
    found: Units = {}
    for one in parse_fstab(text).entries:
        if one.ignored or not one.unit or one.unit in found:
            continue
        folder = "" if one.is_swap else one.folder
        kind = "" if one.is_swap or one.kind == "auto" else one.kind
        found[one.unit] = (one.source, folder, kind, needed(one))
        if one.device and one.timeout:
            found[f"{unit_name(one.device, '.device')}.d"] = ("waits",)
    return found


def needed(one: Entry) -> str:
    return f"{one.target}.{'wants' if one.is_nofail else 'requires'}" if one.target else ""


def theirs(folder: Path) -> Units:
    """The same of what the generator wrote."""
    found: Units = {}
    links = {path.name: path.parent.name for path in folder.glob("*.target.*/*")}
    for path in folder.iterdir():
        if (path / "50-device-timeout.conf").exists():
            found[path.name] = ("waits",)
        if path.suffix not in (".mount", ".swap"):
            continue
        values = dict(
            row.split("=", 1) for row in path.read_bytes().decode().split("\n") if "=" in row
        )
        what = plain(values["What"])
        late = path.with_suffix(".automount").name
        by = links.get(path.name) or links.get(late) or ""
        # An automount is wanted by the same target, and mounts nothing at boot.
        by = "" if late in links or by.partition(".target")[0] in ("a", "b") else by
        found[path.name] = (what, plain(values.get("Where", "")), values.get("Type", ""), by)
    return found


def plain(value: str) -> str:
    """A value of a unit file without its escapes (systemd.syntax(7), specifiers)."""
    return value.replace("%%", "%").replace("\\\\", "\\")


def test_the_same_units_as_systemds_own_generator(tmp_path: Path) -> None:
    if not Path(GENERATOR).exists() or shutil.which("unshare") is None:
        pytest.skip(f"NOT COMPARED: {GENERATOR} (package systemd) or unshare is not here")
    if os.geteuid() != 0:
        pytest.skip("NOT COMPARED: root alone may make the folder that the generator runs in")
    (tmp_path / "in").mkdir()
    for seed in range(INPUTS):
        (tmp_path / f"in/{seed}").write_bytes(fstab(seed).encode())
    subprocess.run(
        ["unshare", "--mount", "sh", "-eu", "-c", SCRIPT, GENERATOR, str(tmp_path)], check=True
    )
    different = {}
    compared = 0
    for seed in range(INPUTS):
        said, made = ours(fstab(seed)), theirs(tmp_path / f"work/{seed}/normal")
        compared += len(made)
        for unit in {*said, *made}:
            if said.get(unit) != made.get(unit):
                different[seed, unit] = (said.get(unit), made.get(unit))
    assert not different, f"{len(different)}: {dict(list(different.items())[:6])}"
    assert compared > 3 * INPUTS
