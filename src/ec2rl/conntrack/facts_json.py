"""The conntrack diagnosis in numbers: the facts of a finding, for the JSON report."""

from __future__ import annotations

from ec2rl.conntrack.observations import Observations
from ec2rl.conntrack.tables import Table
from ec2rl.conntrack.timeline import LogPeriod
from ec2rl.diagnosis.coverage import source_facts
from ec2rl.model import Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.model import Fact, Json


def facts(seen: Observations) -> dict[str, Fact]:
    """Give the numbers behind the words; None is unknown."""
    times = seen.times
    read = [source.name for source in seen.log.sources if source.unreadable is None]
    own = bool(seen.log.whole_boot or {"dmesg", "journal"}.intersection(read))
    census: Fact = None
    if seen.table_sample is not None:
        from ec2rl.conntrack.table.table_sample import table_sample_facts

        census = table_sample_facts(seen.table_sample)
    return {
        "census": census,
        "conntrack": {
            "max": seen.limits.maximum,
            "buckets": seen.limits.buckets,
            "default_max": seen.default_maximum,
            "loaded": seen.limits.loaded,
            "in_use": seen.in_use if seen.all_counted or seen.in_use else None,
            "sampled_seconds": next((t.seconds for t in seen.tables if t.seconds), None),
        },
        "namespaces": [_table_facts(seen, table) for table in seen.tables],
        "namespaces_complete": not (seen.hidden or seen.unread or seen.alone),
        "alone": None
        if seen.alone is None
        else {"inode": seen.alone.inode, "label": seen.alone.label},
        "counters": {
            name: _total(seen, name)
            for name in ("drop", "refused", "early_drop", "insert_failed", "chaintoolong")
        },
        "log": {
            "this_boot": _period_facts(times.now, own),
            "before_last_change": _period_facts(times.before_last_fix, own),
            "earlier_boots": [_period_facts(period) for period in times.boots],
            "unverified": _period_facts(times.unverified, bool(read)),
            "grades": list(times.grades),
            "forged_lines": times.forged if read else None,
            "not_understood": len(times.not_understood),
            "other_limits": {kind.name.lower(): n for kind, n in times.others.items()},
            "whole_boot": seen.log.whole_boot,
            "sources": source_facts(seen.log),
        },
        "allowances": [
            {
                "interface": one.interface,
                "conntrack_allowance_exceeded": one.exceeded,
                "conntrack_allowance_available": one.available,
                "exceeded_per_second": one.rate,
                "unreadable": str(one.unreadable) or None,
            }
            for one in seen.allowances
        ],
    }


def _total(seen: Observations, counter: str) -> int | None:
    numbers = [seen.last(table, counter) for table in seen.tables]
    known = [number for number in numbers if number is not None]
    return sum(known) if known and len(known) == len(numbers) else None


def _table_facts(seen: Observations, table: Table) -> dict[str, Json]:
    counters = table.after or table.counters
    return {
        "inode": table.namespace.inode,
        "initial": table.namespace.initial,
        "owner": table.namespace.owner,
        "names": list(table.namespace.names),
        "count": table.count,
        "max": seen.limits.maximum,
        "fill": seen.fill(table),
        "active": None if isinstance(counters, Unreadable) else any(counters.__dict__.values()),
        "drop": seen.last(table, "drop"),
        "refused": table.refused,
        "early_drop": seen.last(table, "early_drop"),
        "insert_failed": seen.last(table, "insert_failed"),
        "chaintoolong": seen.last(table, "chaintoolong"),
        "drop_per_second": table.rate("drop"),
        "early_drop_per_second": table.rate("early_drop"),
        "unreadable": str(table.counters) if isinstance(table.counters, Unreadable) else None,
    }


def _period_facts(period: LogPeriod, read: bool = True) -> dict[str, Json]:
    """The numbers of a period; unknown where nothing was found and nothing was `read`."""
    known = bool(read or period.lines)
    return {
        "lines_at_least": period.lines if known else None,
        "suppressed_estimate": period.suppressed if known else None,
        "first": period.first,
        "last": period.last,
        "sources": list(period.log_sources),
        "by_namespace": [
            {"inode": inode, "lines": count} for inode, count in period.namespaces.items()
        ],
    }
