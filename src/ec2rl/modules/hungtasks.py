"""A task waited for minutes where no signal reaches it: for a disk, for NFS, for a lock."""

from __future__ import annotations

from ec2rl.facts.kernel_log import KernelLog, LogLine
from ec2rl.facts.trace import Trace
from ec2rl.host import Host, Phrase
from ec2rl.kernel_events.events import count, find_events
from ec2rl.kernel_events.finding import Words, judge_events
from ec2rl.kernel_events.seen import Seen, number
from ec2rl.model import Finding
from ec2rl.module import Module, Options

PHRASES = (
    Phrase(b" blocked for more than ", after=60),
    Phrase(b" blocked in I/O wait for more than ", after=60, recent=True),
)

# kernel/hung_task.c, the same words from 2.6 on; kernels later than 6.18 add that it was for I/O.
_HUNG = (
    r"INFO: task (?P<task>.{1,64}):(?P<pid>\d{1,10}) blocked(?P<io> in I/O wait)?"
    r" for more than (?P<seconds>\d{1,9}) seconds\.\s*"
)
_OWNER = (
    r"INFO: task .{1,80} blocked on an? (?P<what>[\w-]+) likely .{1,9} by task (?P<task>.*?)\.?"
)

_WAITS = (
    (("nfs", "rpc_", "__rpc_"), "an NFS server"),
    (("cifs", "smb2"), "an SMB server"),
    (("fuse",), "a FUSE program"),
    (("ceph", "rbd_"), "a Ceph cluster"),
    (("io_schedule", "blk_", "submit_bio", "wait_on_page", "folio_wait", "wait_on_buffer",
      "jbd2", "xfs_buf", "xlog", "nvme"), "a disk (EBS, or the instance's own)"),
    (("mutex", "__mutex", "rt_mutex", "rwsem", "__down", "down_"), "another task's lock"),
)  # fmt: skip

_WORDS = Words(
    name="hungtasks",
    found="Hung task messages found",
    none="No hung task messages found.",
    question="a task has hung",
)
_SETTING = "/proc/sys/kernel/hung_task_"


def describe(line: LogLine, trace: Trace) -> str | None:
    """One hung task: for how long, and what its trace says that it waits for."""
    import re

    match = re.fullmatch(_HUNG, line.message)
    if match is None:
        return None
    what = f"{match['task']} ({match['pid']}) waited {match['seconds']} s and more"
    waits = next((words for names, words in _WAITS if _on(names, trace)), "")
    if not waits and match["io"]:
        waits = "a disk (EBS, or the instance's own)"
    owner = next((m for text in line.context if (m := re.fullmatch(_OWNER, text))), None)
    held = f", a {owner['what']} of {owner['task']}" if owner else ""
    return f"{what} for {waits}{held}" if waits else what + held


def _on(names: tuple[str, ...], trace: Trace) -> bool:
    return any(frame.startswith(names) for frame in trace.frames)


def read(host: Host, log: KernelLog, options: Options) -> Seen:
    """Look at the log, at the kernel's own count of hung tasks, and whether anybody watches."""
    events = find_events(log, describe)
    timeout, left, counted = (
        number(host, _SETTING + name) for name in ("timeout_secs", "warnings", "detect_count")
    )
    doubt = ""
    if timeout == 0:
        doubt = "the kernel does not look for hung tasks (kernel.hung_task_timeout_secs is 0)"
    elif left == 0:
        doubt = "the kernel does not tell of hung tasks any more (kernel.hung_task_warnings is 0)"
    notes = [f"Note: {doubt}"] if doubt and events.now else []
    if counted and counted > count(events.now) > 0:
        notes.append(f"The kernel counts {counted} hung tasks since boot")
    return Seen(
        log,
        events,
        options.since,
        proof="kernel.hung_task_detect_count is 0: none since boot" if counted == 0 else "",
        counted=f"Hung task messages found. The kernel counts {counted} hung tasks since boot; no "
        "line is left that names them" if counted else "",
        doubt=doubt,
        notes=tuple(notes),
    )  # fmt: skip


def judge(seen: Seen) -> Finding:
    """This boot's is a failure: a task that hangs so long seldom hangs alone."""
    return judge_events(seen, _WORDS)


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
    needs="root, for the kernel log",
    by_hand=by_hand,
)
