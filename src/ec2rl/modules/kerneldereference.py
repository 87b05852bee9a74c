"""The kernel followed a pointer to where nothing is, and killed the task that it worked for."""

from __future__ import annotations

from ec2rl.diagnosis.finding import DiagnosisText
from ec2rl.diagnosis.kernel_log import kernel_log_module, mark_of_death
from ec2rl.facts.log import LogLine
from ec2rl.facts.trace import Trace
from ec2rl.host import EMERG, Phrase
from ec2rl.model import Statement, say

# arch/x86/mm/fault.c: the first form from 3.10 to 5.0, the third and the fourth from 5.2 to 7.1.
# Up to 4.14 the first is printed in pieces: where another CPU says something between them, the
# second is left. arch/arm64/mm/fault.c: `Unable` and `at virtual address`, from 3.10 to 7.1.
# arch/x86/kernel/traps.c for the last: with an address from 5.10 on, behind `Oops: ` from 6.12 on;
# of a program it says `traps: NAME[PID] general protection fault ip:`, which is no oops.
_AT = r"(?P<at>\(null\)|\(ptrval\)|(?:0x)?[0-9a-f]{1,16})"
_BAD = (
    r"(?:BUG: u|U)nable to handle kernel (?P<what>[A-Za-z =_-]{4,80}?) at"
    rf" (?:virtual address )?\s*{_AT}\s*",
    r"BUG: unable to handle kernel (?P<what>NULL pointer dereference|paging request)?\s*(?P<at>)",
    rf"BUG: kernel (?P<what>NULL pointer dereference), address: {_AT}\s*",
    rf"BUG: unable to handle (?P<what>page fault) for address: {_AT}\s*",
    r"(?:Oops: )?(?P<what>(?:segment-related )?general protection fault)"
    rf"(?:, [A-Za-z -]{{4,80}} {_AT})?: [0-9a-f]{{4}} \[#\d{{1,5}}\][\w ()]{{0,100}}",
)


def parse(line: LogLine, trace: Trace) -> Statement | None:
    """Parse an oops: what the pointer led to."""
    import re

    for pattern in _BAD:
        match = re.fullmatch(pattern, line.message)
        if match:
            words = "kernel {what} at {at}" if match["at"] else "kernel {what}"
            return say(words, what=match["what"] or "bad pointer", at=match["at"])
    return None


MODULE = kernel_log_module(
    name="kerneldereference",
    title="The kernel has followed no bad pointer",
    domain="os",
    # Whatever its level: an oops has the console show all (console_verbose() in oops_begin() of
    # x86 and die() of arm64).
    phrases=(
        Phrase(b"nable to handle kernel ", after=100, level=EMERG),
        Phrase(b"BUG: kernel NULL pointer dereference, address: ", after=100, level=EMERG),
        Phrase(b"BUG: unable to handle page fault for address: ", after=100, level=EMERG),
        Phrase(b"general protection fault", after=100, recent=True, level=EMERG),
    ),
    parse=parse,
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
    look=mark_of_death("oops or BUG"),
)
