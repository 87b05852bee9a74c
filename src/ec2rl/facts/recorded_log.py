"""The kernel's log where no kernel can be asked: what dmesg, journald and journalctl left of it.

Nobody but the kernel, or root, makes dmesg print a line, nor journalctl one of `kernel:` without a
process id; the text itself is as trustworthy as whoever kept it.
"""

from __future__ import annotations

from collections.abc import Sequence

from ec2rl.facts.journal_log import journal_records
from ec2rl.facts.log import LogLine, LogSource, search_gap
from ec2rl.facts.syslog import parse_lines
from ec2rl.facts.whole_journal import has_whole_boot, is_beginning
from ec2rl.host import BEGINNING, Host, Phrase, Search
from ec2rl.model import Unreadable, Why
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    Told = tuple[LogSource, list[LogLine]]

_JOURNALS = {"journalctl": None, "journalctl --boot": True, "journalctl --boot -1": False}
"""Texts of the journal, and whether they are of the boot in which they were printed."""


def recorded(
    host: Host,
    phrases: Sequence[Phrase],
    boot_id: str | None,
    booted: float | None,
    ring: LogSource,
) -> tuple[Told, Told, list[Told], bool]:
    """What stands for the ring buffer, the journal, the journal's texts, and whether it is whole.

    The last boot of which there is anything counts as "this boot".
    """
    dmesg = _dmesg(host, phrases, boot_id, booted) or (ring, [])
    source, lines = journal_records(host, (*phrases, BEGINNING), boot_id)
    whole = dmesg[0].unreadable is None and not dmesg[0].gap
    whole = whole or (not source.gap and has_whole_boot(lines, boot_id))
    journal = source, [line for line in lines if not is_beginning(line)]
    return dmesg, journal, _journal_texts(host, phrases, booted), whole


def _dmesg(
    host: Host, phrases: Sequence[Phrase], boot_id: str | None, booted: float | None
) -> Told | None:
    """What dmesg printed, or a console over several boots; None where nobody kept it."""
    (found,) = host.search(["dmesg"], (*phrases, BEGINNING))
    if isinstance(found, Unreadable):
        absent = found.why in (Why.NOT_COLLECTED, Why.ABSENT)
        return None if absent else (LogSource("dmesg", found), [])
    lines = parse_lines(found.path, found.lines, found.modified, booted)
    starts = [place for place, line in enumerate(lines) if is_beginning(line)]
    told = []
    for place, line in enumerate(lines):
        later = sum(start > place for start in starts)
        when = line.time
        if when is None and not later and booted is not None and line.monotonic is not None:
            when = booted + line.monotonic / 1e6
        boot = f"{later} boots before the last" if later else boot_id
        told.append(
            replace(
                line, sources=("dmesg",), time=when, boot=boot, this_boot=not later, trusted=True
            )
        )
    gap = search_gap(found) or ("" if starts else "it does not go back to the boot")
    source = LogSource(found.path, None, booted if starts else None, gap)
    return source, [line for line in told if not is_beginning(line)]


def _journal_texts(host: Host, phrases: Sequence[Phrase], booted: float | None) -> list[Told]:
    told = []
    for kind, found in zip(_JOURNALS, host.search(list(_JOURNALS), phrases)):
        if not isinstance(found, Search):
            continue
        lines = parse_lines(found.path, found.lines, found.modified, booted)
        this_boot = _JOURNALS[kind]
        told.append(
            (
                LogSource(found.path, None, None, search_gap(found)),
                [
                    replace(
                        line,
                        sources=("journal",),
                        this_boot=line.this_boot if this_boot is None else this_boot,
                        trusted=True,
                    )
                    for line in lines
                ],
            )
        )
    return told
