"""The kernel gave up: a panic stopped the machine, or had it restart."""

from __future__ import annotations

from ec2rl.facts.crash_remains import PSTORE, read_remains
from ec2rl.facts.log import KernelLog, LogLine
from ec2rl.facts.trace import Trace
from ec2rl.host import Host, Phrase
from ec2rl.kernel_events.events import find_events, places
from ec2rl.kernel_events.finding import Words, judge_events
from ec2rl.kernel_events.seen import Seen, number
from ec2rl.model import Finding, Verdict
from ec2rl.module import Module, Options
from ec2rl.record import replace

PHRASES = (Phrase(b"Kernel panic - not syncing: ", after=100),)

_WORDS = Words(
    name="kernelpanic",
    found="Kernel panic messages found",
    none="No kernel panic messages found.",
    question="the kernel has panicked",
    advice=(
        "What helps: the trace, and the lines before it, name the cause; the console has them too "
        "(aws ec2 get-console-output); after an update start the kernel before it",
    ),
)


def describe(line: LogLine, trace: Trace) -> str | None:
    """kernel/panic.c, the same from 3.10 to 7.1; the `---[ end Kernel panic` line is its echo."""
    import re

    match = re.fullmatch(r"Kernel panic - not syncing: (?P<why>.{1,4000})", line.message)
    return f"kernel panic: {match['why']}" if match else None


def read(host: Host, log: KernelLog, options: Options) -> Seen:
    """Look at the log, and at what dead kernels left: a panic seldom gets into a log."""
    remains = read_remains(host, PHRASES, options.since)
    # The running kernel has not panicked: it runs. What is unknown is what was before it, and its
    # own log does not tell.
    proof = "this boot's kernel runs, and no other left a panic's record"
    return Seen(
        log,
        find_events(log, PHRASES, describe, remains.lines),
        options.since,
        remains,
        "" if remains.unread else proof,
        doubt="not all that dead kernels left could be read" if remains.unread else "",
        suspected=_dumped(remains.dumps),
        notes=(_restarts(number(host, "/proc/sys/kernel/panic")),),
    )


def _dumped(paths: tuple[str, ...]) -> str:
    return f"No kernel panic messages found, but a crash dump: {paths[0]}" if paths else ""


def _restarts(seconds: int | None) -> str:
    if seconds is None:
        return "Whether a panic restarts the machine is not known (kernel.panic)"
    if not seconds:
        return "kernel.panic is 0: after a panic the machine stops, and does not restart"
    return f"kernel.panic is {seconds}: {seconds} s after a panic the machine restarts"


def judge(seen: Seen) -> Finding:
    """What stands in pstore itself is of the last death: nobody has looked at it yet."""
    finding = judge_events(seen, _WORDS)
    fresh = [
        event for event in seen.events.earlier if event.line.sources[0].startswith(f"{PSTORE}/")
    ]
    if fresh and not seen.events.now:
        summary = f"Kernel panic messages found. The last kernel died of one: {places(fresh)[0]}"
        return replace(finding, verdict=Verdict.PROBLEM, summary=summary)
    return finding


def by_hand(seen: Seen) -> tuple[str, ...]:
    """Commands that show the same; the console is the one place that hears every panic."""
    return (
        "journalctl _TRANSPORT=kernel --grep 'Kernel panic - not syncing'",
        "ls -l /sys/fs/pstore /var/lib/systemd/pstore /var/crash",
        "sysctl kernel.panic kernel.panic_on_oops",
        "aws ec2 get-console-output --latest --output text --instance-id INSTANCE",
    )


MODULE = Module(
    name="kernelpanic",
    title="No kernel of this machine has panicked",
    domain="os",
    phrases=PHRASES,
    read=read,
    judge=judge,
    needs="root, for the kernel log and the crash records",
    by_hand=by_hand,
)
