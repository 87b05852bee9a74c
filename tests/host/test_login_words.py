"""What sshd said, from each place where it may have been saved: a syslog, journals, a volume's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ec2rl.catalogue import load
from ec2rl.host import Host
from ec2rl.host.caching import CachingHost
from ec2rl.host.mounted import MountedHost
from ec2rl.host.queries.sshd_journal import SshdJournal
from ec2rl.host.recording import RecordedHost, case, sections
from ec2rl.host.saved_logs import open_logs
from ec2rl.model import Evidence, Finding, Verdict
from ec2rl.module import diagnose
from ec2rl.report.wording import summary
from support.journal_writer import JournalWriter

MODES = "Authentication refused: bad ownership or modes for directory /home/ec2-user"
ACCEPTED = "Accepted publickey for ec2-user from 198.51.100.7 port 4 ssh2: ED25519 SHA256:AAAA"
OPENSSL = "OpenSSL version mismatch. Built against 30000070, you have 30200020"
BOOT = b"b" * 16


def judged(host: Host) -> Finding:
    return diagnose(load("openssh"), CachingHost(host)).finding


def saved(*paths: Path) -> Host:
    host = open_logs([str(path) for path in paths], load("openssh").phrases)
    assert isinstance(host, RecordedHost), host
    return host


def syslog(path: Path, *said: str) -> Path:
    lines = (f"Nov 25 10:00:{n:02d} ip-192-0-2-1 sshd[{n}]: {one}\n" for n, one in enumerate(said))
    path.write_text("".join(lines), encoding="utf-8")
    return path


def journal(path: Path, *said: str, start: int = 0, uid: bytes = b"0") -> Path:
    writer, now = JournalWriter(), 1_700_000_000_000_000 + start * 1_000_000
    for one in said:
        now += 1_000_000
        fields = [b"_TRANSPORT=syslog", b"_COMM=sshd", b"_UID=" + uid, b"MESSAGE=" + one.encode()]
        writer.entry(fields, now, now % 1000_000_000, BOOT)
    path.write_bytes(writer.bytes())
    return path


def test_a_syslog_tells_what_sshd_said_last(tmp_path: Path) -> None:
    refused = judged(saved(syslog(tmp_path / "a", MODES)))
    assert (refused.verdict, summary(refused)) == (
        Verdict.PROBLEM,
        "sshd refuses keys: bad ownership or modes for directory /home/ec2-user",
    )
    assert judged(saved(syslog(tmp_path / "b", MODES, ACCEPTED))).verdict is Verdict.OK
    both = saved(syslog(tmp_path / "c", MODES), syslog(tmp_path / "d", ACCEPTED))
    assert judged(both).verdict is Verdict.OK


def test_journals_that_somebody_saved_are_put_in_order(tmp_path: Path) -> None:
    new = journal(tmp_path / "new.journal", ACCEPTED, start=100)
    old = journal(tmp_path / "old.journal", MODES)
    assert judged(saved(new, old)).verdict is Verdict.OK
    assert judged(saved(old)).verdict is Verdict.PROBLEM


def test_a_recording_of_it_is_judged_as_before(tmp_path: Path) -> None:
    host = CachingHost(saved(syslog(tmp_path / "a", MODES)))
    first = diagnose(load("openssh"), host).finding
    again = RecordedHost(sections(case(host.memory, []))[1])
    assert judged(again) == first


def test_a_users_words_in_the_journal_are_not_sshds(tmp_path: Path) -> None:
    path = journal(tmp_path / "forged.journal", OPENSSL, uid=b"1000")
    fd = os.open(path, os.O_RDONLY)
    try:
        told = SshdJournal().search([("forged.journal", fd)])
    finally:
        os.close(fd)
    assert isinstance(told, Evidence)
    assert told.text == ""


@pytest.mark.parametrize(
    ("where", "verdict"), [("journal", Verdict.PROBLEM), ("auth.log", Verdict.WARNING)]
)
def test_only_what_root_alone_can_have_written_makes_a_failure_of_a_volume(
    tmp_path: Path, where: str, verdict: Verdict
) -> None:
    """Its files are sound; what it said of the program is true, or anybody's."""
    for path, text in {
        "etc/passwd": "root:x:0:0::/root:/bin/sh\nsshd:x:74:74::/run/sshd:/bin/false\n",
        "etc/shadow": "root:$6$aaaaaaaaaaaaaaaaaaaaaa:1:0:99999:7:::\n",
        "etc/ssh/sshd_config": "PermitRootLogin yes\nHostKey /etc/ssh/key\n",
        "etc/ssh/key": "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n",
        "usr/sbin/sshd": "OpenSSH_9.2p1",
        "bin/sh": "#!",
        "etc/systemd/system/multi-user.target.wants/ssh.service": "",
    }.items():
        place = tmp_path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
        place.chmod(0o755 if "bin" in path else 0o600)
    assert judged(MountedHost(str(tmp_path))).verdict is Verdict.OK
    folder = tmp_path / "var/log/journal" / ("1" * 32)
    folder.mkdir(parents=True)
    if where == "journal":
        journal(folder / "system.journal", OPENSSL)
    else:
        syslog(tmp_path / "var/log/auth.log", OPENSSL)
    assert judged(MountedHost(str(tmp_path))).verdict is verdict
