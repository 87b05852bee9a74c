"""The kernel's records of the systemd journal as lines of its log."""

from __future__ import annotations

from ec2rl.facts.log import DIGITS, LogLine, LogSource
from ec2rl.facts.trust import Grade
from ec2rl.host import Host, Journal, Phrase
from ec2rl.model import Unreadable
from ec2rl.quantities import plural

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def journal_records(
    host: Host, phrases: Sequence[Phrase], boot_id: str | None
) -> tuple[LogSource, list[LogLine]]:
    """Tell what the journal holds, and how far it can be believed to be whole."""
    answer = host.journal(phrases)
    if isinstance(answer, Unreadable):
        return LogSource("journal", answer), []
    oldest = None if answer.oldest is None else answer.oldest / 1e6
    newest = None if answer.newest is None else answer.newest / 1e6
    gaps = list(answer.gaps)
    if answer.hits > sum(record.hit for record in answer.records):
        found = plural(answer.hits, "record holds/records hold")
        gaps.append(f"{found} the words, not all were looked at")
    source = LogSource("journal", None, oldest, "; ".join(gaps), newest=newest)
    return source, list(_records(answer, boot_id))


def _records(journal: Journal, boot_id: str | None) -> Iterable[LogLine]:
    contexts: dict[int, list[str]] = {}
    last: dict[str, int] = {}
    for number, entry in enumerate(journal.records):
        if entry.hit:
            last[entry.boot] = number
            contexts[number] = []
        elif entry.boot in last:
            contexts[last[entry.boot]].append(entry.message)
    for number, context in contexts.items():
        entry = journal.records[number]
        kernels = entry.transport == "kernel" and entry.facility in (0, None)
        yield LogLine(
            entry.message,
            ("journal",),
            entry.realtime / 1e6 if entry.realtime < 10**DIGITS else None,
            entry.monotonic,
            entry.boot,
            this_boot=None if boot_id is None else entry.boot == boot_id,
            grade=Grade.KERNEL if kernels else Grade.FORGED,
            context=tuple(context),
        )
