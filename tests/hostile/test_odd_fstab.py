"""An /etc/fstab that nobody wrote in good faith: bounded, nothing followed out, never a SUCCESS."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ec2rl.catalogue import load
from ec2rl.host.mounted import MountedHost
from ec2rl.host.recording import RecordedHost
from ec2rl.model import Finding, Verdict
from ec2rl.module import diagnose
from ec2rl.report.wording import details, summary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

LINE = b"/dev/sdz /data ext4 defaults 0 2\n"
PLACES: dict[str, Callable[[Path], object]] = {
    "fifo": os.mkfifo,
    "folder": lambda path: path.mkdir(),
    "link out": lambda path: path.symlink_to("../../../../../../../../../etc/hostname"),
    "link to itself": lambda path: path.symlink_to("fstab"),
    "device": lambda path: path.symlink_to("/dev/zero"),
    "17 MiB": lambda path: path.write_bytes(b"#" * (17 << 20)),
    "10 MiB of lines": lambda path: path.write_bytes(LINE * 330_000),
    "10 MiB of options": lambda path: path.write_bytes(b"/dev/sdz /data ext4 " + b"a," * (5 << 20)),
    "binary": lambda path: path.write_bytes(os.urandom(1 << 20)),
    "nuls": lambda path: path.write_bytes(bytes(10 << 20)),
    "escapes": lambda path: path.write_bytes(b"\x1b[2J\x1b]0;x\x07 /data ext4 defaults 0 2\n"),
    "braces": lambda path: path.write_bytes(b"{x} /{0} {y} {z!r} 0 2\n"),
}  # fmt: skip


def judged(root: Path) -> Finding:
    return diagnose(load("fstabfailures"), MountedHost(str(root))).finding


@pytest.mark.parametrize("make", PLACES.values(), ids=PLACES)
def test_an_odd_file_is_bounded_and_no_success(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    (tmp_path / "etc").mkdir()
    make(tmp_path / "etc/fstab")
    before = time.process_time()
    found = judged(tmp_path)
    said = "\n".join((summary(found), *details(found)))
    assert time.process_time() - before < 2
    assert found.verdict in (Verdict.UNKNOWN, Verdict.WARNING, Verdict.PROBLEM), said
    assert len(said) < 20_000


REASONS = ("!denied", "!failed", "!partial", "!not-collected", "!not-running")
SOURCES = ("/etc/fstab", "/proc/self/mountinfo", "ls /dev/disk", "ls /dev/disk/by-uuid")
HERE = {
    "clock": "now=2026-11-24T02:00:00Z uptime=86400",
    "boot text /dev/console": "!not-collected",
    "/proc/1/comm": "systemd",
    "/etc/fstab": "UUID=a / ext4 defaults 0 1\nUUID=b /data xfs defaults 0 0\n",
    "/proc/self/mountinfo": "24 1 259:1 / / rw - ext4 /dev/nvme0n1p1 rw\n",
    "ls /dev/disk": "by-uuid",
    "ls /dev/disk/by-uuid": "a\nb",
}


@pytest.mark.parametrize("reason", REASONS)
@pytest.mark.parametrize("source", SOURCES)
def test_what_cannot_be_read_is_no_success(source: str, reason: str) -> None:
    host = RecordedHost({**HERE, source: reason})
    found = diagnose(load("fstabfailures"), host).finding
    assert found.verdict in (Verdict.UNKNOWN, Verdict.WARNING), summary(found)


ODD_MOUNTS = (
    "",
    "garbage",
    "24 1 259:1 / /\\040 rw - ext4 x rw",
    "1 2 3 4",
    "\0",
    "24 1 259:1 / /data",
)


@pytest.mark.parametrize("text", ODD_MOUNTS)
def test_odd_mounts_are_no_success(text: str) -> None:
    host = RecordedHost({**HERE, "/proc/self/mountinfo": text})
    found = diagnose(load("fstabfailures"), host).finding
    assert found.verdict in (Verdict.UNKNOWN, Verdict.WARNING), summary(found)
