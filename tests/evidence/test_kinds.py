"""What a file is, by its content: each kind in the words of the program that prints it."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import pytest

from ec2rl.evidence.kinds import HEAD, UNKNOWN, Use, kind_of, plain, share

ENTRY = (
    "tcp      6 431999 ESTABLISHED src=192.0.2.1 dst=198.51.100.2 sport=40000 dport=443 "
    "src=198.51.100.2 dst=192.0.2.1 sport=443 dport=40000 [ASSURED] mark=0 use=1\n"
)
SIX = "ipv6     10 " + ENTRY.replace("192.0.2.1", "2001:db8::1").replace(
    "198.51.100.2", "2001:db8::2"
)
STATS = (
    "cpu=0   \tfound=0 invalid=12 insert=0 insert_failed=0 drop=3 early_drop=0 error=0 "
    "search_restart=0 clash_resolve=0 chaintoolong=0 \n"
)
OLD_STATS = "entries   \t\t65500\nsearched  \t\t2228\nfound     \t\t3774748\ndrop      \t\t5120\n"
SYSCTL = (
    "sysctl: permission denied on key 'fs.protected_fifos'\n"
    "fs.file-nr = 1024\t0\t9223372036854775807\nkernel.hostname = web1\n"
    "net.ipv4.conf.eth0/1.rp_filter = 2\nnet.netfilter.nf_conntrack_max = 262144\n"
)
ETHTOOL = "NIC statistics:\n     tx_timeout: 0\n     queue_0_tx_cnt: 12\n"
NSTAT = (
    "#kernel\nIpInReceives                    13968              0.0\nTcpExtListenDrops  1  0.0\n"
)
NETSTAT = "Ip:\n    Forwarding: 2\n    12 total packets received\nTcp:\n    3 active connections\n"
MEMINFO = "MemTotal:       16384000 kB\nMemFree:         1000 kB\n"
DMESG = "[    0.000000] Linux version 6.1.0\n[    1.000000] x\n"
SYSLOG = "Nov 26 07:00:00 web1 kernel: [    1.000000] x\n"
ISO_SYSLOG = "2026-11-26T07:00:00.123456+00:00 web1 kernel: [    1.000000] x\n"
EXPORT = "__CURSOR=s=1\n__REALTIME_TIMESTAMP=1\n_BOOT_ID=" + "0" * 32 + "\nMESSAGE=x\n\n"
JSON = '{"__REALTIME_TIMESTAMP":"1","_HOSTNAME":"web1","MESSAGE":"x"}\n'
CONSOLE = '{\n    "InstanceId": "i-0", "Output": "[    0.000000] Linux version 6.1\\r\\n"}\n'
RECORDING = "# A recording; read it before you send it\n# -- options --\n# sample=1.0\n"
CASE = "A title: words.\n-- clock --\nnow=2026-11-24T02:00:00Z uptime=86400\n-- expect --\n"
PROC_STAT = (
    "entries  clashres found new invalid ignore delete chainlength\n00000001 0 0 0 0 0 0 0\n"
)

KNOWN = {
    "conntrack -L": ENTRY,
    "conntrack -L of IPv6": SIX,
    "conntrack -S": STATS,
    "/proc/net/stat/nf_conntrack": PROC_STAT,
    "sysctl -a": SYSCTL,
    "ethtool -S": ETHTOOL,
    "nstat": NSTAT,
    "netstat -s": NETSTAT,
    "uname -a": "Linux web1 6.1.0-13-amd64 #1 SMP Debian 6.1.55-1 x86_64 GNU/Linux\n",
    "/proc/meminfo": MEMINFO,
    "/proc/net/dev": "Inter-|   Receive      |  Transmit\n face |bytes\n  lo: 1 2\n",
    "dmesg": DMESG,
    "syslog": SYSLOG,
    "journal export": EXPORT,
    "journal as JSON": JSON,
    "console": CONSOLE,
    "recording": RECORDING,
}


@pytest.mark.parametrize("name", KNOWN)
def test_each_kind_by_its_content(name: str) -> None:
    assert kind_of(KNOWN[name].encode()).name == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (OLD_STATS, "conntrack -S"),
        (ISO_SYSLOG, "syslog"),
        (CASE, "recording"),
        ("net.netfilter.nf_conntrack_max = 65536\n", "sysctl -a"),
        (ETHTOOL.partition("\n")[2], "ethtool -S"),
        (NSTAT.partition("\n")[2], "nstat"),
        (ENTRY.replace("192.0.2.1", "192.0.2.x"), "conntrack -L"),
        (
            "conntrack v1.4.6 (conntrack-tools): 3 flow entries have been shown.\n" + ENTRY * 3,
            "conntrack -L",
        ),
        ("> " + ENTRY, "conntrack -L"),
        (
            "conntrack v1.4.4 (conntrack-tools): Operation failed: sorry, you must be root\n",
            "conntrack, which failed",
        ),
        (
            "    [NEW] " + ENTRY + "[1690000000.1]\t[DESTROY] " + ENTRY,
            "conntrack -E: events, no table",
        ),
        ("<?xml version='1.0'?>\n<conntrack>\n<flow>", "conntrack -L -o xml"),
        ("-A -t 60 -u SEEN_REPLY -s 192.0.2.1 -d 192.0.2.2 -p tcp\n", "conntrack -L -o save"),
        (ENTRY.replace(" sport", "\nsport"), "conntrack -L"),
        ("300 proto=6 src=192.0.2.1 dst=192.0.2.2 sport=0 dport=21\n" * 3, UNKNOWN.name),
    ],
)
def test_other_forms_of_a_kind(text: str, name: str) -> None:
    assert kind_of(text.encode()).name == name


@pytest.mark.parametrize("name", ["sysctl -a", "conntrack -L", "conntrack -S", "dmesg", "syslog"])
@pytest.mark.parametrize("how", ["utf-8-sig", "utf-16", "crlf", "colours"])
def test_a_kind_in_other_clothes(name: str, how: str) -> None:
    text = KNOWN[name]
    data = {
        "crlf": text.replace("\n", "\r\n").encode(),
        "colours": "".join(f"\x1b[32m{line}\x1b[0m\n" for line in text.splitlines()).encode(),
    }.get(how) or text.encode(how)
    assert kind_of(data).name == name


@pytest.mark.parametrize(
    ("data", "name", "use"),
    [
        (b"", "empty", Use.NOTHING),
        (b"\n  \n", "empty", Use.NOTHING),
        (b"<!DOCTYPE html>\n<html><pre>" + DMESG.encode(), "an HTML page, not a log", Use.LOG),
        (b"%PDF-1.7\n" + DMESG.encode(), "a PDF, not a log", Use.LOG),
        (b"<?xml version='1.0'?><a/>", "an XML document, not a log", Use.LOG),
        (b'{"a": [{"b": "x"}]}', "another program's JSON, not a log", Use.LOG),
        (b"\x7fELF\x02\x01", "a program, not a log", Use.LOG),
        (bytes(range(32)) * 100, "binary data of no format that is known", Use.LOST),
        (b"\0" * HEAD, "blank as far as it was looked at", Use.LOST),
    ],
)
def test_what_is_no_evidence_is_named(data: bytes, name: str, use: Use) -> None:
    """A document is searched all the same: words of the kernel in it are told."""
    kind = kind_of(data)
    assert (kind.name, kind.use) == (name, use)


LOGIN = "<hxxi32s4s32s256s4x4xii16s20x"
"""utmp(5), struct utmp; and lastlog below (glibc, bits/utmp.h)."""


def _login(kind: int, line: str, user: str, host: str) -> bytes:
    texts = (line.encode(), b"ts/0", user.encode(), host.encode())
    return struct.pack(LOGIN, kind, 901, *texts, 1790000000, 5, b"")


_NEVER = bytes(292)
_ONCE = struct.pack("<i32s256s", 1790000000, b"pts/0", b"203.0.113.9")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (_login(2, "~", "reboot", "6.1.0-10-amd64") + _login(7, "pts/0", "root", "::1"), "wtmp"),
        (_login(8, "pts/0", "", "") * 9, "wtmp"),
        (_login(7, "tty1", "\u00e9ric", "") + _login(1, "~", "runlevel", "6.1.0"), "wtmp"),
        (_login(6, "ssh:notty", "admin", "203.0.113.9") * 400, "btmp"),
        (_login(6, "tty1", "an unknown one", ""), "btmp"),
        (_login(7, "ssh:notty", "root", "a.example") + _login(6, "", "", ""), "btmp"),
        (_ONCE + _NEVER * 5, "lastlog"),
        (_NEVER * 3 + _ONCE, "lastlog"),
        (_ONCE * 2, "lastlog"),
    ],
)
def test_files_of_logins_are_named(data: bytes, name: str) -> None:
    kind = kind_of(data)
    assert (kind.name.partition(":")[0], kind.use) == (name, Use.NOTHING)


@pytest.mark.parametrize(
    "data", [b"x" * 292, b"\1" * 4096, b"\x02\0\0\0" + bytes(range(256)) * 2, b"ab\0\0" * 96]
)
def test_what_only_has_their_size_is_no_file_of_logins(data: bytes) -> None:
    assert kind_of(data).use is not Use.NOTHING


@pytest.mark.parametrize(
    "text",
    [
        "Dear all,\nthe machine is slow.\n",
        "# /etc/hosts\n127.0.0.1 localhost\n",
        "UUID=1 / ext4 defaults 0 1\n",
        "a = 1\nb = 2\n",
        "key: value\nother: 2\n",
    ],
)
def test_a_text_of_no_known_form_is_searched(text: str) -> None:
    assert kind_of(text.encode()) == UNKNOWN


def test_a_tar_is_told_from_its_text(tmp_path: Path) -> None:
    import io
    import tarfile

    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        info = tarfile.TarInfo("sosreport/sos_commands/kernel/dmesg")
        info.size = len(DMESG)
        tar.addfile(info, io.BytesIO(DMESG.encode()))
    assert kind_of(data.getvalue()).use is Use.ARCHIVE
    assert kind_of(gzip.compress(data.getvalue())).use is Use.LOST  # unpacked by its reader


def test_shares_of_lines() -> None:
    assert share(b"a 1\nb\n\na 2\n", rb"a \d$") == pytest.approx(2 / 3)
    assert share(b"", b"a") == 0
    cut = b"a 1\n" * (HEAD // 4) + b"a"
    assert share(cut, rb"a \d$") == 1


def test_damaged_utf_16_is_read_as_far_as_it_goes() -> None:
    assert plain(DMESG.encode("utf-16")[:-1]).startswith(b"[    0.000000] Linux version")
