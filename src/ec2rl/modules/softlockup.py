"""A CPU was stuck in the kernel: nothing else could run on it for tens of seconds."""

from __future__ import annotations

from ec2rl.diagnosis.events import Event
from ec2rl.diagnosis.finding import DiagnosisText
from ec2rl.diagnosis.kernel_log import kernel_log_module
from ec2rl.diagnosis.observations import TAINT_SOFT_LOCKUP, Observations, taint, watch
from ec2rl.facts.lockup import Lockup, Stuck, parse_lockup
from ec2rl.facts.log import LogLine
from ec2rl.facts.proc import number, running_version
from ec2rl.host import EMERG, ERR, WARNING, Host, Phrase
from ec2rl.model import Statement, say
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_WHOLE = (
    "watchdog: BUG: soft lockup - CPU#1 stuck for 1s! [a:1]",
    "NMI watchdog: BUG: soft lockup - CPU#1 stuck for 1s! [a:1]",
    "BUG: soft lockup - CPU#1 stuck for 1s! [a:1]",
    "watchdog: Watchdog detected hard LOCKUP on cpu 1",
    "NMI watchdog: Watchdog detected hard LOCKUP on cpu 1",
    "Watchdog detected hard LOCKUP on cpu 1",
    "Watchdog CPU:1 Hard LOCKUP",
    "rcu: INFO: rcu_sched self-detected stall on CPU",
    "rcu: INFO: rcu_sched detected stalls on CPUs/tasks:",
    "rcu: INFO: rcu_sched detected expedited stalls on CPUs/tasks: { 1-... } 1 jiffies s: 1",
    "INFO: rcu_sched self-detected stall on CPU",
    "INFO: rcu_sched detected stalls on CPUs/tasks:",
)
"""One message of each wording: a line that a screen cut is known by its beginning."""
_PHRASES = (
    Phrase(b"BUG: soft lockup - CPU#", after=100, level=EMERG),
    # WARN() in 3.10, pr_emerg() from 4.4 on
    Phrase(b"ard LOCKUP", after=100, recent=True, level=WARNING, messages=_WHOLE),
    # KERN_ERR in softlockup_tick(), kernel/softlockup.c, 2.6.18
    Phrase(b"BUG: soft lockup detected on CPU#", after=100, recent=True, level=ERR),
    # KERN_EMERG in die_nmi(), arch/x86/kernel/traps.c and before, 2.4 to 2.6.36
    Phrase(b"detected LOCKUP on ", after=100, recent=True, level=EMERG),
    # pr_err() in kernel/rcu/tree_stall.h and tree_exp.h, 6.18
    Phrase(b"detected stall", after=100, level=ERR),
    Phrase(b"detected expedited stall", after=100, recent=True, level=ERR),
    # pr_emerg() in wq_watchdog_timer_fn(), kernel/workqueue.c, 4.5 and later
    Phrase(b"BUG: workqueue lockup - pool", recent=True, level=EMERG),
)

_COUNTED = ("softlockup", "hardlockup", "rcu_stall")
"""What /sys/kernel/NAME_count counts (kernel/watchdog.c and kernel/rcu/tree_stall.h, 6.18)."""

_TAINT_SINCE = (3, 17)
"""The kernel from which on a soft lockup leaves its mark (kernel/watchdog.c, TAINT_SOFTLOCKUP)."""


@record(frozen=True)
class Report:
    """A report of the watchdogs or of RCU, in words."""

    lockup: Lockup

    def message(self) -> Statement:
        """Say which CPUs were stuck, how, and for how long."""
        lockup = self.lockup
        if lockup.how is Stuck.SOFT and lockup.seconds is None:
            words = "CPU {cpus: and } stuck"
        elif lockup.how is Stuck.SOFT:
            words = "CPU {cpus: and } stuck for {seconds:span} in {task} ({pid})"
        elif lockup.how is Stuck.HARD:
            words = "CPU {cpus: and } stuck with interrupts off (hard lockup)"
        elif lockup.how is Stuck.WORK:
            words = "work of the kernel's got no turn for {seconds:span} on CPU {cpus:, }"
        else:
            words = "RCU stall: {rcu} waited"
            words += "" if lockup.jiffies is None else " {jiffies} jiffies and more"
            words += " for CPU {cpus: and }" if lockup.cpus else ""
            words += " for task {tasks: or }" if lockup.tasks and not lockup.cpus else ""
        return say(
            words,
            cpus=lockup.cpus,
            seconds=lockup.seconds,
            task=lockup.task,
            pid=lockup.pid,
            rcu=lockup.rcu,
            jiffies=lockup.jiffies,
            tasks=lockup.tasks,
        )


def find(lines: Sequence[LogLine]) -> Iterable[Event[Report]]:
    """Find the reports of CPUs that are stuck, each with its type."""
    for line in lines:
        if any(phrase.text.decode() in line.message for phrase in _PHRASES):
            lockup = parse_lockup(line.message, line.context)
            if lockup is not None:
                yield Event(Report(lockup), line, lockup.trace)


def found(seen: Observations[Report]) -> str:
    """Name what was found by the types of the reports."""
    types = {one.detail.lockup.how for one in seen.events.newest}
    if not types and seen.counted is not None and "stalls" in seen.counted.values:
        return "Lockups or stalls found"
    named = " and ".join(how.value for how in Stuck if how in types) or Stuck.SOFT.value
    return f"{named[0].upper()}{named[1:]} messages found"


def observe(host: Host, seen: Observations[Report]) -> Observations[Report]:
    """Look at the kernel's own counts and at the mark of a lockup, and who watches."""
    version = running_version(host)
    watches, doubt = watch(host, ["soft_watchdog", "watchdog"])
    if watches == 0:
        doubt = say("the kernel's soft-lockup watchdog is off (kernel.watchdog)")
    counts = [number(host, f"/sys/kernel/{name}_count") for name in _COUNTED]
    soft, hard, stalls = (count or 0 for count in counts)
    counted = soft + hard + stalls
    proof = told = None
    notes: tuple[Statement, ...] = ()
    if None not in counts and not counted:
        words = (
            "the kernel counts no soft lockup, hard lockup or RCU stall since boot (/sys/kernel)"
        )
        proof = say(words)
    elif version is not None and version >= _TAINT_SINCE:
        unmarked, notes = taint(host, TAINT_SOFT_LOCKUP, "soft lockup")
        told = say("The kernel is marked by one since boot") if notes else None
        if unmarked is not None and not seen.covered:
            words = "Known: {unmarked}; hard lockups and RCU stalls leave no mark"
            notes = (say(words, unmarked=unmarked),)
    if counted:
        words = "The kernel counts {soft:soft lockup}, {hard:hard lockup} and {stalls:RCU stall}"
        told = say(f"{words} since boot", soft=soft, hard=hard, stalls=stalls)
    return replace(
        seen,
        proof=proof if watches else None,
        doubt=doubt,
        counted=told,
        notes=notes,
    )


MODULE = kernel_log_module(
    name="softlockup",
    title="No CPU was stuck in the kernel",
    domain="os",
    phrases=_PHRASES,
    find=find,
    text=DiagnosisText(
        found="Soft lockup messages found",
        none="No soft lockup messages found.",
        question="a CPU was stuck in the kernel",
        advice=(
            say(
                "Look at: steal time (a burstable instance without credits stands still too), a "
                "newer kernel or driver for the function on top of the trace"
            ),
        ),
    ),
    of_dead_kernels=True,
    observe=observe,
    found=found,
)
