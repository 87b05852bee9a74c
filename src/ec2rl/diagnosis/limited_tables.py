"""Tables of the kernel that have a limit and count what they refuse: what is common to all of them.

The kernel's log says when one was full, a counter how often since boot, and a second look whether
it is so now; a change that raised the limit settles what was before it.
"""

from __future__ import annotations

from ec2rl.diagnosis.events import Event
from ec2rl.diagnosis.observations import Observations
from ec2rl.model import Evidence, Statement, Unreadable, Why, none_in, say
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Callable

    from ec2rl.host import Host
    from ec2rl.model import Value

NEAR = 0.8
"""The share of its limit from which on a table is called nearly full."""


@record(frozen=True)
class Counts:
    """A table's entries, and how many it has refused since boot (None: nobody counts)."""

    entries: int
    refused: int | None


@record(frozen=True)
class LimitedTable:
    """What is known of a table: `label` names it, `source` is the file with its counts.

    `key` is the kernel setting of its limit, and `limit_name` what that is called; `risen` is what
    was refused in `seconds` between two looks, None without a second one.
    """

    label: str
    source: str
    key: str
    limit_name: str
    counts: Counts | Unreadable
    limit: int | Unreadable
    risen: int | None = None
    seconds: float = 0.0

    @property
    def entries(self) -> int:
        return self.counts.entries if isinstance(self.counts, Counts) else 0

    @property
    def refused(self) -> int | None:
        return self.counts.refused if isinstance(self.counts, Counts) else None

    @property
    def maximum(self) -> int | None:
        """The limit, None where it is not known."""
        return self.limit if isinstance(self.limit, int) else None

    @property
    def near(self) -> bool:
        """Whether it is nearly full, as far as that is known."""
        return self.maximum is not None and self.entries >= max(1, NEAR * self.maximum)

    @property
    def is_absent(self) -> bool:
        """Whether a machine that was looked at has neither its counts nor its limit."""
        return all(_lacks(part, Why.ABSENT) for part in (self.counts, self.limit))

    @property
    def is_unrecorded(self) -> bool:
        """Whether nobody kept anything of it."""
        return all(_lacks(part, Why.NOT_COLLECTED) for part in (self.counts, self.limit))


def _lacks(part: object, why: Why) -> bool:
    return isinstance(part, Unreadable) and part.why is why


@record(frozen=True)
class TableKind:
    """Tables of one kind: how they are read, and what they are called.

    `count` reads the counts of a table again, `counter` is their name for what was refused, and
    `level` the weakest at which the kernel's log tells of a full one.  `name` begins "A neighbour
    table is nearly full", and an `entry` is a neighbour, of which there are several `entries`.
    """

    count: Callable[[Host, LimitedTable], Counts | Unreadable]
    counter: str
    level: int
    name: str
    entry: str
    entries: str


@record(frozen=True)
class Overflow:
    """A line that says that a table was full: one of these, where it does not say which."""

    tables: tuple[str, ...]
    entry: str

    def message(self) -> Statement:
        """Say which table was full."""
        words = "{tables: or } was full: a new {entry} was refused"
        return say(words, tables=self.tables, entry=self.entry)


@record(frozen=True)
class TableObservations:
    """What was seen of the log and of the tables; `refusing` are those that a counter accuses."""

    log: Observations[Overflow]
    tables: tuple[LimitedTable, ...]
    refusing: tuple[LimitedTable, ...] = ()

    def is_short(self, table: LimitedTable) -> bool:
        """Tell whether a table was too small, or nearly is."""
        told = tells_of_table(self.log.events.this_boot, table) or table in self.refusing
        return told or table.near or bool(table.risen)

    @property
    def short(self) -> tuple[LimitedTable, ...]:
        """The tables that were too small, or nearly are."""
        return tuple(table for table in self.tables if self.is_short(table))


def tells_of_table(events: Sequence[Event[Overflow]], table: LimitedTable) -> bool:
    """Tell whether any of these events is, or may be, of this table."""
    return any(table.label in event.detail.tables for event in events)


def seconds_of(table: LimitedTable) -> str:
    """Write the seconds between two looks."""
    return f"{table.seconds:g}"


def say_table(table: LimitedTable) -> Statement | None:
    """Say what is known of a table in a line; None where nobody kept anything of it."""
    counts, limit = table.counts, table.limit
    if table.is_unrecorded:
        return None
    if isinstance(counts, Unreadable):
        return say("{table}: {unread}", table=table.label, unread=counts)
    values: dict[str, Value] = {"table": table.label, "entries": counts.entries, "limit": limit}
    words = "{table}: {entries:,} of {limit:entry/entries}"
    if isinstance(limit, Unreadable):
        words = "{table}: {entries:entry/entries}, the limit is unknown: {limit}"
    elif limit:
        words += " ({fill:%})"
        values["fill"] = counts.entries / limit
    if table.refused:
        words += ", {refused:,} refused since boot"
        values["refused"] = table.refused
        if table.risen:
            words += ", {risen:,} in {seconds} s {now}"
            values.update(risen=table.risen, seconds=seconds_of(table))
        elif table.risen == 0:
            words += ", {none}"
            values["none"] = none_in(table.seconds or 0)
    return say(words, **values)


def quotes(tables: Sequence[LimitedTable], kind: TableKind) -> tuple[Evidence, ...]:
    """Quote the counters that rose between two looks."""
    return tuple(
        Evidence(t.source, f"{kind.counter} rose by {t.risen} in {seconds_of(t)} s")
        for t in tables
        if t.risen
    )
