"""What a diagnosis of the kernel's events has observed, and how far it can be believed."""

from __future__ import annotations

from ec2rl.diagnosis.coverage import covers
from ec2rl.diagnosis.events import Events
from ec2rl.facts.crash_records import CrashRecords
from ec2rl.facts.log import KernelLog
from ec2rl.facts.period import Period
from ec2rl.facts.proc import number, parse_number
from ec2rl.host import DEBUG, Host
from ec2rl.model import Evidence, Statement, Unreadable, Why, say
from ec2rl.record import Generic, T, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.diagnosis.before_last_fix import Settling
    from ec2rl.model import Verdict

TAINT_DIED, TAINT_SOFT_LOCKUP = 1 << 7, 1 << 14
"""Bits of kernel.tainted that only a boot clears: an oops or BUG killed a task; a CPU was stuck.

Documentation/admin-guide/tainted-kernels.rst; the second one since 3.17.
"""


@record(frozen=True)
class Observations(Generic[T]):
    """What was observed; a statement is None where there is nothing of its kind to say.

    `settlings` are what is known of changes to the limits that the events tell of.  `proof` says
    why nothing happened in this boot, whatever the log lacks; `counted` what a counter knows though
    no line is left; `suspected` what else hints at an event; `doubt` why even a whole log would not
    tell; `harmless` why this boot's events did no harm; `notes` are lines for the reader, and
    `headline` the one that comes first; `state`
    is a verdict on what is so now, behind this boot's events and before those of earlier ones;
    `level` is the weakest at which the kernel tells of such events; `now` is when it was looked, in
    seconds since the epoch, None where nothing but a file's date tells.
    """

    log: KernelLog
    events: Events[T]
    period: Period = Period()
    crash_records: CrashRecords = CrashRecords()
    settlings: tuple[Settling, ...] = ()
    proof: Statement | None = None
    counted: Statement | None = None
    suspected: Statement | None = None
    doubt: Statement | None = None
    harmless: Statement | None = None
    notes: tuple[Statement, ...] = ()
    headline: tuple[Statement, ...] = ()
    state: tuple[Verdict, Statement] | None = None
    level: int = DEBUG
    now: float | None = None

    @property
    def covered(self) -> bool:
        """Whether the kernel's own log was read for all of the time that is asked about."""
        return covers(self.log, self.period.since, self.level)

    @property
    def covered_since_fix(self) -> bool:
        """Whether events are past by a fix, and all of the log since then was read."""
        if not self.events.before_last_fix:
            return False
        from ec2rl.diagnosis.before_last_fix import whole_since_fix

        return whole_since_fix(self.log, self.settlings)

    @property
    def counts_apply(self) -> bool:
        """Whether what counts since boot is of the time that is asked about."""
        return self.period.has_all_since(self.log.booted)

    @property
    def known(self) -> bool:
        """Whether "nothing found" means that nothing happened."""
        whole = (self.covered or self.covered_since_fix) and not self.events.not_understood
        return self.doubt is None and (self.proof is not None or whole)


def watch(host: Host, names: Sequence[str]) -> tuple[int | None, Statement | None]:
    """Read the first of these settings that there is, and why a silent log proves nothing.

    A kernel that lacks all of them does not look; where they cannot be read, nobody knows.  What
    nobody collected is not held against a log.
    """
    for name in names:
        found = host.read(f"/proc/sys/kernel/{name}")
        text = found.text.strip() if isinstance(found, Evidence) else ""
        if parse_number(text.removeprefix("-")) is not None:
            return int(text), None
        if isinstance(found, Evidence):
            return None, say("kernel.{name} is not the number that it should be", name=name)
        if found.why is Why.NOT_COLLECTED:
            return None, None
        if found.why is not Why.ABSENT:
            return None, say("{unread}", unread=Unreadable(f"kernel.{name}", found.why))
    words = "this kernel does not look for it (it has no kernel.{name})"
    return None, say(words, name=names[0])


def taint(host: Host, bit: int, event: str) -> tuple[Statement | None, tuple[Statement, ...]]:
    """Read what kernel.tainted says of an event.

    A proof that there was none, or a note that there was.

    Neither is there where it cannot be read.
    """
    tainted = number(host, "/proc/sys/kernel/tainted")
    if tainted is None:
        return None, ()
    if tainted & bit:
        words = "kernel.tainted is {tainted}: {event} since boot"
        return None, (say(words, tainted=tainted, event=event),)
    words = "kernel.tainted is {tainted}: no {event} since boot"
    return say(words, tainted=tainted, event=event), ()
