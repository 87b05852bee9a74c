"""What a diagnosis of the kernel's events saw, and how far it can be believed."""

from __future__ import annotations

from ec2rl.facts.coverage import covers
from ec2rl.facts.crash_remains import Remains, read_remains
from ec2rl.facts.log import KernelLog
from ec2rl.facts.proc import counter as counter
from ec2rl.facts.proc import number as number
from ec2rl.facts.proc import parse_number, running_version
from ec2rl.host import Host, Phrase
from ec2rl.kernel_events.events import Events, find_events
from ec2rl.model import Evidence, Why
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.kernel_events.events import Describe
    from ec2rl.model import Verdict

release = running_version

TAINT_DIED, TAINT_SOFT_LOCKUP = 1 << 7, 1 << 14
"""Bits of kernel.tainted that only a boot clears: an oops or BUG killed a task; a CPU was stuck.

Documentation/admin-guide/tainted-kernels.rst; the second one since 3.17.
"""


@record(frozen=True)
class Seen:
    """One look.

    `proof` says why nothing happened in this boot, whatever the log lacks; `counted` what a counter
    knows though no line is left; `suspected` what else hints at an event; `doubt` why even a whole
    log would not tell; `notes` are lines for the reader; `state` is a verdict on what is so now,
    behind this boot's events and before those of earlier ones.
    """

    log: KernelLog
    events: Events
    since: float | None = None
    remains: Remains = Remains()
    proof: str = ""
    counted: str = ""
    suspected: str = ""
    doubt: str = ""
    notes: tuple[str, ...] = ()
    state: tuple[Verdict, str] | None = None

    @property
    def why_no_line(self) -> str:
        """Why a counter knows of events that no line names: nobody has them, or we may not look."""
        unread = self.log.sources[0].unreadable
        return (
            "no line is left that names them" if unread is None else f"no line was read: {unread}"
        )

    @property
    def covered(self) -> bool:
        """Whether the kernel's own log was read for all of the time that is asked about."""
        return covers(self.log, self.since)

    @property
    def counts_apply(self) -> bool:
        """Whether what counts since boot is of the time that is asked about."""
        booted = self.log.booted
        return self.since is None or (booted is not None and booted >= self.since)

    @property
    def known(self) -> bool:
        """Whether "nothing found" means that nothing happened."""
        return not self.doubt and (bool(self.proof) or self.covered)


def read_death(
    host: Host,
    log: KernelLog,
    since: float | None,
    phrases: Sequence[Phrase],
    describe: Describe,
    event: str,
) -> Seen:
    """Look for events that kill a task, or the kernel, and mark the kernel that lives on.

    The log tells of them, what dead kernels left, and bit 7 of kernel.tainted: `event` is its name.
    """
    remains = read_remains(host, phrases, since)
    proof, notes = taint(host, TAINT_DIED, event)
    events = find_events(log, phrases, describe, remains.lines)
    return Seen(log, events, since, remains, proof, notes=notes)


def watch(host: Host, names: Sequence[str]) -> tuple[int | None, str]:
    """The first of these settings of the kernel that there is, and why a silent log proves nothing.

    A kernel that lacks all of them does not look; where they cannot be read, nobody knows.  What
    nobody collected is not held against a log.
    """
    for name in names:
        found = host.read(f"/proc/sys/kernel/{name}")
        text = found.text.strip() if isinstance(found, Evidence) else ""
        if parse_number(text.removeprefix("-")) is not None:
            return int(text), ""
        if isinstance(found, Evidence):
            return None, f"kernel.{name} is not the number that it should be"
        if found.why is not Why.ABSENT:
            collected = found.why is not Why.NOT_COLLECTED
            return None, f"kernel.{name}: {found.why.value}" if collected else ""
    return None, f"this kernel does not look for it (it has no kernel.{names[0]})"


def taint(host: Host, bit: int, event: str) -> tuple[str, tuple[str, ...]]:
    """What kernel.tainted says of an event: a proof that there was none, or a note that there was.

    Both are empty where it cannot be read.
    """
    tainted = number(host, "/proc/sys/kernel/tainted")
    if tainted is None:
        return "", ()
    if tainted & bit:
        return "", (f"kernel.tainted is {tainted}: {event} since boot",)
    return f"kernel.tainted is {tainted}: no {event} since boot", ()
