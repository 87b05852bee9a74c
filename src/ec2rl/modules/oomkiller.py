"""The kernel ran out of memory and killed a process: of the whole host, or of one cgroup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ec2rl.diagnosis.events import Event, count
from ec2rl.diagnosis.finding import DiagnosisText
from ec2rl.diagnosis.kernel_log import kernel_log_module
from ec2rl.diagnosis.observations import Observations
from ec2rl.facts.log import LogLine
from ec2rl.facts.proc import counter
from ec2rl.host import ERR, Host, Phrase
from ec2rl.model import Statement, say
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.facts.oom import Kill

_HOUR = 3600.0


@record(frozen=True)
class Killed:
    """A call of the OOM killer, in words."""

    kill: Kill

    def message(self) -> Statement:
        """Say who was killed, what it held, whose memory had run out, and who asked for some."""
        kill = self.kill
        if not kill.task:
            words = "{asker} asked for memory, it is not told who was killed"
            return say(words, asker=kill.asker)
        held = "" if kill.resident is None else ", which held {held} MiB,"
        asked = "; {asker} had asked for memory" if kill.asker else ""
        return say(
            f"{{task}} ({{pid}}){held} was killed: {{whose}}{asked}",
            task=kill.task,
            pid=kill.pid,
            held=None if kill.resident is None else kill.resident >> 20,
            whose=_whose(kill),
            asker=kill.asker,
        )


def _whose(kill: Kill) -> Statement:
    from ec2rl.facts.oom import HOST, NODES, UNNAMED

    if kill.cgroup is None:
        return say("it is not told whose memory had run out")
    if kill.cgroup == HOST:
        return say("the whole host was out of memory")
    if kill.cgroup == NODES:
        return say("the memory nodes that it may use were full")
    if kill.cgroup == UNNAMED:
        return say("a cgroup was at its limit (which one is not told)")
    if kill.limit is None:
        return say("cgroup {cgroup} was at its limit", cgroup=kill.cgroup)
    words = "cgroup {cgroup} was at its limit of {limit} MiB"
    return say(words, cgroup=kill.cgroup, limit=kill.limit >> 20)


def find(lines: Sequence[LogLine]) -> Iterable[Event[Killed]]:
    """Find the OOM killer's calls: a kill takes up to three lines."""
    if not lines:
        return
    from ec2rl.facts.oom import kills

    for kill in kills(lines):
        # The trace is that of who asked: whose memory it was says more of the same event again.
        same = (kill.task, kill.cgroup) if kill.task else "nobody"
        yield Event(Killed(kill), kill.line, kill.trace, same)


def look(host: Host, seen: Observations[Killed]) -> Observations[Killed]:
    """Look at the kernel's own count of its kills (since 4.13), and whether it goes on."""
    counted = counter(host, "oom_kill")
    if counted == 0:
        proof = say("oom_kill in /proc/vmstat is 0: nothing was killed since boot")
        return replace(seen, proof=proof)
    kills = seen.events.this_boot
    notes = []
    if counted is not None and counted > count(kills):
        words = "The kernel counts {n} processes killed since boot (/proc/vmstat)"
        notes.append(say(words, n=counted))
    notes += _going_on(kills, host.clock().now)
    told = None if counted is None else say("The kernel counts {n} since boot", n=counted)
    return replace(seen, notes=tuple(notes), counted=told)


def _going_on(kills: Sequence[Event[Killed]], moment: float) -> list[Statement]:
    """Whether it still goes on: when the last one was, and how many the last hour had."""
    times = [(one.line.time, one.line.count) for one in kills if one.line.time is not None]
    if not times:
        return []
    recent = sum(count for when, count in times if moment - when < _HOUR)
    ago = int(max(0, moment - max(when for when, _ in times)))
    unit, name = (60, "min") if ago < _HOUR else (3600, "h")
    words = "In {the_last_hour}: {recent}, the last one {ago} {unit} ago"
    words += ": it goes on" if recent > 1 else ""
    return [say(words, recent=recent, ago=ago // unit, unit=name)]


def advise(seen: Observations[Killed]) -> list[Statement]:
    """Advise by whose memory ran out: a host and a cgroup at its limit need different steps."""
    from ec2rl.facts.oom import HOST, NODES

    events = seen.events.newest
    cgroups = [kill.cgroup for kill in (event.detail.kill for event in events) if kill.task]
    advice = []
    if HOST in cgroups:
        words = (
            "The host ran out: find what grew (the largest is killed, it need not be the cause), "
            "give services a limit (MemoryMax=), or take a larger instance"
        )
        advice.append(say(words))
    if NODES in cgroups:
        words = (
            "Only some memory nodes were full: look at the cpuset or the numactl policy of the task"
        )
        advice.append(say(words))
    limited = [one for one in cgroups if one not in (None, HOST, NODES)]
    if limited:
        words = (
            "A cgroup met its own limit: raise that limit, or lower what runs in it; more memory "
            "in the host would change nothing"
        )
        advice.append(say(words))
        found = [one for one in map(_raising, limited) if one is not None]
        advice += [one for place, one in enumerate(found) if one not in found[:place]][:3]
    return advice


def _raising(cgroup: str | None) -> Statement | None:
    """How the limit of a cgroup is raised: by whoever manages it; None where its name shows nobody.

    By the path of the cgroup, which the kubelet, dockerd and systemd make in forms of their own.
    """
    import re

    container = re.search(r"docker[/-]([0-9a-f]{64})(?:\.scope)?(?:/|$)", cgroup or "")
    unit = re.match(
        r"/system\.slice/(?:.*/)?([A-Za-z0-9][A-Za-z0-9@_.-]{0,80}\.service)(?:/|$)", cgroup or ""
    )
    if "kubepods" in (cgroup or ""):
        return say("Its limit is set in the pod: resources.limits.memory of the container")
    if container:
        words = "Its limit is set in Docker: docker update --memory=SIZE {container}"
        return say(words, container=container[1][:12])
    if unit:
        words = "Its limit is set in systemd: systemctl set-property {unit} MemoryMax=SIZE"
        return say(words, unit=unit[1])
    return None


MODULE = kernel_log_module(
    name="oomkiller",
    title="No process had to be killed for want of memory",
    domain="os",
    phrases=(
        # Whatever else is told of a kill, `Killed process` is, at KERN_ERR.
        Phrase(b"invoked oom-killer: gfp_mask=", after=100, level=ERR),
        Phrase(b"oom-kill:constraint=", level=ERR),
        Phrase(b"kB, anon-rss:", level=ERR),
        Phrase(b" or sacrifice child", recent=True, level=ERR),
    ),
    find=find,
    text=DiagnosisText(
        found="oom-killer invocations found",
        none="No oom-killer invocations found.",
        question="the oom-killer was invoked",
    ),
    look=look,
    advise=advise,
)
