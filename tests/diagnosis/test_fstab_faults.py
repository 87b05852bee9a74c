"""What is said of lines that end in a carriage return: a case file cannot hold one."""

from __future__ import annotations

import pytest

from ec2rl.catalogue import load
from ec2rl.host.recording import RecordedHost
from ec2rl.module import diagnose
from ec2rl.report.wording import summary

HERE = {
    "boot text /dev/console": "!not-collected",
    "/proc/1/comm": "systemd",
    "/proc/self/mountinfo": "24 1 8:1 / / rw - ext4 a rw\n25 1 8:2 / /data rw - ext4 b rw",
    "ls /dev/disk": "by-uuid",
    "ls /dev/disk/by-uuid": "a\nb",
}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        # Booted (tests/boot/breaks/fstab_crlf.sh): systemd takes the carriage return for blank.
        ("UUID=b /data ext4 defaults 0 2\r", "OK: All 2 lines of /etc/fstab that a boot needs"),
        ("UUID=b /data ext4 defaults\r", "OK: All 2 lines of /etc/fstab that a boot needs"),
        ("UUID=b /data ext4\r", "OK: All 2 lines of /etc/fstab that a boot needs"),
        ("UUID=b /data ext4 ro,nofail\r", "WARNING: /data: its line ends in a carriage return"),
        ("UUID=b /data\r", "WARNING: /data: its line ends in a carriage return"),
        ("\r", "OK: All 1 line of /etc/fstab that a boot needs"),
    ],
)
def test_a_carriage_return_counts_where_it_changes_something(line: str, said: str) -> None:
    looks = {**HERE, "/etc/fstab": f"UUID=a / ext4 defaults 0 1\n{line}\n"}
    found = diagnose(load("fstabfailures"), RecordedHost(looks)).finding
    assert f"{found.verdict.name}: {summary(found)}".startswith(said)
