"""The kernel gave up: a panic stopped the machine, or had it restart."""

from __future__ import annotations

from ec2rl.diagnosis.events import places
from ec2rl.diagnosis.finding import DiagnosisText
from ec2rl.diagnosis.kernel_log import kernel_log_module
from ec2rl.diagnosis.observations import Observations
from ec2rl.facts.crash_records import PSTORE
from ec2rl.facts.log import LogLine
from ec2rl.facts.proc import number
from ec2rl.facts.trace import Trace
from ec2rl.host import Host, Phrase
from ec2rl.model import Statement, Verdict, say
from ec2rl.record import replace


def parse(line: LogLine, trace: Trace) -> Statement | None:
    """Parse a panic: its reason, in whatever words.

    kernel/panic.c, the same from 3.10 to 7.1; the `---[ end Kernel panic` line is its echo.
    """
    import re

    match = re.fullmatch(r"Kernel panic - not syncing: (?P<why>.{1,4000})", line.message)
    return say("kernel panic: {why}", why=match["why"]) if match else None


def look(host: Host, seen: Observations[Statement]) -> Observations[Statement]:
    """Look at what dead kernels left: a panic seldom gets into a log.

    The running kernel has not panicked: it runs. What is unknown is what was before it, and its own
    log does not tell. What stands in pstore itself is of the last death: nobody has looked at it
    yet.
    """
    remains = seen.remains
    proof = doubt = suspected = state = None
    if remains.unread:
        doubt = say("not all that dead kernels left could be read")
    else:
        proof = say("{this_boot}'s kernel runs, and no other left a panic's record")
    if remains.dumps:
        words = "No kernel panic messages found, but a crash dump: {dump}"
        suspected = say(words, dump=remains.dumps[0])
    pstore = f"{PSTORE}/"
    fresh = [one for one in seen.events.earlier_boots if one.line.sources[0].startswith(pstore)]
    if fresh:
        words = "Kernel panic messages found. The last kernel died of one: {place}"
        state = (Verdict.PROBLEM, say(words, place=places(fresh)[0]))
    notes = (_restarts(number(host, "/proc/sys/kernel/panic")),)
    return replace(seen, proof=proof, doubt=doubt, suspected=suspected, state=state, notes=notes)


def _restarts(seconds: int | None) -> Statement:
    if seconds is None:
        return say("Whether a panic restarts the machine is not known (kernel.panic)")
    if not seconds:
        return say("kernel.panic is 0: after a panic the machine stops, and does not restart")
    words = "kernel.panic is {seconds}: {seconds} s after a panic the machine restarts"
    return say(words, seconds=seconds)


MODULE = kernel_log_module(
    name="kernelpanic",
    title="No kernel of this machine has panicked",
    domain="os",
    phrases=(Phrase(b"Kernel panic - not syncing: ", after=100),),
    parse=parse,
    text=DiagnosisText(
        found="Kernel panic messages found",
        none="No kernel panic messages found.",
        question="the kernel has panicked",
        advice=(
            say(
                "What helps: the trace, and the lines before it, name the cause; the console has "
                "them too (aws ec2 get-console-output); after an update start the kernel before it"
            ),
        ),
    ),
    of_dead_kernels=True,
    look=look,
)
