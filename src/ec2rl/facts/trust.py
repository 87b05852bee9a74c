"""Whether the kernel said a line, and what may follow from it: one rule, whichever door it came by.

Only two places prove it: a record of facility 0 in the ring buffer (what is written to /dev/kmsg
bears another, devkmsg_write() in kernel/printk/printk.c), and one of transport `kernel` in the
journal.  Text proves less.  syslog(2), and so `dmesg -S`, busybox, pstore and the console, gives
each line of a record the record's own stamp (msg_print_text() from 3.5 to 5.9, record_print_text()
from 5.10 on, same file), and some records hold strings that any user makes, line ends and all:
names of mount options and paths (`logfc()` in fs/fs_context.c from 5.1, fs/overlayfs), of programs
(setup_arg_pages() in fs/exec.c from 5.6), of devices (drivers/usb/core, drivers/input/input.c).
/dev/kmsg writes such a line end as `\\x0a`.
"""

from __future__ import annotations

from ec2rl.facts.whole_lines import is_whole
from ec2rl.host import BEGINNING
from ec2rl.model import Statement, say
from ec2rl.record import Choice, record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ec2rl.facts.log import LogLine
    from ec2rl.host import Line


class Grade(Choice):
    """Who said a line; the values are for the JSON report, the order is that of their weight."""

    KERNEL = "kernel"
    """Proven: it decides, at every door."""
    FORGED = "not the kernel's"
    """Proven that it was not: it is counted, and decides nothing."""
    TEXT = "text"
    """The form is that of the kernel's log, and somebody vouches for it by handing it over: it
    decides, unless the journal knows better or proof is asked for (`--strict`)."""
    UNVERIFIED = "hearsay"
    """Any user can write it: a warning at most, and none where the kernel's whole log lacks it."""


WEIGHT = tuple(Grade)

TEXT_IS = "text: nothing in a file proves that the kernel wrote a line"
_STRICT = "text is no proof (--strict)"
_LACKS = "the journal covers that time and lacks it"
_MAYBE_TAIL = "the line above bears the same stamp: both may be of one message"


@record(frozen=True)
class Known:
    """What is known better than text.

    `whole` is whether the kernel itself told all that it said in this boot; `journal_until` how far
    a journal that is whole since boot reaches, in seconds since boot and since the epoch, None
    where nobody kept such a one.
    """

    whole: bool = False
    journal_until: tuple[float, float] | None = None
    strict: bool = False


def weigh(lines: Iterable[LogLine], known: Known) -> list[LogLine]:
    """Grade what was met in weaker places by what is known from stronger ones.

    A line that stood in a stronger one as well bears the grade of that.
    """
    return [_weighed(line, known) for line in lines]


def _weighed(line: LogLine, known: Known) -> LogLine:
    is_covered = line.this_boot is not False and _is_covered(line, known)
    if line.grade is Grade.UNVERIFIED and (is_covered or known.whole) and line.this_boot is True:
        return replace(line, grade=Grade.FORGED)
    if line.grade is Grade.TEXT and is_covered:
        return replace(line, grade=Grade.UNVERIFIED, doubt=_LACKS)
    if line.grade is Grade.TEXT and known.strict:
        return replace(line, grade=Grade.UNVERIFIED, doubt=_STRICT)
    return line


def _is_covered(line: LogLine, known: Known) -> bool:
    if known.journal_until is None:
        return False
    uptime, now = known.journal_until
    if line.monotonic is not None:
        return line.monotonic / 1e6 <= uptime
    return line.time is not None and line.time <= now


def say_grades(lines: Iterable[LogLine]) -> tuple[Statement, ...]:
    """Say how far lines can be believed: the grade of what decides, what keeps others out."""
    found = list(lines)
    is_text = any(one.grade is Grade.TEXT for one in found)
    graded = (say("Grade: {grade}", grade=TEXT_IS),) if is_text else ()
    doubts = dict.fromkeys(one.doubt for one in found if one.doubt)
    return (*graded, *(say("Not verified: {doubt}", doubt=doubt) for doubt in doubts))


# What a message begins with that goes on with a string of a user's, in whole or up to a line end.
_USERS = (
    r"[\w.-]+: [A-Za-z ]{3,60} ['\"].*"
    r"|[\w.-]+(?: \([\w.:/-]+\))?: [Uu]n(?:known|recogni[sz]ed) (?:mount )?(?:option|parameter) .*"
    r"|process '.*"
    r"|input: .*"
    r"|[\w.-]+ [\w.:-]+: (?:Product|Manufacturer|SerialNumber): .*"
    r"|hid-[\w-]+ .*"
)
_EARLY = r"Booting Linux on .*|microcode: .*|Initializing cgroup subsys \w+"
"""What is said before the version, and does not follow a user's string so near a text's start."""
_NEAR_START = 1024
_HEAD = (
    r"(?:<(?P<pri>\d{1,3})>)?(?:(?P<facility>FACILITIES) *: *\w+ *: (?=\[))?"
    r"(?:(?:[^\[]{0,200}? kernel: ?)?(?P<stamp>\[[^\]]{8,26}\]) ?(?:\[ *[TC]\d{1,10}\] ?)?)?"
    r"(?P<said>.*)"
)
UNTIMED = "[no times]"
"""Stands for the stamp of lines of the kernel's in a text without times."""
_BEFORE_USERS = "[    0.000000]"
"""The stamp of all that is said before the clock runs: no user has a process by then."""


def grades(lines: Sequence[Line], grade: Grade) -> list[tuple[Grade, str]]:
    """Grade each line of a text whose lines have this one, and say why it is in doubt.

    What bears another facility than the kernel's is not its own; nor is a line in which a user's
    string goes on that the line above begins.  One that bears the stamp of any other line above may
    be part of it, be it to the microsecond or of whole seconds, as `dmesg -T` has them: what begins
    with a user's string cannot be listed.  It is not where the line above is whole and holds none,
    as those of a report do (`whole_lines`), nor in the second in which the kernel started, when no
    user has a process.  In a text without times, where all would be in doubt, it is only behind a
    line that is known to be a user's, or that leaves a quotation open.
    """
    import re

    from ec2rl.forms.record import FACILITIES

    head_of = re.compile(_HEAD.replace("FACILITIES", "|".join(FACILITIES)), re.DOTALL).match
    graded: list[tuple[Grade, str]] = []
    above, stamp, was = "", None, (grade, "")
    began: str | None = None
    for line in lines:
        head = head_of(line.text)
        assert head is not None, "it matches any text"
        here, now = head["stamp"], (grade, "")
        if int(head["pri"] or 0) >> 3 or head["facility"] not in (None, "kern"):
            here, now = None, (Grade.FORGED, "")  # a message of its own
        elif here and here == stamp and here not in (_BEFORE_USERS, began):
            is_start = head["said"].startswith(BEGINNING.text.decode())
            is_early = line.offset < _NEAR_START and re.fullmatch(_EARLY, above)
            if was[0] is not grade:
                now = was
            elif not (is_start and is_early):
                now = _behind(above, here, is_start, grade)
        if here and "." not in here and here != UNTIMED and now[0] is grade:
            began = here if head["said"].startswith(BEGINNING.text.decode()) else began
        graded.append(now)
        above, stamp, was = head["said"], here, now
    return graded


def _behind(above: str, stamp: str, is_start: bool, grade: Grade) -> tuple[Grade, str]:
    """The grade of a line by the one above it that bears the same stamp."""
    import re

    if is_whole(above):
        return grade, ""
    is_users = re.fullmatch(_USERS, above, re.DOTALL) is not None
    if is_users and (is_start or "." in stamp):
        return Grade.FORGED, ""
    if stamp == UNTIMED and not (is_users or is_start or any(above.count(q) % 2 for q in "'\"")):
        return grade, ""
    return Grade.UNVERIFIED, _MAYBE_TAIL
