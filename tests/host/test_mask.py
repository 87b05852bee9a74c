"""A hundred and fifty secrets in forty places of a recording: none is left, and nothing else is."""

from __future__ import annotations

import base64
import random
from typing import TYPE_CHECKING

import pytest

from ec2rl.catalogue import load
from ec2rl.conntrack.queries.entries import ConntrackEntries
from ec2rl.conntrack.queries.kept import Entries
from ec2rl.conntrack.table.causes import causes
from ec2rl.conntrack.table.kept import count_entries
from ec2rl.conntrack.table.timeouts import DEFAULTS
from ec2rl.host import Clock, Journal, JournalRecord, Line, Search
from ec2rl.host.mask import mask
from ec2rl.host.query import Answer
from ec2rl.host.recording import RecordedHost, case, sections
from ec2rl.model import Evidence, Unreadable, Verdict, Why
from ec2rl.module import Options, diagnose
from support import fill

if TYPE_CHECKING:
    from typing import Callable

    from ec2rl.host.caching import Observation

R = random.Random(7)
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
FULL = "nf_conntrack: nf_conntrack: table full, dropping packet"


def word(length: int, letters: str = LETTERS + "0123456789") -> str:
    return "".join(R.choices(letters, k=length))


def hexadecimal(length: int) -> str:
    return word(length, "0123456789abcdef")


def jwt() -> str:
    return ".".join(
        base64.urlsafe_b64encode(part).decode().rstrip("=")
        for part in (b'{"alg":"HS256"}', b'{"sub":"1234567"}', R.randbytes(24))
    )


def pem() -> tuple[str, str]:
    body = word(60)
    return f"-----BEGIN RSA PRIVATE KEY-----\\n{body}\\n-----END RSA PRIVATE KEY-----", body


def kinds() -> list[tuple[str, str]]:
    """How it is written, and the part of it that must be gone; fifty of them."""
    found: list[tuple[str, str]] = [(s, s) for s in (
        f"AKIA{word(16, LETTERS[26:])}", f"ASIA{word(16, LETTERS[26:])}",
        f"ghp_{word(36)}", f"github_pat_{word(30)}", f"glpat-{word(20)}",
        f"xoxb-{word(24)}", f"AIza{word(35)}", f"ya29.{word(40)}", f"sk_live_{word(24)}",
        f"npm_{word(36)}", f"hvs.{word(24)}", f"SG.{word(22)}.{word(43)}", jwt(),
        f"$6${word(8)}${word(60)}", f"$2b$12${word(40)}", f"aB3{word(37)}",
        f"10.{R.randrange(256)}.7.{R.randrange(1, 256)}", f"172.31.{R.randrange(256)}.44",
        f"2600:1f14:{hexadecimal(3)}1::{hexadecimal(3)}2", f"fe80::1{hexadecimal(3)}:2ff:fe00:1",
        f"06:1a:{hexadecimal(2)}:3b:4c:5d", f"i-0{hexadecimal(16)}", f"eni-0{hexadecimal(16)}",
        f"vol-{hexadecimal(8)}", f"sg-0{hexadecimal(16)}",
        f"ip-10-1-{R.randrange(256)}-9.ec2.internal",
        f"alice{word(4, LETTERS[:26])}@shop.example.com",
        f"db1{word(4, LETTERS[:26])}.corp.example.com",
    )]  # fmt: skip
    for before, after in (
        ("password=", ""), ("passwd: ", ""), ('"password": "', '"'), ("DB_PASSWORD=", ""),
        ("--password ", ""), ("secret_access_key = ", ""), ("api_key=", ""), ("X-Auth-Token: ", ""),
        ("Authorization: Bearer ", ""), ("Authorization: Basic ", ""), ("Cookie: sid=", ""),
        ("token=", "&x=1"), ("client-secret='", "'"), ("https://bob:", "@git.example.com/x"),
        ("postgres://app:", "@db:5432/x"), ("redis://:", "@cache"), ("pwd=", ";"), ("pass=", ","),
        ("aws_session_token=", ""), ("PRIVATE_KEY=", ""),
    ):  # fmt: skip
        secret = word(18)
        found.append((before + secret + after, secret))
    found.append(pem())
    account = word(12, "123456789")
    found.append((f"arn:aws:iam::{account}:role/x", account))
    return found


PLACES: list[Callable[[str], tuple[str, Observation]]] = [
    *(
        lambda s, p=path: (p, Evidence(p, f"a\n{s}\nb\n"))
        for path in (
            "/etc/sysctl.conf", "/proc/cmdline", "/etc/kubernetes/a.conf", "/proc/self/mountinfo",
            "/etc/modprobe.d/x.conf", "/var/lib/kubelet/config.yaml", "/etc/os-release",
            "/proc/1/cgroup", "/etc/hosts", "/etc/resolv.conf",
        )
    ),
    *(
        lambda s, p=path: (f"search {p}", Search(p, (Line(0, f"x: {s}"), Line(9, s)), 2, 99, 1.0))
        for path in ("/var/log/messages", "/var/log/messages-1", "/var/log/kern.log", "/log; x")
    ),
    *(
        lambda s, p=path: (f"search {p}", Search(p, (), 0, 9, 1.0, f"cut short at {s}"))
        for path in ("/var/log/syslog", "/var/log/syslog.1")
    ),
    *(
        lambda s, p=path: (p, Unreadable(p, Why.FAILED, f"no: {s}"))
        for path in ("/a", "/b", "/c", "netns /run/netns/x: /d")
    ),
    *(
        lambda s, p=path: (f"ls {p}", tuple(sorted((s, "z"))))
        for path in ("/etc/sysctl.d", "/run/netns", "/etc/udev/rules.d")
    ),
    *(lambda s, p=path: (f"link {p}", f"../{s}") for path in ("/etc/x", "/etc/y", "/etc/z")),
    *(
        lambda s, p=path: (p, Evidence(p, s))  # without a newline at the end
        for path in ("ethtool -S eth0", "conntrack -S", "later: /proc/x", "/etc/motd", "/etc/issue")
    ),
    *(
        lambda s, p=path: (p, Evidence(p, f"6,1,9,-;systemd[1]: {s}\n SUBSYSTEM=x\n"))
        for path in ("/dev/kmsg.1", "/dev/kmsg.2", "/dev/kmsg.3", "/dev/kmsg.4")
    ),
    *(
        lambda s, p=path: (f"{p} {s}".replace("; ", ";"), Evidence(p, "x\n"))
        for path in ("/etc/a", "/etc/b", "/etc/c", "/etc/d", "/etc/e")
    ),
]  # fmt: skip


def planted(seed: int = 7) -> tuple[dict[str, Observation], list[str]]:
    R.seed(seed)
    memory: dict[str, Observation] = {}
    secrets = []
    everything = [pair for _ in range(3) for pair in kinds()]
    for number, (written, secret) in enumerate(everything):
        key, look = PLACES[number % len(PLACES)](written)
        memory[f"netns /n{number}: {key}"] = look
        secrets.append(secret)
    records = [
        JournalRecord(written, "kernel", 0, "b" * 32, n, n)
        for n, (written, _) in enumerate(kinds())
    ]
    memory["journal"] = Journal(tuple(records), len(records), ("journal",), (), 1)
    return memory, secrets


def test_none_of_a_hundred_and_fifty_secrets_in_forty_places_is_left() -> None:
    memory, secrets = planted()
    text = case(memory, [])
    assert len(secrets) >= 150
    assert len(PLACES) >= 40
    whole = text.replace("\\x5c", "\\")
    assert [secret for secret in secrets if secret not in whole] == []
    masked = mask(text)
    assert [secret for secret in secrets if secret in masked] == []
    assert len(sections(masked)[1]) == len(sections(text)[1])


def test_a_stand_in_is_the_same_wherever_it_stands() -> None:
    text = "10.1.2.3 i-0123456789abcdef0 10.9.9.9 arn:aws:iam::123456789012:x 123456789012 10.1.2.3"
    assert mask(text) == (
        "198.18.0.1 i-00000000000000001 198.18.0.2 arn:aws:iam::000000000001:x 000000000001"
        " 198.18.0.1"
    )


@pytest.mark.parametrize(
    "text",
    [
        "4,339,5140900,-,caller=T1;nf_conntrack: table full, dropping packet",
        "4,339,123456789012,-;x",
        "Nov 24 02:00:00",
        "2026-11-24T02:00:00.123456Z",
        "127.0.0.1 0.0.0.0 ::1 ::",
        "6.1.0-18-amd64",
        "net:[4026531840]",
        "00000040 00000000 000000a1 clashres found new invalid",
        '{"_BOOT_ID": "0123456789abcdef0123456789abcdef"}',
        '{"__REALTIME_TIMESTAMP": "1795489279000000"}',
        "net.netfilter.nf_conntrack_max = 262144",
        "0::/kubepods.slice/cri-containerd-" + "0123456789abcdef" * 4 + ".scope",
        "MemTotal:       24684092 kB",
        "kernel: TCP: request_sock_TCP: Possible SYN flooding on port 443. Sending cookies.",
    ],
)
def test_what_a_judge_needs_stays(text: str) -> None:
    assert mask(text) == text


@pytest.mark.parametrize(
    "name",
    [
        "sosreport-web-01-2026-11-03-abcdefg.tar.xz",
        "sosreport-web-01.1234-20261103020000-ab12.tar.xz",
        "sosreport-web-01-1234-2026-11-03-abcdefg",
    ],
)
def test_the_host_in_a_sosreports_name(name: str) -> None:
    masked = mask(f"(in the sosreport /tmp/{name}, as recorded) web-01 said")
    assert masked == "(in the sosreport /tmp/sosreport, as recorded) host1 said"


def test_names_are_gone_wherever_they_stand_once_they_are_known() -> None:
    text = (
        "-- /var/log/messages --\n"
        "Nov 24 02:00:00 shop-db-7 sshd[1]: Accepted publickey for wilhelm from 10.0.0.9 port 1\n"
        "backup of shop-db-7 by wilhelm in /home/wilhelm/x and /home/anna\n"
        "-- ls /var/log/journal/0123456789abcdef0123456789abcdef --\nx"
    )
    masked = mask(text)
    assert not any(s in masked for s in ("shop-db-7", "wilhelm", "anna", "0123456789abcdef"))
    assert masked.count("host1 sshd[1]: Accepted publickey for user") == 1


def test_namespaces_wherever_they_are_named() -> None:
    text = (
        "-- ls /run/netns --\nacme-shop\nblue\nt1\n"
        "-- inode /run/netns/acme-shop --\n4026532177\n"
        "-- netns /run/netns/blue: /proc/net/stat/nf_conntrack --\nx\n"
        "-- later: netns /run/netns/t1: conntrack -S --\nx\n"
        "-- ls /var/run/docker/netns --\n1-9ab3f0\n"
        "-- search sos_commands/conntrack/ip_netns_exec_acme-shop_conntrack_-S --\nx\n"
        "-- gaps --\nip_netns_exec_green_conntrack_-L_-o_extended\n"
        "-- expect --\nPROBLEM conntrackfull: full in netns 4026532177 (acme-shop), (blue), (t1)\n"
        "-- see --netns=acme-shop and blue\n"
    )
    masked = mask(text)
    for name in ("acme", "green", "t1", "1-9ab3f0", "(blue)", "/blue"):
        assert name in text
        assert name not in masked
    assert masked.count("netns1") == 5
    keys = sections(masked)[1]
    assert keys["ls /run/netns"] == "netns1\nnetns2\nnetns3"
    assert "netns /run/netns/netns2: /proc/net/stat/nf_conntrack" in keys
    assert "see --netns=netns1 and blue" in masked


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("/run/acmecni/acmepod", "/run/acmecni/acmepod"),
        ("/srv/acme.volume/ns/acmepod", "/srv/acme.volume/ns/acmepod"),
        ("/acmepod", "/acmepod"),
        ("/run/acme cni/acmepod", "/run/acme\\040cni/acmepod"),
    ],
)
def test_a_namespace_that_is_bound_elsewhere(path: str, written: str) -> None:
    text = (
        f"-- /proc/self/mountinfo --\n95 88 0:4 net:[4026532594] {written} rw - nsfs nsfs rw\n"
        f"-- netns {path}: /proc/net/stat/nf_conntrack --\n!absent\n"
        f"-- later: netns {path}: /proc/net/stat/nf_conntrack --\n!absent\n"
        "-- expect --\nOK x: netns 4026532594 (acmepod, docker 0123), (acmepod)\n"
    )
    masked = mask(text)
    assert "acme" not in masked
    keys = sections(masked)[1]
    bound = keys["/proc/self/mountinfo"].split(" ")[4]
    assert f"netns {bound}: /proc/net/stat/nf_conntrack" in keys
    assert f"later: netns {bound}: /proc/net/stat/nf_conntrack" in keys
    assert bound.count("/") == path.count("/")


def test_a_namespace_by_an_everyday_word_spoils_no_recording() -> None:
    text = (
        "-- ls /run/netns --\nproc\nnet\ntable\nkmsg\n"
        "-- netns /run/netns/net: /proc/net/x --\n1\n"
        f"-- /dev/kmsg --\n4,2,99,-;{FULL}\n"
    )
    masked = sections(mask(text))[1]
    assert masked["/dev/kmsg"] == f"4,2,99,-;{FULL}\n"
    assert masked["netns /run/netns/netns1: /proc/net/x"] == "1"
    assert sorted(masked["ls /run/netns"].split("\n")) == ["netns1", "netns2", "netns3", "netns4"]


@pytest.mark.parametrize(
    "path",
    [
        "/lxc.payload.acme-db/x", "/lxc/acme-db/x", "/machine.slice/machine-acme-db.scope",
        "/lxc.monitor.acme-db", "/kubepods/pod01234567-89ab-cdef-0123-456789abcdef/x",
        "/kubepods-burstable-pod01234567_89ab_cdef_0123_456789abcdef.slice",
    ],
)  # fmt: skip
def test_containers_and_pods_that_have_names(path: str) -> None:
    masked = mask(f"-- /proc/7/cgroup --\n0::{path}\n-- x --\nacme-db is full\n")
    assert "acme-db is" not in masked or "pod" in path
    assert not any(name in masked.split("-- x")[0] for name in ("acme", "89ab"))


@pytest.mark.more
def test_addresses_within_a_table_of_the_kernel() -> None:
    """Its entries are bytes in hexadecimal; the same stand-in as in a log."""
    rows = [
        fill.Row("10.0.9.31", "10.0.4.17", 1024 + i, 443, 6, 3, 6, 431000 - 100 * i)
        for i in range(1400)
    ] + [fill.Row("2600:1f14::9", "2600:1f14::7", 1, 2, 17)]
    table = Entries("conntrack -L", "".join(f"{fill.message(row)[16:].hex()}\n" for row in rows))
    log = Evidence("/var/log/x", "from 10.0.9.31 and 2600:1f14::9\n")
    text = case({"/var/log/x": log, "conntrack -L": Answer(ConntrackEntries(), table)}, [])
    masked = mask(text)
    for address in ("10.0.9.31", "10.0.4.17"):
        packed = "".join(f"{int(part):02x}" for part in address.split("."))
        assert packed in text
        assert packed not in masked
    assert "26001f14" not in masked
    host = RecordedHost(sections(masked)[1])
    found = host.query(ConntrackEntries())
    assert isinstance(found, Entries)
    seen = count_entries(found, DEFAULTS, None)
    (first, second) = seen.pairs.rows[:2]
    assert (str(first.key), first.count) == ("198.18.0.1 -> 198.18.0.2:443/tcp", 1400)
    assert (str(second.key), second.count) == ("2001:db8::1 -> [2001:db8::2]:2/udp", 1)
    assert host.read("/var/log/x") == Evidence("/var/log/x", "from 198.18.0.1 and 2001:db8::0:1\n")
    before = count_entries(table, DEFAULTS, None)
    assert [one.share for one in causes(seen)] == [one.share for one in causes(before)]


def test_the_verdict_stays() -> None:
    memory: dict[str, Observation] = {
        "clock": Clock(1790000000.0, 5000.0),
        "/dev/kmsg": Evidence(
            "/dev/kmsg",
            f"6,0,0,-;Linux version 6.1\n6,1,9,-;x: token=hunter2 from 10.1.2.3\n4,2,99,-;{FULL}\n",
        ),
        "/proc/sys/net/netfilter/nf_conntrack_max": Evidence(
            "/proc/sys/net/netfilter/nf_conntrack_max", "262144\n"
        ),
    }
    module = load("conntrackfull")
    findings = []
    for text in (case(memory, []), mask(case(memory, []), ["me"])):
        host = RecordedHost(sections(text)[1])
        findings.append(diagnose(module, host, Options(0)).finding)
    assert findings[0].verdict is Verdict.PROBLEM
    assert findings[0] == findings[1]
