"""The kernel met a state that must never be (BUG), and killed the task that it was working for."""

from __future__ import annotations

from ec2rl.facts.log import KernelLog, LogLine
from ec2rl.facts.trace import Trace
from ec2rl.host import Host, Phrase
from ec2rl.kernel_events.finding import Words, judge_events
from ec2rl.kernel_events.seen import Seen, read_death
from ec2rl.model import Finding
from ec2rl.module import Module, Options

PHRASES = (
    Phrase(b"kernel BUG at ", after=100),
    Phrase(b"[verbose debug info unavailable]", after=100, recent=True),
)

# lib/bug.c (report_bug), of x86 and arm64 alike: the file, the line and an exclamation mark, the
# same from 3.10 to 7.1. Without CONFIG_DEBUG_BUGVERBOSE an address, from 4.19 on a symbol with its
# module behind it; `Kernel` has a capital letter up to 6.18 and none in 7.1.
_BUG = (
    r"(?:kernel BUG at (?P<place>\S.{0,1000}?)!"
    r"|[Kk]ernel BUG at (?P<symbol>\S{1,200}(?: \[[^\]\s]{1,80}[^\]]{0,80}\])?)"
    r" \[verbose debug info unavailable\])\s*"
)

_WORDS = Words(
    name="kernelbug",
    found="Kernel BUG messages found",
    none="No kernel BUG messages found.",
    question="the kernel has met a BUG",
    advice=(
        "What helps: a newer kernel, or the vendor's answer to this trace; restart soon: the task "
        "that was killed may have left locks held and data half written",
    ),
)


def describe(line: LogLine, trace: Trace) -> str | None:
    """One BUG by the place in the kernel's source that it names."""
    import re

    match = re.fullmatch(_BUG, line.message)
    return f"kernel BUG at {match['place'] or match['symbol']}" if match else None


def read(host: Host, log: KernelLog, options: Options) -> Seen:
    """Look at the log, at what dead kernels left, and at the mark that a BUG leaves."""
    return read_death(host, log, options.since, PHRASES, describe, "BUG or oops")


def judge(seen: Seen) -> Finding:
    """This boot's is a failure: the kernel goes on in a state that nobody foresaw."""
    return judge_events(seen, _WORDS)


def by_hand(seen: Seen) -> tuple[str, ...]:
    """Commands that show the same."""
    return (
        "dmesg -T | grep -A 40 'kernel BUG at'",
        "journalctl _TRANSPORT=kernel --grep 'kernel BUG at'",
        "cat /proc/sys/kernel/tainted    # 128 is set: the kernel has died once since boot",
        "uname -r; cat /etc/os-release",
    )


MODULE = Module(
    name="kernelbug",
    title="The kernel has met no BUG",
    domain="os",
    phrases=PHRASES,
    read=read,
    judge=judge,
    needs="root, for the kernel log and the crash records",
    by_hand=by_hand,
)
