"""A module in one call: what any kernel-log module has from the common code, with a fix's settings.

The scene: TCP had too many orphans an hour after the boot, and the limit was raised since.
"""

from __future__ import annotations

import re

import pytest

from ec2rl.diagnosis.finding import DiagnosisText
from ec2rl.diagnosis.kernel_log import kernel_log_module
from ec2rl.facts.change import State, SysctlItem, Transaction
from ec2rl.facts.change_format import encode
from ec2rl.facts.log import LogLine
from ec2rl.facts.trace import Trace
from ec2rl.host import Phrase
from ec2rl.host.recording import RecordedHost
from ec2rl.model import Setting, Statement, Verdict, say
from ec2rl.module import Diagnosis, diagnose
from ec2rl.report.wording import details, summary

BOOT = "11111111-1111-1111-1111-111111111111"
KEY = "net.ipv4.tcp_max_orphans"
BEFORE, END, AFTER = 3_601_000_000, 3_700_000_000, 3_800_000_000
"""Stamps, in µs since boot: the line, the end of the log at the change, and later."""


def parse(line: LogLine, trace: Trace) -> Statement | None:
    """Read net/ipv4/tcp.c, tcp_check_oom()."""
    match = re.fullmatch(r"TCP: (too many orphaned sockets|out of memory).*", line.message)
    return say("TCP gave up a socket: {why}", why=match[1]) if match else None


MODULE = kernel_log_module(
    name="orphansfull",
    title="TCP may keep its orphans",
    domain="net",
    phrases=(Phrase(b"TCP: too many orphaned sockets"),),
    parse=parse,
    text=DiagnosisText(
        found="TCP orphan messages found",
        none="No TCP orphan messages found.",
        question="TCP had too many orphans",
        advice=(say("What helps: raise net.ipv4.tcp_max_orphans"),),
    ),
    settings=(Setting("max", KEY),),
)


def seen(*stamps: int, first: int = 0, now: int = 4096, state: State = State.APPLIED) -> Diagnosis:
    lines = [f"6,{first},0,-;Linux version 6.18.44"] if not first else []
    lines += [
        f"6,{first + n},{at},-;TCP: too many orphaned sockets" for n, at in enumerate(stamps, 1)
    ]
    raised = SysctlItem(KEY, "1024", "4096", "4096", END)
    change = Transaction(1, state, "fix", 1795410000.0, BOOT, "2", (raised,))
    return diagnose(
        MODULE,
        RecordedHost(
            {
                "clock": "now=2026-11-24T02:00:00Z uptime=86400",
                "/dev/kmsg": "\n".join(lines),
                "/proc/sys/kernel/random/boot_id": BOOT,
                "/proc/sys/net/ipv4/tcp_max_orphans": str(now),
                "/var/lib/ec2rl/changes/1.json": encode(change).decode(),
            }
        ),
    )


def test_a_line_before_a_fix_that_is_in_force_is_past() -> None:
    found = seen(BEFORE)
    assert (found.finding.verdict, summary(found.finding)) == (
        Verdict.OK,
        "No TCP orphan messages found.",
    )
    assert details(found.finding) == [
        "1 occurrence before the change of 2026-11-23 05:00:00 +0000 (ec2rl history: 1), none "
        "since: it raised tcp_max_orphans, which is 4,096 now",
        "Rests on: dmesg, whole since boot",
        "Read: dmesg",
        "Not read: journal: absent; /var/log: absent",
    ]


def test_a_line_since_the_fix_counts_alone() -> None:
    found = seen(BEFORE, AFTER)
    assert len(found.seen.events.before_last_fix) == 1
    assert (found.finding.verdict, summary(found.finding)) == (
        Verdict.PROBLEM,
        "TCP orphan messages found. 1 occurrence in dmesg",
    )
    assert "1 line since: it raised tcp_max_orphans" in details(found.finding)[1]


@pytest.mark.parametrize(
    ("now", "state", "why"),
    [
        (2048, State.APPLIED, "tcp_max_orphans is 2048 by now, and it had set 4096"),
        (1024, State.UNDONE, "it is undone"),
    ],
)
def test_a_fix_that_is_no_longer_in_force_settles_nothing(now: int, state: State, why: str) -> None:
    found = seen(BEFORE, now=now, state=state)
    assert found.finding.verdict is Verdict.PROBLEM
    assert f"Change 1 (ec2rl history) settles no line: {why}" in details(found.finding)


@pytest.mark.parametrize(
    ("oldest", "verdict"), [(BEFORE, Verdict.OK), (END, Verdict.OK), (END + 1, Verdict.PROBLEM)]
)
def test_what_the_ring_has_lost_from_before_the_fix_is_not_missed(
    oldest: int, verdict: Verdict
) -> None:
    found = seen(oldest, first=5000)
    assert found.finding.verdict is verdict
    rests = [line for line in details(found.finding) if line.startswith("Rests on: ")]
    assert bool(rests) is (verdict is Verdict.OK)


def test_a_ring_that_begins_after_the_fix_proves_nothing() -> None:
    late = {
        "clock": "now=2026-11-24T02:00:00Z uptime=86400",
        "/dev/kmsg": f"6,5000,{AFTER},-;eth0: up",
        "/proc/sys/kernel/random/boot_id": BOOT,
    }
    assert diagnose(MODULE, RecordedHost(late)).finding.verdict is Verdict.UNKNOWN


def test_a_module_says_each_thing_once() -> None:
    assert (MODULE.name, MODULE.needs) == ("orphansfull", "root, for the kernel log")
    assert MODULE.setting(KEY) == MODULE.setting("max") == Setting("max", KEY)
    assert MODULE.by_hand(None) == (), "there is no page of it"
