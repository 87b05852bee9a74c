"""Sosreports in the layouts of sos 3 and 4: which file answers which look."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from ec2rl.conntrack.queries.counters import ConntrackCounters
from ec2rl.conntrack.queries.entries import ConntrackEntries
from ec2rl.conntrack.queries.kept import Entries
from ec2rl.facts.kernel_log import read_kernel_log
from ec2rl.facts.log import KernelLog
from ec2rl.host import Door, Journal, Phrase
from ec2rl.host.queries.ethtool import EthtoolStatistics
from ec2rl.host.recording import RecordedHost
from ec2rl.host.sos import open_sos
from ec2rl.model import Evidence, Unreadable
from support.journal_writer import JournalWriter, kernel

PHRASES = (Phrase(b"conntrack: "),)
MESSAGE = "nf_conntrack: nf_conntrack: table full, dropping packet"
BOOT = bytes([0x22]) * 16
NOW = 1790000000
ENTRY = (
    "ipv4     2 tcp      6 300 ESTABLISHED src=10.0.0.1 dst=192.0.2.1 sport=5000 dport=80 "
    "src=192.0.2.1 dst=10.0.0.1 sport=80 dport=5000 [ASSURED] mark=0 use=1\n"
)
COUNTERS = "cpu=0 \tfound=0 invalid=0 insert=0 insert_failed=0 drop=5 early_drop=0 error=0\n"
MACHINE = "0123456789abcdef0123456789abcdef"
TOP = "sosreport-host-2026-09-21-abcdefg"


def journal(*messages: tuple[str, int]) -> bytes:
    """A journal file of kernel records: message, and seconds after the boot."""
    made = JournalWriter()
    for message, second in messages:
        texts = kernel(message.encode(), stamp=second * 1_000_000)
        made.entry(texts, (NOW + second) * 1_000_000, second * 1_000_000, BOOT)
    return made.bytes()


SYSTEM = journal(("Linux version 6.1.0 (gcc)", 0), ("x", 5), (MESSAGE, 100), (MESSAGE, 101))


def packed(folder: Path, files: dict[str, bytes | str], top: str = TOP) -> str:
    """A sosreport; of the time at which its commands ran."""
    path = folder / "report.tar"
    with tarfile.open(path, "w") as tar:
        for name, text in files.items():
            data = text.encode() if isinstance(text, str) else text
            member = tarfile.TarInfo(f"{top}/{name}" if top else name)
            member.size, member.mtime = len(data), NOW + 3600
            tar.addfile(member, io.BytesIO(data))
    return str(path)


def unpacked(folder: Path, files: dict[str, bytes | str]) -> str:
    for name, text in files.items():
        path = folder / "report" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        os.utime(path, (NOW + 3600, NOW + 3600))
    return str(folder / "report")


@pytest.fixture(params=[packed, unpacked])
def report(request: pytest.FixtureRequest, tmp_path: Path):  # type: ignore[no-untyped-def]
    def make(files: dict[str, bytes | str]) -> tuple[KernelLog, RecordedHost]:
        host = open_sos(request.param(tmp_path, files), PHRASES)
        assert isinstance(host, RecordedHost)
        return read_kernel_log(host, PHRASES), host

    return make


COMMON: dict[str, bytes | str] = {
    "etc/os-release": "ID=x\n",
    "proc/meminfo": "MemTotal: 1000 kB\n",
    "sos_commands/kernel/sysctl_-a": "net.netfilter.nf_conntrack_count = 7\n"
    "net.nf_conntrack_max = 262144\n",
    "sos_commands/kernel/uname_-a": "Linux host 6.1.0-9 #1 SMP x86_64 GNU/Linux\n",
}
LAYOUTS: dict[str, dict[str, bytes | str]] = {
    # sos 3: one folder for all of networking, dmesg in general or kernel.
    "3": {
        **COMMON,
        "sos_commands/general/dmesg": f"[    0.000000] Linux version 6\n[  100.000000] {MESSAGE}\n",
        "sos_commands/networking/conntrack_-S": COUNTERS,
        "sos_commands/networking/ethtool_-S_eth0": "NIC statistics:\n     x: 1\n",
        "sos_commands/networking/ip_netns_exec_my_shop_conntrack_-S": COUNTERS,
        "sos_commands/networking/ip_netns_exec_my_shop_conntrack_-L_-o_extended": ENTRY,
        "sos_commands/networking/conntrack_-L_-o_extended": ENTRY * 2,
    },
    # sos 4: a plugin of its own, and since 4.3 a folder for each namespace.
    "4": {
        **COMMON,
        "sos_commands/kernel/dmesg": f"[    0.000000] Linux version 6\n[  100.000000] {MESSAGE}\n",
        "sos_commands/conntrack/conntrack_-S": COUNTERS,
        "sos_commands/networking/ethtool_-S_eth0": "NIC statistics:\n     x: 1\n",
        "sos_commands/conntrack/namespaces/my_shop/ip_netns_exec_my_shop_conntrack_-S": COUNTERS,
        "sos_commands/conntrack/namespaces/my_shop/"
        "ip_netns_exec_my_shop_conntrack_-L_-o_extended": ENTRY,
        "sos_commands/conntrack/conntrack_-L_-o_extended": ENTRY * 2,
    },
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_each_file_answers(report, layout: str) -> None:  # type: ignore[no-untyped-def]
    log, host = report(LAYOUTS[layout])
    assert [(one.message, one.trusted, one.this_boot) for one in log.lines] == [
        (MESSAGE, True, True)
    ]
    assert log.whole_boot
    assert host.clock().now == NOW + 3600
    path = "/proc/sys/kernel/osrelease"
    assert host.read(path) == Evidence(path, "6.1.0-9\n")
    assert host.query(ConntrackCounters()) == Evidence("conntrack -S", COUNTERS)
    assert host.query(EthtoolStatistics("eth0")) == Evidence(
        "ethtool -S eth0", "NIC statistics:\n     x: 1\n"
    )
    table = host.query(ConntrackEntries())
    assert isinstance(table, Entries)
    assert (table.total, table.text, table.modified) == (2, ENTRY * 2, NOW + 3600)
    assert table.source.endswith("/conntrack_-L_-o_extended")
    assert host.names("/run/netns") == ("my_shop",)
    inside = host.within(Door("/run/netns/my_shop"))
    assert isinstance(inside.query(ConntrackCounters()), Evidence)
    table = inside.query(ConntrackEntries())
    assert isinstance(table, Entries)
    assert table.total == 1
    assert isinstance(host.read("gaps"), Unreadable)


def test_journal_files_are_read(report) -> None:  # type: ignore[no-untyped-def]
    log, host = report({**COMMON, f"var/log/journal/{MACHINE}/system.journal": SYSTEM})
    assert [(one.message, one.sources, one.trusted, one.this_boot) for one in log.lines] == [
        (MESSAGE, ("journal",), True, True)
    ] * 2
    assert log.whole_boot
    assert log.journal.gap == ""
    found = host.journal(PHRASES)
    assert isinstance(found, Journal)
    assert (found.hits, found.oldest) == (3, NOW * 1_000_000)


def test_what_stands_in_a_journal_file_and_in_texts_is_counted_once(report) -> None:  # type: ignore[no-untyped-def]
    dmesg = "[    0.000000] Linux version 6.1.0 (gcc)\n" + "".join(
        f"[  {second}.000000] {MESSAGE}\n" for second in (100, 101)
    )
    text = "".join(f"2026-09-21T14:15:0{second}+0000 host kernel: {MESSAGE}\n" for second in (0, 1))
    archived = journal((MESSAGE, 100))
    log, _ = report(
        {
            **COMMON,
            "sos_commands/kernel/dmesg": dmesg,
            f"var/log/journal/{MACHINE}/system.journal": SYSTEM,
            f"var/log/journal/{MACHINE}/system@0.journal": archived,
            "sos_commands/logs/journalctl_--no-pager": text,
            "sos_commands/logs/journalctl_--no-pager_--boot": text,
            "var/log/messages": text,
        }
    )
    assert sum(one.count for one in log.lines) == 2
    assert {source for one in log.lines for source in one.sources} == {
        "dmesg",
        "journal",
        "/var/log/messages",
    }


@pytest.mark.parametrize(
    ("data", "gap"),
    [
        (SYSTEM[:-40], "it ends at byte"),
        (b"LPKSHHRH" + bytes(range(256)) * 8, "it"),
        (b"", "it has no journal header"),
    ],
)
def test_a_journal_that_is_not_sound_is_named(report, data: bytes, gap: str) -> None:  # type: ignore[no-untyped-def]
    log, _ = report({**COMMON, f"var/log/journal/{MACHINE}/system.journal": data})
    assert f"/var/log/journal/{MACHINE}/system.journal: {gap}" in log.journal.gap


def test_an_archive_that_ends_within_a_journal(tmp_path: Path) -> None:
    path = packed(tmp_path, {**COMMON, f"var/log/journal/{MACHINE}/system.journal": SYSTEM * 3})
    whole = Path(path).read_bytes()
    end = whole.rindex(SYSTEM) + 700
    Path(path).write_bytes(whole[:end])
    host = open_sos(path, PHRASES)
    assert isinstance(host, RecordedHost)
    found = host.journal(PHRASES)
    assert isinstance(found, Journal)
    assert found.hits == 3
    assert "the archive ends in it" in found.gaps[0]
    told = host.read("gaps")
    assert isinstance(told, Evidence)


@pytest.mark.more
def test_no_more_than_a_bounded_journal_is_spooled(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {
        f"var/log/journal/{MACHINE}/system.journal": SYSTEM + bytes(257 << 20),
        f"var/log/journal/{MACHINE}/user-1.journal": SYSTEM,
    }
    host = open_sos(packed(tmp_path, {**COMMON, **files}), PHRASES)
    assert isinstance(host, RecordedHost)
    found = host.journal(PHRASES)
    assert isinstance(found, Journal)
    assert found.hits == 3
    assert [gap.rpartition(": ")[2] for gap in found.gaps] == ["too large"]


def test_what_a_dead_kernel_left(report) -> None:  # type: ignore[no-untyped-def]
    from ec2rl.facts.crash_records import read_crash_records

    text = f"[  100.000000] {MESSAGE}\n"
    _, host = report(
        {**COMMON, "var/crash/127.0.0.1-2026/vmcore-dmesg.txt": text, "var/crash/x/vmcore": b"x"}
    )
    found = read_crash_records(host, PHRASES)
    assert found.files == ("/var/crash/127.0.0.1-2026/vmcore-dmesg.txt",)
    assert [(one.message, one.trusted, one.this_boot) for one in found.lines] == [
        (MESSAGE, True, False)
    ]
