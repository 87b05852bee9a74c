"""Whether the journal has all that the kernel said in a boot, where the ring buffer has not.

journald reads /dev/kmsg in order, and says "Missed N kernel messages" where records were
overwritten before it came to them (systemd, journald-kmsg.c).  So a journal is whole up to a record
of the ring buffer if it holds the kernel's first message of this boot and that record, and no gap.
"""

from __future__ import annotations

from ec2rl.facts.journal_log import journal_records
from ec2rl.facts.kmsg import kmsg_head
from ec2rl.facts.log import LogLine, LogSource
from ec2rl.host import BEGINNING, KMSG, Host, Phrase
from ec2rl.model import Evidence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_INFO = 6
"""A level that journald keeps unless it is told to keep less (journald.conf(5), MaxLevelStore)."""

_TRIED = 1000
_SHORT, _LONG = 16, 200


def journal_behind_ring(
    host: Host, phrases: Sequence[Phrase], boot_id: str | None
) -> tuple[LogSource, list[LogLine], bool]:
    """Tell what the journal holds, and whether all that the ring buffer has lost is in it."""
    joint = _joint(host)
    if joint is None:
        return (*journal_records(host, phrases, boot_id), False)
    stamp, message = joint
    wanted = (*phrases, BEGINNING, Phrase(message.encode()))
    source, lines = journal_records(host, wanted, boot_id)
    place = boot_id, stamp, message, True
    met = any((one.boot, one.monotonic, one.message, one.trusted) == place for one in lines)
    whole = met and not source.gap and has_whole_boot(lines, boot_id)
    asked = [phrase.text.decode() for phrase in phrases]
    return source, [line for line in lines if any(text in line.message for text in asked)], whole


def has_whole_boot(lines: Sequence[LogLine], boot_id: str | None) -> bool:
    """Tell whether the journal has what the kernel said first, and lost nothing that followed."""
    last = [line for line in lines if line.boot == boot_id]
    return any(is_beginning(line) and line.trusted for line in last) and not any(
        line.message.startswith("Missed ") for line in last
    )


def is_beginning(line: LogLine) -> bool:
    """Tell whether a kernel says with this line that it starts.

    `dmesg -T` shows no time since boot.
    """
    return line.message.startswith(BEGINNING.text.decode()) and line.monotonic in (0, None)


def _joint(host: Host) -> tuple[int, str] | None:
    """An old record of the ring buffer to look for in the journal: µs since boot, and its text."""
    ring = host.read(KMSG)
    if not isinstance(ring, Evidence):
        return None
    for line in ring.text.split("\n", _TRIED)[:_TRIED]:
        head = kmsg_head(line)
        if head is None or head[0] != _INFO:  # of the kernel itself: facility 0
            continue
        _, _, stamp, message = head
        if _SHORT <= len(message) <= _LONG and "\\" not in message:
            return stamp, message
    return None
