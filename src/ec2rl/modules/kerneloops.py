"""The kernel died of a fault that is neither a BUG nor a bad pointer: an oops of any other kind."""

from __future__ import annotations

from ec2rl.diagnosis.events import Event
from ec2rl.diagnosis.finding import DiagnosisText
from ec2rl.diagnosis.kernel_log import kernel_log_module, mark_of_death
from ec2rl.facts.log import LogLine
from ec2rl.facts.oops import OOPS_PHRASES, Kind, may_tell_of, oopses
from ec2rl.model import Statement, say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def find(lines: Sequence[LogLine]) -> Iterable[Event[Statement]]:
    """Find the oopses of any other kind: the type that the processor or the kernel gave it."""
    for oops in oopses(lines):
        if oops.may_be(Kind.OTHER):
            told = say("kernel oops: {what}", what=oops.what or "its type is not told")
            yield Event(told, oops.line, oops.trace)


MODULE = kernel_log_module(
    name="kerneloops",
    title="The kernel has met no oops of any other kind",
    domain="os",
    phrases=OOPS_PHRASES,
    find=find,
    concerns=lambda message: may_tell_of(Kind.OTHER, message),
    text=DiagnosisText(
        found="Kernel oops messages found",
        none="No kernel oops messages of any other kind found.",
        question="the kernel has met an oops of another kind",
        advice=(
            say(
                "What helps: a newer kernel or module (the trace names where), or its vendor's "
                "answer; restart soon: the task that was killed may have left locks held"
            ),
        ),
    ),
    of_dead_kernels=True,
    observe=mark_of_death("oops or BUG"),
)
