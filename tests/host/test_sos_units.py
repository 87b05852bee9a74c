"""What a sosreport has of systemd's units, and of cloud-init."""

from __future__ import annotations

from pathlib import Path

from ec2rl.catalogue import load
from ec2rl.host.recording import RecordedHost
from ec2rl.host.sos import open_sos
from ec2rl.module import diagnose
from ec2rl.report.wording import summary

FILES = {
    "sos_commands/systemd/systemctl_list-units_--failed": (
        "  UNIT          LOAD   ACTIVE SUB    DESCRIPTION\n"
        "● sshd.service loaded failed failed OpenSSH server daemon\n\n"
        "LOAD   = Reflects whether the unit definition was properly loaded.\n"
        "1 loaded units listed.\n"
    ),
    "var/lib/cloud/data/status.json": (
        '{"v1": {"datasource": null, "init": {"errors": ["no room"]}, "stage": null}}'
    ),
    "sos_commands/kernel/uname_-a": "Linux ip-192-0-2-1 6.1.0 #1 SMP x86_64 GNU/Linux\n",
    "sos_commands/kernel/dmesg": "[    0.000000] Linux version 6.1.0 (x@example)\n",
    "proc/uptime": "100.00 90.00\n",
}


def test_its_list_and_its_notes(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / "sosreport" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "sosreport" / name).write_text(text, encoding="utf-8")
    host = open_sos(str(tmp_path / "sosreport"), ())
    assert isinstance(host, RecordedHost)
    units = diagnose(load("unitsfailed"), host).finding
    assert summary(units).startswith("sshd.service has failed: nobody can log in")
    cloud = diagnose(load("cloudinitfailed"), host).finding
    assert summary(cloud).startswith("cloud-init failed in its stage init: no room")
