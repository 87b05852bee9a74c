"""The page's manual commands, computed for the machine that was seen."""

from __future__ import annotations

from ec2rl.conntrack.defaults import memory_for, round_buckets
from ec2rl.conntrack.seen import Seen
from ec2rl.model import Statement, say

PAGE_MAX, PAGE_BUCKETS = 131072, 32768
"""The fixed numbers of the original page: twice the default of a 4 GiB host up to kernel 5.14."""

_COMMANDS = (
    "",
    "See:        sysctl net.netfilter.nf_conntrack_max net.netfilter.nf_conntrack_count",
    "            dmesg | grep -E 'table full( in netns [0-9]+)?, dropping packet'",
    "Set now:    sudo sysctl -w net.netfilter.nf_conntrack_buckets={buckets}",
    "Set now:    sudo sysctl -w net.netfilter.nf_conntrack_max={max}",
    "            (sysctl can exit 0 on a refused write: read both back)",
    "Next boot:  printf '%s\\n' net.netfilter.nf_conntrack_max={max} "
    "net.netfilter.nf_conntrack_buckets={buckets} |",
    "                sudo tee /etc/sysctl.d/99-zz-conntrack.conf",
    "            echo nf_conntrack | sudo tee /etc/modules-load.d/conntrack.conf",
    "            (the module must be there before the settings are read, or they are lost)",
)


def by_hand(seen: Seen) -> tuple[Statement, ...]:
    """Lines of text and commands for this host: its numbers, now and for the next boot."""
    maximum, buckets = seen.limits.maximum, seen.limits.buckets
    if seen.limits.loaded is False:
        words = "Conntrack is not loaded here: the table cannot be full, there is nothing to do."
        return (say(words),)
    if maximum == 0:
        return (say("nf_conntrack_max is 0: no limit at all, the table cannot be full."),)
    if not maximum or not buckets:
        words = (
            "The limits of this host could not be read here: run it as root, on the host itself."
        )
        return (say(words),)
    target = max(2 * maximum, seen.default_maximum or 0)
    hash_target = max(round_buckets(target), buckets)
    sizes = "nf_conntrack_max {max}, nf_conntrack_buckets {buckets}"
    new = {"max": target, "buckets": hash_target}
    lines = [
        say("Today:      " + sizes, max=maximum, buckets=buckets),
        say("Larger:     " + sizes, **new),
        _cost(memory_for(target, hash_target), seen.limits.memory),
        *(say(words, **new) for words in _COMMANDS),
    ]
    shrunk = tuple(
        say("{name} from {today} to {fixed}", name=name, today=today, fixed=fixed)
        for name, today, fixed in (
            ("nf_conntrack_max", maximum, PAGE_MAX),
            ("nf_conntrack_buckets", buckets, PAGE_BUCKETS),
        )
        if fixed < today
    )
    if shrunk:
        words = (
            "The page's fixed numbers ({max} and {buckets}) would SHRINK this host's table: "
            "{shrunk}. Do not use them here."
        )
        lines += [say(""), say(words, max=PAGE_MAX, buckets=PAGE_BUCKETS, shrunk=shrunk)]
    if seen.tables and not any(table.namespace.initial for table in seen.tables):
        words = "This is not the host's own namespace: these keys can be set on the host only."
        lines.append(say(words))
    return tuple(lines)


def _cost(cost: int, memory: int | None) -> Statement:
    words = "Costs:      at most {cost} MiB of kernel memory when every entry is used"
    if not memory:
        return say(words, cost=cost >> 20)
    words += ", {percent}% of this machine's memory"
    if cost / memory > 0.15:
        words += ": too much; find out first what fills the table"
    return say(words, cost=cost >> 20, percent=round(100 * cost / memory))
