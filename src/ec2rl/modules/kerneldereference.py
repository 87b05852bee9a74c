"""The kernel followed a pointer to where nothing is, and killed the task that it worked for."""

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
    """Find the oopses of pointers: what each led to."""
    for oops in oopses(lines):
        if oops.may_be(Kind.POINTER):
            words = "kernel {what} at {at}" if oops.at else "kernel {what}"
            told = say(words, what=oops.what or "bad pointer", at=oops.at)
            yield Event(told, oops.line, oops.trace)


MODULE = kernel_log_module(
    name="kerneldereference",
    title="The kernel has followed no bad pointer",
    domain="os",
    phrases=OOPS_PHRASES,
    find=find,
    concerns=lambda message: may_tell_of(Kind.POINTER, message),
    text=DiagnosisText(
        found="Kernel pointer dereference errors found",
        none="No kernel pointer dereference errors found.",
        question="the kernel has followed a bad pointer",
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
