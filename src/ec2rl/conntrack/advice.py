"""The page's manual commands, computed for the machine that was seen."""

from __future__ import annotations

from ec2rl.conntrack.defaults import memory_for, round_buckets
from ec2rl.conntrack.seen import Seen

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
    target = max(2 * maximum, seen.default_maximum or 0)
    hash_target = max(round_buckets(target), buckets)
    cost = memory_for(target, hash_target)
    settings = (
        f"net.netfilter.nf_conntrack_max={target}",
        f"net.netfilter.nf_conntrack_buckets={hash_target}",
    )
    lines = [
        f"Today:      nf_conntrack_max {maximum}, nf_conntrack_buckets {buckets}",
        f"Larger:     nf_conntrack_max {target}, nf_conntrack_buckets {hash_target}",
        f"Costs:      at most {cost >> 20} MiB of kernel memory when every entry is used"
        + _share(cost, seen.limits.memory),
        "",
        "See:        sysctl net.netfilter.nf_conntrack_max net.netfilter.nf_conntrack_count",
        "            dmesg | grep -E 'table full( in netns [0-9]+)?, dropping packet'",
        *(f"Set now:    sudo sysctl -w {setting}" for setting in settings[::-1]),
        "            (sysctl can exit 0 on a refused write: read both back)",
        "Next boot:  printf '%s\\n' " + " ".join(settings) + " |",
        "                sudo tee /etc/sysctl.d/99-zz-conntrack.conf",
        "            echo nf_conntrack | sudo tee /etc/modules-load.d/conntrack.conf",
        "            (the module must be there before the settings are read, or they are lost)",
    ]
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


def _share(cost: int, memory: int | None) -> str:
    if not memory:
        return ""
    share = cost / memory
    words = f", {share:.0%} of this machine's memory"
    if share > 0.15:
        words += ": too much; find out first what fills the table"
    return words
