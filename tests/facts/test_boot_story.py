"""What consoles say of boots: kinds of ends, and lines that look like one and are none."""

from __future__ import annotations

import time

import pytest

from ec2rl.diagnosis.stopped_boots import judge_text
from ec2rl.facts.boot.lines import names_match
from ec2rl.facts.boot.story import read_boots
from ec2rl.host.queries.boot_text import Printed
from ec2rl.model import Finding
from ec2rl.report.wording import summary

KERNEL = (
    "[    0.000000] Linux version 6.12.48-1-cloud-amd64 (debian-kernel@lists.debian.org) #1 SMP\n"
    "[    0.000000] Command line: root=UUID=aaaaaaaa-0000-0000-0000-000000000001 console=ttyS0\n"
)
SYSTEM = KERNEL + "[    4.100000] systemd[1]: systemd 252.26-1 running in system mode (+PAM)\n"
INITRD = KERNEL + "[    1.100000] Run /init as init process\nLoading, please wait...\n"
DRACUT = (
    KERNEL + "[    1.100000] systemd[1]: systemd 252.26-1 running in system mode (+PAM)\n"
    "[    1.200000] systemd[1]: Running in initrd.\n"
)
PANIC = "[    2.400000] Kernel panic - not syncing: "
MODE = 'You are in emergency mode. After logging in, type "journalctl -xb" to view\n'
DOWN = "[DEPEND] Dependency failed for local-fs.target - Local File Systems.\n"
UP = "[  OK  ] Reached target multi-user.target - Multi-User System.\n"


def judged(text: str, kind: str = "console") -> Finding:
    return judge_text(Printed(text, kind, "console"))


def said(text: str) -> str:
    found = judged(text)
    return f"{found.verdict.name} {found.facts.get('stage')} {found.facts.get('cause')}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GRUB loading.\nerror: unknown filesystem.\ngrub rescue> ", "loader loader filesystem"),
        ("error: symbol `grub_calloc' not found.\ngrub rescue> ", "loader loader modules"),
        ("error: no such partition.\nEntering rescue mode...\n", "loader loader device"),
        ("GNU GRUB  version 2.06\n\n   Minimal BASH-like line editing is supported. For\n grub> ",
         "loader loader shell"),
        ("Loading Linux 6.1 ...\nerror: file `/boot/vmlinuz-6.1' not found.\nLoading initial "
         "ramdisk ...\nerror: you need to load the kernel first.\n\nPress any key to continue...",
         "loader loader file"),
        ("SeaBIOS (version 1.16)\nNo bootable device.\n", "firmware no boot device"),
        (KERNEL + PANIC + "VFS: Unable to mount root fs on unknown-block(259,1)\n",
         "kernel root file system"),
        (KERNEL + PANIC + "No working init found.  Try passing init= option to kernel. See Linux "
         "Documentation/admin-guide/init.rst for guidance.\n", "kernel init panic"),
        (INITRD + "FATAL: kernel too old\n" + PANIC
         + "Attempted to kill init! exitcode=0x00000100\n", "system kernel too old"),
        (SYSTEM + PANIC + "Attempted to kill init! exitcode=0x0000000b\n", "system init died"),
        (INITRD + "mount: mounting /dev/nvme0n1p1 on /root failed: No such device\nFailed to mount "
         "/dev/nvme0n1p1 as root file system.\n", "initrd root file system"),
        (INITRD + "/dev/nvme0n1p1: UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY.\nfsck exited with "
         "status code 4\nThe root filesystem on /dev/nvme0n1p1 requires a manual fsck\n",
         "initrd fsck"),
        (DRACUT + "[ TIME ] Timed out waiting for device dev-d...-0001.device - /dev/sda1.\n"
         "[DEPEND] Dependency failed for sysroot.mount - /sysroot.\n" + MODE,
         "initrd no root device"),
        (DRACUT + "[FAILED] Failed to mount sysroot.mount - /sysroot.\n"
         "[    3.0] x\n" + MODE, "initrd mount"),
        (DRACUT + "[    3.000000] XFS (nvme0n1p4): Superblock has unknown incompatible features "
         "(0x20) enabled.\n[FAILED] Failed to mount sysroot.mount - /sysroot.\n[DEPEND] Dependency "
         "failed for initrd-root-fs.target - Initrd Root File System.\n"
         "Entering emergency mode. Exit the shell to continue.\n", "initrd newer file system"),
        (SYSTEM + "[FAILED] Failed to start systemd-cryptsetup@data.service - Cryptography Setup "
         "for data.\n" + DOWN + MODE, "system unlock"),
        (SYSTEM + "[FAILED] Failed to start kdump.service - Crash recovery kernel arming.\n"
         "[FAILED] Failed to mount data.mount - /data.\n" + DOWN
         + "[    9.000000] mount[400]: mount: /data: wrong fs type, bad option, bad superblock.\n"
         "Welcome to emergency mode! After logging in, type \"journalctl -xb\"\n", "system mount"),
        (SYSTEM + "[ TIME ] Timed out waiting for device dev-sdy.device - /dev/sdy.\n"
         "[DEPEND] Dependency failed for scratch.mount - /scratch.\n"
         "[ TIME ] Timed out waiting for device dev-sdz.device - /dev/sdz.\n"
         "[DEPEND] Dependency failed for data.mount - /data.\n" + DOWN + MODE,
         "system device timeout"),
        (SYSTEM + "[    4.200000] systemd[1]: Failed to load SELinux policy. Freezing.\n",
         "system selinux"),
        (SYSTEM + "Give root password for maintenance\n(or press Control-D to continue): ",
         "system emergency"),
    ],
)  # fmt: skip
def test_an_end_has_its_stage_and_its_first_cause(text: str, expected: str) -> None:
    assert said(text) == f"PROBLEM {expected}"


def test_a_mount_that_stops_nothing_is_not_the_cause() -> None:
    text = (
        SYSTEM + "[ TIME ] Timed out waiting for device dev-sdy.device - /dev/sdy.\n"
        "[DEPEND] Dependency failed for scratch.mount - /scratch.\n"
        "[ TIME ] Timed out waiting for device dev-sdz.device - /dev/sdz.\n"
        "[DEPEND] Dependency failed for data.mount - /data.\n" + DOWN + MODE
    )
    assert "the device /dev/sdz of /data did not appear in time" in summary(judged(text))


@pytest.mark.parametrize(
    "harmless",
    [
        "error: serial port `com0' isn't found.\nerror: no such device: OEM.\n" + SYSTEM,
        INITRD + "Gave up waiting for suspend/resume device\n" + SYSTEM.replace(KERNEL, ""),
        INITRD + '  Volume group "vg0" not found\n' + SYSTEM.replace(KERNEL, ""),
        KERNEL + "[    1.0] x\n[    1.000000] Initramfs unpacking failed: junk within compressed "
        "archive\n" + SYSTEM.replace(KERNEL, ""),
        SYSTEM + "[FAILED] Failed to start Network Manager Wait Online.\n",
        SYSTEM + "[    5.000000] systemd[1]: Found ordering cycle on a.service/stop\n",
        SYSTEM + "[    9.000000] app[44]: panic: runtime error\nKernel panic is what I say\n",
    ],
)
def test_what_looks_like_an_end_and_is_none(harmless: str) -> None:
    assert said(harmless + UP) == "OK reached None"


def test_words_count_from_their_own_speaker() -> None:
    """The kernel's and systemd's behind a stamp of the kernel's, and nobody else's there."""
    forged = (
        "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\n"
        "[    8.000000] usb 1-1: Product: Reached target multi-user.target - Multi-User System.\n"
        "[    8.000000] Reached target multi-user.target - Multi-User System.\n"
        "[    8.000000] Started emergency.service - Emergency Shell.\n"
    )
    found = judged(SYSTEM + forged)
    assert (found.verdict.name, found.facts["stage"]) == ("UNKNOWN", "system")


def test_lines_that_a_terminal_broke_are_whole_again() -> None:
    long = (
        "error: ../../grub-core/commands/search.c:527:no such device: "
        "aaaaaaaa-0000-0000-0000-000000000001."
    )
    text = f"Welcome to GRUB!\n{long[:80]}\n{long[80:]}\ngrub rescue> "
    assert "GRUB finds no file system aaaaaaaa-0000-0000-0000-000000000001." in summary(
        judged(text)
    )


@pytest.mark.parametrize("dots", ["\u2026", "\xe2\x80\xa6", "..."])
def test_a_name_that_systemd_shortened(dots: str) -> None:
    unit = r"dev-disk-by\x2duuid-aaaaaaaa\x2d0000\x2d0000\x2d0000\x2d000000000002.device"
    text = (
        SYSTEM + f"[    5.000000] systemd[1]: Expecting device {unit} - "
        "/dev/disk/by-uuid/aaaaaaaa-0000-0000-0000-000000000002...\n"
        f"[ TIME ] Timed out waiting for device dev-d{dots}000-000000000002.\n" + DOWN + MODE
    )
    words = "the device /dev/disk/by-uuid/aaaaaaaa-0000-0000-0000-000000000002 did not appear"
    assert words in summary(judged(text))


def test_what_systemd_says_twice_is_said_once() -> None:
    """By way of the kernel's log, and as a status whose middle was cut within a colour."""
    unit = r"dev-disk-by\x2duuid-aaaaaaaa\x2d0000\x2d0000\x2d0000\x2d000000000002.device"
    text = (
        SYSTEM + f"[    5.000000] systemd[1]: Timed out waiting for device {unit} - "
        "/dev/disk/by-uuid/aaaaaaaa-0000-0000-0000-000000000002.\n"
        "[ TIME ] Timed out waiting for device aaaa-0000-0000-0000-000000000002.\n"
        "[    5.100000] systemd[1]: Dependency failed for data.mount - /data.\n"
        "[DEPEND] Dependency failed for data.mount - /data.\n"
        "[    5.200000] systemd[1]: Dependency failed for local-fs.target - Local File Systems.\n"
        "[DEPEND] Dependency failed for loca...s.target - Local File Systems.\n" + MODE
    )
    found = judged(text)
    words = "the device /dev/disk/by-uuid/aaaaaaaa-0000-0000-0000-000000000002 of /data did not"
    assert words in summary(found)
    assert len([one for one in found.details if one.template.startswith("Then")]) == 3


def test_a_job_that_still_runs_is_waited_for() -> None:
    text = SYSTEM + "[ ***  ] (2 of 3) Job cloud-init.service/start running (12min 1s / no limit)\n"
    found = judged(text)
    assert found.verdict.name == "WARNING"
    assert "waits in systemd for cloud-init.service (12min 1s, limit: no limit)" in summary(found)


def test_shortened_names_match_by_head_and_tail() -> None:
    assert names_match("dev-d...2.device", "dev-disk-2.device")
    assert not names_match("dev-d...2.device", "dev-disk-3.device")
    assert not names_match("abc...cde", "abcde")
    assert not names_match("dev-disk", "dev-disk-2")


def test_a_kernel_of_kdump_is_no_boot() -> None:
    crash = KERNEL.replace("root=", "elfcorehdr=0x1 root=")
    assert said(SYSTEM + UP + crash + PANIC + "VFS: Unable to mount root fs on x\n") == (
        "OK reached None"
    )


@pytest.mark.parametrize(
    "text", ["", "\n\n", "x", "[", "[    0.000000] Linux version ", "[  OK  ] ", "\x00" * 100]
)
def test_odd_texts_are_unknown(text: str) -> None:
    assert judged(text).verdict.name == "UNKNOWN"


@pytest.mark.more
def test_a_mebibyte_is_read_in_time() -> None:
    """Of lines that hold words and match nothing, and of lines as wide as a terminal."""
    lines = "error: Failed to mount Begin: dracut Welcome to login: [ TIME ] nvme " * 2 + "\n"
    for text in (lines * 8000, ("A start job is running for " + "(" * 53 + "\n") * 13000):
        began = time.process_time()
        read_boots(SYSTEM + text)
        assert time.process_time() - began < 10


def test_a_firmware_or_a_loader_begins_another_boot() -> None:
    """Also where the kernel behind it says nothing: what came up before it is an earlier boot."""
    for begins in ("SeaBIOS (version 1.16.3-debian)\n", "GRUB loading..\nWelcome to GRUB!\n"):
        up = SYSTEM + UP + begins
        assert said(up) == ("UNKNOWN firmware None" if "Sea" in begins else "UNKNOWN loader None")
        assert said(up + "error: unknown filesystem.\ngrub rescue> ").startswith("PROBLEM loader")
        assert said(up + "Welcome to Debian GNU/Linux 12 (bookworm)!\n" + DOWN + MODE) == (
            "PROBLEM system emergency"
        )
