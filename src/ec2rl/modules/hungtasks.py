"""A task waited for minutes where no signal reaches it: for a disk, for NFS, for a lock."""

from __future__ import annotations

from ec2rl.diagnosis.events import Event, count
from ec2rl.diagnosis.finding import DiagnosisText
from ec2rl.diagnosis.kernel_log import kernel_log_module
from ec2rl.diagnosis.observations import Observations, watch
from ec2rl.diagnosis.wait_channels import DISK, NFS, WAITS, WaitChannel, waits_for
from ec2rl.facts.log import LogLine, fits
from ec2rl.facts.proc import number
from ec2rl.facts.trace import Trace
from ec2rl.host import ERR, Host, Phrase
from ec2rl.model import Evidence, Statement, say
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

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

_SERVERS = 5
"""Mounts that are told."""


@record(frozen=True)
class Hang:
    """A task that waited for `seconds` and more; `wait` is for what, None where nothing tells.

    `lock` is the kind of lock that `holder`, a task and its pid, has; None where it is not told.
    """

    task: str
    pid: int
    seconds: int
    wait: WaitChannel | None = None
    lock: str = ""
    holder: tuple[str, int] | None = None

    def message(self) -> Statement:
        """Say who waited, for how long, and for what."""
        words = "{task} ({pid}) waited {seconds:span} and more"
        words += " for {wait}" if self.wait else ""
        words += ", {lock} of {holder} ({holder_pid})" if self.holder else ""
        holder, pid = self.holder or ("", 0)
        return say(
            words,
            task=self.task,
            pid=self.pid,
            seconds=self.seconds,
            wait=self.wait.label if self.wait else None,
            lock=self.lock,
            holder=holder,
            holder_pid=pid,
        )


def parse(line: LogLine, trace: Trace) -> Hang | None:
    """Parse a hung task: for how long, and what its trace says that it waits for."""
    import re

    match = fits(_HUNG, line.message)
    if match is None:
        return None
    wait = waits_for(trace) or (DISK if match["io"] else None)
    hang = Hang(match["task"], int(match["pid"]), int(match["seconds"]), wait)
    for text in line.context:
        holder = re.fullmatch(_HOLDER, text)
        if holder is not None and holder["who"] == f"{match['task']}:{match['pid']}":
            return replace(hang, lock=holder["what"], holder=(holder["task"], int(holder["pid"])))
    return hang


def observe(host: Host, seen: Observations[Hang]) -> Observations[Hang]:
    """Look at the kernel's own count, and who watches."""
    hangs = seen.events.this_boot
    timeout, doubt = watch(host, ["hung_task_timeout_secs"])
    left, unknown = watch(host, ["hung_task_warnings"])
    counted = number(host, "/proc/sys/kernel/hung_task_detect_count")
    doubt = doubt or unknown
    if timeout == 0:
        doubt = say("the kernel does not look for hung tasks (kernel.hung_task_timeout_secs is 0)")
    elif left == 0:
        words = "the kernel does not tell of hung tasks any more (kernel.hung_task_warnings is 0)"
        doubt = say(words)
    notes = [*_volumes(host, hangs), *_servers(host, hangs)]
    if doubt and hangs:
        notes.append(say("Note: {doubt}", doubt=doubt))
    if counted and counted > count(hangs) > 0:
        notes.append(say("The kernel counts {n:hung task} since boot", n=counted))
    none = say("kernel.hung_task_detect_count is 0: none since boot")
    return replace(
        seen,
        proof=none if counted == 0 else None,
        counted=say("The kernel counts {n:,} since boot", n=counted) if counted else None,
        doubt=doubt,
        notes=tuple(notes),
    )


def _volumes(host: Host, hangs: Sequence[Event[Hang]]) -> list[Statement]:
    """Which volume an NVMe disk is that the name of a task names (`jbd2/nvme1n1-8`).

    EBS tells its volume's id as the serial number, without the dash (AWS, "Amazon EBS and NVMe").
    """
    if not hangs:
        return []
    import re

    notes = []
    tasks = [name for one in hangs for name in (one.detail.task, *(one.detail.holder or ())[:1])]
    for disk in sorted({disk for task in tasks for disk in re.findall(_DEVICE, str(task))}):
        model, serial = (
            host.read(f"/sys/block/{disk}/device/{name}") for name in ("model", "serial")
        )
        if isinstance(model, Evidence) and isinstance(serial, Evidence):
            volume = re.sub(r"^vol(?=[0-9a-f])", "vol-", serial.text.strip())
            words = "{disk} is {model}, {volume}"
            notes.append(say(words, disk=disk, model=model.text.strip(), volume=volume))
    return notes


def _servers(host: Host, hangs: Sequence[Event[Hang]]) -> list[Statement]:
    """Which NFS servers are mounted, where a task waits for one."""
    if not any(one.detail.wait is NFS for one in hangs):
        return []
    found = host.read("/proc/self/mounts")
    lines = (
        [line.split(" ") for line in found.text.split("\n")] if isinstance(found, Evidence) else []
    )
    mounts = [words[:2] for words in lines if words[2:3] in (["nfs"], ["nfs4"])]
    return [
        say("NFS: {server} on {folder}", server=server, folder=folder)
        for server, folder in mounts[:_SERVERS]
    ]


def advise(seen: Observations[Hang]) -> list[Statement]:
    """Advise by what the tasks wait for: one that hangs so long seldom hangs alone."""
    met = [one.detail.wait for one in seen.events.newest]
    return [say(wait.advice) for wait in WAITS if wait in met]


_WHOLE = (
    "INFO: task a:1 blocked for more than 1 seconds.",
    "INFO: task a:1 blocked in I/O wait for more than 1 seconds.",
)
"""One message of each wording: a line that a screen cut is known by its beginning."""
MODULE = kernel_log_module(
    name="hungtasks",
    title="No task hangs in the kernel",
    domain="os",
    phrases=(
        Phrase(b" blocked for more than ", after=100, level=ERR),
        Phrase(
            b" blocked in I/O wait for more than ",
            after=100,
            recent=True,
            level=ERR,
            messages=_WHOLE,
        ),
    ),
    parse=parse,
    text=DiagnosisText(
        found="Hung task messages found",
        none="No hung task messages found.",
        question="a task has hung",
    ),
    of_dead_kernels=True,
    observe=observe,
    advise=advise,
)
