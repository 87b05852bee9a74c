"""The kernel ran out of memory and killed a process: of the whole host, or of one cgroup."""

from __future__ import annotations

from ec2rl.diagnosis.events import Event, count
from ec2rl.diagnosis.finding import DiagnosisText
from ec2rl.diagnosis.kernel_log import kernel_log_module
from ec2rl.diagnosis.memory_limits import how_to_raise, is_of_node, of_pod
from ec2rl.diagnosis.observations import Observations
from ec2rl.facts.log import LogLine
from ec2rl.facts.oom_table import TABLE
from ec2rl.facts.proc import counter
from ec2rl.host import EMERG, ERR, WARNING, Clock, Host, Phrase
from ec2rl.model import Statement, say
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ec2rl.facts.oom import Kill
    from ec2rl.facts.oom_table import Process

_HOUR, _DAY, _YEAR = 3600, 86400, 365 * 86400
_TOLD = 8
"""Processes of one group that are named."""
_ENDED = {
    "NOBODY": "out of memory, and nobody could be killed",
    "PANIC": "out of memory, nobody could be killed, and the kernel gave up (panic)",
    "POLICY": "out of memory, and the kernel gave up (panic), as vm.panic_on_oom says",
}


@record(frozen=True)
class Killed:
    """A call of the OOM killer, in words."""

    kill: Kill

    def message(self) -> Statement:
        """Say who was killed, what it held, whose memory had run out, and who asked for some."""
        kill = self.kill
        words = _killed(kill) if kill.end is None else f"{_ENDED[kill.end.name]}: {{whose}}"
        most, pod = kill.largest, of_pod(kill.home)
        victim = "{task}" if kill.task else "what was killed"
        if pod and pod != of_pod(kill.cgroup or ""):
            words += f", {victim} ran in pod {{pod}}"
        elif not pod and kill.home not in ("", "/", kill.cgroup):
            words += f", {victim} ran in {{home}}"
        if most is not None:
            words += f", {victim} was the largest" if most.pid == kill.pid else ", {largest}"
        if kill.asker and (kill.task or kill.end is not None):
            words += "; {asker} had asked for memory"
        return say(
            words,
            task=kill.task,
            pid=kill.pid,
            held=kill.resident,
            whose=_whose(kill),
            asker=kill.asker,
            pod=pod,
            home=kill.home,
            group=kill.group,
            others=tuple(map(_member, kill.members[:_TOLD])),
            more=len(kill.members) - _TOLD,
            largest=None if most is None else _largest(most),
        )


def _killed(kill: Kill) -> str:
    if kill.group and not kill.task:
        words = "all of {group} was killed"
    elif not kill.task:
        words = "{asker} asked for memory" if kill.asker else "{whose}"
        return words + ", it is not told who was killed"
    else:
        held = "" if kill.resident is None else ", which held {held:size},"
        words = f"{{task}} ({{pid}}){held} was killed"
    if kill.members:
        words += ", and with it {others: and }"
        words += " and {more} more" if len(kill.members) > _TOLD else ""
    words += " (memory.oom.group of {group})" if kill.group and kill.task else ""
    return words + ": {whose}"


def _member(one: Process) -> Statement:
    words = "{task} ({pid})" if one.resident is None else "{task} ({pid}, {held:size})"
    return say(words, task=one.task, pid=one.pid, held=one.resident)


def _largest(most: Process) -> Statement:
    if most.resident is None:
        words = "the largest process was {task} ({pid}) with {pages:page}"
        return say(words, task=most.task, pid=most.pid, pages=most.pages)
    words = "the largest process was {task} ({pid}) with {held:size}"
    return say(words, task=most.task, pid=most.pid, held=most.resident)


def _whose(kill: Kill) -> Statement:
    from ec2rl.facts.oom import HOST, NODES, UNNAMED

    if kill.cgroup is None:
        return say("it is not told whose memory had run out")
    if kill.cgroup == HOST:
        return say("the whole host was out of memory")
    if kill.cgroup == NODES:
        return say("the memory nodes that the task may use were full")
    if kill.cgroup == UNNAMED:
        return say("a cgroup was at its limit (which one is not told)")
    if kill.limit is None:
        return say("cgroup {cgroup} was at its limit", cgroup=kill.cgroup)
    words = "cgroup {cgroup} was at its limit of {limit:size}"
    return say(words, cgroup=kill.cgroup, limit=kill.limit)


def find(lines: Sequence[LogLine]) -> Iterable[Event[Killed]]:
    """Find the OOM killer's calls: a kill takes up to three lines."""
    if not lines:
        return
    from ec2rl.facts.oom import kills

    for kill in kills(lines):
        # The trace is that of who asked: whose memory it was says more of the same event again.
        same = (kill.task or kill.group or str(kill.end), kill.cgroup)
        yield Event(Killed(kill), kill.line, kill.trace, same)


def observe(host: Host, seen: Observations[Killed]) -> Observations[Killed]:
    """Look at the kernel's own count of its kills (since 4.13), and whether it goes on."""
    counted = counter(host, "oom_kill")
    if counted == 0:
        proof = say("oom_kill in /proc/vmstat is 0: nothing was killed since boot")
        return replace(seen, proof=proof)
    kills = seen.events.this_boot
    notes = []
    if counted is not None and counted > count(kills) + _with_them(kills):
        words = "The kernel counts {n:process/processes} killed since boot (/proc/vmstat)"
        notes.append(say(words, n=counted))
    notes += _going_on(kills, host.clock())
    told = None if counted is None else say("The kernel counts {n:,} since boot", n=counted)
    return replace(seen, notes=tuple(notes), counted=told)


def _with_them(kills: Sequence[Event[Killed]]) -> int:
    """How many processes more were killed than there were kills: those of groups."""
    return sum(max(0, one.detail.kill.processes - 1) * one.line.count for one in kills)


def _going_on(kills: Sequence[Event[Killed]], end: Clock) -> list[Statement]:
    """Whether it still goes on: when the last one was, and how many the last hour had.

    Not by the time of a file, which is that of its last copy.
    """
    times = [(one.line.time, one.line.count) for one in kills if one.line.time is not None]
    if not times or end.by_file:
        return []
    moment = end.now
    recent = sum(count for when, count in times if moment - when < _HOUR)
    ago = int(max(0, moment - max(when for when, _ in times)))
    words = "In {the_last_hour}: {recent:,}, the last one {ago:span} {ago_}"
    words += ": it goes on" if recent > 1 else ""
    return [say(words, recent=recent, ago=ago)]


def advise(seen: Observations[Killed]) -> list[Statement]:
    """Advise by whose memory ran out: a host and a cgroup at its limit need different steps."""
    from ec2rl.facts.oom import HOST, NODES

    kills = [event.detail.kill for event in seen.events.newest]
    cgroups = [kill.cgroup for kill in kills if kill.task or kill.group or kill.end is not None]
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
    if any(not is_of_node(one or "") for one in limited):
        words = (
            "A cgroup met its own limit: raise that limit, or lower what runs in it; more memory "
            "in the host would change nothing"
        )
        advice.append(say(words))
    found = [one for one in (how_to_raise(one or "") for one in limited) if one is not None]
    advice += [one for place, one in enumerate(found) if one not in found[:place]][:3]
    return advice


_WHOLE = (
    "Out of memory: Killed process 1 (a) total-vm:1kB, anon-rss:1kB, file-rss:1kB, shmem-rss:1kB",
    "Out of memory: Kill process 1 (a) score 1 or sacrifice child",
    "Memory cgroup out of memory: Killed process 1 (a) total-vm:1kB, anon-rss:1kB, file-rss:1kB",
    "Memory cgroup out of memory: Kill process 1 (a) score 1 or sacrifice child",
    "Killed process 1 (a) total-vm:1kB, anon-rss:1kB, file-rss:1kB, shmem-rss:1kB",
    "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),task=a,pid=1,uid=1",
)
"""One message of each wording: a line that a screen cut is known by its beginning."""
MODULE = kernel_log_module(
    name="oomkiller",
    title="No process had to be killed for want of memory",
    domain="os",
    phrases=(
        # Whatever else is told of a kill, `Killed process` is, at KERN_ERR.
        Phrase(b"invoked oom-killer: gfp_mask=", after=TABLE, level=ERR),
        Phrase(b"oom-kill:constraint=", level=ERR, messages=_WHOLE),
        Phrase(b"kB, anon-rss:", level=ERR),
        Phrase(b"memory.oom.group set", level=ERR),
        Phrase(b" or sacrifice child", recent=True, level=ERR),
        Phrase(b"illed process ", recent=True, level=ERR),
        Phrase(b" or a child", recent=True, level=ERR),
        # pr_warn(), and panic() where it is not of a cgroup alone (mm/oom_kill.c, 6.18)
        Phrase(b"no killable processes", recent=True, level=WARNING),
        Phrase(b"panic_on_oom is enabled", recent=True, level=EMERG),
        Phrase(b"System is deadlocked on memory", recent=True, level=EMERG),
    ),
    find=find,
    text=DiagnosisText(
        found="oom-killer invocations found",
        none="No oom-killer invocations found.",
        question="the oom-killer was invoked",
    ),
    of_dead_kernels=True,
    observe=observe,
    advise=advise,
)
