"""The kernel ran out of memory and killed a process: of the whole host, or of one cgroup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ec2rl.facts.kernel_log import KernelLog, LogLine
from ec2rl.host import Host, Phrase
from ec2rl.kernel_events.events import Event, count, sort_events
from ec2rl.kernel_events.finding import Words, judge_events
from ec2rl.kernel_events.seen import Seen, counter
from ec2rl.model import Finding
from ec2rl.module import Module, Options
from ec2rl.record import replace

PHRASES = (
    Phrase(b"invoked oom-killer: gfp_mask=", after=60),
    Phrase(b"oom-kill:constraint="),
    Phrase(b"kB, anon-rss:"),
)

_WORDS = Words(
    name="oomkiller",
    found="oom-killer invocations found",
    none="No oom-killer invocations found.",
    question="the oom-killer was invoked",
)
_HOST = "the whole host was out of memory"
_HOUR = 3600.0


def read(host: Host, log: KernelLog, options: Options) -> Seen:
    """Look at the log, and at the kernel's own count of its kills (since 4.13)."""
    seen = Seen(log, sort_events(log, _events(log.lines)), options.since)
    counted = counter(host, "oom_kill")
    if counted == 0:
        return replace(seen, proof="oom_kill in /proc/vmstat is 0: nothing was killed since boot")
    now = seen.events.now
    notes = []
    if counted is not None and counted > count(now):
        notes.append(f"The kernel counts {counted} processes killed since boot (/proc/vmstat)")
    moment = host.clock().now
    recent = [e for e in now if e.line.time is not None and moment - e.line.time < _HOUR]
    if recent:
        notes.append(f"In the last hour: {count(recent)} of these")
    told = "" if counted is None else f"{_WORDS.found}. {counted} counted, none told any more"
    return replace(seen, notes=tuple(notes), counted=told)


def _events(lines: Sequence[LogLine]) -> Iterable[Event]:
    if not lines:
        return
    from ec2rl.facts.oom import kills

    for kill in kills(lines):
        if not kill.task:
            what = f"{kill.asker} asked for memory, it is not told who was killed"
            yield Event(what, kill.line, kill.trace, "nobody")
            continue
        whose = "it is not told whose memory had run out" if kill.cgroup is None else _HOST
        if kill.cgroup:
            size = f" of {kill.limit >> 20} MiB" if kill.limit is not None else ""
            whose = f"cgroup {kill.cgroup} was at its limit{size}"
        held = "" if kill.resident is None else f", which held {kill.resident >> 20} MiB,"
        asked = f"; {kill.asker} had asked for memory" if kill.asker else ""
        what = f"{kill.task} ({kill.pid}){held} was killed: {whose}{asked}"
        # The trace is that of who asked: whose memory it was says more of the same event again.
        yield Event(what, kill.line, kill.trace, f"{kill.task} {kill.cgroup}")


def judge(seen: Seen) -> Finding:
    """A host without memory and a cgroup at its limit need different steps."""
    what = " ".join(event.what for event in seen.events.now)
    advice = []
    if _HOST in what:
        advice.append(
            "The host ran out: find what grew (the largest is killed, it need not be the cause), "
            "give services a limit (MemoryMax=), or take a larger instance"
        )
    if "was at its limit" in what:
        advice.append(
            "A cgroup met its own limit: raise that limit, or lower what runs in it; more memory "
            "in the host would change nothing"
        )
    return judge_events(seen, replace(_WORDS, advice=tuple(advice)))


def by_hand(seen: Seen) -> tuple[str, ...]:
    """Commands that show the same, and who uses the memory now."""
    return (
        "dmesg -T | grep -E 'invoked oom-killer|Killed process'",
        "grep oom_kill /proc/vmstat",
        "ps -eo pid,rss,cgroup,comm --sort=-rss | head -20",
        "systemd-cgtop -m -n 1",
    )


MODULE = Module(
    name="oomkiller",
    title="No process had to be killed for want of memory",
    domain="os",
    phrases=PHRASES,
    read=read,
    judge=judge,
    needs="root, for the kernel log",
    by_hand=by_hand,
)
