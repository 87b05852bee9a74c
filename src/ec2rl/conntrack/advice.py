"""The page's manual commands, computed for the machine that was seen."""

from __future__ import annotations

from ec2rl.conntrack.defaults import memory_for
from ec2rl.conntrack.seen import Seen
from ec2rl.conntrack.settings import FILES, MODULES
from ec2rl.conntrack.size_policy import TableSize, table_size

PAGE_MAX, PAGE_BUCKETS = 131072, 32768
"""The fixed numbers of the original page: twice the default of a 4 GiB host up to kernel 5.14."""


def by_hand(seen: Seen) -> tuple[str, ...]:
    """Lines of text and commands for this host: its numbers, now and for the next boot."""
    maximum, buckets = seen.limits.maximum, seen.limits.buckets
    if seen.limits.loaded is False:
        return ("Conntrack is not loaded here: the table cannot be full, there is nothing to do.",)
    if maximum == 0:
        return ("nf_conntrack_max is 0: no limit at all, the table cannot be full.",)
    if not maximum or not buckets:
        return (
            "The limits of this host could not be read here: run it as root, on the host itself.",
        )
    lines = [f"Today:      nf_conntrack_max {maximum}, nf_conntrack_buckets {buckets}"]
    size = table_size(seen)
    if size.why:
        lines += _larger(seen, size)
    else:
        lines.append("Enough:     nothing that was seen says that the table is too small")
    lines += [
        "",
        "See:        sysctl net.netfilter.nf_conntrack_max net.netfilter.nf_conntrack_count",
        "            dmesg | grep -E 'table full( in netns [0-9]+)?, dropping packet'",
    ]
    if size.why:
        lines += _commands(size)
    shrunk = [
        f"{name} from {now} to {fixed}"
        for name, now, fixed in (
            ("nf_conntrack_max", maximum, PAGE_MAX),
            ("nf_conntrack_buckets", buckets, PAGE_BUCKETS),
        )
        if fixed < now
    ]
    if shrunk:
        lines += [
            "",
            f"The page's fixed numbers ({PAGE_MAX} and {PAGE_BUCKETS}) would SHRINK this host's "
            f"table: {', '.join(shrunk)}. Do not use them here.",
        ]
    if seen.tables and not any(table.namespace.initial for table in seen.tables):
        lines.append(
            "This is not the host's own namespace: these keys can be set on the host only."
        )
    return tuple(lines)


def _larger(seen: Seen, size: TableSize) -> list[str]:
    """What to have instead, why, and what it costs."""
    cost = memory_for(size.max, size.buckets)
    because = f"{size.why}; {seen.load.how}" if seen.load else size.why
    return [
        f"Larger:     nf_conntrack_max {size.max}, nf_conntrack_buckets {size.buckets}",
        f"Because:    {because}",
        f"Costs:      at most {cost >> 20} MiB of kernel memory when every entry is used"
        + _share(cost, seen),
    ]


def _share(cost: int, seen: Seen) -> str:
    from ec2rl.limits import MUCH

    memory = seen.limits.memory
    words = f", {cost / memory:.0%} of this machine's memory" if memory else ""
    if seen.free and cost > seen.free * MUCH:
        words += (
            f", and {cost / seen.free:.0%} of what is available: too much; find out first what "
            "fills the table"
        )
    return words


def _commands(size: TableSize) -> list[str]:
    settings = (
        f"net.netfilter.nf_conntrack_max={size.max}",
        f"net.netfilter.nf_conntrack_buckets={size.buckets}",
    )
    return [
        *(f"Set now:    sudo sysctl -w {setting}" for setting in settings[::-1]),
        "            (sysctl can exit 0 on a refused write: read both back)",
        "Next boot:  printf '%s\\n' " + " ".join(settings) + " |",
        f"                sudo tee {FILES[0]}",
        f"            echo nf_conntrack | sudo tee {MODULES}",
        "            (the module must be there before the settings are read, or they are lost)",
    ]
