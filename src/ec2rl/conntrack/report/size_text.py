"""How large a table should be, as text."""

from __future__ import annotations

from ec2rl.conntrack.describe import percent
from ec2rl.conntrack.report.table_json import is_whole
from ec2rl.conntrack.report.table_text import entries, heading, part, span
from ec2rl.record import record
from ec2rl.report.wrap import wrapped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.conntrack.table.census import Census
    from ec2rl.conntrack.table.places import Place
    from ec2rl.conntrack.table.recommend import ObjectSize, Size
    from ec2rl.conntrack.table.sizing import Growth, Need, Rate, TimeToFull
    from ec2rl.conntrack.tables import Limits


@record(frozen=True)
class Sizing:
    """All that was computed of one table from its last look, and from two that were `between`
    seconds apart (0: one look alone)."""

    seen: Census
    between: float
    size: Size
    entry: ObjectSize
    needed: Need
    rates: tuple[Rate, ...]
    grown: tuple[Growth, ...]
    full: TimeToFull


def size_text(place: Place, limits: Limits, sizing: Sizing) -> str:
    """The recommendation first, then its cost, the time that is left, and what it rests on."""
    size = sizing.size
    lines = [heading(place, limits, sizing.seen)]
    lines += part(sizing.seen)
    lines += [line for gap in sizing.seen.gaps for line in wrapped("    ", f"Note: {gap}.")]
    least = "" if is_whole(sizing.seen) else "at least "
    lines += ["", f"Needed:       {least}{entries(sizing.needed.entries)} at the present load"]
    for setting, more in sizing.needed.growing[:5]:
        lines.append(f"              ({more} of them still to come, by {setting})")
    lines += _recommended(limits, size)
    cost = f"{size.octets / (1 << 20):.0f} MiB of kernel memory when every entry is used"
    cost += "" if size.share is None else f", {percent(size.share)} of this machine's memory"
    lines.append(f"Costs:        {cost}")
    lines += wrapped(
        "              ", f"({sizing.entry.octets} bytes an entry, {_where(sizing.entry.source)})"
    )
    for way in size.otherwise:
        lines += wrapped("Too much:     ", way)
    lines += wrapped("Full in:      ", _when(limits, sizing))
    active = [rate for rate in sizing.rates if rate.entries][:8]
    if active:
        lines += ["", f"{'entries that got their last packet':40} {'each second':>12}  between"]
    for rate in active:
        between = f"{rate.low:.1f} and {rate.high:.1f}"
        lines.append(f"{rate.setting:40} {rate.per_second:>12.1f}  {between}")
    return "\n".join(lines) + "\n\n"


def _where(source: str) -> str:
    """Where an entry's size is from, without the line that says it."""
    return source.partition(": nf_conntrack")[0]


def _recommended(limits: Limits, size: Size) -> list[str]:
    if limits.maximum is None or limits.buckets is None:
        return wrapped(
            "Recommended:  ",
            f"max {size.max}, buckets {size.buckets}; today's limits could not be read here",
        )
    if (size.max, size.buckets) == (limits.maximum, limits.buckets):
        return [f"Recommended:  as it is: max {size.max}, buckets {size.buckets}"]
    sizes = f"--set max={size.max} --set buckets={size.buckets}"
    return [
        f"Recommended:  net.netfilter.nf_conntrack_max={size.max} (now {limits.maximum})",
        f"              net.netfilter.nf_conntrack_buckets={size.buckets} (now {limits.buckets})",
        f"              sudo ./ec2rl fix conntrackfull {sizes}",
    ]


def _when(limits: Limits, sizing: Sizing) -> str:
    full = sizing.full
    if not sizing.grown:
        return "unknown: that takes two looks, see --seconds"
    if limits.maximum is None:
        return "unknown: the limit could not be read here"
    if not limits.maximum:
        return "never: there is no limit"
    if full.likeliest == 0:
        return "it is full"
    if full.soonest is None:
        return f"never at the present growth (two looks, {sizing.between:.1f} s apart)"
    basis = f"(chance alone, 95 of 100 cases; two looks, {sizing.between:.1f} s apart)"
    if full.likeliest is None:
        return f"never at the likeliest growth, {span(full.soonest)} at the soonest {basis}"
    latest = "never" if full.latest is None else span(full.latest)
    return f"{span(full.likeliest)}; between {span(full.soonest)} and {latest} {basis}"
