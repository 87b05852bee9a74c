"""What systemd wrote to a journal of the last boot: its own entries, and nobody else's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ec2rl.catalogue import load
from ec2rl.host.journal.first_program import Told, last_boot
from ec2rl.host.mounted import MountedHost
from ec2rl.model import Unreadable, Verdict, Why
from ec2rl.module import diagnose
from ec2rl.report.wording import summary
from support.journal_writer import JournalWriter

OLD, NEW = b"o" * 16, b"n" * 16
FAILED = b"be02cf6855d2428ba40df7e9d022f03d"
STARTED = b"39f53479d3a045ac8e11786248231fbf"
EMERGENCY = (
    (FAILED, b"Timed out waiting for device dev-sdz.device - /dev/sdz."),
    (FAILED, b"Dependency failed for data.mount - /data."),
    (FAILED, b"Dependency failed for local-fs.target - Local File Systems."),
    (STARTED, b"Started emergency.service - Emergency Shell."),
)
UP = (
    (FAILED, b"Failed to start kdump.service - Crash recovery kernel arming."),
    (STARTED, b"Reached target multi-user.target - Multi-User System."),
)


def written(*boots: tuple[bytes, tuple[tuple[bytes, bytes], ...]], pid: bytes = b"1") -> bytes:
    """A journal in which systemd, or another program, says this in these boots."""
    writer, now = JournalWriter(), 1_700_000_000_000_000
    for boot, said in boots:
        for message_id, message in said:
            now += 1_000_000
            fields = [b"_TRANSPORT=journal", b"_PID=" + pid, b"_UID=0", b"MESSAGE=" + message]
            writer.entry([*fields, b"MESSAGE_ID=" + message_id], now, now % 1000_000_000, boot)
    return writer.bytes()


def look(folder: Path, *contents: bytes) -> Told | Unreadable:
    files = []
    for number, content in enumerate(contents):
        path = folder / f"{number}.journal"
        path.write_bytes(content)
        files.append((path.name, os.open(path, os.O_RDONLY)))
    try:
        return last_boot(files)
    finally:
        for _, fd in files:
            os.close(fd)


def test_the_last_boot_of_all_files(tmp_path: Path) -> None:
    found = look(tmp_path, written((OLD, UP)), written((OLD, UP), (NEW, EMERGENCY)))
    assert isinstance(found, Told)
    lines = found.text.splitlines()
    assert len(lines) == len(EMERGENCY)
    assert lines[0].endswith("] systemd[1]: " + EMERGENCY[0][1].decode())
    assert found.until == 1_700_000_006.0


def test_a_user_cannot_write_in_its_name(tmp_path: Path) -> None:
    found = look(tmp_path, written((NEW, EMERGENCY), pid=b"4711"))
    assert isinstance(found, Unreadable)
    assert found.why is Why.ABSENT


def test_a_damaged_file_is_a_gap_and_no_silence(tmp_path: Path) -> None:
    found = look(tmp_path, written((NEW, EMERGENCY)), b"garbage" + bytes(500))
    assert isinstance(found, Told)
    assert found.gaps
    alone = look(tmp_path, b"garbage")
    assert isinstance(alone, Unreadable)
    assert alone.why is Why.FAILED


@pytest.mark.parametrize(
    ("said", "verdict", "words"),
    [
        (EMERGENCY, Verdict.PROBLEM, "the device /dev/sdz of /data did not appear in time"),
        (UP, Verdict.UNKNOWN, "came up"),
    ],
)
def test_a_volume(
    tmp_path: Path, said: tuple[tuple[bytes, bytes], ...], verdict: Verdict, words: str
) -> None:
    folder = tmp_path / "var/log/journal" / ("a" * 32)
    folder.mkdir(parents=True)
    (folder / "system.journal").write_bytes(written((NEW, said)))
    found = diagnose(load("bootstopped"), MountedHost(str(tmp_path))).finding
    assert found.verdict is verdict
    assert words in summary(found)
