"""How large a table should be, as text."""

from __future__ import annotations

from ec2rl.conntrack.defaults import EXTENSION
from ec2rl.conntrack.report.table_json import is_whole
from ec2rl.conntrack.report.table_text import WIDE, entries, headed, notes, part
from ec2rl.invocation import to_type
from ec2rl.quantities import grouped, percent, plural, size, span
from ec2rl.record import record
from ec2rl.report.wrap import filled, wrapped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.conntrack.size_policy import TableSize
    from ec2rl.conntrack.table.census import Census
    from ec2rl.conntrack.table.cost import Cost, ObjectSize
    from ec2rl.conntrack.table.sizing import Growth, Need, Rate, TimeToFull
    from ec2rl.conntrack.table.targets import TableTarget
    from ec2rl.conntrack.tables import Limits
    from ec2rl.model import Json


@record(frozen=True)
class Sizing:
    """All that was computed of one table from its last look, and from two that were `between`
    seconds apart (0: one look alone)."""

    target: TableTarget
    seen: Census
    between: float
    needed: Need
    rates: tuple[Rate, ...]
    grown: tuple[Growth, ...]
    full: TimeToFull


@record(frozen=True)
class Tables:
    """The tables that were looked at, and the one size for all of them with its cost.

    `saved` is whether they are from a file, of whose machine nothing else is known; `left` is how
    many others have fewer entries; `past` is whether they are a recorded machine's.
    """

    sized: tuple[Sizing, ...]
    size: TableSize
    entry: ObjectSize
    cost: Cost
    saved: bool = False
    left: int = 0
    past: bool = False


def size_text(limits: Limits, tables: Tables, width: int = WIDE) -> str:
    """Give the recommendation first, then its cost, the time that is left, and what it rests on."""
    sized = tables.sized
    if len(sized) == 1 and tables.left <= 0:
        return _table(limits, sized[0], _recommended(limits, tables, width), width)
    if not sized:
        return "\n".join(_recommended(limits, tables, width)) + "\n"
    one_for_all = "The limit is one for all network namespaces: the largest need decides."
    lines = wrapped("", one_for_all, width=width)
    if tables.left > 0:
        left = plural(tables.left, "more table has/more tables have")
        lines += wrapped("", f"{left} fewer entries: not looked at.", width=width)
    lines += ["", *_recommended(limits, tables, width), ""]
    return "\n".join(lines) + "\n" + "".join(_table(limits, one, [], width) for one in sized)


def _table(limits: Limits, one: Sizing, recommended: Sequence[str], width: int) -> str:
    lines = headed(one.target, limits, one.seen, width)
    lines += part(one.seen, width=width)
    lines += notes(one.seen, width)
    least = "" if is_whole(one.seen) and not one.seen.largest else "at least "
    needed = f"{least}{entries(one.needed.entries)} at the present load"
    lines += ["", *_said("Needed:", needed, width)]
    for setting, more in one.needed.growing[:5]:
        coming = f"({grouped(more)} of them still to come, by {setting})"
        lines += _said("", coming, width)
    lines += recommended
    lines += _said("Full in:", _when(limits, one), width)
    active = [rate for rate in one.rates if rate.entries][:8]
    if active:
        lines += ["", *_row("entries that got their last packet", "each second", "between", width)]
    for rate in active:
        between = f"{rate.low:,.1f} and {rate.high:,.1f}"
        lines += _row(rate.setting, f"{rate.per_second:,.1f}", between, width)
    return "\n".join(lines) + "\n\n"


def _said(label: str, words: str, width: int) -> list[str]:
    """Give words behind their label, all of them in one column where there is room for it."""
    if width >= WIDE:
        return wrapped(f"{label:14}", words, width=width)
    return filled(f"{label} " if label else "    ", words, "    ", width)


def _row(name: str, pace: str, between: str, width: int) -> list[str]:
    if width >= WIDE:
        return [f"{name:40} {pace:>12}  {between}"]
    return [*wrapped("", name, "    ", width), *wrapped("    ", f"{pace}, {between}", "", width)]


def _recommended(limits: Limits, tables: Tables, width: int) -> list[str]:
    cost = tables.cost
    words = f"{size(cost.octets)} of kernel memory when every entry is used"
    words += "" if cost.share is None else f", {percent(cost.share)} of this machine's memory"
    lines = [*_sizes(limits, tables, width), *_said("Costs:", words, width)]
    lines += _said("", tables.entry.parts, width)
    for way in cost.otherwise:
        lines += _said("Too much:", way, width)
    return lines


def recommended_facts(limits: Limits, tables: Tables) -> dict[str, Json]:
    """Give the one size for all tables as JSON, whether or not any of them has an entry.

    `set` are the values of the command that makes it so, null where the text gives none.
    """
    size, cost = tables.size, tables.cost
    known = not (tables.saved or limits.maximum is None or limits.buckets is None)
    return {
        "max": size.max,
        "buckets": size.buckets,
        "memory": {"bytes": cost.octets, "share": cost.share},
        "otherwise": list(cost.otherwise),
        "now": None if tables.saved else {"max": limits.maximum, "buckets": limits.buckets},
        "entry": {
            "bytes": tables.entry.octets,
            "extensions": EXTENSION,
            "source": tables.entry.source,
        },
        "why": None if size.why is None else size.why.value,
        "more": size.more,
        "set": {"max": size.max, "buckets": size.buckets}
        if known and size.why is not None
        else None,
    }


def _sizes(limits: Limits, tables: Tables, width: int) -> list[str]:
    best = tables.size
    said = f"max {grouped(best.max)}, buckets {grouped(best.buckets)}"
    if tables.saved:
        where = "of the machine that it is from nothing else is known: not its limits, nor its load"
        return _said("Recommended:", f"{said} ({where})", width)
    if limits.maximum is None or limits.buckets is None:
        return wrapped(
            "Recommended:  ",
            f"{said}; today's limits could not be read here",
            width=width,
        )
    if best.why is None:
        return _said("Recommended:", f"as it is: {said}", width)
    sizes = f"--set max={best.max} --set buckets={best.buckets}"
    now = "it was" if tables.past else "now"
    most, buckets = grouped(limits.maximum), grouped(limits.buckets)
    lines = [
        line
        for label, words in (
            ("Recommended:", f"net.netfilter.nf_conntrack_max={best.max} ({now} {most})"),
            ("", f"net.netfilter.nf_conntrack_buckets={best.buckets} ({now} {buckets})"),
            ("", f"({best.why.value})"),
        )
        for line in _said(label, words, width)
    ]
    if not tables.past:
        lines.append(" " * (14 if width >= WIDE else 0) + to_type(f"fix conntrackfull {sizes}"))
    if best.more:
        more = f"max={best.more} has room for all of it; look first whether the load is wanted"
        lines += _said("More:", more, width)
    return lines


def _when(limits: Limits, sizing: Sizing) -> str:
    full = sizing.full
    if not sizing.grown:
        return "unknown: that takes two looks, see --interval"
    if limits.maximum is None:
        return "unknown: the limit could not be read here"
    if not limits.maximum:
        return "never: there is no limit"
    if full.likeliest == 0:
        return "it is full"
    if full.soonest is None:
        return f"not growing (two looks, {sizing.between:.1f} s apart)"
    basis = f"(chance alone, 95 of 100 cases; two looks, {sizing.between:.1f} s apart)"
    if full.likeliest is None:
        return f"not growing; at worst full in {span(full.soonest)} {basis}"
    latest = "never" if full.latest is None else span(full.latest)
    return f"{span(full.likeliest)}; between {span(full.soonest)} and {latest} {basis}"
