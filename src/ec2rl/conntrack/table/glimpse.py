"""What a table that is nearly full consists of, from a sample of it: for the diagnosis."""

from __future__ import annotations

from ec2rl.conntrack.table.capture import Capture
from ec2rl.conntrack.table.causes import causes
from ec2rl.conntrack.table.census import Census, census, evictable, evictable_later
from ec2rl.conntrack.table.places import read_settings
from ec2rl.conntrack.table.stream import TRAIL
from ec2rl.conntrack.table.tally import Tally
from ec2rl.conntrack.table.timeouts import DEFAULTS
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ec2rl.conntrack.tables import Table
    from ec2rl.model import Json

FIRST = 4000
"""Entries to look at: some hundredths of a second, and shares within 2.3 % in 95 of 100 cases."""


@record(frozen=True)
class Glimpse:
    """A sample of the table that is worst off; `label` is its namespace's."""

    label: str
    inode: int | None
    census: Census

    @property
    def stuck(self) -> float:
        """The share of the entries that a full table does not evict, not even slowly."""
        movable = self.census.entries(evictable) + self.census.entries(evictable_later)
        return 1 - movable / self.census.total

    @property
    def headline(self) -> str:
        """What fills the table, in one sentence: its first cause, else its busiest connections."""
        found = causes(self.census)
        if found:
            return found[0].headline
        pair, service = self.census.pairs.rows[0], self.census.services.rows[0]
        row, to = (service, "to ") if service.count > 2 * pair.count else (pair, "")
        return f"{row.count / self.census.total:.0%} of the entries are {to}{row.key}"


def glimpse(host: Host, tables: Sequence[Table]) -> Glimpse | None:
    """Look at the table that loses most, else has most; None where it cannot be seen."""
    table = max(tables, key=lambda each: (each.rate("drop") or 0, each.count or 0))
    found = sample_of(host, table)
    namespace = table.namespace
    return Glimpse(namespace.label, namespace.inode, found) if found and found.total else None


def sample_of(host: Host, table: Table) -> Census | None:
    """Count a sample of one table's entries; None where they cannot be seen."""
    for door in table.namespace.doors:
        inside = host.within(door)
        answer = inside.conntrack_entries(FIRST)
        if isinstance(answer, Evidence):
            settings = read_settings(inside)
            known = DEFAULTS if isinstance(settings, Unreadable) else settings
            return sampled(answer, known, table.count)
    return None


def sampled(entries: Evidence, settings: Mapping[str, int], counted: int | None) -> Census:
    """Count the entries of a sample as `Host.conntrack_entries` gives it."""
    tally = Tally(settings)
    capture = Capture()
    text = [line for line in entries.text.splitlines(keepends=True) if "=" in line]
    for entry in capture.entries([line.encode() for line in text]):
        tally.add(entry)
    raw = [line for line in entries.text.splitlines() if "=" not in line and _is_hex(line)]
    tally.add_bodies([bytes.fromhex(line) + bytes(TRAIL) for line in raw])
    return census(tally, settings, entries.source, counted)


def _is_hex(line: str) -> bool:
    return len(line) % 2 == 0 and set(line) <= set("0123456789abcdef")


def glimpse_lines(one: Glimpse) -> list[str]:
    """What to say below the verdict."""
    found = one.census
    known = f"{found.total} of {found.counted}" if found.counted else f"{found.total}"
    at_once, later = (found.entries(kind) / found.total for kind in (evictable, evictable_later))
    where = "" if one.inode is None else f" --netns={one.inode}"
    return [
        f"{one.label}: {one.headline}",
        f"Of its entries {at_once:.0%} can be evicted at once, {later:.0%} slowly, {one.stuck:.0%} "
        f"not at all (seen: {known})",
        f"Who, and why: sudo ./ec2rl conntrack top{where}",
    ]


def glimpse_facts(one: Glimpse) -> dict[str, Json]:
    """The same as numbers."""
    found = one.census
    return {
        "inode": one.inode,
        "seen": found.total,
        "counted": found.counted,
        "headline": one.headline,
        "evictable_share": found.entries(evictable) / found.total,
        "evictable_later_share": found.entries(evictable_later) / found.total,
        "causes": [
            {"name": c.name, "headline": c.headline, "share": c.share} for c in causes(found)
        ],
    }
