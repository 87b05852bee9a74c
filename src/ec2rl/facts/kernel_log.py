"""The kernel's log as one list: ring buffer, journal and text logs, each event once.

Every line that is met is kept, with its grade: what of it counts as the kernel's words stands in
`trust`, and nowhere else.
"""

from __future__ import annotations

from ec2rl.facts.journal_log import journal_records
from ec2rl.facts.kmsg import read_ring
from ec2rl.facts.log import DRIFT, LOG_FOLDER, KernelLog, LogLine, LogSource, search_gap
from ec2rl.facts.period import ALL, Period
from ec2rl.facts.trust import Known, weigh
from ec2rl.host import BOOT_ID, Host, Phrase
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_TEXT_LOGS = ("messages", "syslog", "kern.log", "kernel.log")


def read_kernel_log(
    host: Host, phrases: Sequence[Phrase], period: Period = ALL, strict: bool = False
) -> KernelLog:
    """Look for phrases in all that is left of the kernel's log of a time.

    With `strict` only what the kernel provably said counts as its words.
    """
    clock = host.clock()
    booted = None if clock.uptime is None else clock.now - clock.uptime
    boot = host.read(BOOT_ID)
    boot_id = boot.text.strip().replace("-", "") if isinstance(boot, Evidence) else None
    kept: list[tuple[LogSource, list[LogLine]]] = []
    ring, ring_lines = read_ring(host, phrases, boot_id, booted)
    whole = ring.unreadable is None and ring.lost == 0 and not ring.gap
    until, is_live, judged = None, True, None
    no_logs: tuple[LogLine, ...] = ()
    broken: tuple[LogLine, ...] = ()
    if ring.unreadable is not None and ring.unreadable.why is Why.NOT_COLLECTED:
        from ec2rl.facts.recorded_log import recorded

        left = recorded(host, phrases, boot_id, booted, ring)
        (ring, ring_lines), (journal, journal_lines), kept = left.ring, left.journal, left.texts
        whole, until, is_live, judged = left.whole, left.until, False, left.judged
        no_logs, broken = left.no_logs, left.broken
    elif ring.lost:
        from ec2rl.facts.whole_journal import journal_behind_ring

        journal, journal_lines, whole = journal_behind_ring(host, phrases, boot_id)
    else:
        journal, journal_lines = journal_records(host, phrases, boot_id)
    text, text_lines = _text_logs(host, phrases, period.since, booted, not is_live)
    text = [*(source for source, _ in kept), *text]
    text_lines = [*(found for _, found in kept), *text_lines]
    lines: list[LogLine] = []
    if ring_lines or journal_lines or text_lines:
        from ec2rl.facts.merge import merge

        known = Known(whole and is_live, until, strict)
        lines = weigh(merge(ring_lines, journal_lines, text_lines), known)
    if not period.is_all:
        lines = [line for line in lines if _counts(line, period, clock.uptime or 0)]
    return KernelLog(
        tuple(lines), ring, journal, tuple(text), booted, whole, judged, no_logs, broken
    )


def _counts(line: LogLine, period: Period, uptime: float) -> bool:
    """Whether a line is of the time asked about, or may be: leaving it out is no proof.

    The kernel's stamps drift from the clock as long as it is up (ABI/testing/dev-kmsg).
    """
    if line.time is None:
        return line.trusted or bool(line.doubt)
    drift = DRIFT * uptime if line.trusted and line.this_boot else 0
    return period.may_have(line.time, drift)


def _text_logs(
    host: Host,
    phrases: Sequence[Phrase],
    since: float | None,
    booted: float | None,
    is_saved: bool,
) -> tuple[list[LogSource], list[list[LogLine]]]:
    names = host.names(LOG_FOLDER)
    if isinstance(names, Unreadable):
        return [LogSource(LOG_FOLDER, names)], []
    paths = [f"{LOG_FOLDER}/{name}" for name in names if _is_kernel_log(name)]
    if not paths:
        return [LogSource("text logs", Unreadable(LOG_FOLDER, Why.ABSENT, "no text logs"))], []
    # A log in somebody's hand is looked at for all; those of this machine may be many GiB.
    wanted = [replace(phrase, recent=False) for phrase in phrases] if is_saved else phrases
    sources, lines = [], []
    for path, found in zip(paths, host.search(paths, wanted)):
        if isinstance(found, Unreadable):
            sources.append(LogSource(path, found))
            continue
        sources.append(LogSource(found.path, None, None, search_gap(found)))
        if found.lines and (since is None or found.modified >= since):
            from ec2rl.facts.syslog import parse_lines

            lines.append(
                parse_lines(
                    found.path,
                    found.lines,
                    found.modified,
                    booted,
                    is_saved=is_saved,
                    phrases=phrases,
                    is_cut=found.is_cut,
                )
            )
    return sources, lines


def _is_kernel_log(name: str) -> bool:
    """Whether a file is one of the logs or a rotation: `messages`, `messages-20261101.gz`."""
    return any(
        name == log or (name.startswith(log) and name[len(log)] in ".-") for log in _TEXT_LOGS
    )
