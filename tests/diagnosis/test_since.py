"""What is asked about a time (`--since`) is not answered with what was before it."""

from __future__ import annotations

import pytest

from ec2rl.catalogue import load
from ec2rl.facts.period import Period
from ec2rl.host.recording import RecordedHost
from ec2rl.model import Verdict
from ec2rl.module import Options, diagnose

NOW = 1795485600.0  # 2026-11-24 02:00:00
DAY = 86400.0
LOOKS = {
    "clock": "now=2026-11-24T02:00:00Z uptime=172800",
    "/proc/vmstat": "oom_kill 2",
    "/proc/sys/kernel/hung_task_detect_count": "2",
    "/proc/sys/kernel/hung_task_timeout_secs": "120",
    "/proc/sys/kernel/hung_task_warnings": "10",
    "/proc/sys/kernel/tainted": "16384",
    "/proc/sys/kernel/osrelease": "6.18.44",
    "/proc/sys/kernel/soft_watchdog": "1",
}
RING = "4,{},3600000000,-;nothing of interest"
DEATH = "/var/crash/127.0.0.1-2026-11-20-10:00:00/vmcore-dmesg.txt; modified=2026-11-20T10:00:02Z"


def verdict(name: str, looks: dict[str, str], since: float | None) -> Verdict:
    return diagnose(load(name), RecordedHost(looks), Options(period=Period(since))).finding.verdict


@pytest.mark.parametrize("name", ["oomkiller", "hungtasks", "softlockup"])
@pytest.mark.parametrize(
    ("since", "lost", "expected"),
    [
        (None, 500, Verdict.PROBLEM),  # since boot, as the counters count
        (NOW - 3 * DAY, 500, Verdict.PROBLEM),  # the boot is within that time
        (NOW - DAY, 500, Verdict.OK),  # the log goes back far enough, and has none
        (NOW - 1.99 * DAY, 500, Verdict.UNKNOWN),  # it does not
        (NOW - 1.99 * DAY, 0, Verdict.OK),  # it is whole
    ],
)
def test_a_count_since_boot_says_nothing_of_the_last_hour(
    name: str, since: float | None, lost: int, expected: Verdict
) -> None:
    assert verdict(name, {**LOOKS, "/dev/kmsg": RING.format(lost)}, since) is expected


@pytest.mark.parametrize(
    ("since", "expected"),
    [(None, Verdict.WARNING), (NOW - 5 * DAY, Verdict.WARNING), (NOW - DAY, Verdict.OK)],
)
def test_a_death_before_that_time_does_not_count(since: float | None, expected: Verdict) -> None:
    looks = {
        "clock": LOOKS["clock"],
        "/dev/kmsg": RING.format(0),
        DEATH: "[ 8123.400000] Kernel panic - not syncing: Fatal exception",
    }
    assert verdict("kernelpanic", looks, since) is expected


def ask(looks: dict[str, str], period: Period, name: str = "oomkiller") -> Verdict:
    found = diagnose(load(name), RecordedHost(looks), Options(period=period))
    return found.finding.verdict


KILL = "4,1,90000000000,-;java invoked oom-killer: gfp_mask=0x1(GFP_KERNEL), order=0"


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (None, None, Verdict.PROBLEM),
        (None, NOW - 3600, Verdict.PROBLEM),  # it was killed 82,800 s before now
        (NOW - 86000, NOW - 80000, Verdict.PROBLEM),
        (NOW - 80000, NOW - 3600, Verdict.OK),
        (None, NOW - DAY, Verdict.OK),  # what the kernel counts was counted later, maybe
    ],
)
def test_what_was_later_does_not_count(
    since: float | None, until: float | None, expected: Verdict
) -> None:
    looks = {**LOOKS, "/dev/kmsg": f"{RING.format(0)}\n{KILL}"}
    assert ask(looks, Period(since, until)) is expected


def test_a_log_that_lost_its_beginning_says_nothing_of_that() -> None:
    looks = {**LOOKS, "/dev/kmsg": f"{RING.format(500)}\n{KILL.replace('4,1', '4,501')}"}
    assert ask(looks, Period(None, NOW - DAY)) is Verdict.UNKNOWN
