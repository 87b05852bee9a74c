"""One line on top of a sound machine lets nobody in, or leaves what nobody can tell: no success."""

from __future__ import annotations

import pytest

from ec2rl.catalogue import load
from ec2rl.host.recording import RecordedHost, sections
from ec2rl.model import Verdict
from ec2rl.module import diagnose
from support.cases import CASES

_SOUND = next(path for path in CASES if path.parts[-2:] == ("openssh", "quiet.case"))
_CONFIG, _SHADOW = "/etc/ssh/sshd_config", "shadow /etc/shadow"
_USER = "ec2-user:locked:20000:0:99999:7:::"


def verdict(name: str, key: str, old: str, new: str) -> Verdict:
    looks = sections(_SOUND.read_text(encoding="utf-8"))[1]
    looks.pop("expect")
    text = looks.get(key, "")
    looks[key] = text.replace(old, new) if old else new + text
    return diagnose(load(name), RecordedHost(looks)).finding.verdict


@pytest.mark.parametrize(
    "line",
    [
        *("DenyUsers *@*", "DenyUsers ec2-user@*", "MaxSessions 0", "RevokedKeys /etc/ssh/gone"),
        *("ForceCommand /bin/false", "ForceCommand /usr/sbin/nologin"),
        "Match Host *\nPubkeyAuthentication no\nMatch all",
        "Match Address 0.0.0.0/0,::/0\nPubkeyAuthentication no\nMatch all",
        "Match Address *\nAuthorizedKeysFile none\nMatch all",
    ],
)
def test_a_line_of_sshd_that_lets_nobody_in(line: str) -> None:
    assert verdict("openssh", _CONFIG, "", line + "\n") is Verdict.PROBLEM


@pytest.mark.parametrize(
    "line",
    [
        *("DenyUsers *@192.0.2.*", "MaxSessions 1", "RevokedKeys none", "ForceCommand none"),
        "Match Host *,!a.example\nPubkeyAuthentication no\nMatch all",
        "Match Address 192.0.2.0/24\nPubkeyAuthentication no\nMatch all",
    ],
)
def test_a_line_of_sshd_that_lets_somebody_in(line: str) -> None:
    assert verdict("openssh", _CONFIG, "", line + "\n") is Verdict.OK


@pytest.mark.parametrize(
    ("key", "old", "new"),
    [
        ("/etc/passwd", "/bin/bash", "/bin/bash\r"),
        (_SHADOW, _USER, "ec2-user:locked:20000:0:99999:7::1:"),
        (_SHADOW, _USER, "ec2-user:locked:20000:0:99999:7::0:"),
        (_SHADOW, _USER, "ec2-user:set:18000:0:90:7:30::"),
        ("lstat /usr/sbin/sshd", "755", "644"),
        ("/bin/bash", "", "hello\n"),
        ("/bin/bash", "", "\n"),
    ],
)
def test_a_file_that_lets_nobody_in(key: str, old: str, new: str) -> None:
    assert verdict("openssh", key, old, new) is Verdict.PROBLEM


@pytest.mark.parametrize("name", ["openssh", "loginfiles"])
@pytest.mark.parametrize(
    ("key", "old", "new"),
    [
        ("/etc/hosts.deny", "", "sshd: ALL\n"),
        ("/etc/hosts.deny", "", "ALL: ALL\n"),
        ("/etc/hosts.deny", "", "sshd, vsftpd : ALL EXCEPT 192.0.2.1\n"),
        ("/etc/pam.d/sshd", "", "account required pam_access.so\n"),
        ("/etc/pam.d/sshd", "", "garbage\n"),
        ("/etc/pam.d/sshd", "pam_unix", "pam_something"),
    ],
)
def test_what_was_not_judged_is_no_success(name: str, key: str, old: str, new: str) -> None:
    assert verdict(name, key, old, new) is Verdict.UNKNOWN


@pytest.mark.parametrize("text", ["sshd: 192.0.2.1\n", "# ALL: ALL\n", "vsftpd: ALL\n"])
def test_a_rule_for_some_hosts_is_none_for_all(text: str) -> None:
    assert verdict("openssh", "/etc/hosts.deny", "", text) is Verdict.OK
