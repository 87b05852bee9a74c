"""A task waited for minutes where no signal reaches it: for a disk, for NFS, for a lock."""

from __future__ import annotations

from collections.abc import Sequence

from ec2rl.facts.crash_remains import read_remains
from ec2rl.facts.log import KernelLog, LogLine
from ec2rl.facts.trace import Trace
from ec2rl.host import Host, Phrase
from ec2rl.kernel_events.events import Event, count, find_events
from ec2rl.kernel_events.finding import Words, judge_events
from ec2rl.kernel_events.seen import Seen, number, watch
from ec2rl.kernel_events.waits import DISK, WAITS, waits_for
from ec2rl.model import Evidence, Finding
from ec2rl.module import Module, Options
from ec2rl.record import replace

PHRASES = (
    Phrase(b" blocked for more than ", after=100),
    Phrase(b" blocked in I/O wait for more than ", after=100, recent=True),
)

# kernel/hung_task.c, the same words from 3.10 to 7.1, where it says too whether it was for I/O.
_HUNG = (
    r"INFO: task (?P<task>.{1,64}):(?P<pid>\d{1,10}) blocked(?P<io> in I/O wait)?"
    r" for more than (?P<seconds>\d{1,9}) seconds\.\s*"
)
# The same file, below the trace, in 6.18 and 7.1: of a mutex, a semaphore and an rw-semaphore.
_HOLDER = (
    r"INFO: task (?P<who>.{1,80}?)(?: <\w+>)?(?: is)? blocked on (?P<what>an? [\w-]+)"
    r" likely (?:last held|owned) by task (?P<task>.{1,64}):(?P<pid>\d{1,10})(?: <\w+>)?\.?\s*"
)
_DEVICE = r"\b(nvme\d{1,4}n\d{1,4})(?=\D|$)"


_WORDS = Words(
    name="hungtasks",
    found="Hung task messages found",
    none="No hung task messages found.",
    question="a task has hung",
)
_SERVERS = 5
"""Mounts that are told."""


def describe(line: LogLine, trace: Trace) -> str | None:
    """One hung task: for how long, and what its trace says that it waits for."""
    import re

    match = re.fullmatch(_HUNG, line.message)
    if match is None:
        return None
    what = f"{match['task']} ({match['pid']}) waited {match['seconds']} s and more"
    wait = waits_for(trace) or (DISK if match["io"] else None)
    if wait is not None:
        what += f" for {wait.words}"
    for text in line.context:
        holder = re.fullmatch(_HOLDER, text)
        if holder is not None and holder["who"] == f"{match['task']}:{match['pid']}":
            return f"{what}, {holder['what']} of {holder['task']} ({holder['pid']})"
    return what


def read(host: Host, log: KernelLog, options: Options) -> Seen:
    """Look at the log, at what dead kernels left, at the kernel's own count, and who watches."""
    remains = read_remains(host, PHRASES, options.since)
    events = find_events(log, PHRASES, describe, remains.lines)
    timeout, doubt = watch(host, ["hung_task_timeout_secs"])
    left, unknown = watch(host, ["hung_task_warnings"])
    counted = number(host, "/proc/sys/kernel/hung_task_detect_count")
    doubt = doubt or unknown
    if timeout == 0:
        doubt = "the kernel does not look for hung tasks (kernel.hung_task_timeout_secs is 0)"
    elif left == 0:
        doubt = "the kernel does not tell of hung tasks any more (kernel.hung_task_warnings is 0)"
    notes = [*_volumes(host, events.now), *_servers(host, events.now)]
    if doubt and events.now:
        notes.append(f"Note: {doubt}")
    if counted and counted > count(events.now) > 0:
        notes.append(f"The kernel counts {counted} hung tasks since boot")
    return Seen(
        log,
        events,
        options.since,
        remains,
        proof="kernel.hung_task_detect_count is 0: none since boot" if counted == 0 else "",
        counted=f"The kernel counts {counted} since boot" if counted else "",
        doubt=doubt,
        notes=tuple(notes),
    )  # fmt: skip


def _volumes(host: Host, events: Sequence[Event]) -> list[str]:
    """Which volume an NVMe disk is that the name of a task names (`jbd2/nvme1n1-8`).

    EBS tells its volume's id as the serial number, without the dash (AWS, "Amazon EBS and NVMe").
    """
    if not events:
        return []
    import re

    notes = []
    for disk in sorted({name for one in events for name in re.findall(_DEVICE, one.what)}):
        model, serial = (
            host.read(f"/sys/block/{disk}/device/{name}") for name in ("model", "serial")
        )
        if isinstance(model, Evidence) and isinstance(serial, Evidence):
            number = re.sub(r"^vol(?=[0-9a-f])", "vol-", serial.text.strip())
            notes.append(f"{disk} is {model.text.strip()}, {number}")
    return notes


def _servers(host: Host, events: Sequence[Event]) -> list[str]:
    """Which NFS servers are mounted, where a task waits for one."""
    if not any(" for an NFS server" in event.what for event in events):
        return []
    found = host.read("/proc/self/mounts")
    lines = (
        [line.split(" ") for line in found.text.split("\n")] if isinstance(found, Evidence) else []
    )
    mounts = [f"{words[0]} on {words[1]}" for words in lines if words[2:3] in (["nfs"], ["nfs4"])]
    return [f"NFS: {mount}" for mount in mounts[:_SERVERS]]


def judge(seen: Seen) -> Finding:
    """This boot's is a failure: a task that hangs so long seldom hangs alone."""
    told = [event.what for event in (seen.events.now or seen.events.earlier)]
    advice = [wait.advice for wait in WAITS if any(f" for {wait.words}" in what for what in told)]
    return judge_events(seen, replace(_WORDS, advice=tuple(advice)))


def by_hand(seen: Seen) -> tuple[str, ...]:
    """Commands that show the same, and what hangs now."""
    return (
        "dmesg -T | grep -A 30 'blocked for more than'",
        "ps -eo pid,stat,wchan:32,comm | awk '$2 ~ /^D/'",
        "cat /proc/PID/stack",
        "iostat -x 1 3; nfsstat -c; sysctl kernel.hung_task_warnings",
    )


MODULE = Module(
    name="hungtasks",
    title="No task hangs in the kernel",
    domain="os",
    phrases=PHRASES,
    read=read,
    judge=judge,
    needs="root, for the kernel log and the crash records",
    by_hand=by_hand,
)
