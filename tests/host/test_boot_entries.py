"""The command line of a volume's next boot, as boot loaders write it down."""

from __future__ import annotations

import pytest

from ec2rl.host.boot_entries import command_line
from ec2rl.host.recording import RecordedHost
from ec2rl.model import Evidence, Unreadable, Why

GRUB = "/boot/grub/grub.cfg"
GRUB2 = "/boot/grub2/grub.cfg"
ENV = "/boot/grub2/grubenv"
ENTRY = "/boot/loader/entries/{}.conf"

DEBIAN = """\
menuentry 'Debian' {
	linux	/boot/vmlinuz-6.1.0-9-amd64 root=UUID=1-2 ro  quiet nf_conntrack.hashsize=9
}
menuentry 'Debian, recovery' {
	linux	/boot/vmlinuz-6.1.0-8-amd64 root=UUID=1-2 ro single quiet nf_conntrack.hashsize=9
}
menuentry 'Memory test' {
	linux16	/boot/memtest86+x64.bin console=ttyS0
}
"""
UBUNTU = """\
	linux	/boot/vmlinuz-6.8.0-1-aws root=PARTUUID=x ro  console=tty1 $vt_handoff
	linux	/boot/vmlinuz-6.8.0-1-aws root=PARTUUID=x ro recovery nomodeset console=tty1
"""
AMAZON = "title Amazon Linux\nlinux /boot/vmlinuz-6.1\noptions root=UUID=1 ro console=ttyS0 a=1\n"
RED_HAT = "title x\nlinux /vmlinuz-4.18\noptions $kernelopts $tuned_params\n"
KERNELOPTS = "# GRUB Environment Block\nkernelopts=root=/dev/x ro a=1 \nsaved_entry=y\n####"


def line(files: dict[str, str]) -> Evidence | Unreadable:
    host = RecordedHost(files)
    return command_line(host.read, host.names)


@pytest.mark.parametrize(
    ("files", "path", "words"),
    [
        ({GRUB: DEBIAN}, GRUB, "root=UUID=1-2 ro quiet nf_conntrack.hashsize=9"),
        ({GRUB: UBUNTU}, GRUB, "root=PARTUUID=x ro console=tty1 $vt_handoff"),
        (
            {ENTRY.format("a"): AMAZON, ENTRY.format("b"): AMAZON},
            ENTRY.format("a"),
            "root=UUID=1 ro console=ttyS0 a=1",
        ),
        (
            {ENTRY.format("a"): RED_HAT, ENV: KERNELOPTS, GRUB2: 'set tuned_params=""\n'},
            ENTRY.format("a"),
            "root=/dev/x ro a=1",
        ),
    ],
)
def test_what_the_entries_agree_on(files: dict[str, str], path: str, words: str) -> None:
    assert line(files) == Evidence(path, words + "\n")


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({}, "no entry of a boot loader in /boot"),
        ({GRUB: "\\n"}, "no entry of a boot loader in /boot"),
        (
            {ENTRY.format("a"): AMAZON, ENTRY.format("b"): AMAZON.replace("a=1", "a=2")},
            "the entries of the boot loader differ",
        ),
        ({ENTRY.format("a"): RED_HAT}, "a variable of the boot loader is not known"),
    ],
)
def test_what_cannot_be_told(files: dict[str, str], why: str) -> None:
    assert line(files) == Unreadable("/proc/cmdline", Why.NOT_COLLECTED, why)
