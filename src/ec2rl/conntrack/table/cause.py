"""What a cause is, and what all of them say."""

from __future__ import annotations

from ec2rl.conntrack.table.remedies import Advice
from ec2rl.model import Statement, say
from ec2rl.record import Choice, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ec2rl.conntrack.table.census import Census
    from ec2rl.conntrack.table.ranking import Row
    from ec2rl.conntrack.table.timeouts import Kind


class CauseName(Choice):
    """Which rule it is; the value is the name that people and programs read."""

    HALF_OPEN = "half-open"
    SCAN = "scan"
    HOARDING_CLIENT = "hoarding client"
    IDLE_CONNECTIONS = "idle connections"
    DNS_CHURN = "DNS churn"
    UDP_CHURN = "UDP churn"
    TIME_WAIT_STORM = "TIME_WAIT storm"
    CLOSE_WAIT_KEPT_LONG = "CLOSE_WAIT kept long"
    TRACKED_WITHOUT_NEED = "tracked without need"
    OLDER_THAN_THE_SETTINGS = "older than the settings"
    ONE_NAMESPACE = "one namespace"


@record(frozen=True)
class Cause:
    """One explanation: `share` of the table (0 to 1), the numbers, and what to do about it."""

    name: CauseName
    headline: Statement
    share: float
    evidence: tuple[Statement, ...]
    advice: Advice


def part_of(row: Row, wanted: Callable[[Kind], bool]) -> int:
    """Tell how many of a row's entries are of the wanted kinds."""
    return sum(count for kind, count in row.kinds if wanted(kind))


def most_of(rows: tuple[Row, ...], wanted: Callable[[Kind], bool]) -> tuple[str, int]:
    """Tell what has the most entries of the wanted kinds, and how many.

    "nobody" where none has any.
    """
    best, count = "nobody", 0
    for row in rows:
        part = part_of(row, wanted)
        if part > count:
            best, count = str(row.key), part
    return best, count


def rounded(part: int, whole: int) -> int:
    """Give a share in whole per cent, as a number; never 100 of less than all."""
    share = round(100 * part / whole) if whole else 0
    return min(share, 99) if part < whole else share


def numbers(count: int, seen: Census, what: str | Statement) -> Statement:
    """Say a number of entries, its share of the table, and `what` they are."""
    words = "{count:,} of {total:entry/entries} ({share}%) {what}"
    share = rounded(count, seen.total)
    return say(words, count=count, total=seen.total, share=share, what=what)
