"""The kernel met a state that must never be (BUG), and killed the task that it was working for."""

from __future__ import annotations

from ec2rl.diagnosis.finding import DiagnosisText
from ec2rl.diagnosis.kernel_log import kernel_log_module, mark_of_death
from ec2rl.facts.log import LogLine
from ec2rl.facts.trace import Trace
from ec2rl.host import CRIT, Phrase
from ec2rl.model import Statement, say

# lib/bug.c (report_bug), of x86 and arm64 alike: the file, the line and an exclamation mark, the
# same from 3.10 to 7.1. Without CONFIG_DEBUG_BUGVERBOSE an address, from 4.19 on a symbol with its
# module behind it; `Kernel` has a capital letter up to 6.18 and none in 7.1.
_BUG = (
    r"(?:kernel BUG at (?P<place>\S.{0,1000}?)!"
    r"|[Kk]ernel BUG at (?P<symbol>\S{1,200}(?: \[[^\]\s]{1,80}[^\]]{0,80}\])?)"
    r" \[verbose debug info unavailable\])\s*"
)


def parse(line: LogLine, trace: Trace) -> Statement | None:
    """Parse a BUG: the place in the kernel's source that it names."""
    import re

    match = re.fullmatch(_BUG, line.message)
    return say("kernel BUG at {place}", place=match["place"] or match["symbol"]) if match else None


MODULE = kernel_log_module(
    name="kernelbug",
    title="The kernel has met no BUG",
    domain="os",
    phrases=(
        Phrase(b"kernel BUG at ", after=100, level=CRIT),
        Phrase(b"[verbose debug info unavailable]", after=100, recent=True, level=CRIT),
    ),
    parse=parse,
    text=DiagnosisText(
        found="Kernel BUG messages found",
        none="No kernel BUG messages found.",
        question="the kernel has met a BUG",
        advice=(
            say(
                "What helps: a newer kernel, or the vendor's answer to this trace; restart soon: "
                "the task that was killed may have left locks held and data half written"
            ),
        ),
    ),
    of_dead_kernels=True,
    look=mark_of_death("BUG or oops"),
)
