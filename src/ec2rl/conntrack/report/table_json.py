"""What was counted of a table, as JSON: an unknown number is null, never 0."""

from __future__ import annotations

from ec2rl.conntrack.table.ages import bucket_end
from ec2rl.conntrack.table.causes import causes, one_namespace
from ec2rl.conntrack.table.census import Census, evictable, evictable_later, state_of
from ec2rl.conntrack.table.entry import address, protocol_name
from ec2rl.conntrack.table.ranking import Endpoint, Ranking, Row
from ec2rl.conntrack.table.ruleset import ruleset
from ec2rl.conntrack.table.sample import estimate
from ec2rl.conntrack.table.timeouts import governing
from ec2rl.report.wording import text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.conntrack.size_policy import TableSize
    from ec2rl.conntrack.table.cause import Cause
    from ec2rl.conntrack.table.cost import Cost
    from ec2rl.conntrack.table.entry import Entry, Flow
    from ec2rl.conntrack.table.process_owners import Owned
    from ec2rl.conntrack.table.sizing import Growth, Need, Rate, TimeToFull
    from ec2rl.conntrack.table.targets import TableTarget, TableTargets
    from ec2rl.conntrack.table.timeouts import Kind
    from ec2rl.conntrack.table.whatif import WhatIf
    from ec2rl.conntrack.tables import Limits
    from ec2rl.model import Json


def target_facts(target: TableTarget, limits: Limits) -> dict[str, Json]:
    """Tell which table, how many entries by the kernel's count, and the limit."""
    fill = target.count / limits.maximum if target.count is not None and limits.maximum else None
    return {
        "table": target.label,
        "inode": target.inode,
        "count": target.count,
        "max": limits.maximum,
        "buckets": limits.buckets,
        "fill": fill,
    }


def by_namespace(targets: TableTargets) -> dict[str, int]:
    """Give entries by namespace, of those whose count is known."""
    return {target.label: target.count for target in targets.chosen if target.count is not None}


def machine_facts(targets: TableTargets) -> dict[str, Json]:
    """Tell what holds for all tables together."""
    cause = one_namespace(by_namespace(targets))
    return {
        "causes": [] if cause is None else [_cause(cause)],
        "fuller": [target_facts(target, targets.limits) for target in targets.others],
        "hidden": None if targets.hidden is None else text(targets.hidden),
    }


def census_facts(
    seen: Census, target: TableTarget, owned: Sequence[Owned] = (), limit: int = 100
) -> dict[str, Json]:
    """Give a census with its causes; where only a sample was seen, each number with its bounds."""

    def ranked(ranking: Ranking) -> dict[str, Json]:
        return {
            "distinct": ranking.distinct,
            "error": ranking.error,
            "rows": [
                _row(seen, row, ranking.distinct or seen.total) for row in ranking.rows[:limit]
            ],
        }

    return {
        **seen_facts(seen),
        "evictable": seen.entries(evictable),
        "evictable_later": seen.entries(evictable_later),
        "causes": [{**_cause(c, target), "nft": ruleset(c, seen) or None} for c in causes(seen)],
        "kinds": [
            {
                **_kind(cell.kind),
                **counted(seen, cell.count, len(seen.cells)),
                "idle_is_least": governing(cell.kind) in seen.largest,
                "idle": [[low, bucket_end(low), count] for low, count in cell.idle],
                "beyond_todays_setting": cell.beyond,
                "rewritten_by_nat": cell.rewritten,
            }
            for cell in seen.cells
        ],
        "states": [
            {"state": name, **counted(seen, n, len(seen.cells))} for name, n in seen.by(state_of)
        ],
        "sources": ranked(seen.sources),
        "destinations": ranked(seen.destinations),
        "services": ranked(seen.services),
        "pairs": ranked(seen.pairs),
        "marks": ranked(seen.marks),
        "zones": ranked(seen.zones),
        "owners": [{"owner": one.owner, **counted(seen, one.entries, len(owned))} for one in owned],
        "owners_asked": {
            "pairs": len(seen.pairs.rows) if owned else 0,
            "entries": sum(one.entries for one in owned),
        },
    }


def seen_facts(seen: Census) -> dict[str, Json]:
    """Tell what was looked at: the `whole` table, a random `sample` of it, or neither."""
    return {
        "source": seen.source,
        "seen": seen.total,
        "counted": seen.counted,
        "whole": is_whole(seen),
        "sample": is_sample(seen),
        "gaps": list(seen.gaps),
        "unknown_timeouts": {name: {"at_least": most} for name, most in seen.largest.items()},
    }


def is_whole(seen: Census) -> bool:
    """Tell whether the numbers are those of the table, and not of a part of it."""
    return seen.whole and not is_sample(seen)


def is_sample(seen: Census) -> bool:
    """Tell whether much of the table was not seen, and the rest at random.

    Then shares have bounds.
    """
    missed = seen.counted is not None and seen.total < 0.9 * seen.counted
    return missed and seen.random and not seen.leaked


def counted(seen: Census, count: int, among: int) -> dict[str, Json]:
    """Give a number of entries, and of a sample what it stands for in the whole table.

    It is one of `among` that could have been picked; their bounds hold together.
    """
    facts: dict[str, Json] = {"entries": count, "share": count / seen.total if seen.total else None}
    if is_sample(seen) and seen.counted is not None and seen.total:
        guess = estimate(count, seen.total, seen.counted, among)
        facts["estimate"] = {"likeliest": guess.likeliest, "low": guess.low, "high": guess.high}
    return facts


def _row(seen: Census, row: Row, among: int) -> dict[str, Json]:
    key = row.key
    named: dict[str, Json] = {"key": str(key)}
    if isinstance(key, Endpoint):
        named |= {
            "source": key.source or None,
            "destination": key.destination or None,
            "port": key.port,
            "protocol": key.protocol or None,
            "translated": key.translated or None,
        }
    kinds: list[Json] = [{**_kind(kind), "entries": count} for kind, count in row.kinds]
    return {**named, **counted(seen, row.count, among), "kinds": kinds}


def _kind(kind: Kind) -> dict[str, Json]:
    return {
        "protocol": protocol_name(kind.protocol),
        "state": kind.state or None,
        "assured": kind.assured,
        "answered": kind.answered,
        "offloaded": kind.offloaded,
    }


def _cause(cause: Cause, target: TableTarget | None = None) -> dict[str, Json]:
    return {
        "name": cause.name.value,
        "headline": text(cause.headline),
        "share": cause.share,
        "evidence": list(map(text, cause.evidence)),
        "fits": list(cause.advice.fits),
        "does_not_fit": list(cause.advice.not_fits),
        "command": target.command(cause.advice.command)
        if target and cause.advice.command
        else None,
    }


def what_if_facts(answer: WhatIf) -> dict[str, Json]:
    """Give the what-if answers with their curves: [timeout in seconds, entries]."""
    return {
        "entries_today": answer.size,
        "entries_steady": answer.steady,
        "entries_steady_least": answer.steady_least,
        "timeouts": [
            {
                "setting": one.setting,
                "today": one.today,
                "wanted": one.wanted,
                "entries": one.governed,
                "gone_now": one.now,
                "gone_steady": one.gone,
                "gone_most": one.gone_most,
                "cut": one.cut,
                "cut_most": one.cut_most,
                "uncertain": one.uncertain,
                "unknown_age": one.unknown,
                "caution": one.caution or None,
                "curve": [[point.timeout, point.entries] for point in one.curve],
            }
            for one in answer.effects
        ],
    }


def size_facts(size: TableSize, cost: Cost) -> dict[str, Json]:
    """Give a recommended size, the same for all tables, and what it costs."""
    return {
        "recommended": {"max": size.max, "buckets": size.buckets},
        "memory": {"bytes": cost.octets, "share": cost.share},
        "otherwise": list(cost.otherwise),
    }


def need_facts(
    needed: Need, rates: Sequence[Rate], grown: Sequence[Growth], full: TimeToFull
) -> dict[str, Json]:
    """Tell what a size rests on; `seconds_to_full` is null for never or unknown."""
    return {
        "need": {"entries": needed.entries, "growing": dict(needed.growing)},
        "arrivals": [{**vars(rate)} for rate in rates],
        "growth": [{**vars(one)} for one in grown],
        "seconds_to_full": {**vars(full)} if grown else None,
    }


def entry_facts(entry: Entry, idle: int | None) -> dict[str, Json]:
    """Give one entry; what its text lacks is null."""
    return {
        "protocol": protocol_name(entry.original.protocol),
        "state": entry.state or None,
        "status": entry.status,
        "timeout": entry.timeout,
        "idle": idle,
        "original": _flow(entry.original),
        "reply": _flow(entry.reply),
        "mark": entry.mark,
        "zone": entry.zone,
        "id": entry.id,
        "packets": list(entry.packets) if entry.packets else None,
        "bytes": list(entry.octets) if entry.octets else None,
        "helper": entry.helper or None,
    }


def _flow(flow: Flow) -> dict[str, Json]:
    return {
        "source": address(flow.source),
        "destination": address(flow.destination),
        "source_port": flow.source_port,
        "destination_port": flow.destination_port,
        "icmp": list(flow.icmp) if flow.icmp else None,
        "zone": flow.zone,
    }
