"""What a cause is, and the words that all of them use."""

from __future__ import annotations

from ec2rl.conntrack.table.remedies import Advice
from ec2rl.model import Statement
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ec2rl.conntrack.table.census import Census
    from ec2rl.conntrack.table.ranking import Row
    from ec2rl.conntrack.table.timeouts import Kind


@record(frozen=True)
class Cause:
    """One explanation: `share` of the table (0 to 1), the numbers, and what to do about it."""

    name: str
    headline: Statement
    share: float
    evidence: tuple[str, ...]
    advice: Advice


def part_of(row: Row, wanted: Callable[[Kind], bool]) -> int:
    """How many of a row's entries are of the wanted kinds."""
    return sum(count for kind, count in row.kinds if wanted(kind))


def most_of(rows: tuple[Row, ...], wanted: Callable[[Kind], bool]) -> tuple[str, int]:
    """What has the most entries of the wanted kinds, and how many; "nobody" where none has any."""
    best, count = "nobody", 0
    for row in rows:
        part = part_of(row, wanted)
        if part > count:
            best, count = str(row.key), part
    return best, count


def percent(part: int, whole: int) -> str:
    """A share as `71 %`."""
    return f"{rounded(part, whole)} %"


def rounded(part: int, whole: int) -> int:
    """A share in whole per cent, as a number; never 100 of less than all."""
    share = round(100 * part / whole) if whole else 0
    return min(share, 99) if part < whole else share


def numbers(count: int, seen: Census, what: str) -> str:
    """A number of entries, and its share of the table."""
    return f"{count} of {seen.total} entries ({percent(count, seen.total)}) {what}"


def how_many(distinct: int | None, what: str) -> str:
    """A number of different ones, where memory allowed to count them."""
    return f"tens of thousands of {what}" if distinct is None else f"{distinct} {what}"
