"""What the kernel's log is made of: lines, and the places that they were read in."""

from __future__ import annotations

from ec2rl.facts.trust import Grade
from ec2rl.host import Search
from ec2rl.model import Unreadable
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re

    from ec2rl.facts.console import Console

LOG_FOLDER = "/var/log"
DIGITS = 17
"""Of a time in µs: 2**64 ns have as many, and no calendar goes beyond the year 9999."""

UNKNOWN_FORM = "unknown"

DRIFT = 1e-4
"""Seconds in each second of the uptime that the kernel's stamps may be off: below 100 ppm."""


class Within(str):
    """A text that may hold a message anywhere, as where two wrote at once."""

    __slots__ = ()


def fits(pattern: str, message: str, flags: int = 0) -> re.Match[str] | None:
    """Match a message whole with a pattern; of a text that may hold one, find it."""
    import re

    how = re.search if isinstance(message, Within) else re.fullmatch
    return how(pattern, message, flags)


@record(frozen=True)
class LogLine:
    """One event of the kernel's log.

    `sources` are the places where it was met; `time` is in seconds since the epoch, `monotonic` in
    microseconds since boot; `this_boot` is None where it cannot be told; `count` is how many
    times it stands for; `context` are the kernel's lines behind it; `doubt` says why a line in the
    kernel's form is hearsay all the same, "" where its place says it; `caller` is the thread or CPU
    that said it (CONFIG_PRINTK_CALLER), "" where the kernel does not say.  `form` is the row of the
    table of forms that a text's line is read by, or UNKNOWN_FORM; `cut` means that it ends where
    another line begins, or the text ends.
    """

    message: str
    sources: tuple[str, ...]
    time: float | None
    monotonic: int | None
    boot: str | None
    this_boot: bool | None
    grade: Grade
    count: int = 1
    context: tuple[str, ...] = ()
    doubt: str = ""
    caller: str = ""
    form: str = ""
    cut: bool = False

    @property
    def trusted(self) -> bool:
        """Whether it counts as the kernel's words."""
        return self.grade in (Grade.KERNEL, Grade.TEXT)


@record(frozen=True)
class LogSource:
    """One place that was asked, and how far it can be believed to be complete.

    `oldest` and `newest` are the times of its records at the ends, in seconds since the epoch;
    `gap` says what is missing from it, "" for nothing: words for people, which a host may have from
    a recording, and nothing is decided by more than whether there are any.  `lost` counts the ring
    buffer's overwritten records.  A `console` shows a part of what the kernel says, even where it
    lacks nothing.
    """

    name: str
    unreadable: Unreadable | None = None
    oldest: float | None = None
    gap: str = ""
    lost: int = 0
    newest: float | None = None
    console: Console | None = None


@record(frozen=True)
class Judged:
    """The last boot that a journal has: when it began, and the journal's end; None if unknown.

    `later` is when the machine ran after it, by what else it wrote; None where nothing tells.
    """

    begun: float | None
    until: float | None
    later: float | None = None


@record(frozen=True)
class KernelLog:
    """What was found, in the order of time, and where it was looked for.

    `ring` is the kernel's ring buffer, or what dmesg or a console had left of it; `text_logs` are
    all other texts, printed journals among them; `booted` is when this boot began, in seconds since
    the epoch; `whole_boot` means that every record of this boot was there to be read.  Where a
    journal alone tells which boot was the last, `judged` is when that one began and ended.
    `no_logs` are lines with the words in what is no log: a page, another program's data.  `broken`
    may go on with the lines in their context, which have no form.
    """

    lines: tuple[LogLine, ...]
    ring: LogSource
    journal: LogSource | None = None
    text_logs: tuple[LogSource, ...] = ()
    booted: float | None = None
    whole_boot: bool = False
    judged: Judged | None = None
    no_logs: tuple[LogLine, ...] = ()
    broken: tuple[LogLine, ...] = ()

    @property
    def sources(self) -> tuple[LogSource, ...]:
        """All places that were asked, the strongest first."""
        return (self.ring, *([self.journal] if self.journal else ()), *self.text_logs)

    @property
    def console(self) -> Console | None:
        """What is known of a console that stands for the ring buffer."""
        return self.ring.console


def search_gap(found: Search) -> str:
    """Tell what a search of one log has not seen, or not kept; "" for nothing."""
    more = found.hits - sum(line.hit for line in found.lines)
    return "; ".join(filter(None, (found.gap, f"{more} more lines hold the words" * (more > 0))))
