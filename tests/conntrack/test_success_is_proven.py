"""SUCCESS only where it is proven: each source whole, denied, garbled, absent or cut."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from itertools import product
from pathlib import Path

import pytest

from ec2rl.facts.kernel_log import read_kernel_log
from ec2rl.host.recording import RecordedHost
from ec2rl.model import Finding, Verdict, Why
from ec2rl.module import Options
from ec2rl.modules.conntrackfull import MODULE
from ec2rl.report.wording import details, summary

EC2RL = Path(__file__).resolve().parents[2] / "src/ec2rl/__main__.py"
BOOT = "1" * 32
HEADER = (
    "entries  clashres found new invalid ignore delete chainlength insert insert_failed drop "
    "early_drop icmp_error  expect_new expect_create expect_delete search_restart"
)
JOINT = "eth0: the link is up, at full speed"
NETFILTER = "/proc/sys/net/netfilter/nf_conntrack_"
DENIED, ABSENT, GARBLED = "!denied needs root", None, "garbage"

RING: dict[str, str | None] = {
    "whole": "6,0,0,-;Linux version 6.18.44",
    "wrapped": f"6,5000,80000000000,-;{JOINT}",
    "denied": DENIED,
    "garbled": GARBLED,
    "absent": ABSENT,
}


def record(message: str, up: int) -> str:
    fields = {
        "MESSAGE": message,
        "_TRANSPORT": "kernel",
        "SYSLOG_FACILITY": "0",
        "_BOOT_ID": BOOT,
        "_SOURCE_MONOTONIC_TIMESTAMP": str(up),
        "__REALTIME_TIMESTAMP": str(1795399200000000 + up),
    }
    return json.dumps(fields)


WHOLE_JOURNAL = f"{record('Linux version 6.18.44', 0)}\n{record(JOINT, 80000000000)}"
JOURNAL: dict[str, tuple[str, str | None]] = {
    "whole": ("journal", WHOLE_JOURNAL),
    "cut": ("journal; gap=one file is damaged", WHOLE_JOURNAL),
    "denied": ("journal", DENIED),
    "absent": ("journal", ABSENT),
}
TABLE = {"empty": 12, "99 %": 260000, "full": 262144}
COUNTERS = ("whole", "denied", "garbled", "drop renamed", "absent")
LIMITS: dict[str, tuple[str | None, str | None]] = {
    "both": ("count", "262144"),
    "no count": (DENIED, "262144"),
    "garbled count": (GARBLED, "262144"),
    "no limit told": ("count", DENIED),
    "garbled limit": ("count", GARBLED),
}
NAMESPACES = {"all": "pid:[4026531836]", "hidden": "pid:[4026532000]"}


def counters(kind: str, entries: int) -> str | None:
    row = " ".join([f"{entries:08x}", *["00000000"] * 16])
    return {
        "whole": f"{HEADER}\n{row}",
        "denied": DENIED,
        "garbled": GARBLED,
        "drop renamed": f"{HEADER.replace(' drop ', ' dropped ')}\n{row}",
        "absent": ABSENT,
    }[kind]


def judged(looks: dict[str, str | None], missing: Why = Why.ABSENT) -> Finding:
    host = RecordedHost(
        {key: look for key, look in looks.items() if look is not None}, missing=missing
    )
    log = read_kernel_log(host, MODULE.phrases)
    finding: Finding = MODULE.judge(MODULE.read(host, log, Options(sample=0)))
    return finding


def live(ring: str, journal: str, stat: str, limits: str, shown: str, table: str) -> Finding:
    entries = TABLE[table]
    count, maximum = LIMITS[limits]
    return judged(
        {
            "clock": "now=2026-11-24T02:00:00Z uptime=86400",
            "/proc/sys/kernel/random/boot_id": BOOT,
            "link /proc/self/ns/pid": NAMESPACES[shown],
            "link /proc/self/ns/net": "net:[4026531840]",
            "link /proc/1/ns/net": "net:[4026531840]",
            "/proc/sys/net/nf_conntrack_max": "262144",
            f"{NETFILTER}buckets": "262144",
            f"{NETFILTER}max": maximum,
            f"{NETFILTER}count": str(entries) if count == "count" else count,
            "/proc/1/net/stat/nf_conntrack": counters(stat, entries),
            "/dev/kmsg": RING[ring],
            JOURNAL[journal][0]: JOURNAL[journal][1],
        }
    )


@pytest.mark.parametrize("table", TABLE)
@pytest.mark.parametrize("ring", RING)
@pytest.mark.sampled(4)
def test_success_stands_on_a_whole_log_and_a_table_with_room(ring: str, table: str) -> None:
    for journal, stat, limits, shown in product(JOURNAL, COUNTERS, LIMITS, NAMESPACES):
        finding = live(ring, journal, stat, limits, shown, table)
        is_log_whole = ring == "whole" or (ring == "wrapped" and journal == "whole")
        is_counted = stat == "whole" or LIMITS[limits][0] == "count"
        is_limited = LIMITS[limits][1] == "262144"
        proven = is_log_whole and is_counted and is_limited and table == "empty"
        where = (ring, journal, stat, limits, shown, table, summary(finding))
        assert (finding.verdict is Verdict.OK) == proven, where
        assert any(line.startswith("Rests on: ") for line in details(finding)) == proven, where
        if table != "empty" and is_counted and is_limited:
            assert "full in this host" in summary(finding), where
            assert finding.verdict is (Verdict.WARNING if is_log_whole else finding.verdict), where


SOS = {
    "clock": "now=2026-11-24T02:00:00Z uptime=86400",
    "ls /proc": "!not-collected",
    "dmesg": "[    0.000000] Linux version 6.1.0\n[    1.000000] x",
    "/proc/sys/net/nf_conntrack_max": "262144",
    f"{NETFILTER}max": "262144",
}


@pytest.mark.parametrize("stats", [None, "nothing\nof it", "cpu=0 found=1 dropped=0", "!failed x"])
def test_counters_that_cannot_be_read_hide_no_full_table_of_a_sosreport(stats: str | None) -> None:
    looks: dict[str, str | None] = {**SOS, "conntrack -S": stats}
    for entries, verdict in ((262144, Verdict.WARNING), (260000, Verdict.WARNING), (9, Verdict.OK)):
        looks[f"{NETFILTER}count"] = str(entries)
        finding = judged(looks, Why.NOT_COLLECTED)
        assert finding.verdict is verdict, finding


def test_a_full_table_of_another_namespace_is_seen_by_its_count_alone() -> None:
    looks: dict[str, str | None] = {
        "clock": "now=2026-11-24T02:00:00Z uptime=86400",
        "link /proc/self/ns/pid": "pid:[4026531836]",
        "link /proc/self/ns/net": "net:[4026531840]",
        "link /proc/1/ns/net": "net:[4026531840]",
        "link /proc/9/ns/net": "net:[4026532999]",
        "/proc/sys/net/nf_conntrack_max": "262144",
        f"{NETFILTER}max": "262144",
        "/proc/1/net/stat/nf_conntrack": counters("whole", 5),
        "/proc/9/net/stat/nf_conntrack": DENIED,
        f"netns /proc/9/ns/net: {NETFILTER}count": "262144",
        "/dev/kmsg": RING["whole"],
    }
    assert judged(looks).verdict is Verdict.WARNING
    del looks[f"netns /proc/9/ns/net: {NETFILTER}count"]
    finding = judged(looks)
    assert finding.verdict is Verdict.UNKNOWN
    assert "/proc/9/net/stat/nf_conntrack: denied" in summary(finding)


QUIET = {key: SOS[key] for key in ("clock", "ls /proc", "dmesg")}
STAT = "/proc/net/stat/nf_conntrack"
ENTRY = (
    "tcp 6 300 ESTABLISHED src=10.0.0.1 dst=192.0.2.1 sport=5 dport=80 src=192.0.2.1 dst=10.0.0.1 "
    "sport=80 dport=5 [ASSURED] mark=0 use=1"
)


def saved(looks: Mapping[str, str | None]) -> Finding:
    return judged({**QUIET, **looks}, Why.NOT_COLLECTED)


def test_a_log_alone_is_not_held_to_what_nobody_collected() -> None:
    assert saved({}).verdict is Verdict.OK
    assert saved({f"{NETFILTER}max": "262144"}).verdict is Verdict.OK


WHOLE_STAT = counters("whole", 262144) or ""
DAMAGED = {
    "a column renamed": {STAT: WHOLE_STAT.replace("entries ", "entreis ")},
    "cut to 40 bytes": {STAT: WHOLE_STAT[:40]},
    "cut in a row": {STAT: WHOLE_STAT[:-3] + " x"},
    "garbled": {STAT: "\\x00\\x00"},
    "empty": {STAT: ""},
    "not readable": {STAT: "!failed Input/output error"},
    "denied": {STAT: DENIED},
    "conntrack -S garbled": {"conntrack -S": "nothing of it"},
    "conntrack -S renamed": {"conntrack -S": "cpu=0 found=1 dropped=0"},
    "conntrack -S failed": {"conntrack -S": "!failed its member is cut"},
    "count garbled": {f"{NETFILTER}count": "2621x4"},
    "count empty": {f"{NETFILTER}count": ""},
    "conntrack -L failed": {"conntrack -L": "!failed no line of it is an entry"},
}


@pytest.mark.parametrize("limit", ["262144", None])
@pytest.mark.parametrize("damage", DAMAGED)
def test_counters_that_are_there_but_damaged_are_not_called_not_collected(
    damage: str, limit: str | None
) -> None:
    found = saved({f"{NETFILTER}max": limit, **DAMAGED[damage]})
    assert found.verdict is Verdict.UNKNOWN, found
    source = next(iter(DAMAGED[damage]))
    assert source in summary(found)
    # What else was kept may tell.
    if source != f"{NETFILTER}count":
        told = {f"{NETFILTER}max": "262144", **DAMAGED[damage], f"{NETFILTER}count": "9"}
        assert saved(told).verdict is Verdict.OK
        told[f"{NETFILTER}count"] = "262144"
        assert saved(told).verdict is Verdict.WARNING


@pytest.mark.parametrize("stats", ["drop=55", "insert_failed=0 drop=55 early_drop=2"])
def test_drops_that_conntrack_told_are_told_where_nobody_kept_the_count(stats: str) -> None:
    found = saved({"conntrack -S": f"cpu=0 found=1 {stats}"})
    assert found.verdict is Verdict.WARNING
    assert "55 packets dropped by conntrack" in summary(found)
    assert saved({"conntrack -S": "cpu=0 found=1 drop=0"}).verdict is Verdict.OK


@pytest.mark.parametrize(
    "table",
    [
        {"conntrack -L; entries=200000": ENTRY},
        {"conntrack -L; entries=1": ENTRY},
        {f"{NETFILTER}count": "262144"},
        {STAT: counters("whole", 262144)},
        {STAT: counters("whole", 5), f"{NETFILTER}max": GARBLED},
    ],
    ids=["a table", "a small one", "a count", "counters", "a garbled limit"],
)
def test_a_saved_table_whose_limit_nobody_kept_may_be_full(table: dict[str, str | None]) -> None:
    found = saved(table)
    assert found.verdict is Verdict.UNKNOWN
    assert "net.netfilter.nf_conntrack_max was not collected" in summary(found)


@pytest.mark.parametrize(
    "table",
    [
        {"conntrack -L; entries=200000": ENTRY},
        {f"{NETFILTER}count": "200000"},
        {STAT: counters("whole", 200000)},
    ],
)
def test_the_limit_has_a_second_name(table: dict[str, str | None]) -> None:
    for limit, verdict in (("200000", Verdict.WARNING), ("262144", Verdict.OK)):
        assert saved({"/proc/sys/net/nf_conntrack_max": limit, **table}).verdict is verdict


@pytest.mark.parametrize(
    "proc",
    [
        {"ls /proc": ""},
        {"ls /proc": "!absent"},
        {"ls /proc": DENIED},
        {"ls /proc": "cmdline\nversion"},
    ],
)
def test_a_live_host_without_its_processes_has_a_table_all_the_same(
    proc: dict[str, str | None],
) -> None:
    found = judged(
        {"clock": "now=2026-11-24T02:00:00Z uptime=86400", "/dev/kmsg": RING["whole"], **proc}
    )
    assert found.verdict is Verdict.UNKNOWN
    assert "/proc/thread-self/net/stat/nf_conntrack: absent" in summary(found)


@pytest.mark.root
@pytest.mark.parametrize("hidden", ["umount -l /proc", "mount -t tmpfs none /proc"])
def test_without_proc_this_machine_is_not_well(hidden: str) -> None:
    if os.geteuid():
        pytest.skip("needs root for a mount namespace")
    words = ["--only-modules=conntrackfull", "--no-save", "--since=2s", "--interval=0", "--json"]
    script = f'{hidden} && exec "$@"'
    done = subprocess.run(
        ["unshare", "-m", "--propagation=private", "sh", "-c", script, "sh",
         sys.executable, "-I", "-S", str(EC2RL), "run", *words],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert json.loads(done.stdout)["results"][0]["verdict"] == "UNKNOWN", done.stderr
    assert "no process can be seen: /proc shows none" in done.stdout
