"""The kernel's log as one list: ring buffer, journal and text logs, each event once.

What the kernel itself says can be known from two places only: a record of facility 0 in the ring
buffer, and one in the journal with transport `kernel` and facility 0 (or none: journald before
v209 stored none).  Everything else, a text log above all, can be written by any user; such a line
is kept, and is not `trusted`.
"""

from __future__ import annotations

from ec2rl.host import Host, Journal, Phrase, Search
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

LOG_FOLDER = "/var/log"
_TEXT_LOGS = ("messages", "syslog", "kern.log")
_DIGITS = 17
"""Of a time in µs: 2**64 ns have as many, and no calendar goes beyond the year 9999."""
_DRIFT = 1e-4
"""Seconds each second: a crystal's error is below 100 ppm."""
_FEW = 10
"""Lines behind a phrase; who wants more than these wants a trace."""
BOOT_ID = "/proc/sys/kernel/random/boot_id"
KMSG = "/dev/kmsg"


@record(frozen=True)
class LogLine:
    """One event of the kernel's log.

    `sources` are the places where it was met; `time` is in seconds since the epoch, `monotonic` in
    microseconds since boot; `this_boot` is None where it cannot be told; `count` is how many
    times it stands for; `context` are the kernel's lines behind it.
    """

    message: str
    sources: tuple[str, ...]
    time: float | None
    monotonic: int | None
    boot: str | None
    this_boot: bool | None
    trusted: bool
    count: int = 1
    context: tuple[str, ...] = ()


@record(frozen=True)
class LogSource:
    """One place that was asked, and how far it can be believed to be complete.

    `oldest` is the time of its oldest record, in seconds since the epoch; `gap` says what is
    missing from it, "" for nothing; `lost` counts the ring buffer's overwritten records.
    """

    name: str
    unreadable: Unreadable | None = None
    oldest: float | None = None
    gap: str = ""
    lost: int = 0


@record(frozen=True)
class KernelLog:
    """What was found, in the order of time, and where it was looked for.

    `booted` is when this boot began, in seconds since the epoch; `whole_boot` means that every
    record of this boot was there to be read.
    """

    lines: tuple[LogLine, ...]
    sources: tuple[LogSource, ...]
    booted: float | None
    whole_boot: bool


def read_kernel_log(host: Host, phrases: Sequence[Phrase], since: float | None) -> KernelLog:
    """Look for phrases in all that is left of the kernel's log; `since` is in epoch seconds."""
    clock = host.clock()
    booted = None if clock.uptime is None else clock.now - clock.uptime
    boot = host.read(BOOT_ID)
    boot_id = boot.text.strip().replace("-", "") if isinstance(boot, Evidence) else None
    kept: list[tuple[LogSource, list[LogLine]]] = []
    ring, ring_lines = _ring(host, phrases, boot_id, booted)
    whole = ring.unreadable is None and ring.lost == 0 and not ring.gap
    if ring.unreadable is not None and ring.unreadable.why is Why.NOT_COLLECTED:
        from ec2rl.facts.recorded_log import recorded

        (ring, ring_lines), (journal, journal_lines), kept, whole = recorded(
            host, phrases, boot_id, booted, ring
        )
    elif ring.lost:
        from ec2rl.facts.whole_journal import journal_behind_ring

        journal, journal_lines, whole = journal_behind_ring(host, phrases, boot_id)
    else:
        journal, journal_lines = journal_records(host, phrases, boot_id)
    text, text_lines = _text_logs(host, phrases, since, booted)
    text = [*(source for source, _ in kept), *text]
    text_lines = [*(found for _, found in kept), *text_lines]
    lines: list[LogLine] = []
    if ring_lines or journal_lines or text_lines:
        from ec2rl.facts.merge import merge

        lines = merge(ring_lines, journal_lines, text_lines)
    if since is not None:
        lines = [line for line in lines if _counts(line, since, clock.uptime or 0)]
    return KernelLog(tuple(lines), (ring, journal, *text), booted, whole)


def _counts(line: LogLine, since: float, uptime: float) -> bool:
    """Whether a line is of the time asked about, or may be: leaving it out is no proof.

    The kernel's stamps drift from the clock as long as it is up (ABI/testing/dev-kmsg).
    """
    if line.time is None:
        return line.trusted
    drift = _DRIFT * uptime if line.trusted and line.this_boot else 0
    return line.time >= since - drift


def _ring(
    host: Host, phrases: Sequence[Phrase], boot_id: str | None, booted: float | None
) -> tuple[LogSource, list[LogLine]]:
    answer = host.read(KMSG)
    if isinstance(answer, Unreadable):
        return LogSource("dmesg", answer), []
    lines = parse_kmsg(answer.text, phrases, boot_id, booted)
    first, last, count = kmsg_span(answer.text)
    if first is None or last is None:
        return LogSource("dmesg", gap="it holds no record"), lines
    overwritten = first[0] + max(0, last[0] - first[0] + 1 - count)
    oldest = None if booted is None else booted + first[1] / 1e6
    gap = f"{overwritten} older records were overwritten" if overwritten else ""
    return LogSource("dmesg", None, oldest, gap, overwritten), lines


def kmsg_span(text: str) -> tuple[tuple[int, int] | None, tuple[int, int] | None, int]:
    """(sequence number, µs since boot) of the first and the last record, and how many there are."""
    heads = []
    lines = text.split("\n", 1)[:1], text.rstrip("\n").rsplit("\n", 40)[::-1]
    for candidates in lines:
        parsed = map(kmsg_head, candidates)
        heads.append(next(((h[1], h[2]) for h in parsed if h is not None), None))
    # Lines that begin with a blank belong to the record above (ABI/testing/dev-kmsg).
    return heads[0], heads[1], text.count("\n") - text.count("\n ")


def kmsg_head(line: str) -> tuple[int, int, int, str] | None:
    """Split `PRI,SEQ,USEC,FLAGS[,...];TEXT`; None for a line that is no record."""
    head, found, text = line.partition(";")
    fields = head.split(",", 3)
    if not found or len(fields) < 4:
        return None
    priority, sequence, stamp, _ = fields
    digits = priority + sequence + stamp
    if not (priority and sequence and stamp and digits.isascii() and digits.isdigit()):
        return None
    if len(priority) > 20 or len(sequence) > 20 or len(stamp) > _DIGITS:
        return None
    return int(priority), int(sequence), int(stamp), text


def parse_kmsg(
    text: str, phrases: Sequence[Phrase], boot_id: str | None, booted: float | None
) -> list[LogLine]:
    """The records of the ring buffer that hold a phrase, with the records behind them."""
    after: dict[int, int] = {}
    for phrase in phrases:
        needle = phrase.text.decode()
        at = text.find(needle)
        while at >= 0:
            start = text.rfind("\n", 0, at) + 1
            after[start] = max(after.get(start, 0), phrase.after)
            at = text.find(needle, at + 1)
    # A trace ends where the next one begins.
    begins = {start for start, count in after.items() if count > _FEW}
    lines = []
    for start in sorted(after):
        ends = begins if start in begins else set()
        end = text.find("\n", start)
        words = text[start : end if end >= 0 else None]
        head = kmsg_head(words)
        if head is None:
            continue
        priority, _, microseconds, message = head
        lines.append(
            LogLine(
                unescape(message),
                ("dmesg",),
                None if booted is None else booted + microseconds / 1e6,
                microseconds,
                boot_id,
                this_boot=True,
                trusted=priority >> 3 == 0,
                context=tuple(_behind(text, end, after[start], ends)) if end >= 0 else (),
            )
        )
    return lines


def _behind(text: str, at: int, count: int, ends: Container[int]) -> Iterable[str]:
    """The kernel's records behind one, of its own caller where the kernel names callers.

    Two CPUs that say much at once mix their lines; CONFIG_PRINTK_CALLER (5.1) tells them apart.
    `ends` are where other records begin that it ends at.
    """
    caller = _caller(text[text.rfind("\n", 0, at) + 1 : at])
    limit = at + 1024 * count
    while count and 0 <= at < limit:
        start, at = at + 1, text.find("\n", at + 1)
        line = text[start : at if at >= 0 else None]
        head = kmsg_head(line)
        if head is not None and head[0] >> 3 == 0 and _caller(line) == caller:
            if start in ends:
                return
            yield unescape(head[3])
            count -= 1


def _caller(line: str) -> str:
    """`caller=T123` or `caller=C1` of a record; "" where the kernel does not say."""
    fields = line.partition(";")[0].split(",")
    return next((field for field in fields[4:] if field.startswith("caller=")), "")


def unescape(message: str) -> str:
    """Undo the kernel's `\\xNN` (printk.c, msg_add_ext_text)."""
    if "\\x" not in message:
        return message
    import re

    return re.sub(r"\\x([0-9a-f]{2})", lambda match: chr(int(match[1], 16)), message)


def journal_records(
    host: Host, phrases: Sequence[Phrase], boot_id: str | None
) -> tuple[LogSource, list[LogLine]]:
    """What the journal holds, and how far it can be believed to be whole."""
    answer = host.journal(phrases)
    if isinstance(answer, Unreadable):
        return LogSource("journal", answer), []
    oldest = None if answer.oldest is None else answer.oldest / 1e6
    gaps = list(answer.gaps)
    if answer.hits > sum(record.hit for record in answer.records):
        gaps.append(f"{answer.hits} records hold the words, not all were looked at")
    return LogSource("journal", None, oldest, "; ".join(gaps)), list(_records(answer, boot_id))


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
        yield LogLine(
            entry.message,
            ("journal",),
            entry.realtime / 1e6 if entry.realtime < 10**_DIGITS else None,
            entry.monotonic,
            entry.boot,
            this_boot=None if boot_id is None else entry.boot == boot_id,
            trusted=entry.transport == "kernel" and entry.facility in (0, None),
            context=tuple(context),
        )


def _text_logs(
    host: Host, phrases: Sequence[Phrase], since: float | None, booted: float | None
) -> tuple[list[LogSource], list[list[LogLine]]]:
    names = host.names(LOG_FOLDER)
    if isinstance(names, Unreadable):
        return [LogSource(LOG_FOLDER, names)], []
    paths = [f"{LOG_FOLDER}/{name}" for name in names if _is_kernel_log(name)]
    if not paths:
        return [LogSource("text logs", Unreadable(LOG_FOLDER, Why.ABSENT, "no text logs"))], []
    sources, lines = [], []
    for path, found in zip(paths, host.search(paths, phrases)):
        if isinstance(found, Unreadable):
            sources.append(LogSource(path, found))
            continue
        sources.append(LogSource(found.path, None, None, search_gap(found)))
        if found.lines and (since is None or found.modified >= since):
            from ec2rl.facts.syslog import parse_lines

            lines.append(parse_lines(found.path, found.lines, found.modified, booted))
    return sources, lines


def search_gap(found: Search) -> str:
    """What a search of one log has not seen, or not kept; "" for nothing."""
    more = found.hits - sum(line.hit for line in found.lines)
    return "; ".join(filter(None, (found.gap, f"{more} more lines hold the words" * (more > 0))))


def _is_kernel_log(name: str) -> bool:
    """Whether a file is one of the logs or a rotation: `messages`, `messages-20261101.gz`."""
    return any(
        name == log or (name.startswith(log) and name[len(log)] in ".-") for log in _TEXT_LOGS
    )
