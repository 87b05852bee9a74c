"""How a kernel tells that it died of a fault of its own: a headline, a header, a trace.

A headline names the fault: `kernel BUG at` (lib/bug.c), or what a pointer led to (fault.c of each
architecture).  The header follows it, and stands alone where the processor's name of the fault is
all there is: its type, its code, and the number of the oops since boot, `[#1]`.  Read in 3.10, 4.4,
4.14, 4.19, 5.0, 5.2, 5.4, 5.10, 6.1, 6.12, 6.18 and 7.1 for x86 (dumpstack.c, traps.c, mm/fault.c)
and arm64 (traps.c, mm/fault.c), and in 6.1 for s390 (dumpstack.c, mm/fault.c), powerpc (traps.c,
mm/fault.c), riscv and arm (traps.c, mm/fault.c).

Each of them prints a header and its trace with a lock held (die_lock), so what follows a header is
its own up to the next one.  A headline is printed before that lock is taken (but for a page fault
of x86): another CPU's may stand in the middle of a trace.
"""

from __future__ import annotations

from ec2rl.facts.log import Within, fits
from ec2rl.facts.trace import Trace, parse_trace
from ec2rl.host import EMERG, Phrase
from ec2rl.record import Choice, record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.facts.log import LogLine

_WHOLE = (
    "BUG: kernel NULL pointer dereference, address: 0000000000000010",
    "BUG: unable to handle page fault for address: ffff888000000000",
    "BUG: unable to handle kernel NULL pointer dereference at 0000000000000010",
    "BUG: unable to handle kernel paging request at ffff888000000000",
    "Unable to handle kernel NULL pointer dereference at virtual address 0000000000000010",
    "Unable to handle kernel paging request at virtual address ffff888000000000",
    "kernel BUG at mm/slub.c:1!",
    "Oops: 0002 [#1] SMP",
    "Internal error: Oops: 96000004 [#1] SMP",
    "general protection fault: 0000 [#1] SMP",
    "divide error: 0000 [#1] SMP",
    "invalid opcode: 0000 [#1] SMP",
    "stack segment: 0000 [#1] SMP",
    "PANIC: double fault, error_code: 0x0",
    "traps: PANIC: double fault, error_code: 0x0",
)
"""One message of each wording: a line that a screen cut is known by its beginning."""
OOPS_PHRASES = (
    Phrase(b"kernel BUG at ", after=100, level=EMERG),
    Phrase(b"[verbose debug info unavailable]", after=100, recent=True, level=EMERG),
    Phrase(b"nable to handle kernel ", after=100, level=EMERG),
    Phrase(b"BUG: unable to handle page fault for address: ", after=100, level=EMERG),
    Phrase(b"ernel NULL pointer dereference", after=100, level=EMERG),
    Phrase(b" [#1]", after=100, level=EMERG),
    Phrase(b" [#", after=100, recent=True, level=EMERG),
    Phrase(b"PANIC: double fault", after=100, recent=True, level=EMERG, messages=_WHOLE),
)
"""What a headline or a header holds; one list, so that each is told from the others.

A console shows an oops whatever its level: before the line with its number oops_begin() of x86
(arch/x86/kernel/dumpstack.c) and die() of arm64 (arch/arm64/kernel/traps.c) have it show all.
"""

# lib/bug.c (report_bug), of all architectures: the file, the line and an exclamation mark, the
# same from 3.10 to 7.1. Without CONFIG_DEBUG_BUGVERBOSE an address, from 4.19 on a symbol with its
# module behind it; `Kernel` has a capital letter up to 6.18 and none in 7.1.
_BUG = (
    r"(?:kernel BUG at (?P<place>\S.{0,1000}?:\d{1,9})!"
    r"|[Kk]ernel BUG at (?P<symbol>\S{1,200}(?: \[[^\]\s]{1,80}[^\]]{0,80}\])?)"
    r" \[verbose debug info unavailable\])\s*"
)
# arch/x86/mm/fault.c: the first form from 3.10 to 5.0, the third and the fourth from 5.2 to 7.1.
# Up to 4.14 the first is printed in pieces: where another CPU says something between them, the
# second is left. arch/arm64/mm/fault.c and arch/riscv/mm/fault.c: `Unable` and `at virtual
# address`. The fifth: arch/powerpc/mm/fault.c since 5.2. The last holds what is left of those, of
# powerpc before 5.2 (`for data at address`), and of s390 (`in virtual kernel address space`).
_AT = r"(?P<at>\(null\)|\(ptrval\)|(?:0x)?[0-9a-f]{1,16})"
_BAD = (
    r"(?:BUG: )?[Uu]nable to handle kernel (?P<what>[A-Za-z =_-]{4,80}?) at"
    rf" (?:virtual address )?\s*{_AT}\s*",
    r"BUG: unable to handle kernel (?P<what>NULL pointer dereference|paging request)?\s*(?P<at>)",
    rf"BUG: kernel (?P<what>NULL pointer dereference), address: {_AT}\s*",
    rf"BUG: unable to handle (?P<what>page fault) for address: {_AT}\s*",
    rf"BUG: Kernel (?P<what>NULL pointer dereference(?: on \w+)?) at {_AT}\s*",
    r"(?:BUG: |CPU \d{1,5} )?[Uu]nable to handle kernel "
    r"(?P<what>[A-Za-z][\w (),?=.-]{3,160})(?P<at>)",
)
# traps.c and dumpstack.c: the code behind a colon (x86, arm64, arm, s390), or a signal (powerpc),
# or neither (riscv). x86 puts `Oops: ` before it from 6.12 on, arm64 and arm `Internal error: `. A
# general protection fault has an address in it, from 5.10 on. Behind the number stand the options
# of the kernel: SMP, PREEMPT, PREEMPT(voluntary), KASAN, NOPTI, THUMB2. Other messages hold the
# name of a program, which may be `Oops: 0000 [#1]`, as it is: what stands before and behind it
# there (fs/coredump.c: `Process 1(Oops: 0000 [#1]) has RLIMIT_CORE set to 1`; sched_show_task() in
# kernel/sched/core.c: `Oops: 0000 [#1] D`) is no type and no option.
_HEADER = (
    r"(?:Oops: |Internal error: )?"
    r"(?P<what>(?:[A-Za-z#](?:[\w #/-]|\((?:page fault|double-fault)\)){0,100}?)?)"
    rf"(?P<where>, [A-Za-z -]{{4,80}} {_AT})?"
    r"(?:: [0-9a-f]{1,16}(?: ilc:\d)?|, sig: \d{1,5}) \[#\d{1,9}\]"
    r"(?: {1,2}[A-Z][A-Z\d_]{2,30}(?:\([a-z]{2,20}\))?){0,8}\s*"
)
_BARE = r"(?P<what>(?:Oops|Kernel BUG)(?: - [\w -]{1,80})?) \[#\d{1,9}\](?P<where>)(?P<at>)\s*"
# arch/x86/kernel/traps.c and doublefault_32.c: up to 5.x no header follows it, but a panic.
_DOUBLE = r"(?:traps: )?PANIC: (?P<what>double fault), error_code: 0x[0-9a-f]{1,16}\s*"

_OF_BUG = (
    "invalid opcode", "Oops - BUG", "monitor event", "illegal operation",
    "Exception in kernel mode", "Kernel BUG",
)  # fmt: skip
"""The types that BUG() makes: of x86, arm64, s390 (and before 5.4), powerpc, riscv."""
_OF_POINTER = ("Oops", "Kernel access of bad area")
_PROTECTION = ("general protection fault", "segment-related general protection fault")

_APART = 10.0
"""Seconds between a headline and its header at most, on a machine with a slow console."""

_WAITING = 64
"""Headlines that may wait for their headers: more of them are no kernel's."""


class Kind(Choice):
    """What the kernel died of."""

    BUG = "BUG"
    """A state that it checks for itself."""
    POINTER = "pointer"
    """A pointer that led nowhere."""
    OTHER = "other"
    """Any other fault of the processor, or of the kernel's own entry code."""


_WORDS_OF = (
    ("ernel BUG at ", Kind.BUG),
    ("[verbose debug info unavailable]", Kind.BUG),
    ("nable to handle ", Kind.POINTER),
    ("NULL pointer dereference", Kind.POINTER),
)
"""What only the headline of one kind has, however much of it was understood."""


def may_tell_of(kind: Kind, message: str) -> bool:
    """Tell whether a message that was not understood may be of a kind, by the words that it has."""
    named = [its for words, its in _WORDS_OF if words in message]
    return not named or kind in named or " [#" in message


@record(frozen=True)
class Oops:
    """One oops; "" is what no line tells.

    `what` is the place in the source of a BUG, and else the type of the fault; `at` is the address
    that a pointer held.  `line` is its first line.  `trace` has a process and frames only where
    they are surely its own.
    """

    line: LogLine
    kind: Kind
    what: str
    at: str = ""
    trace: Trace = Trace()

    def may_be(self, kind: Kind) -> bool:
        """Tell whether it is of a kind; in a text that may hold one, others may be behind it."""
        return self.kind is kind or isinstance(self.line.message, Within)


def parse_headline(message: str) -> tuple[Kind, str, str] | None:
    """Parse a headline: the kind, what it was, and at which address."""

    bug = fits(_BUG, message)
    if bug is not None:
        return Kind.BUG, bug["place"] or bug["symbol"], ""
    for pattern in _BAD:
        bad = fits(pattern, message)
        if bad is not None:
            return Kind.POINTER, (bad["what"] or "").strip(), bad["at"]
    double = fits(_DOUBLE, message)
    return (Kind.OTHER, double["what"], "") if double is not None else None


def parse_header(message: str) -> tuple[Kind | None, str, str] | None:
    """Parse a header: the kind of a headline that stands before it, its type, and an address.

    The kind is None for one that no headline belongs to.
    """

    header = fits(_HEADER, message) or fits(_BARE, message)
    if header is None:
        return None
    what, at = header["what"].strip(), header["at"] or ""
    if isinstance(message, Within):  # others' words may stand before the type
        what = next(filter(what.endswith, (*_PROTECTION, *_OF_BUG, *_OF_POINTER)), what)
    if what in _PROTECTION:
        return None, what, at
    if header["where"]:
        return None
    if what.startswith(_OF_BUG):
        return Kind.BUG, what, ""
    if what in _OF_POINTER:
        return Kind.POINTER, what, ""
    return (Kind.OTHER if what == "double fault" else None), what.removeprefix("Oops - "), ""


def oopses(lines: Sequence[LogLine]) -> list[Oops]:
    """Give the oopses that lines in the order of time tell of, each once."""
    boots: dict[object, list[LogLine]] = {}
    for line in lines:
        if _is_named(line.message):
            boots.setdefault((line.grade, line.boot, line.this_boot), []).append(line)
    found = [oops for own in boots.values() for oops in _Reader(own).read()]
    return sorted(found, key=lambda oops: oops.line.time or 0.0)


_WORDS = tuple(phrase.text.decode() for phrase in OOPS_PHRASES)


def _is_named(text: str) -> bool:
    return any(word in text for word in _WORDS)


class _Begun:
    """An oops that has begun: its first line, what it is, and all that is its own so far."""

    def __init__(self, line: LogLine, kind: Kind, what: str, at: str) -> None:
        self.line = line
        self.kind = kind
        self.what = what
        self.at = at
        self.before: list[str] = []  # what stands between the headline and the header
        self.behind: list[str] = []  # what stands behind, with the header if it is not `line`
        self.is_mixed = False  # a trace that follows may be another's

    def oops(self) -> Oops:
        # A page fault of x86 is told with the lock held: up to 4.14 its place stands above the
        # header. Nothing but a panic follows a double fault that has no header.
        is_apart = self.line.message.startswith("BUG: ") or self.kind is Kind.OTHER
        own = self.before if is_apart else []
        trace = Trace() if self.is_mixed else parse_trace([*own, *self.behind])
        words = (*self.before, *(trace.lines[len(own) :] or self.behind[:1]))
        return Oops(self.line, self.kind, self.what, self.at, replace(trace, lines=words))


class _Reader:
    """The oopses of one boot, as one source of lines tells them."""

    def __init__(self, lines: Sequence[LogLine]) -> None:
        self.lines = lines
        self.found: list[Oops] = []
        self.headlines: list[_Begun] = []  # those that no header has followed yet
        self.dying: _Begun | None = None  # the one whose trace is being printed

    def read(self) -> list[Oops]:
        known = {line.message for line in self.lines}
        for line in self.lines:
            if not self._begins(line, line.message):
                continue
            for text in line.context:
                if text in known:
                    break  # a line of its own, as another source tells
                own = replace(line, message=text, context=()) if _is_named(text) else None
                if own is None or not self._begins(own, text):
                    self._goes_on(line, text)
        self._ended()
        return [*self.found, *(one.oops() for one in self.headlines)]

    def _begins(self, own: LogLine, text: str) -> bool:
        headline = parse_headline(text)
        if headline is not None:
            self._forget(own)
            self.headlines.append(_Begun(own, *headline))
            return True
        header = parse_header(text)
        if header is None:
            return False
        self._ended()
        self._forget(own)
        kind, what, at = header
        whose = [one for one in self.headlines if one.kind is kind and _same(one.line, own)]
        if not whose:
            kind = Kind.POINTER if what in _PROTECTION else _alone(kind, what)
            self.dying = _Begun(own, kind, what, at)
            return True
        for one in whose:
            one.is_mixed = one.is_mixed or len(whose) > 1
        self.dying = whose[0]
        self.headlines.remove(whose[0])
        self.dying.behind.append(text)
        return True

    def _goes_on(self, line: LogLine, text: str) -> None:
        dying = self.dying
        if dying is not None and _same(dying.line, line):
            dying.behind.append(text)
            if text.startswith("---[ end "):
                self._ended()
        elif self.headlines and _same(self.headlines[-1].line, line):
            self.headlines[-1].before.append(text)

    def _ended(self) -> None:
        if self.dying is not None:
            self.found.append(self.dying.oops())
            self.dying = None

    def _forget(self, now: LogLine) -> None:
        """End what no more line can be of."""
        if self.dying is not None and not _near(self.dying.line, now):
            self._ended()
        waiting = [one for one in self.headlines[-_WAITING:] if _near(one.line, now)]
        self.found += [one.oops() for one in self.headlines if one not in waiting]
        self.headlines = waiting


def _alone(kind: Kind | None, what: str) -> Kind:
    """The kind of a header whose headline is not there, if there was one."""
    if kind is Kind.POINTER or what in ("Oops - BUG", "Kernel BUG"):
        assert kind is not None
        return kind
    return Kind.OTHER


def _same(one: LogLine, other: LogLine) -> bool:
    """Whether one CPU or thread can have said both, where the kernel names them."""
    return not (one.caller and other.caller) or one.caller == other.caller


def _near(one: LogLine, other: LogLine) -> bool:
    if one.monotonic is not None and other.monotonic is not None:
        return 0 <= other.monotonic - one.monotonic <= _APART * 1e6
    if one.time is None or other.time is None:
        return True
    return 0 <= other.time - one.time <= _APART
