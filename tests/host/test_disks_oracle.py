"""Our readers of superblocks and partition tables against blkid(8) and sfdisk(8).

On images of a few MiB, mostly sparse, that the real programs make: what they say and we do not, or
the other way round, is a difference, and there is none.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ec2rl.host.disks.probe import Window, contents

BLKID = shutil.which("blkid")
UUID = "12345678-9abc-4def-8123-456789abcdef"
TOOLS = Path("/usr/sbin"), Path("/sbin"), Path("/usr/bin")

pytestmark = [
    pytest.mark.more,
    pytest.mark.skipif(BLKID is None, reason="needs blkid (util-linux)"),
]

MADE: dict[str, tuple[int, str]] = {
    "ext2": (8, "mke2fs -q -F -t ext2 -L old {}"),
    "ext3": (16, "mke2fs -q -F -t ext3 {}"),
    "ext4": (16, "mke2fs -q -F -t ext4 -L root {}"),
    "ext4 1k": (16, "mke2fs -q -F -t ext4 -b 1024 -L cloudimg-rootfs {}"),
    "ext4 64bit": (16, "mke2fs -q -F -t ext4 -O 64bit,metadata_csum {}"),
    "ext4 no 64bit": (16, "mke2fs -q -F -t ext4 -O ^64bit,^metadata_csum {}"),
    "ext4 no journal": (16, "mke2fs -q -F -t ext4 -O ^has_journal {}"),
    "ext4 flex": (16, "mke2fs -q -F -t ext4 -O bigalloc,quota,project {}"),
    "ext4 uuid": (16, f"mke2fs -q -F -t ext4 -U {UUID} {{}}"),
    "ext4 no uuid": (16, "mke2fs -q -F -t ext4 -U clear {}"),
    "ext4 16 bytes": (16, "mke2fs -q -F -t ext4 -L 0123456789abcdef {}"),
    "ext4 blanks": (16, "mke2fs -q -F -t ext4 -L 'a  b ' {}"),
    "ext4 umlaut": (16, "mke2fs -q -F -t ext4 -L wörld {}"),
    "ext4 quotes": (16, "mke2fs -q -F -t ext4 -L 'a\"b\\c=d' {}"),
    "ext4 journal": (16, "mke2fs -q -F -O journal_dev -b 4096 -L log {}"),
    "ext4 part of it": (32, "mke2fs -q -F -t ext4 -b 4096 {} 2048"),
    "xfs": (320, "mkfs.xfs -q -f {}"),
    "xfs label": (320, "mkfs.xfs -q -f -L 0123456789ab {}"),
    "xfs uuid": (320, f"mkfs.xfs -q -f -m uuid={UUID} {{}}"),
    "xfs v4": (320, "mkfs.xfs -q -f -m crc=0,reflink=0,finobt=0,rmapbt=0 -n ftype=1 {}"),
    "xfs 1k": (320, "mkfs.xfs -q -f -b size=1024 {}"),
    "xfs 4k sectors": (320, "mkfs.xfs -q -f -s size=4096 {}"),
    "xfs other features": (320, "mkfs.xfs -q -f -i size=1024 -m bigtime=0,rmapbt=1 {}"),
    "btrfs": (128, "mkfs.btrfs -q -f {}"),
    "btrfs label": (128, "mkfs.btrfs -q -f -L 'a label of some length, and more' {}"),
    "btrfs mixed": (64, "mkfs.btrfs -q -f -M {}"),
    "btrfs uuid": (128, f"mkfs.btrfs -q -f -U {UUID} {{}}"),
    "btrfs sha256": (128, "mkfs.btrfs -q -f --csum sha256 {}"),
    "swap": (4, "mkswap -q {}"),
    "swap label": (4, "mkswap -q -L swap-1 {}"),
    "swap uuid": (4, f"mkswap -q -U {UUID} {{}}"),
    "swap 64k": (4, "mkswap -q -p 65536 {}"),
    "swap 16k": (4, "mkswap -q -p 16384 {}"),
    "vfat 12": (4, "mkfs.vfat -F 12 -n SMALL {}"),
    "vfat 16": (32, "mkfs.vfat -F 16 -n UEFI {}"),
    "vfat 16 none": (32, "mkfs.vfat -F 16 {}"),
    "vfat 32": (64, "mkfs.vfat -F 32 -n 'EFI SYSTEM' {}"),
    "vfat 32 id": (64, "mkfs.vfat -F 32 -i 0badcafe {}"),
    "vfat 32 4k": (300, "mkfs.vfat -F 32 -S 4096 -n LARGE {}"),
    "vfat 8 per cluster": (128, "mkfs.vfat -s 8 -F 16 -n 'A B' {}"),
    "exfat": (16, "mkfs.exfat {}"),
    "exfat label": (16, "mkfs.exfat -L wörld {}"),
    "f2fs": (64, "mkfs.f2fs -q -l 'flash memory' {}"),
    "f2fs none": (64, "mkfs.f2fs -q {}"),
    "luks1": (
        4,
        "printf x | cryptsetup luksFormat -q --type luks1 --pbkdf-force-iterations 1000 {}",
    ),
    "luks2": (
        32,
        "printf x | cryptsetup luksFormat -q --type luks2 --label crypt --pbkdf pbkdf2 "
        "--pbkdf-force-iterations 1000 {}",
    ),
    "squashfs": (0, "mkdir -p {}.d && touch {}.d/f && mksquashfs {}.d {} -quiet -no-progress"),
    "iso9660": (0, "mkdir -p {}.d && xorriso -outdev stdio:{} -volid CIDATA -map {}.d / -commit"),
    "lvm2": (
        8,
        "loop=$(losetup -f --show {}) && pvcreate -qq -y $loop; is=$?; losetup -d $loop; exit $is",
    ),
    "zeros": (4, "true"),
    "text": (1, "yes ec2rl | head -c 1048576 > {}"),
    "ext4 over xfs": (320, "mkfs.xfs -q -f {} && mke2fs -q -F -t ext4 {}"),
    "xfs over btrfs": (320, "mkfs.btrfs -q -f {} && mkfs.xfs -q -f {}"),
    "swap over ext4": (16, "mke2fs -q -F -t ext4 {} && mkswap -q {}"),
    "vfat over ext4": (64, "mke2fs -q -F -t ext4 {} && mkfs.vfat -F 32 {}"),
    "ext4 wiped": (16, "mke2fs -q -F -t ext4 {} && wipefs -qa {}"),
    "ext4 cut": (16, "mke2fs -q -F -t ext4 {} && truncate -s 1M {}"),
    "xfs cut": (320, "mkfs.xfs -q -f {} && truncate -s 8192 {}"),
    "xfs broken": (320, "mkfs.xfs -q -f {} && printf abcd | dd of={} conv=notrunc status=none"),
}
"""A size in MiB, and the commands that make it."""

TABLES: dict[str, tuple[int, str]] = {
    "gpt": (64, "label: gpt\n,20M,L,\n,,L\n"),
    "gpt names": (
        64,
        'label: gpt\nsize=4M,type=21686148-6449-6E6F-744E-656564454649,name="BIOS boot"\n'
        'size=8M,type=U,name="EFI System"\ntype=L,name=wörld\n',
    ),
    "gpt holes": (64, "label: gpt\n1 : size=4M\n14 : size=4M\n15 : size=4M\n128 : size=4M\n"),
    "gpt ids": (64, f"label: gpt\nlabel-id: {UUID}\nuuid={UUID[:-1]}0\n"),
    "gpt few entries": (64, "label: gpt\ntable-length: 4\n,8M\n,8M\n"),
    "gpt none": (64, "label: gpt\n"),
    "dos": (64, "label: dos\nlabel-id: 0x12abcdef\n,20M,L,*\n,,82\n"),
    "dos no id": (64, "label: dos\nlabel-id: 0x00000000\n,20M\n"),
    "dos gaps": (64, "label: dos\n3 : size=4M\n1 : start=20480,size=4M\n"),
    "dos logical": (64, "label: dos\n,8M\n,,E\n,8M\n,8M\n,8M\n"),
    "dos logical only": (64, "label: dos\n,,E\n,8M,82\n,\n"),
    "dos first of four": (64, "label: dos\n,4M\n,4M\n,4M\n,,E\n,4M\n,4M\n"),
}


def ran(command: str, folder: Path) -> bool:
    env = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        command, shell=True, env=env, cwd=folder, capture_output=True, timeout=120, check=False
    )
    return done.returncode == 0


def made(folder: Path, size: int, command: str) -> Path:
    """An image, or a test that says loudly which program it lacks."""
    path = folder / "image"
    if size:
        with path.open("wb") as file:
            file.truncate(size << 20)
    missing = [
        word
        for word in ("mke2fs", "mkfs.xfs", "mkfs.btrfs", "mkswap", "mkfs.vfat", "mkfs.exfat",
                     "mkfs.f2fs", "cryptsetup", "mksquashfs", "xorriso", "pvcreate", "sfdisk",
                     "wipefs")
        if word in command and not any((one / word).exists() for one in TOOLS)
    ]  # fmt: skip
    if missing:
        pytest.skip(f"needs {' and '.join(missing)}")
    if not ran(command.replace("{}", "image"), folder):
        pytest.skip(f"this version does not make it: {command}")
    return path


def theirs(path: Path) -> dict[str, str]:
    """What blkid says, of a superblock and of a table; "ambiguous" for two kinds at once."""
    done = subprocess.run(
        [str(BLKID), "-p", "-o", "udev", str(path)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    if done.returncode == 8:
        return {"type": "ambiguous"}
    told = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    names = {
        "ID_FS_TYPE": "type", "ID_FS_UUID_ENC": "uuid", "ID_FS_LABEL_ENC": "label",
        "ID_FS_UUID_SUB": "sub", "ID_PART_TABLE_TYPE": "table", "ID_PART_TABLE_UUID": "tableid",
    }  # fmt: skip
    return {names[key]: value for key, value in told.items() if key in names}


def ours(path: Path) -> list[dict[str, str]]:
    fd = os.open(path, os.O_RDONLY)
    try:
        return [*contents(Window(fd), os.fstat(fd).st_size, 512, is_part=False)]
    finally:
        os.close(fd)


def encoded(label: str) -> str:
    """A label as udev has it (encode_string() of libblkid)."""
    plain = "#+-.:=@_"
    return "".join(
        one if one.isalnum() or one in plain or ord(one) > 127 else f"\\x{ord(one):02x}"
        for one in label
    )


@pytest.mark.parametrize("name", MADE)
def test_a_superblock_is_read_as_blkid_reads_it(name: str, tmp_path: Path) -> None:
    path = made(tmp_path, *MADE[name])
    told = ours(path)[0]
    seen = {key: told[key] for key in ("type", "uuid", "sub", "table", "tableid") if key in told}
    if "label" in told and told["type"] != "ambiguous":
        seen["label"] = encoded(told["label"])
    expected = theirs(path)
    if expected.get("type") == "exfat":
        # Up to 2.38 its boot sector counts as an MBR without partitions, too.
        expected.pop("table", None)
    assert seen == expected


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_read_as_sfdisk_reads_it(name: str, tmp_path: Path) -> None:
    size, script = TABLES[name]
    (tmp_path / "script").write_text(script, encoding="utf-8")
    path = made(tmp_path, size, "sfdisk -q {} < script")
    told, *entries = ours(path)
    shown = subprocess.run(
        ["sfdisk", "-J", str(path)],
        env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    table: dict[str, Any] = json.loads(shown.stdout)["partitiontable"]
    assert told["table"] == table["label"]
    assert table["id"].lower().removeprefix("0x") in (told.get("tableid", "0" * 8), "0x" + "0" * 8)
    expected = [
        (
            int(one["node"].removeprefix(str(path))),
            one["start"] * 512,
            one["size"] * 512,
            one["type"].lower().zfill(2),
            one.get("uuid", "").lower(),
            one.get("name", ""),
        )
        for one in table.get("partitions", [])
    ]
    found = [
        (
            int(one["entry"]),
            int(one["start"]),
            int(one["size"]),
            one["kind"],
            one.get("uuid", "") if table["label"] == "gpt" else "",
            one.get("label", ""),
        )
        for one in entries
    ]
    assert sorted(found) == sorted(expected)
    if table["label"] == "dos" and "tableid" in told:
        assert all(one["uuid"] == f"{told['tableid']}-{int(one['entry']):02x}" for one in entries)
