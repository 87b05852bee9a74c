"""A CPU was stuck in the kernel: nothing else could run on it for tens of seconds."""

from __future__ import annotations

from ec2rl.facts.crash_remains import read_remains
from ec2rl.facts.log import KernelLog, LogLine
from ec2rl.facts.trace import Trace
from ec2rl.host import Host, Phrase
from ec2rl.kernel_events.events import find_events
from ec2rl.kernel_events.finding import Words, judge_events
from ec2rl.kernel_events.seen import TAINT_SOFT_LOCKUP, Seen, release, taint, watch
from ec2rl.model import Finding
from ec2rl.module import Module, Options

PHRASES = (
    Phrase(b"BUG: soft lockup - CPU#", after=100),
    Phrase(b"Watchdog detected hard LOCKUP on cpu ", after=100, recent=True),
)

# kernel/watchdog.c: no prefix in 3.10, `NMI watchdog: ` in 4.4, 4.9 and late ones of Red Hat's
# 3.10, `watchdog: ` from 4.14 to 7.1. A hard lockup is a warning without a prefix in 3.10, `NMI
# watchdog: ` from 4.4 to 6.1 (watchdog_hld.c), `watchdog: ` in 6.12; 7.1 puts the CPU that noticed
# before it.
_PREFIX = r"(?:(?:NMI )?watchdog: )?"
_SOFT = (
    _PREFIX + r"BUG: soft lockup - CPU#(?P<cpu>\d{1,5}) stuck for (?P<seconds>\d{1,9})s!"
    r" \[(?P<task>.{1,64}):(?P<pid>\d{1,10})\]\s*"
)
_HARD = _PREFIX + r"(?:CPU\d{1,5}: )?Watchdog detected hard LOCKUP on cpu (?P<cpu>\d{1,5})\s*"

_WORDS = Words(
    name="softlockup",
    found="Soft lockup messages found",
    none="No soft lockup messages found.",
    question="a CPU was stuck in the kernel",
    advice=(
        "Look at: steal time (a burstable instance without credits stands still too), a newer "
        "kernel or driver for the function on top of the trace",
    ),
)

_TAINT_SINCE = (3, 17)
"""The kernel from which on a soft lockup leaves its mark (kernel/watchdog.c, TAINT_SOFTLOCKUP)."""


def describe(line: LogLine, trace: Trace) -> str | None:
    """One lockup by its CPU, and how long it had lasted when it was noticed."""
    import re

    match = re.fullmatch(_SOFT, line.message)
    if match is not None:
        return (
            f"CPU {match['cpu']} stuck for {match['seconds']} s in {match['task']} ({match['pid']})"
        )
    match = re.fullmatch(_HARD, line.message)
    return f"CPU {match['cpu']} stuck with interrupts off (hard lockup)" if match else None


def read(host: Host, log: KernelLog, options: Options) -> Seen:
    """Look at the log, at what dead kernels left, at the mark of a lockup, and who watches."""
    remains = read_remains(host, PHRASES, options.since)
    version = release(host)
    watches, doubt = watch(host, ["soft_watchdog", "watchdog"])
    if watches == 0:
        doubt = "the kernel's soft-lockup watchdog is off (kernel.watchdog)"
    marks = version is not None and version >= _TAINT_SINCE
    proof, notes = taint(host, TAINT_SOFT_LOCKUP, "soft lockup") if marks else ("", ())
    return Seen(
        log,
        find_events(log, PHRASES, describe, remains.lines),
        options.since,
        remains,
        proof=proof if watches else "",
        doubt=doubt,
        counted="The kernel is marked by one since boot" if notes else "",
        notes=notes,
    )


def judge(seen: Seen) -> Finding:
    """This boot's is a failure: tasks and timers of that CPU stood still."""
    return judge_events(seen, _WORDS)


def by_hand(seen: Seen) -> tuple[str, ...]:
    """Commands that show the same, and whether the CPU was there at all."""
    return (
        "dmesg -T | grep -A 40 'soft lockup'",
        "journalctl _TRANSPORT=kernel --grep 'soft lockup'",
        "vmstat 1 5    # column st: time that the hypervisor gave to others",
        "sysctl kernel.watchdog kernel.soft_watchdog kernel.watchdog_thresh",
    )


MODULE = Module(
    name="softlockup",
    title="No CPU was stuck in the kernel",
    domain="os",
    phrases=PHRASES,
    read=read,
    judge=judge,
    needs="root, for the kernel log and the crash records",
    by_hand=by_hand,
)
