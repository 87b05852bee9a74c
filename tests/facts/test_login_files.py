"""Login files that are hostile: large, odd, in circles, or leading out of a volume."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ec2rl.catalogue import load
from ec2rl.facts.accounts import parse_passwd
from ec2rl.facts.ssh.config import Config, read_config
from ec2rl.facts.ssh.keywords import keyword
from ec2rl.facts.ssh.public_keys import parse_keys
from ec2rl.facts.ssh.said import understood
from ec2rl.facts.ways import way_to
from ec2rl.host.caching import CachingHost
from ec2rl.host.mounted import MountedHost
from ec2rl.host.queries.key_form import KeyForm
from ec2rl.host.queries.path_status import Lstat, PathStatus
from ec2rl.host.queries.shadow import Shadow
from ec2rl.host.recording import RecordedHost, case, sections
from ec2rl.model import Evidence, Unreadable, Verdict, Why
from ec2rl.module import diagnose

SECRET = "$6$salt$" + "h" * 80


def volume(root: Path, files: dict[str, str]) -> MountedHost:
    for path, text in files.items():
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    return MountedHost(str(root))


@pytest.mark.more
def test_a_million_accounts_are_bounded(tmp_path: Path) -> None:
    lines = "".join(f"user{n}:x:{2000 + n}:100::/home/user{n}:/bin/sh\n" for n in range(1_000_000))
    host = volume(tmp_path, {"/etc/passwd": "root:x:0:0::/root:/bin/sh\n" + lines})
    began = time.monotonic()
    found = diagnose(load("loginfiles"), CachingHost(host)).finding
    assert (found.verdict, time.monotonic() - began < 10) == (Verdict.UNKNOWN, True)


@pytest.mark.more
def test_many_accounts_that_can_be_read_are_looked_at_in_time(tmp_path: Path) -> None:
    lines = "".join(f"u{n}:x:{2000 + n}:100::/home/u{n}:/bin/sh\n" for n in range(300_000))
    host = volume(tmp_path, {"/etc/passwd": "root:x:0:0::/root:/bin/sh\n" + lines})
    began = time.monotonic()
    diagnose(load("loginfiles"), CachingHost(host))
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "text",
    [
        "Include /etc/ssh/sshd_config\n" * 50,
        "Include /etc/ssh/*\n",
        "Include " + "/*" * 60 + "\n",
        "AllowUsers " + "a" * 100_000 + "\n",
        "\n" * 500_000,
        'Match "\n',
        "Match " + "user x " * 5000 + "\n",
        "Port " + "9" * 5000 + "\n",
        "LoginGraceTime " + "9" * 5000 + "s\n",
        "\x00\xff\x00 = \n",
        "Include /dev/zero /proc/kmsg /etc/ssh/fifo\n",
        '=\n==\n = = x\n"\n""\n\'\n',
    ],
    ids=range(12),
)
def test_a_hostile_configuration_is_bounded(tmp_path: Path, text: str) -> None:
    host = volume(tmp_path, {"/etc/ssh/sshd_config": text})
    os.mkfifo(tmp_path / "etc/ssh/fifo")
    began = time.monotonic()
    found = read_config(CachingHost(host))
    assert isinstance(found, Config)
    assert time.monotonic() - began < 10
    assert len(found.files) <= 256


def test_no_link_leads_out_of_a_volume(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    (outside / "config").write_text("PermitRootLogin yes\n", encoding="utf-8")
    (outside / "shadow").write_text(f"root:{SECRET}:1::::::\n", encoding="utf-8")
    host = volume(root, {"/etc/passwd": "root:x:0:0::/root:/bin/sh\n"})
    (root / "etc/ssh").mkdir()
    os.symlink(outside / "config", root / "etc/ssh/sshd_config")
    os.symlink("../" * 20 + str(outside / "shadow"), root / "etc/shadow")
    assert read_config(host) == Unreadable("/etc/ssh/sshd_config", Why.ABSENT)
    told = host.query(Shadow())
    assert isinstance(told, Unreadable)
    os.symlink(outside, root / "home")
    way = way_to(host, "/home/config")
    assert way.is_missing


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    host = volume(tmp_path, {"/x": ""})
    os.symlink("b", tmp_path / "a")
    os.symlink("a", tmp_path / "b")
    os.symlink("deep/../deep/../deep", tmp_path / "c")
    assert isinstance(way_to(host, "/a/x").end, Unreadable)
    assert isinstance(way_to(host, "/c").end, Unreadable)
    assert isinstance(way_to(host, "/" + "x/" * 5000).end, Unreadable)


def test_a_way_is_told_with_each_folder(tmp_path: Path) -> None:
    host = volume(tmp_path, {"/data/ssh/keys": "k"})
    os.symlink("/data/../data/ssh", tmp_path / "link")
    way = way_to(host, "/link/./keys")
    assert (way.path, [step.path for step in way.folders]) == (
        "/data/ssh/keys",
        ["/", "/data", "/data/ssh"],
    )


def test_no_hash_and_no_key_is_in_a_recording(tmp_path: Path) -> None:
    key = "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----\n"
    host = CachingHost(
        volume(
            tmp_path,
            {
                "/etc/passwd": "root:x:0:0::/root:/bin/sh\nu:x:1000:1000::/home/u:/bin/sh\n",
                "/etc/shadow": f"root:{SECRET}:1:0:99999:7:::\nu:!{SECRET}:1::::::\nodd{SECRET}\n",
                "/etc/ssh/sshd_config": "UsePAM yes\n",
                "/etc/ssh/ssh_host_rsa_key": key,
                "/usr/sbin/sshd": "OpenSSH_9.2p1\n",
            },
        )
    )
    for name in ("openssh", "loginfiles"):
        diagnose(load(name), host)
    text = case(host.memory, [])
    assert "shadow /etc/shadow" in text
    assert "key form /etc/ssh/ssh_host_rsa_key" in text
    assert "hhhh" not in text
    assert "c2VjcmV0" not in text


def test_what_is_asked_is_recorded_and_given_back(tmp_path: Path) -> None:
    host = CachingHost(volume(tmp_path, {"/etc/shadow": "root:*:1::::::\n", "/k": ""}))
    os.symlink("to a\nplace", tmp_path / "link")
    asked = (Lstat("/etc"), Lstat("/link"), Lstat("/none"), Shadow(), KeyForm("/k"))
    first = [host.query(query) for query in asked]
    again = RecordedHost(sections(case(host.memory, []))[1])
    assert [again.query(query) for query in asked] == first
    assert isinstance(first[1], PathStatus)
    assert first[1].to == "to a\nplace"
    assert isinstance(first[3], Evidence)
    assert first[3].text == "root:none:1::::::\n"


@pytest.mark.parametrize(
    ("line", "of_use"),
    [
        ("", True),
        ("ssh-rsa", False),
        ("ssh-rsa AAAA", False),
        ('command="x ssh-rsa', False),
        ("ssh-dss AAAAB3NzaC1kc3M= x", False),
        ("\0", False),
        ("x" * 100_000, False),
        ('"' * 1001, False),
    ],
)
def test_odd_lines_of_keys(line: str, of_use: bool) -> None:
    found = parse_keys(f"{line}\n")
    assert not found.keys
    assert bool(found.faults) is not of_use


def test_lines_of_sshd_that_never_end_take_no_time() -> None:
    began = time.monotonic()
    lines = ["sshd[1]: " * 4000, "sshd[1]: User " + "a" * 60_000, "x" * 60_000 + " ssh sshd[1]: y"]
    lines += ["systemd[1]: [FAILED] Failed to start " + "OpenSSH " * 8000] * 3
    assert list(understood(lines * 20)) is not None
    assert time.monotonic() - began < 10


def test_lines_of_passwd_that_are_none() -> None:
    found = parse_passwd("root:x:0:0:::\nx\n+::::::\n\nu:x:y:0:::\n" + "z:" * 50 + "\n")
    assert found.named["root"].shell == "/bin/sh"
    assert found.bad == (2, 5, 6)


def test_keywords_are_known_by_their_small_letters() -> None:
    assert keyword("permitrootlogin") is not None
    assert keyword("passwordauthenticaton") is None


NOTHING_LOST = {
    "openssh": {
        # Where no other module of PAM's, unit or port is asked for, these decide nothing.
        *("lstat /usr/share/empty.sshd", "ls /usr/lib/systemd/system", "ls /run/systemd/system"),
        *("ls /etc/systemd/system/multi-user.target.wants", "clock"),
        *("lstat /etc/ssh/ssh_host_ecdsa_key", "key form /etc/ssh/ssh_host_ecdsa_key"),
        *("lstat /etc/ssh/ssh_host_ed25519_key", "key form /etc/ssh/ssh_host_ed25519_key"),
        *("lstat /root", "lstat /etc", "lstat /etc/ssh", "lstat /usr/sbin/sshd"),
        "sshd words /usr/sbin/sshd",
    },
    "loginfiles": {"clock", "lstat /etc/passwd"},
}
"""What may be denied, and the rest still proves that somebody gets in."""


@pytest.mark.parametrize("name", ["openssh", "loginfiles"])
@pytest.mark.parametrize("why", ["!denied needs root", "!failed Input/output error", "!partial x"])
def test_what_cannot_be_read_is_no_success(name: str, why: str) -> None:
    path = Path(__file__).parents[1] / f"modules/{name}/quiet.case"
    looks = sections(path.read_text(encoding="utf-8"))[1]
    looks.pop("expect")
    assert diagnose(load(name), RecordedHost(looks)).finding.verdict is Verdict.OK
    blind = {
        key
        for key in looks
        if diagnose(load(name), RecordedHost({**looks, key: why})).finding.verdict is Verdict.OK
    }
    assert blind == NOTHING_LOST[name]
