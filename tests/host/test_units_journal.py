"""What systemd wrote of units to the files of a volume's journal, and nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from ec2rl.catalogue import load
from ec2rl.host.mounted import MountedHost
from ec2rl.module import diagnose
from ec2rl.report.wording import details, summary
from support.journal_writer import JournalWriter

OLD, NEW = b"o" * 16, b"n" * 16
FAILED = b"be02cf6855d2428ba40df7e9d022f03d"
RESULT = b"d9b373ed55a64feb8242e02dbe79a49c"
STARTING = b"7d4958e842da4a758f6c1cdc7b36dcc5"
STARTED = b"39f53479d3a045ac8e11786248231fbf"
SSHD = (
    (STARTING, 2, b"Starting sshd.service - OpenSSH server daemon..."),
    (RESULT, 40, b"sshd.service: Failed with result 'exit-code'."),
    (FAILED, 40, b"Failed to start sshd.service - OpenSSH server daemon."),
)
UP = (
    (STARTED, 3, b"Started sshd.service - OpenSSH server daemon."),
    (STARTED, 4, b"Reached target multi-user.target - Multi-User System."),
)


def volume(
    folder: Path, *boots: tuple[bytes, tuple[tuple[bytes, int, bytes], ...]], pid: bytes = b"1"
) -> MountedHost:
    """A machine whose journal has these boots; each has sshd's own last words too."""
    writer, day = JournalWriter(), 1_700_000_000_000_000
    for boot, said in boots:
        day += 86_400_000_000
        for message_id, second, words in said:
            at = second * 1_000_000
            fields = [b"_TRANSPORT=journal", b"_PID=" + pid, b"_UID=0", b"MESSAGE=" + words]
            boot_id = b"_BOOT_ID=" + boot.hex().encode()
            writer.entry([*fields, boot_id, b"MESSAGE_ID=" + message_id], day + at, at, boot)
        own = [b"_PID=99", b"_SYSTEMD_UNIT=sshd.service", b"MESSAGE=its own words"]
        writer.entry([*own, b"_BOOT_ID=" + boot.hex().encode()], day + 90_000_000, 90_000_000, boot)
    place = folder / "var/log/journal" / ("a" * 32)
    place.mkdir(parents=True)
    (place / "system.journal").write_bytes(writer.bytes())
    return MountedHost(str(folder))


@pytest.mark.parametrize(
    ("boots", "pid", "verdict"),
    [
        (((OLD, UP), (NEW, SSHD)), b"1", "PROBLEM"),
        (((OLD, SSHD), (NEW, UP)), b"1", "OK"),
        (((NEW, SSHD),), b"4711", "UNKNOWN"),
    ],
    ids=["last boot", "earlier boot", "not by systemd"],
)
def test_units_that_failed(
    tmp_path: Path,
    boots: tuple[tuple[bytes, tuple[tuple[bytes, int, bytes], ...]], ...],
    pid: bytes,
    verdict: str,
) -> None:
    found = diagnose(load("unitsfailed"), volume(tmp_path, *boots, pid=pid)).finding
    assert found.verdict.name == verdict
    if verdict == "PROBLEM":
        assert summary(found).startswith("sshd.service has failed (exit-code): nobody can log in")
        assert any("its own words" in line for line in details(found))


def test_what_took_long(tmp_path: Path) -> None:
    found = diagnose(load("bootwaits"), volume(tmp_path, (OLD, UP), (NEW, SSHD))).finding
    assert found.verdict.name == "WARNING"
    assert summary(found).startswith("The boot waited 38 s for sshd.service")
