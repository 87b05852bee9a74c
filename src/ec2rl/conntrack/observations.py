"""What the conntrack diagnosis saw of one machine, and what follows from it directly."""

from __future__ import annotations

from ec2rl.conntrack.allowance import Allowance
from ec2rl.conntrack.counters import Counters
from ec2rl.conntrack.messages import Kind, understand
from ec2rl.conntrack.namespaces import RECORDED
from ec2rl.conntrack.tables import Limits, Table
from ec2rl.conntrack.timeline import FullTableHistory
from ec2rl.diagnosis.coverage import covers, hidden, without_journal
from ec2rl.diagnosis.events import say_not_understood
from ec2rl.facts.log import KernelLog, LogLine
from ec2rl.facts.period import Period
from ec2rl.host import WARNING
from ec2rl.model import Statement, Unreadable, Why, say
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.conntrack.alone import Alone
    from ec2rl.conntrack.size_policy import Load
    from ec2rl.conntrack.table.cost import ObjectSize
    from ec2rl.conntrack.table.table_sample import TableSample
    from ec2rl.diagnosis.before_last_fix import Settling
    from ec2rl.model import Value

_THOUSANDS = 1000
_FULL = 0.95
"""Packets that are refused at this share are refused for want of room (gc's own threshold,
net/netfilter/nf_conntrack_core.c, nf_conntrack_max95)."""
NEAR = 0.9
"""The share of the table from which on it is called near its end."""


@record(frozen=True)
class ByHand:
    """What is looked at for the commands by hand alone.

    `loads` is whether the next boot needs a file that loads the module before the settings.
    """

    entry: ObjectSize
    loads: bool


@record(frozen=True)
class Observations:
    """One look, or two; `hidden` says which namespaces could not be found."""

    log: KernelLog
    times: FullTableHistory
    limits: Limits
    hidden: Statement | None
    tables: tuple[Table, ...]
    allowances: tuple[Allowance, ...]
    default_maximum: int | None
    settling: Settling | None = None
    """What this program changed in this boot, where the log has lines that it may settle."""
    period: Period = Period()
    sampled: bool = False
    table_sample: TableSample | None = None
    """What the worst table consists of, where one is nearly full or loses packets."""
    load: Load | None = None
    """The entries that the load leads to, where the table is too small for what is seen."""
    raised: bool = False
    """Whether this program has raised the limit in this boot, with room for what filled it."""
    by_hand: ByHand | None = None
    """What the commands by hand are for, where they are asked for and needed."""
    now: float | None = None
    """When it was looked at, in seconds since the epoch; None where nothing tells."""
    free: int | None = None
    """Bytes of memory that are available, those of today's entries included; None if unknown."""
    is_live: bool = True
    alone: Alone | None = None
    """Which namespace was asked for, where it is judged alone: it is the only one in `tables`."""

    def again(self, tables: tuple[Table, ...], allowances: tuple[Allowance, ...]) -> Observations:
        return replace(self, tables=tables, allowances=allowances, sampled=True)

    def fill(self, table: Table) -> float | None:
        """Give the share of the limit that is used.

        None when either is unknown, or there is none.
        """
        if table.count is None or not self.limits.maximum:
            return None
        return table.count / self.limits.maximum

    def near(self, table: Table) -> bool:
        """Tell whether a table is nearly full, as far as that is known."""
        return (self.fill(table) or 0) >= NEAR

    def last(self, table: Table, counter: str) -> int | None:
        """Give a counter of `Counters` at the last look."""
        last = table.after or table.counters
        if isinstance(last, Unreadable):
            return None
        value: int | None = getattr(last, counter)
        return value

    @property
    def evicted(self) -> int:
        """Entries that were pushed out for new ones where these are thousands, else 0.

        The kernel evicts where a new connection finds the table at its limit (early_drop,
        nf_conntrack_core.c), so a larger one would have had room.  0 as well where none is evicted
        now and the limit was raised meanwhile.
        """
        total = sum(self.last(table, "early_drop") or 0 for table in self.tables)
        still = not self.sampled or any(table.rate("early_drop") for table in self.tables)
        return total if total >= _THOUSANDS and (still or not self.raised) else 0

    def loses(self, table: Table) -> float | None:
        """Tell how many packets a second are dropped for want of room; below it, clashes may be."""
        fill = self.fill(table) or 0
        return table.rate("drop" if fill >= 1 else "refused") if fill >= _FULL else None

    def spell(self, table: Table) -> tuple[float, float] | None:
        """Tell when the loss began and ended of which a table's newest lines of this boot tell.

        A kernel that names no namespace (before 6.17) tells of the one that has lost something.
        """
        if self.alone is not None and self.alone.unnamed:
            return None
        spells = self.times.now.spells
        inode = None if table.namespace.initial else table.namespace.inode
        if any(number is not None for number in spells):
            return spells.get(inode)
        alone = [one for one in self.tables if one.refused] == [table]
        return spells.get(None) if alone else None

    @property
    def by_loss(self) -> list[Table]:
        """The worst first: what loses most now, then what has lost most, then the fullest."""

        def weight(table: Table) -> tuple[float, ...]:
            lost, near, count = table.refused or 0, self.near(table), table.count or 0
            rates = (table.rate("drop") or 0, table.rate("early_drop") or 0)
            return tuple(-one for one in (*rates, lost if near else 0, lost, near, count))

        return sorted(self.tables, key=weight)

    @property
    def fullest(self) -> Table | None:
        return max(self.tables, key=lambda table: table.count or -1, default=None)

    @property
    def in_use(self) -> bool:
        """Whether any namespace tracks, or has tracked, a connection."""
        return any(
            isinstance(last := table.after or table.counters, Counters)
            and any(last.__dict__.values())
            for table in self.tables
        )

    @property
    def unread(self) -> tuple[Unreadable, ...]:
        """Namespaces whose counters could not be read, where tracking is in the kernel at all."""
        if self.limits.loaded is False:
            return ()
        return tuple(t.counters for t in self.tables if isinstance(t.counters, Unreadable))

    @property
    def all_counted(self) -> bool:
        """Whether the counters of every namespace are known: the strongest proof there is."""
        if self.hidden or self.limits.loaded is False:
            return not self.hidden
        return bool(self.tables) and not self.unread

    @property
    def alone_unharmed(self) -> bool:
        """Whether the one namespace that is judged counts no packet that was dropped.

        It is there, so are its counters, from the moment that it was made: no log is needed.
        """
        return self.alone is not None and any(
            self.last(table, "drop") == 0 for table in self.tables
        )

    @property
    def covered(self) -> bool:
        """Whether the kernel's own log was read for all of the time that is asked about."""
        return covers(self.log, self.period.since, WARNING)

    @property
    def limit_unread(self) -> bool:
        """Whether a table that is in use may be full now, for all that is known of its limit."""
        return self.limits.maximum is None and any(table.count for table in self.tables)

    @property
    def uncounted(self) -> tuple[Unreadable, ...]:
        """Tables that may be full now: they are there, and how full they are could not be read."""
        if self.limits.loaded is False or self.limits.maximum == 0:
            return ()
        return tuple(
            table.counters
            for table in self.tables
            if table.count is None and isinstance(table.counters, Unreadable)
            if table.counters.why is not Why.NOT_COLLECTED
        )

    @property
    def answered(self) -> bool:
        """Whether enough was read to know that no table was full, where nothing tells of one.

        A log that cannot be read at all, or is empty, is never made up for by counters: a namespace
        that is gone took its own along, and only the log remembers it.
        """
        if self.limit_unread or (self.alone is not None and self.alone.undecided):
            return False
        if self.alone_unharmed:
            return True
        ring = self.log.ring
        if self.all_counted and ring.unreadable is None and (ring.lost or not ring.gap):
            return True
        # The kernel's rate limit may have swallowed the line; then only counters could tell.
        return self.covered and not self.times.others.get(Kind.SUPPRESSED)

    @property
    def drops_settled(self) -> bool:
        """Whether packets that were dropped are explained by lines from before a change.

        None is dropped now, and no line can have been lost that was printed since the change.
        """
        still = any(table.rate("drop") != 0 for table in self.tables if table.refused)
        return self.sampled and not still and self.known_since_change

    @property
    def known_since_change(self) -> bool:
        """Whether all that was logged since the change that made lines past was read."""
        if self.settling is None or not self.times.before_last_fix.lines:
            return False
        if any(_may_have_lost(line, self.settling.log_end) for line in self.log.lines):
            return False
        from ec2rl.diagnosis.before_last_fix import whole_since_fix

        return whole_since_fix(self.log, [self.settling])

    @property
    def proven(self) -> bool:
        """Whether "no line found" means that no packet was dropped, and that no table is full.

        Counters at zero do not make up for a log that has lost its oldest records either; but what
        was before a change that made room is known: it was full.
        """
        read = self.covered or self.known_since_change or self.alone_unharmed
        known = read and not self.times.not_understood
        return self.answered and known and not self.uncounted

    @property
    def unseen(self) -> tuple[Value, ...]:
        """What was missing for a verdict, and which right would give it."""
        ring = self.log.ring
        reasons: list[Value] = []
        if ring.unreadable is not None:
            missing = ring.unreadable.why is Why.NOT_COLLECTED and not ring.unreadable.is_cut
            reasons = ["the kernel's own log: not collected" if missing else ring.unreadable]
        if unjudged := without_journal(self.log):
            reasons = [unjudged]
        if ring.unreadable is None and not self.covered:
            kind = "dmesg" if ring.console is None else "console"
            gap = say("{kind}: {gap}", kind=kind, gap=ring.gap)
            unshown = hidden(self.log, WARNING) or "the kernel's log is incomplete"
            reasons.append(gap if ring.gap else unshown)
        odd = self.times.not_understood
        reasons += [say_not_understood(odd)] if odd else []
        if self.covered and self.times.others.get(Kind.SUPPRESSED) and not self.all_counted:
            reasons.append("the kernel left lines out of its log, and not all counters were read")
        elif self.all_counted and not self.covered and ring.lost and self.alone is None:
            reasons.append("namespaces that are gone took their counters along")
        reasons += () if self.alone is None else self.alone.doubts
        if self.hidden:
            reasons.append(self.hidden)
        unread = self.unread
        if unread:
            words = "{first} and {more} more" if len(unread) > 1 else "{first}"
            reasons.append(say(words, first=unread[0], more=len(unread) - 1))
        if not self.tables and not self.hidden:
            reasons.append("no network namespace could be found")
        if self.limit_unread:
            saved = any(table.namespace.net == RECORDED for table in self.tables)
            how = "was not collected" if saved else "could not be read"
            reasons.append(say("net.netfilter.nf_conntrack_max {how}", how=how))
        return tuple(reasons)


def _may_have_lost(line: LogLine, log_end: int) -> bool:
    """Whether a line tells that the kernel kept others to itself, and may be later than a stamp."""
    if not line.trusted or line.this_boot is False:
        return False
    told = understand(line.message)
    here = told is not None and told.kind is Kind.SUPPRESSED
    return here and (line.monotonic is None or line.monotonic > log_end)
