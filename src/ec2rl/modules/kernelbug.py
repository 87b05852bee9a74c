"""The kernel met a state that must never be (BUG), and killed the task that it was working for."""

from __future__ import annotations

from ec2rl.diagnosis.events import Event
from ec2rl.diagnosis.finding import DiagnosisText
from ec2rl.diagnosis.kernel_log import kernel_log_module, mark_of_death
from ec2rl.facts.log import LogLine
from ec2rl.facts.oops import OOPS_PHRASES, Kind, may_tell_of, oopses
from ec2rl.host import CRIT
from ec2rl.model import Statement, say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def find(lines: Sequence[LogLine]) -> Iterable[Event[Statement]]:
    """Find the BUGs: the place in the kernel's source that each names."""
    for oops in oopses(lines):
        if oops.may_be(Kind.BUG):
            told = say("kernel BUG at {place}", place=oops.what)
            yield Event(told, oops.line, oops.trace)


MODULE = kernel_log_module(
    name="kernelbug",
    title="The kernel has met no BUG",
    domain="os",
    phrases=OOPS_PHRASES,
    find=find,
    concerns=lambda message: may_tell_of(Kind.BUG, message),
    level=CRIT,
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
    observe=mark_of_death("BUG or oops"),
)
