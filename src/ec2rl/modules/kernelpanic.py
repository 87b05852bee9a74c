"""The kernel gave up: a panic stopped the machine, or had it restart."""

from __future__ import annotations

from itertools import takewhile

from ec2rl.diagnosis.events import log_sources
from ec2rl.diagnosis.finding import DiagnosisText
from ec2rl.diagnosis.kernel_log import kernel_log_module
from ec2rl.diagnosis.observations import Observations
from ec2rl.facts.crash_records import PSTORE
from ec2rl.facts.log import LogLine, fits
from ec2rl.facts.proc import number
from ec2rl.facts.trace import Trace
from ec2rl.host import EMERG, Host, Phrase
from ec2rl.host.queries.boot_text import BootText, Printed
from ec2rl.model import Statement, Verdict, more, say
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.diagnosis.events import Event, Events


# kernel/panic.c, the same from 3.10 to 7.1; from 3.11 on its end repeats it, closed since 4.19.
_PANIC = (
    r"(?P<echo>---\[ end )?Kernel panic - not syncing: (?P<why>.{1,4000}?)(?(echo)(?: \]---)?)\s*"
)

_ELSE = (
    "the trace, and the lines before it, name the cause; the console has them too (aws ec2 "
    "get-console-output); after an update start the kernel before it"
)
_TOLD = 3
"""Kinds of panics for which it is said what helps."""
_LOOP = 2
"""Boots in a row that end in a panic, and are no accident any more."""


@record(frozen=True)
class Panic:
    """A panic and its reason; `is_echo` where only its end tells of it."""

    why: str
    is_echo: bool

    def message(self) -> Statement:
        """Say why."""
        return say("kernel panic: {why}", why=self.why)


def parse(line: LogLine, trace: Trace) -> Panic | None:
    """Parse a panic: its reason, in whatever words."""

    match = fits(_PANIC, line.message)
    return Panic(match["why"], match["echo"] is not None) if match else None


def _once(seen: Observations[Panic]) -> Events[Panic]:
    """The events without the ends of panics whose beginnings are there, or would be."""
    events = seen.events
    every = (*events.this_boot, *events.earlier_boots, *events.unverified)
    told = {(one.line.boot, one.detail.why) for one in every if not one.detail.is_echo}

    def first(found: tuple[Event[Panic], ...]) -> tuple[Event[Panic], ...]:
        return tuple(one for one in found if not one.detail.is_echo or is_alone(one))

    def is_alone(end: Event[Panic]) -> bool:
        whole = seen.covered and end.line.this_boot is True
        return not whole and (end.line.boot, end.detail.why) not in told

    return replace(
        events,
        this_boot=first(events.this_boot),
        earlier_boots=first(events.earlier_boots),
        unverified=first(events.unverified),
    )


def _in_a_row(seen: Observations[Panic]) -> int:
    """How many boots that a console saw ended in a panic, one after the other, to its end."""
    boots = seen.log.console.boots if seen.log.console is not None else ()
    died = {one.line.boot for one in (*seen.events.this_boot, *seen.events.earlier_boots)}
    before = boots if boots[-1:] and boots[-1] in died else boots[:-1]
    return sum(1 for _ in takewhile(lambda boot: boot in died, reversed(before)))


def observe(host: Host, seen: Observations[Panic]) -> Observations[Panic]:
    """Look at what dead kernels left: a panic seldom gets into a log.

    The running kernel has not panicked: it runs. What is unknown is what was before it, and its own
    log does not tell. What stands in pstore itself is of the last death: nobody has looked at it
    yet.
    """
    seen = replace(seen, events=_once(seen))
    records = seen.crash_records
    proof = doubt = suspected = state = None
    if records.unread:
        words = "not all that dead kernels left could be read"
        own = "{this_boot}'s log tells of none, but " if seen.covered else ""
        doubt = say(own + words)
    else:
        proof = say("{this_boot}'s kernel runs, and no other left a panic's record")
    if records.dumps:
        words = "No kernel panic messages found, but a crash dump: {dump}"
        suspected = say(words, dump=records.dumps[0])
    pstore = f"{PSTORE}/"
    fresh = [one for one in seen.events.earlier_boots if one.line.sources[0].startswith(pstore)]
    if fresh:
        words = "Kernel panic messages found. The last kernel died of one: {place}"
        state = (Verdict.PROBLEM, say(words, place=log_sources(fresh)[0]))
    notes = [_restarts(host)]
    loop = _in_a_row(seen)
    if loop >= _LOOP:
        words = "{boots} boots in a row ended in a panic"
        told = say(words, boots=loop)
        notes.insert(0, told)
        state = (Verdict.PROBLEM, say("Kernel panic messages found: {told}", told=told))
    return replace(
        seen, proof=proof, doubt=doubt, suspected=suspected, state=state, notes=tuple(notes)
    )


def _restarts(host: Host) -> Statement:
    """Whether a panic restarts the machine: kernel.panic, else what the text of a boot says."""
    seconds = number(host, "/proc/sys/kernel/panic")
    printed = host.query(BootText()) if seconds is None else None
    if isinstance(printed, Printed):
        return _told(printed)
    if seconds is None:
        return more(say("Whether a panic restarts the machine is not known (kernel.panic)"))
    if not seconds:
        return say("kernel.panic is 0: after a panic the machine stops, and does not restart")
    words = "kernel.panic is {seconds}: {seconds} s after a panic the machine restarts"
    return say(words, seconds=seconds)


def _told(printed: Printed) -> Statement:
    """What a boot says of it: the newest that does, and no kernel that kdump started."""
    # Only evidence in somebody's hand needs it.
    import re

    from ec2rl.facts.boot.story import read_boots

    for boot in reversed(read_boots(printed.text)):
        if boot.is_crash_kernel:
            continue
        said = boot.of("restarts")
        if said:
            words = 'After a panic the machine restarts ("{text}")'
            return say(words, text=said[-1].line.text)
        option = boot.option("panic")
        if option is not None and re.fullmatch(r"-?\d{1,9}", option):
            words = "After a panic the machine {does} (panic={seconds} on its command line)"
            does = "restarts" if int(option) else "stops, and does not restart"
            return say(words, does=does, seconds=option)
    return more(say("Whether a panic restarts the machine is not known (kernel.panic)"))


def advise(seen: Observations[Panic]) -> list[Statement]:
    """Advise by what the kernel panicked of: a setting, memory, a disk, a fault of the kernel."""
    from ec2rl.diagnosis.panic_advice import panic_advice
    from ec2rl.facts.panic import kind_of

    kinds = dict.fromkeys(kind_of(one.detail.why) for one in reversed(seen.events.newest))
    told = [panic_advice(kind) for kind in kinds]
    hows = dict.fromkeys(_ELSE if one is None else one.how for one in told or [None])
    return [say("What helps: {how}", how=how) for how in [*hows][:_TOLD]]


_WHOLE = ("Kernel panic - not syncing: Fatal exception",)
"""One message of each wording: a line that a screen cut is known by its beginning."""
MODULE = kernel_log_module(
    name="kernelpanic",
    title="No kernel of this machine has panicked",
    domain="os",
    phrases=(Phrase(b"Kernel panic - not syncing: ", after=100, level=EMERG, messages=_WHOLE),),
    parse=parse,
    text=DiagnosisText(
        found="Kernel panic messages found",
        none="No kernel panic messages found.",
        question="the kernel has panicked",
    ),
    of_dead_kernels=True,
    observe=observe,
    advise=advise,
)
