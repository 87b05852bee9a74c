"""Lines that end in a carriage return, which no case file can hold; and what is not looked at."""

from __future__ import annotations

import pytest

from ec2rl.catalogue import load
from ec2rl.host.recording import RecordedHost
from ec2rl.model import Unreadable
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
        ("UUID=b /data ext4 defaults 0 2\r", "OK: What a boot needs of /etc/fstab"),
        ("UUID=b /data ext4 defaults\r", "OK: What a boot needs of /etc/fstab"),
        ("UUID=b /data ext4\r", "OK: What a boot needs of /etc/fstab"),
        ("UUID=b /data ext4 ro,nofail\r", "WARNING: /data: its line ends in a carriage return"),
        ("UUID=b /data\r", "WARNING: /data: its line ends in a carriage return"),
        ("\r", "OK: What a boot needs of /etc/fstab"),
    ],
)
def test_a_carriage_return_counts_where_it_changes_something(line: str, said: str) -> None:
    looks = {**HERE, "/etc/fstab": f"UUID=a / ext4 defaults 0 1\n{line}\n"}
    found = diagnose(load("fstabfailures"), RecordedHost(looks)).finding
    assert f"{found.verdict.name}: {summary(found)}".startswith(said)


class Hanging(RecordedHost):
    """A machine on which nobody comes back who looks below /nfs."""

    def _find(self, what: str) -> tuple[str, str | Unreadable]:
        assert "/nfs" not in what, what
        return super()._find(what)


def test_what_is_mounted_is_not_looked_at() -> None:
    looks = {
        **HERE,
        "/etc/fstab": "UUID=a / ext4 defaults 0 1\nhost:/a /nfs nfs\n/dev/sdq /nfs/deep/er xfs\n",
        "/proc/self/mountinfo": "24 1 8:1 / / rw - ext4 a rw\n25 1 0:9 / /nfs rw - nfs4 host:/a rw",
    }
    found = diagnose(load("fstabfailures"), Hanging(looks)).finding
    assert summary(found).startswith("/nfs/deep/er will stop the next boot: its device /dev/sdq")
