"""What the kernel prints of a CPU that is stuck: soft lockups, hard lockups, stalls of RCU.

A soft lockup (kernel/watchdog.c): no prefix in 3.10, `NMI watchdog: ` in 4.4, 4.9 and late ones of
Red Hat's 3.10, `watchdog: ` from 4.14 to 7.1.  A hard lockup is a warning without a prefix in 3.10
(or its panic), `NMI watchdog: ` from 4.4 to 6.1 (watchdog_hld.c), `watchdog: ` in 6.12; 7.1 puts
the CPU that noticed before it.
Before 2.6.37 `NMI Watchdog detected LOCKUP` (nmi.c, traps.c of x86).
POWER has its own (arch/powerpc/kernel/watchdog.c, 4.13 and later).

A stall of RCU (kernel/rcu/tree.c, from 5.1 on tree_stall.h and tree_exp.h; 2.6.32, 3.10, 4.4, 4.14,
4.19, 5.10, 6.1, 6.12): `rcu: ` before it from 4.19 on.  Which CPUs hold it up stands in braces (up
to 3.10, and of expedited ones always), else in a line each below it; `P123` is a task.  A stall of
`rcu_tasks` (tasks.h) waits for tasks only, and says `on tasks`: no CPU is stuck.

Work that gets no turn on its CPU (wq_watchdog_timer_fn(), kernel/workqueue.c, 4.5 and
later): the same seen by the work queues, which wait for 30 s.
"""

from __future__ import annotations

from ec2rl.facts.log import fits
from ec2rl.facts.trace import Trace, parse_trace
from ec2rl.record import Choice, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_PREFIX = r"(?:(?:NMI )?watchdog: )?"
_SOFT = (
    _PREFIX + r"BUG: soft lockup - CPU#(?P<cpu>\d{1,5}) stuck for (?P<seconds>\d{1,9})s!"
    r" \[(?P<task>.{1,64}):(?P<pid>\d{1,10})\]\s*"
)
# kernel/softlockup.c, 2.6.16 to 2.6.23: no task, and not for how long.
_OLD = r"BUG: soft lockup detected on CPU#(?P<cpu>\d{1,5})!\s*"
_HARD = (
    r"(?:Kernel panic - not syncing: )?" + _PREFIX + r"(?:CPU\d{1,5}: )?"
    r"Watchdog detected hard LOCKUP on cpu (?P<cpu>\d{1,5})(?:d?Modules linked in: .*)?\s*",
    _PREFIX + r"CPU (?P<cpu>\d{1,5}) self-detected hard LOCKUP @ \S{1,200}\s*",
    _PREFIX + r"CPU \d{1,5} detected hard LOCKUP on other CPUs (?P<cpu>[\d,-]{1,200})\s*",
    r"Watchdog CPU:(?P<cpu>\d{1,5}) Hard LOCKUP\s*",
    _PREFIX + r"CPU (?P<cpu>\d{1,5}) Hard LOCKUP\s*",
    r"(?:BUG: )?NMI Watchdog detected LOCKUP on (?:CPU ?|cpu )(?P<cpu>\d{1,5})"
    r"(?:, (?:eip|ip|registers)\b.{0,60})?\s*",
)
_STALL = (
    r"(?:rcu: )?INFO: (?P<rcu>rcu_\w{2,24}) (?:self-)?detected (?P<quick>expedited )?"
    r"stalls? on CPU(?:s/tasks)?:?(?: (?P<cpu>\d{1,5}))?(?:\s*\{(?P<held>[^{}]{0,400})\}?)?"
    r"(?P<rest>\s*\([^()]{0,200}\)|\s*\d{1,20} jiffies s: \d{1,20} root: [\w./]{1,40})?\s*"
)
_POOL = (
    r"BUG: workqueue lockup - pool cpus=(?P<cpu>[\d,-]{1,200})(?: node=-?\d{1,5})?"
    r" flags=0x[\da-f]{1,8} nice=-?\d{1,2} stuck for (?P<seconds>\d{1,9})s!\s*"
)
_HELD = r"(?:rcu: )?(?:\s|#011)*(?P<cpu>\d{1,5})(?:-[.\w?!]{1,8})?: \(\d{1,20} .*"
_JIFFIES = r"t=(\d{1,20}) jiffies|^\s*(\d{1,20}) jiffies"
_BLOCKED = (
    r"(?:rcu: )?(?:\s|#011)*Tasks blocked on level-\d+ rcu_node \(CPUs [\d-]+\):(?P<tasks>.*)"
)

_SHORT = 300
"""Jiffies, 0.3 to 3 s: Android's kernels tell of expedited stalls of 20 ms (tree_exp.h, 5.19)."""
_MOST = 64


class Stuck(Choice):
    """How a CPU was stuck."""

    SOFT = "soft lockup"
    """It ran, and gave nobody else a turn."""
    HARD = "hard lockup"
    """It did not even take interrupts."""
    STALL = "RCU stall"
    """It, or a task, did not let go of what RCU guards."""
    WORK = "workqueue lockup"
    """It gave work of the kernel's no turn."""


@record(frozen=True)
class Lockup:
    """One report; None and "" are what it does not say.

    `cpus` are those that are stuck, `seconds` and `jiffies` how long they were when it was noticed
    (a jiffy is 1 to 10 ms, by how the kernel was built); `task` and `pid` are of a soft lockup,
    `rcu` is the kind of RCU that stalls, and `tasks` the pids that hold it up.
    """

    how: Stuck
    cpus: tuple[int, ...] = ()
    seconds: int | None = None
    jiffies: int | None = None
    task: str = ""
    pid: int | None = None
    rcu: str = ""
    tasks: tuple[int, ...] = ()
    trace: Trace = Trace()


def parse_lockup(message: str, context: Sequence[str]) -> Lockup | None:
    """Parse a report, and what of the kernel's lines behind it is its own; None for no report."""

    soft = fits(_SOFT, message)
    if soft is not None:
        cpu, pid, seconds = int(soft["cpu"]), int(soft["pid"]), int(soft["seconds"])
        trace = _of(parse_trace(_own(context)), (cpu,))
        return Lockup(Stuck.SOFT, (cpu,), seconds, None, soft["task"], pid, trace=trace)
    old = fits(_OLD, message)
    if old is not None:
        cpu = int(old["cpu"])
        return Lockup(Stuck.SOFT, (cpu,), trace=_of(parse_trace(_own(context)), (cpu,)))
    for pattern in _HARD:
        hard = fits(pattern, message)
        if hard is not None:
            cpus = _numbers(hard["cpu"])
            return Lockup(Stuck.HARD, cpus, trace=_of(parse_trace(_own(context)), cpus))
    pool = fits(_POOL, message)
    if pool is not None:
        return Lockup(Stuck.WORK, _numbers(pool["cpu"]), int(pool["seconds"]))
    stall = fits(_STALL, message)
    return None if stall is None else _stall(stall, _own(context))


def _stall(stall: object, own: Sequence[str]) -> Lockup | None:
    import re

    assert isinstance(stall, re.Match)
    held = stall["held"] or ""
    cpus = [int(stall["cpu"])] if stall["cpu"] else []
    cpus += [int(cpu) for cpu in re.findall(r"(?<!\S)(\d{1,5})(?=[-\s]|$)", held)]
    named = held
    jiffies = None
    for text in ((stall["rest"] or "").strip(), *own):
        line = re.fullmatch(_HELD, text)
        cpus += [int(line["cpu"])] if line else []
        blocked = re.fullmatch(_BLOCKED, text)
        named += blocked["tasks"] if blocked else ""
        found = re.search(_JIFFIES, text) if jiffies is None else None
        jiffies = int(found[1] or found[2]) if found else jiffies
    if stall["quick"] and jiffies is not None and jiffies < _SHORT:
        return None
    if not cpus and "self-detected" in stall[0]:
        own_cpu = parse_trace(own).cpu
        cpus = [own_cpu] if own_cpu is not None else []
    tasks = tuple(map(int, re.findall(r"\bP(\d{1,10})", named)))
    trace = parse_trace(own)
    # Without a line of its CPU a trace is that of a task, or of RCU's own thread.
    if trace.cpu is None and not any(text.startswith("Task dump for CPU ") for text in own):
        trace = Trace(lines=trace.lines)
    stuck = tuple(dict.fromkeys(cpus))[:_MOST]
    return Lockup(
        Stuck.STALL, stuck, jiffies=jiffies, rcu=stall["rcu"], tasks=tasks[:_MOST],
        trace=_of(trace, stuck),
    )  # fmt: skip


def _own(context: Sequence[str]) -> list[str]:
    """The lines up to another report, or up to what is told of RCU's own thread."""
    own = []
    for text in context:
        another = "soft lockup - CPU#" in text or "ard LOCKUP" in text or "detected stall" in text
        if another or " kthread starved for " in text:
            break
        own.append(text)
    return own


def _of(trace: Trace, cpus: Sequence[int]) -> Trace:
    """The trace of one of these CPUs: where two report at once their lines mix.

    What another one says is kept as words only.
    """
    if trace.cpu is None or not cpus or trace.cpu in cpus:
        return trace
    return Trace(lines=trace.lines)


def _numbers(cpus: str) -> tuple[int, ...]:
    """The numbers of a list as `0,4-6` (bitmap_print_to_pagebuf())."""
    found: list[int] = []
    for part in cpus.split(","):
        first, _, last = part.partition("-")
        if first.isdigit() and (last.isdigit() or not last):
            found += range(int(first), min(int(last or first), int(first) + _MOST) + 1)
    return tuple(found[:_MOST])
