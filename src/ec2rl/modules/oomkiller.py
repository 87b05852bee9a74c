"""The kernel ran out of memory and killed a process: of the whole host, or of one cgroup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ec2rl.facts.log import KernelLog, LogLine
from ec2rl.host import Host, Phrase
from ec2rl.kernel_events.events import Event, count, sort_events
from ec2rl.kernel_events.finding import Words, judge_events
from ec2rl.kernel_events.seen import Seen, counter
from ec2rl.model import Finding
from ec2rl.module import Module, Options
from ec2rl.record import replace

PHRASES = (
    Phrase(b"invoked oom-killer: gfp_mask=", after=100),
    Phrase(b"oom-kill:constraint="),
    Phrase(b"kB, anon-rss:"),
    Phrase(b" or sacrifice child", recent=True),
)

_WORDS = Words(
    name="oomkiller",
    found="oom-killer invocations found",
    none="No oom-killer invocations found.",
    question="the oom-killer was invoked",
)
_HOST = "the whole host was out of memory"
_NODES = "the memory nodes that it may use were full"
_LIMIT = "was at its limit"
_HOUR = 3600.0


def read(host: Host, log: KernelLog, options: Options) -> Seen:
    """Look at the log, and at the kernel's own count of its kills (since 4.13)."""
    seen = Seen(log, sort_events(_events(log.lines)), options.since)
    counted = counter(host, "oom_kill")
    if counted == 0:
        return replace(seen, proof="oom_kill in /proc/vmstat is 0: nothing was killed since boot")
    now = seen.events.now
    notes = []
    if counted is not None and counted > count(now):
        notes.append(f"The kernel counts {counted} processes killed since boot (/proc/vmstat)")
    notes += _going_on(now, host.clock().now)
    told = "" if counted is None else f"The kernel counts {counted} since boot"
    return replace(seen, notes=tuple(notes), counted=told)


def _going_on(now: Sequence[Event], moment: float) -> list[str]:
    """Whether it still goes on: when the last one was, and how many the last hour had."""
    times = [(e.line.time, e.line.count) for e in now if e.line.time is not None]
    if not times:
        return []
    recent = sum(count for when, count in times if moment - when < _HOUR)
    ago = int(max(0, moment - max(when for when, _ in times)))
    last = f"{ago // 60} min" if ago < _HOUR else f"{ago // 3600} h"
    goes_on = ": it goes on" if recent > 1 else ""
    return [f"In the last hour: {recent}, the last one {last} ago{goes_on}"]


def _events(lines: Sequence[LogLine]) -> Iterable[Event]:
    if not lines:
        return
    from ec2rl.facts.oom import HOST, NODES, UNNAMED, kills

    plain = {
        None: "it is not told whose memory had run out",
        HOST: _HOST,
        NODES: _NODES,
        UNNAMED: f"a cgroup {_LIMIT} (which one is not told)",
    }
    for kill in kills(lines):
        if not kill.task:
            what = f"{kill.asker} asked for memory, it is not told who was killed"
            yield Event(what, kill.line, kill.trace, "nobody")
            continue
        size = f" of {kill.limit >> 20} MiB" if kill.limit is not None else ""
        whose = plain.get(kill.cgroup, f"cgroup {kill.cgroup} {_LIMIT}{size}")
        held = "" if kill.resident is None else f", which held {kill.resident >> 20} MiB,"
        asked = f"; {kill.asker} had asked for memory" if kill.asker else ""
        what = f"{kill.task} ({kill.pid}){held} was killed: {whose}{asked}"
        # The trace is that of who asked: whose memory it was says more of the same event again.
        yield Event(what, kill.line, kill.trace, f"{kill.task} {kill.cgroup}")


def judge(seen: Seen) -> Finding:
    """A host without memory and a cgroup at its limit need different steps."""
    told = [event.what for event in (seen.events.now or seen.events.earlier)]
    advice = []
    if any(_HOST in what for what in told):
        advice.append(
            "The host ran out: find what grew (the largest is killed, it need not be the cause), "
            "give services a limit (MemoryMax=), or take a larger instance"
        )
    if any(_NODES in what for what in told):
        advice.append(
            "Only some memory nodes were full: look at the cpuset or the numactl policy of the task"
        )
    if any(_LIMIT in what for what in told):
        advice.append(
            "A cgroup met its own limit: raise that limit, or lower what runs in it; more memory "
            "in the host would change nothing"
        )
        advice += list(dict.fromkeys(filter(None, map(_raising, told))))[:3]
    return judge_events(seen, replace(_WORDS, advice=tuple(advice)))


def _raising(what: str) -> str:
    """How the limit of the cgroup in an event is raised: by whoever manages it."""
    import re

    cgroup = what.partition(": cgroup ")[2].partition(f" {_LIMIT}")[0]
    container = re.search(r"docker[/-]([0-9a-f]{64})(?:\.scope)?(?:/|$)", cgroup)
    unit = re.match(
        r"/system\.slice/(?:.*/)?([A-Za-z0-9][A-Za-z0-9@_.-]{0,80}\.service)(?:/|$)", cgroup
    )
    if "kubepods" in cgroup:
        return "Its limit is set in the pod: resources.limits.memory of the container"
    if container:
        return f"Its limit is set in Docker: docker update --memory=SIZE {container[1][:12]}"
    if unit:
        return f"Its limit is set in systemd: systemctl set-property {unit[1]} MemoryMax=SIZE"
    return ""


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
