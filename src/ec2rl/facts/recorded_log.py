"""The kernel's log where no kernel can be asked: what dmesg, journald and journalctl left of it.

Nobody but the kernel, or root, makes dmesg print a line, nor journalctl one of `kernel:` without a
process id, but for what `trust` tells; the text itself is as trustworthy as whoever kept it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from ec2rl.facts.console import console, may_have_dropped, vouched
from ec2rl.facts.journal_log import journal_records
from ec2rl.facts.log import UNKNOWN_FORM, Judged, LogLine, LogSource, search_gap
from ec2rl.facts.shown_again import once
from ec2rl.facts.syslog import hits_of, parse_lines, unfinished
from ec2rl.facts.trust import Grade
from ec2rl.facts.whole_journal import has_whole_boot, is_beginning
from ec2rl.forms.mend import JOINED
from ec2rl.host import (
    ABOUT_CONSOLES,
    ABOUT_TEXTS,
    BEGINNING,
    BEGINNING_OF_TEXT,
    BROKEN,
    CONSOLES,
    DMESGS,
    DOCUMENTS,
    JOURNALCTLS,
    Host,
    Phrase,
    Search,
)
from ec2rl.model import Evidence, Why
from ec2rl.quantities import plural
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ec2rl.facts.console import Console

    Told = tuple[LogSource, list[LogLine]]

_JOURNALS = {"journalctl --boot": True, "journalctl --boot -1": False, **dict.fromkeys(JOURNALCTLS)}
"""Texts of the journal, and whether they are of the boot in which they were printed."""

_BOOT_WRITES = ("/var/log/wtmp", "/var/lib/systemd/random-seed")
"""What each boot writes that gets as far as its own disk: utmp(5), systemd-random-seed(8)."""

_LATER = 600.0
"""Seconds: journald may lose the last five minutes of a machine that dies (SyncIntervalSec=)."""


@record(frozen=True)
class Recorded:
    """What stands for the ring buffer, the journal, and other texts in the kernel's name.

    `whole` is whether all of the last boot is there; `until` how far a journal that is whole since
    then reaches (`trust.Known`); `judged` is the boot that counts as the last where only a journal
    tells; `no_logs` are lines with the words in what is no log, `broken` those that may go on.
    """

    ring: Told
    journal: Told
    texts: list[Told]
    whole: bool
    until: tuple[float, float] | None
    judged: Judged | None
    no_logs: tuple[LogLine, ...] = ()
    broken: tuple[LogLine, ...] = ()


def recorded(
    host: Host,
    phrases: Sequence[Phrase],
    boot_id: str | None,
    booted: float | None,
    ring: LogSource,
) -> Recorded:
    """Give all that was kept; the last boot of which there is anything counts as "this boot"."""
    kept = _texts(host, DMESGS, phrases, boot_id, booted)
    kept += _texts(host, CONSOLES, phrases, boot_id, booted)
    kept.sort(key=lambda told: told[0].console is not None)  # what dmesg printed stands first
    first, *others = kept or [(ring, [])]
    whole = bool(kept) and all(told.unreadable is None and not told.gap for told, _ in kept)
    whole = whole and first[0].console is None
    source, lines = journal_records(host, (*phrases, BEGINNING), boot_id)
    is_journal_whole = not source.gap and has_whole_boot(lines, boot_id)
    journal = source, [line for line in lines if not is_beginning(line)]
    begun = [one.time for one in lines if is_beginning(one) and one.boot == boot_id and one.time]
    # journald writes down the kernel's first record when it starts: a little after the boot.
    until = None
    if is_journal_whole and source.newest is not None and begun:
        until = source.newest - begun[0], source.newest
    judged = None
    if not kept and source.unreadable is None:
        later = None if source.newest is None else _ran_after(host, source.newest)
        judged = Judged(begun[0] if begun else None, source.newest, later)
    return Recorded(
        first,
        journal,
        [*others, *_journal_texts(host, phrases, booted)],
        whole or (is_journal_whole and (judged is None or judged.later is None)),
        until,
        judged,
        tuple(_no_logs(host, phrases)),
        tuple(_broken(host)),
    )


def _no_logs(host: Host, phrases: Sequence[Phrase]) -> Iterator[LogLine]:
    """The lines with the words in what is no log."""
    for name in DOCUMENTS:
        (found,) = host.search([name], phrases)
        if not isinstance(found, Search):
            return
        for line in found.lines:
            if line.hit:
                yield LogLine(
                    line.text, (found.path,), None, None, None, None, Grade.UNVERIFIED,
                    form=UNKNOWN_FORM,
                )  # fmt: skip


def _broken(host: Host) -> Iterator[LogLine]:
    """The lines that may be broken or cut, or have marks within, and are the kernel's or may be."""
    kept = host.read(BROKEN)
    for line in kept.text.split("\n")[:-1] if isinstance(kept, Evidence) else ():
        parts = tuple(unfinished(line.split(JOINED)))
        if parts:
            yield LogLine(
                parts[0], ("the log",), None, None, None, None, Grade.UNVERIFIED,
                context=parts[1:], form=UNKNOWN_FORM,
            )  # fmt: skip


def _ran_after(host: Host, when: float) -> float | None:
    """A time well after this one at which the machine ran, by what a boot writes; None for none."""
    found = host.search(_BOOT_WRITES, [BEGINNING])
    written = [one.modified for one in found if isinstance(one, Search)]
    return max((one for one in written if one > when + _LATER), default=None)


def _texts(
    host: Host,
    names: Sequence[str],
    phrases: Sequence[Phrase],
    boot_id: str | None,
    booted: float | None,
) -> list[Told]:
    """What dmesg printed, or consoles over several boots: the texts of these names."""
    asked = [*(replace(phrase, before=True) for phrase in phrases), BEGINNING_OF_TEXT]
    told: list[Told] = []
    for name in names:
        (found,) = host.search([name], (*asked, *ABOUT_TEXTS))
        if isinstance(found, Search):
            told.append(_text(found, names[0], asked, boot_id, booted))
        elif found.why in (Why.NOT_COLLECTED, Why.ABSENT):
            break
        else:
            told.append((LogSource(names[0], found), []))
    return told


def _text(
    found: Search, kind: str, asked: Sequence[Phrase], boot_id: str | None, booted: float | None
) -> Told:
    wanted = (*asked, *ABOUT_CONSOLES)
    kept = once(hits_of(found.lines, wanted))
    lines = parse_lines(
        found.path,
        kept,
        found.modified,
        booted,
        Grade.TEXT,
        is_dmesg=True,
        is_saved=True,
        phrases=wanted,
        is_cut=found.is_cut,
    )
    lines = [vouched(line) for line in (_without_stamps(lines) or lines)]
    lines = _oldest_first(lines)
    begun = [place for place, line in enumerate(lines) if is_beginning(line) and line.trusted]
    begun = [place for at, place in enumerate(begun) if not _is_again(lines, place, begun[:at])]
    starts = [place for place in begun if not _is_crash_kernel(islice(lines, place + 1, None))]
    lost = [may_have_dropped(line) for line in lines]
    if any(lost) or sum(lines[place].monotonic is not None for place in begun) > 1:
        kind = CONSOLES[0]  # dmesg prints what is left of one boot
    told = []
    for place, line in enumerate(lines):
        later = sum(start > place for start in starts)
        when = line.time
        if when is None and not later and booted is not None and line.monotonic is not None:
            when = booted + line.monotonic / 1e6
        boot = f"{plural(later, 'boot')} before the last" if later else boot_id
        told.append(replace(line, sources=(kind,), time=when, boot=boot, this_boot=not later))
    gap = search_gap(found) or ("" if starts else "it does not go back to the boot")
    if any(line.this_boot for line, is_lost in zip(told, lost) if is_lost):
        gap = "; ".join(filter(None, (gap, "the kernel dropped messages before it got them")))
    source = LogSource(found.path, None, booted if starts else None, gap)
    if kind == CONSOLES[0]:
        source = replace(source, console=_console(told, found.end))
    words = [phrase.text.decode() for phrase in asked if phrase.text != BEGINNING.text]
    return source, [line for line in told if any(word in line.message for word in words)]


_OLD = r"Linux version 2\.[0-6]\."


def _without_stamps(lines: Sequence[LogLine]) -> list[LogLine]:
    """The same as dmesg's text, for a kernel before 3.0 that has no stamps; none for another text.

    It prints no string of a user's with a line end but of 15 characters (comm), and /dev/kmsg is
    root's: a line in no form is its own there.
    """
    import re

    old = bool(lines) and re.match(_OLD, lines[0].message) is not None
    if not old or any(line.form != UNKNOWN_FORM for line in lines):
        return []
    return [
        replace(line, grade=Grade.TEXT, doubt="") if line.grade is Grade.UNVERIFIED else line
        for line in lines
    ]


_FEW = 2
"""Stamps: of two the second may be of the next boot."""
_SAME = 5.0
"""Seconds: less than any boot takes, more than two runs of `dmesg -T` differ by."""


def _is_again(lines: Sequence[LogLine], place: int, before: Sequence[int]) -> bool:
    """Whether a kernel's beginning is one that was shown before, by what the clock said then."""
    line = lines[place]
    return any(
        line.message == lines[one].message and abs(line.time - when) < _SAME
        for one in before
        if line.time is not None and (when := lines[one].time) is not None
    )


def _oldest_first(lines: list[LogLine]) -> list[LogLine]:
    """The same in the order of time: `tac`, and some viewers of logs, show the newest line first.

    Then no stamp is later than the one above it, down to the kernel's beginning.
    """
    for stamps in ([line.monotonic for line in lines], [line.time for line in lines]):
        known = [stamp for stamp in stamps if stamp is not None]
        if len(known) == len(lines) and len({*known}) > _FEW:
            ends = any(is_beginning(one) for one, at in zip(lines, known) if at == known[-1])
            if ends and known == sorted(known, reverse=True):
                order = sorted(
                    zip(known, lines), key=lambda one: (one[0], not is_beginning(one[1]))
                )
                return [line for _, line in order]
    return lines


def _console(lines: Sequence[LogLine], end: str) -> Console:
    boots = tuple(dict.fromkeys(line.boot for line in lines))
    last = [one.message for one in lines if one.this_boot and one.grade is not Grade.FORGED]
    return console(last, end, boots)


def _is_crash_kernel(behind: Iterable[LogLine]) -> bool:
    """Whether a kernel that just began is one that kdump started to save the one before it.

    The address of the dead kernel's memory is on its command line (kernel/crash_dump.c).
    """
    for line in behind:
        if is_beginning(line):
            return False
        if "ommand line: " in line.message and line.trusted:
            return " elfcorehdr=" in line.message
    return False


def _journal_texts(host: Host, phrases: Sequence[Phrase], booted: float | None) -> list[Told]:
    told: list[Told] = []
    wanted = [replace(phrase, recent=False) for phrase in phrases]
    for kind, is_of_boot in _JOURNALS.items():
        (found,) = host.search([kind], wanted)
        if not isinstance(found, Search):
            if kind in JOURNALCTLS:
                break
            continue
        lines = parse_lines(
            found.path,
            found.lines,
            found.modified,
            booted,
            Grade.TEXT,
            is_saved=True,
            phrases=phrases,
            is_cut=found.is_cut,
        )
        this_boot = [line.this_boot if is_of_boot is None else is_of_boot for line in lines]
        told.append(
            (
                LogSource(found.path, None, None, search_gap(found)),
                [
                    replace(line, sources=("journal",), this_boot=here)
                    for line, here in zip(lines, this_boot)
                ],
            )
        )
    return told
