"""The kernel's ring buffer, as /dev/kmsg gives it (Documentation/ABI/testing/dev-kmsg)."""

from __future__ import annotations

from ec2rl.facts.log import DIGITS, LogLine, LogSource
from ec2rl.facts.trust import Grade
from ec2rl.host import KMSG, Host, Phrase
from ec2rl.model import Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

_FEW = 10
"""Lines behind a phrase; who wants more than these wants a trace."""


def read_ring(
    host: Host, phrases: Sequence[Phrase], boot_id: str | None, booted: float | None
) -> tuple[LogSource, list[LogLine]]:
    """Give the records that hold a phrase, and what the buffer has lost."""
    answer = host.read(KMSG)
    if isinstance(answer, Unreadable):
        return LogSource("dmesg", answer), []
    lines = parse_kmsg(answer.text, phrases, boot_id, booted)
    first, last, count = kmsg_span(answer.text)
    if first is None or last is None:
        return LogSource("dmesg", gap="it holds no record"), lines
    overwritten = first[0] + max(0, last[0] - first[0] + 1 - count)
    oldest = None if booted is None else booted + first[1] / 1e6
    gap = f"{overwritten:,} older records were overwritten" if overwritten else ""
    return LogSource("dmesg", None, oldest, gap, overwritten), lines


def kmsg_span(text: str) -> tuple[tuple[int, int] | None, tuple[int, int] | None, int]:
    """Give sequence number and µs since boot of the first and last record, and their count."""
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
    if len(priority) > 20 or len(sequence) > 20 or len(stamp) > DIGITS:
        return None
    return int(priority), int(sequence), int(stamp), text


def parse_kmsg(
    text: str, phrases: Sequence[Phrase], boot_id: str | None, booted: float | None
) -> list[LogLine]:
    """Give the records of the ring buffer that hold a phrase, with the records behind them."""
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
                grade=Grade.FORGED if priority >> 3 else Grade.KERNEL,
                context=tuple(_behind(text, end, after[start], ends)) if end >= 0 else (),
                caller=_caller(words),
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
    head = line.partition(";")[0]
    if ",caller=" not in head:
        return ""
    fields = head.split(",")
    return next((field for field in fields[4:] if field.startswith("caller=")), "")


def unescape(message: str) -> str:
    """Undo the kernel's `\\xNN` (printk.c, msg_add_ext_text)."""
    if "\\x" not in message:
        return message
    import re

    return re.sub(r"\\x([0-9a-f]{2})", lambda match: chr(int(match[1], 16)), message)
