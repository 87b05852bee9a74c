"""The kernel's log where no kernel can be asked: what dmesg, journald and journalctl left of it.

Nobody but the kernel, or root, makes dmesg print a line, nor journalctl one of `kernel:` without a
process id, but for what `trust` tells; the text itself is as trustworthy as whoever kept it.
"""

from __future__ import annotations

from collections.abc import Sequence

from ec2rl.facts.journal_log import journal_records
from ec2rl.facts.log import UNKNOWN_FORM, LogLine, LogSource, search_gap
from ec2rl.facts.syslog import hits_of, parse_lines
from ec2rl.facts.trust import Grade
from ec2rl.facts.whole_journal import has_whole_boot, is_beginning
from ec2rl.host import BEGINNING, DMESGS, DOCUMENTS, JOURNALCTLS, USERS, Host, Phrase, Search
from ec2rl.model import Why
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Told = tuple[LogSource, list[LogLine]]

_JOURNALS = {"journalctl --boot": True, "journalctl --boot -1": False, **dict.fromkeys(JOURNALCTLS)}
"""Texts of the journal, and whether they are of the boot in which they were printed."""


@record(frozen=True)
class Recorded:
    """What stands for the ring buffer, the journal, and other texts in the kernel's name.

    `no_logs` are lines with the words in what is no log. `whole` is whether all of the last boot is
    there; `until` how far a journal that is whole since then reaches (`trust.Known`).
    """

    ring: Told
    journal: Told
    texts: list[Told]
    whole: bool
    until: tuple[float, float] | None
    no_logs: tuple[LogLine, ...] = ()


def recorded(
    host: Host,
    phrases: Sequence[Phrase],
    boot_id: str | None,
    booted: float | None,
    ring: LogSource,
) -> Recorded:
    """All that was kept; the last boot of which there is anything counts as "this boot"."""
    kept = _dmesgs(host, phrases, boot_id, booted)
    dmesg, *others = kept or [(ring, [])]
    source, lines = journal_records(host, (*phrases, BEGINNING), boot_id)
    is_journal_whole = not source.gap and has_whole_boot(lines, boot_id)
    whole = all(told.unreadable is None and not told.gap for told, _ in kept) and bool(kept)
    journal = source, [line for line in lines if not is_beginning(line)]
    return Recorded(
        dmesg,
        journal,
        [*others, *_journal_texts(host, phrases, booted)],
        whole or is_journal_whole,
        _until(source, lines, boot_id) if is_journal_whole else None,
        tuple(_no_logs(host, phrases)),
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


def _until(
    source: LogSource, lines: Sequence[LogLine], boot_id: str | None
) -> tuple[float, float] | None:
    """How far the journal reaches, in seconds since the boot (at least) and since the epoch."""
    begun = [one.time for one in lines if is_beginning(one) and one.boot == boot_id and one.time]
    if source.newest is None or not begun:
        return None
    # journald writes down the kernel's first record when it starts: a little after the boot.
    return source.newest - begun[0], source.newest


def _dmesgs(
    host: Host, phrases: Sequence[Phrase], boot_id: str | None, booted: float | None
) -> list[Told]:
    """What dmesg printed, or consoles over several boots."""
    asked = [replace(phrase, before=True) for phrase in (*phrases, BEGINNING)]
    told: list[Told] = []
    for name in DMESGS:
        (found,) = host.search([name], (*asked, *USERS))
        if isinstance(found, Search):
            told.append(_dmesg(found, asked, boot_id, booted))
        elif found.why in (Why.NOT_COLLECTED, Why.ABSENT):
            break
        else:
            told.append((LogSource("dmesg", found), []))
    return told


def _dmesg(
    found: Search, asked: Sequence[Phrase], boot_id: str | None, booted: float | None
) -> Told:
    kept = hits_of(found.lines, asked)
    lines = parse_lines(found.path, kept, found.modified, booted, Grade.TEXT, True, True, asked)
    starts = [place for place, line in enumerate(lines) if is_beginning(line) and line.trusted]
    told = []
    for place, line in enumerate(lines):
        later = sum(start > place for start in starts)
        when = line.time
        if when is None and not later and booted is not None and line.monotonic is not None:
            when = booted + line.monotonic / 1e6
        boot = f"{later} boots before the last" if later else boot_id
        told.append(replace(line, sources=("dmesg",), time=when, boot=boot, this_boot=not later))
    gap = search_gap(found) or ("" if starts else "it does not go back to the boot")
    source = LogSource(found.path, None, booted if starts else None, gap)
    return source, [line for line in told if not is_beginning(line)]


def _journal_texts(host: Host, phrases: Sequence[Phrase], booted: float | None) -> list[Told]:
    told: list[Told] = []
    for kind, is_of_boot in _JOURNALS.items():
        (found,) = host.search([kind], phrases)
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
