"""SUCCESS only where it is proven: each source whole, denied, garbled, absent or cut."""

from __future__ import annotations

import json
from itertools import product

import pytest

from ec2rl.facts.kernel_log import read_kernel_log
from ec2rl.host.fake import FakeHost
from ec2rl.model import Finding, Verdict, Why
from ec2rl.module import Options
from ec2rl.modules.conntrackfull import MODULE

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
    host = FakeHost({key: look for key, look in looks.items() if look is not None}, missing=missing)
    log = read_kernel_log(host, MODULE.phrases, None)
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
def test_success_stands_on_a_whole_log_and_a_table_with_room(ring: str, table: str) -> None:
    for journal, stat, limits, shown in product(JOURNAL, COUNTERS, LIMITS, NAMESPACES):
        finding = live(ring, journal, stat, limits, shown, table)
        is_log_whole = ring == "whole" or (ring == "wrapped" and journal == "whole")
        is_counted = stat == "whole" or LIMITS[limits][0] == "count"
        is_limited = LIMITS[limits][1] == "262144"
        proven = is_log_whole and is_counted and is_limited and table == "empty"
        where = (ring, journal, stat, limits, shown, table, finding.summary)
        assert (finding.verdict is Verdict.OK) == proven, where
        assert any(line.startswith("Rests on: ") for line in finding.details) == proven, where
        if table != "empty" and is_counted and is_limited:
            assert "full in this host" in finding.summary, where
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
    assert "/proc/9/net/stat/nf_conntrack: denied" in finding.summary
