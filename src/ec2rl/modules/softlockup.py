"""A CPU was stuck in the kernel: nothing else could run on it for tens of seconds."""

from __future__ import annotations

from ec2rl.diagnosis.finding import DiagnosisText
from ec2rl.diagnosis.kernel_log import kernel_log_module
from ec2rl.diagnosis.observations import TAINT_SOFT_LOCKUP, Observations, taint, watch
from ec2rl.facts.log import LogLine
from ec2rl.facts.proc import running_version
from ec2rl.facts.trace import Trace
from ec2rl.host import EMERG, WARNING, Host, Phrase
from ec2rl.model import Statement, say
from ec2rl.record import replace

# kernel/watchdog.c: no prefix in 3.10, `NMI watchdog: ` in 4.4, 4.9 and late ones of Red Hat's
# 3.10, `watchdog: ` from 4.14 to 7.1. A hard lockup is a warning without a prefix in 3.10, `NMI
# watchdog: ` from 4.4 to 6.1 (watchdog_hld.c), `watchdog: ` in 6.12; 7.1 puts the CPU that noticed
# before it.
_PREFIX = r"(?:(?:NMI )?watchdog: )?"
_SOFT = (
    _PREFIX + r"BUG: soft lockup - CPU#(?P<cpu>\d{1,5}) stuck for (?P<seconds>\d{1,9})s!"
    r" \[(?P<task>.{1,64}):(?P<pid>\d{1,10})\]\s*"
)
_HARD = _PREFIX + r"(?:CPU\d{1,5}: )?Watchdog detected hard LOCKUP on cpu (?P<cpu>\d{1,5})\s*"

_TAINT_SINCE = (3, 17)
"""The kernel from which on a soft lockup leaves its mark (kernel/watchdog.c, TAINT_SOFTLOCKUP)."""


def parse(line: LogLine, trace: Trace) -> Statement | None:
    """Parse a lockup: its CPU, and how long it had lasted when it was noticed."""
    import re

    match = re.fullmatch(_SOFT, line.message)
    if match is not None:
        return say(
            "CPU {cpu} stuck for {seconds} s in {task} ({pid})",
            cpu=int(match["cpu"]),
            seconds=int(match["seconds"]),
            task=match["task"],
            pid=int(match["pid"]),
        )
    match = re.fullmatch(_HARD, line.message)
    words = "CPU {cpu} stuck with interrupts off (hard lockup)"
    return say(words, cpu=int(match["cpu"])) if match else None


def look(host: Host, seen: Observations[Statement]) -> Observations[Statement]:
    """Look at the mark of a lockup, and who watches."""
    version = running_version(host)
    watches, doubt = watch(host, ["soft_watchdog", "watchdog"])
    if watches == 0:
        doubt = say("the kernel's soft-lockup watchdog is off (kernel.watchdog)")
    marks = version is not None and version >= _TAINT_SINCE
    proof, notes = taint(host, TAINT_SOFT_LOCKUP, "soft lockup") if marks else (None, ())
    return replace(
        seen,
        proof=proof if watches else None,
        doubt=doubt,
        counted=say("The kernel is marked by one since boot") if notes else None,
        notes=notes,
    )


MODULE = kernel_log_module(
    name="softlockup",
    title="No CPU was stuck in the kernel",
    domain="os",
    phrases=(
        Phrase(b"BUG: soft lockup - CPU#", after=100, level=EMERG),
        # WARN() up to 4.0, pr_emerg() since
        Phrase(b"Watchdog detected hard LOCKUP on cpu ", after=100, recent=True, level=WARNING),
    ),
    parse=parse,
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
    look=look,
)
