"""What a sosreport has of counters and counts, in whatever form: read, or named, and never OK."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ec2rl.conntrack.counters import Counters, parse_conntrack_stats
from ec2rl.conntrack.messages import PHRASES
from ec2rl.conntrack.observe import read
from ec2rl.facts.kernel_log import read_kernel_log
from ec2rl.host.recording import RecordedHost
from ec2rl.host.sos import open_sos
from ec2rl.model import Finding, Verdict
from ec2rl.module import Options
from ec2rl.modules.conntrackfull import judge
from ec2rl.report.wording import text

DMESG = "[    0.000000] Linux version 6.1.0 (b@b) #1 SMP\n[    1.000000] x\n"
DENIED = "conntrack v1.4.6 (conntrack-tools): Operation failed: sorry, you must be root\n"


def settings(count: int, maximum: int, prefix: str = "net.netfilter.nf_conntrack") -> str:
    return f"{prefix}_buckets = 65536\n{prefix}_count = {count}\n{prefix}_max = {maximum}\n"


def entry(number: int) -> str:
    client = f"src=10.0.0.1 dst=192.0.2.1 sport={number} dport=443"
    server = f"src=192.0.2.1 dst=10.0.0.1 sport=443 dport={number}"
    return f"tcp      6 300 ESTABLISHED {client} {server} [ASSURED] mark=0 use=1\n"


def judged(folder: Path, **files: str) -> tuple[Finding, str]:
    """The finding of a report with these files below sos_commands, and all its words."""
    for name, content in {"kernel/dmesg": DMESG, **files}.items():
        path = folder / "sos_commands" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    host = open_sos(str(folder), PHRASES)
    assert isinstance(host, RecordedHost)
    found = judge(read(host, read_kernel_log(host, PHRASES), Options(0.0)))
    return found, "\n".join(map(text, (found.summary, *found.details)))


@pytest.mark.parametrize(
    ("stats", "drop"),
    [
        ("cpu=0 found=1 invalid=0 drop=3 early_drop=0\ncpu=1 found=1 invalid=0 drop=4\n", 7),
        ("cpu=0   \tsearched=1 found=2 new=3 drop=5 early_drop=6 \n\n", 5),
        (f"cpu=0 drop=5\n{DENIED}", 5),
        ("cpu=0 drop=5\nand some words behind\n", 5),
        ("entries   \t\t65500\nsearched  \t\t2228\ndrop      \t\t5120\nearly_drop\t\t77\n", 5120),
        ("entries found drop early_drop\n0000000a 00000000 0000000f 00000001\n", 15),
    ],
)
def test_counters_of_every_version(stats: str, drop: int) -> None:
    found = parse_conntrack_stats(stats, 9)
    assert isinstance(found, Counters)
    assert found.drop == drop


@pytest.mark.parametrize(
    "stats", [DENIED, "cpu=0 drop=x\n", "cpu=0 drop=5\ncpu=1 drop=\n", "new 5\n"]
)
def test_what_cannot_be_read_is_no_counter(stats: str) -> None:
    assert parse_conntrack_stats(stats, 9) is None


@pytest.mark.parametrize("stats", [DENIED, "", "Segmentation fault\n"])
def test_the_count_survives_counters_that_cannot_be_read(tmp_path: Path, stats: str) -> None:
    files = {"kernel/sysctl_-a": settings(65530, 65536), "networking/conntrack_-S": stats}
    found, words = judged(tmp_path, **files)
    assert found.verdict is Verdict.WARNING
    assert "Conntrack table is 99% full in" in words
    assert "lost is not known: conntrack -S: failed" in words


@pytest.mark.parametrize("folder", ["networking/namespaces/router/", "networking/"])
def test_a_namespaces_settings_are_its_own(tmp_path: Path, folder: str) -> None:
    files = {
        "kernel/sysctl_-a": settings(10, 65536),
        f"{folder}ip_netns_exec_router_sysctl_-a": settings(65536, 65536) + "kernel.x = 1\n",
    }
    found, words = judged(tmp_path, **files)
    assert found.verdict is Verdict.WARNING
    assert "Conntrack table is full in a network namespace (router)" in words
    assert "10 of 65,536 entries" in words


@pytest.mark.parametrize("names", [True, False])
def test_the_instances_allowance_without_the_drivers_folder(tmp_path: Path, names: bool) -> None:
    if names:
        (tmp_path / "proc/net").mkdir(parents=True)
        (tmp_path / "proc/net/dev").write_text("Inter-|\n face |bytes\n  ens5: 1 2\n    lo: 0 0\n")
    counters = "NIC statistics:\n     conntrack_allowance_exceeded: 3200\n"
    files = {
        "kernel/sysctl_-a": settings(10, 65536),
        "networking/ethtool_-S_ens5": counters,
        "networking/ethtool_-S_lo": "no stats available\n",
    }
    found, words = judged(tmp_path, **files)
    assert found.verdict is Verdict.WARNING
    assert "allowance was exceeded: 3,200 packets dropped" in words


def test_names_of_kernels_that_had_ip_conntrack(tmp_path: Path) -> None:
    old = settings(65536, 65536, "net.ipv4.netfilter.ip_conntrack")
    files = {"kernel/sysctl_-a": f"net.ipv4.ip_conntrack_max = 65536\n{old}"}
    found, words = judged(tmp_path, **files)
    assert found.verdict is Verdict.WARNING
    assert "this host (initial network namespace): 65,536 of 65,536 entries (100%)" in words


@pytest.mark.parametrize("evicted", [1000, 1_878_045])
def test_evictions_mean_that_the_table_was_at_its_limit(tmp_path: Path, evicted: int) -> None:
    stats = f"cpu=0 found=9 insert_failed=4 drop=4 early_drop={evicted} chaintoolong=3\n"
    files = {"kernel/sysctl_-a": settings(4000, 65536), "networking/conntrack_-S": stats}
    found, words = judged(tmp_path, **files)
    assert found.verdict is Verdict.WARNING
    assert text(found.summary).startswith(
        f"Conntrack table has been at its limit: {evicted:,} entries evicted to make room"
    )
    assert "will not help" not in words
    assert "What helps: raise net.netfilter.nf_conntrack_max" in words


@pytest.mark.parametrize("listed", [3, 2000])
def test_a_list_shorter_than_the_count_is_told(tmp_path: Path, listed: int) -> None:
    files = {
        "kernel/sysctl_-a": settings(65536, 65536),
        "networking/conntrack_-L": "".join(map(entry, range(1024, 1024 + listed))),
    }
    _, words = judged(tmp_path, **files)
    assert f"65,536 entries were counted, and {listed:,} are listed: the list was cut" in words
    assert f"(seen: {listed:,} of 65,536)" in words
    assert "of its entries cannot be evicted" not in words


def test_a_list_of_about_as_many_as_were_counted_is_whole(tmp_path: Path) -> None:
    files = {
        "kernel/sysctl_-a": settings(2100, 2200),
        "networking/conntrack_-L": "".join(map(entry, range(1024, 1024 + 2000))),
    }
    _, words = judged(tmp_path, **files)
    assert "are listed" not in words
    assert "of its entries cannot be evicted" in words


def test_the_kernels_own_list_is_a_table(tmp_path: Path) -> None:
    (tmp_path / "proc/net").mkdir(parents=True)
    path = tmp_path / "proc/net/ip_conntrack"
    path.write_text("".join(map(entry, range(1024, 2048))))
    os.utime(path, (1790000000, 1790000000))
    _, words = judged(tmp_path, **{"kernel/sysctl_-a": settings(65000, 65536)})
    assert "In the saved table proc/net/ip_conntrack: " in words


def test_a_saved_table_is_not_judged_by_timeouts_that_nobody_collected(tmp_path: Path) -> None:
    files = {
        "kernel/sysctl_-a": settings(2000, 2200),
        "networking/conntrack_-L": "".join(map(entry, range(1024, 3024))),
    }
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    _, without = judged(tmp_path / "one", **files)
    files["kernel/sysctl_-a"] += (
        "net.netfilter.nf_conntrack_generic_timeout = 600\n"
        "net.netfilter.nf_conntrack_tcp_timeout_established = 86400\n"
    )
    _, known = judged(tmp_path / "other", **files)
    assert "entries are one client" not in without
    assert "100% of the entries are one client" in known
