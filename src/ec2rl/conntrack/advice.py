"""The page's manual commands, computed for the machine that was seen."""

from __future__ import annotations

from ec2rl.conntrack.defaults import BUCKETS, EXTENSION, MAX, memory_for
from ec2rl.conntrack.observations import Observations
from ec2rl.conntrack.settings import FILES, MODULES
from ec2rl.conntrack.size_policy import Because, TableSize, table_size
from ec2rl.model import Command, Statement, Unreadable, Why, say

PAGE_MAX, PAGE_BUCKETS = 131072, 32768
"""The fixed numbers of the original page: twice the default of a 4 GiB host up to kernel 5.14."""

_LOOK = (
    "",
    "See:        {see}",
    "            {search}",
)
_SEE = {
    name: Command(words, root=False, own=False)
    for name, words in (
        ("see", "sysctl net.netfilter.nf_conntrack_max net.netfilter.nf_conntrack_count"),
        ("search", "dmesg | grep -E 'table full( in netns [0-9]+)?, dropping packet'"),
    )
}
_COMMANDS = (
    "Set now:    {set_buckets}",
    "Set now:    {set_max}",
    "            (sysctl can exit 0 on a refused write: read both back)",
    "Next boot:  {print}",
    "                {tee_file}",
)
_LOAD = (
    "            {echo} {tee_modules}",
    "            (the module must be there before the settings are read, or they do nothing)",
)
_MAYBE = (
    "            (where nf_conntrack is a module that nothing loads before the settings are read,",
    "            which {boot} tells, they do nothing without this:",
    "            {echo} {tee_modules})",
)


def by_hand(seen: Observations) -> tuple[Statement, ...]:
    """Give lines of text and commands for this host: its numbers, now and for the next boot."""
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
    size = table_size(seen)
    words = "Today:      nf_conntrack_max {max:,}, nf_conntrack_buckets {buckets:,}"
    lines = [say(words, max=maximum, buckets=buckets)]
    if size.why is not None:
        lines += _larger(seen, size, size.why)
    else:
        lines.append(say("Enough:     nothing that was seen says that the table is too small"))
    lines += [say(words, **_SEE) for words in _LOOK]
    if size.why is not None:
        lines += [say(words, **_typed(size)) for words in (*_COMMANDS, *_loading(seen))]
    shrunk = tuple(
        say("{name} from {today:,} to {fixed:,}", name=name, today=today, fixed=fixed)
        for name, today, fixed in (
            ("nf_conntrack_max", maximum, PAGE_MAX),
            ("nf_conntrack_buckets", buckets, PAGE_BUCKETS),
        )
        if fixed < today
    )
    if shrunk:
        words = (
            "The page's fixed numbers ({max:,} and {buckets:,}) would SHRINK this host's table: "
            "{shrunk}. Do not use them here."
        )
        lines += [say(""), say(words, max=PAGE_MAX, buckets=PAGE_BUCKETS, shrunk=shrunk)]
    if seen.tables and not any(table.namespace.initial for table in seen.tables):
        words = "This is not the host's own namespace: these keys can be set on the host only."
        lines.append(say(words))
    return tuple(lines)


def _typed(size: TableSize) -> dict[str, Command]:
    settings = f"{MAX}={size.max} {BUCKETS}={size.buckets}"
    return {
        "print": Command(f"printf '%s\\n' {settings} |", root=False, own=False),
        "echo": Command("echo nf_conntrack |", root=False, own=False),
        "set_buckets": Command(f"sysctl -w {BUCKETS}={size.buckets}", own=False),
        "set_max": Command(f"sysctl -w {MAX}={size.max}", own=False),
        "tee_file": Command(f"tee {FILES[0]}", own=False),
        "tee_modules": Command(f"tee {MODULES}", own=False),
        "boot": Command("conntrack boot"),
    }


def _larger(seen: Observations, size: TableSize, why: Because) -> list[Statement]:
    """What to have instead, why, and what it costs."""
    words = "Larger:     nf_conntrack_max {max:,}, nf_conntrack_buckets {buckets:,}"
    need = [say("Need:       {load}", load=seen.load.how)] if seen.load else []
    return [
        say(words, max=size.max, buckets=size.buckets),
        say("Because:    {why}", why=why.value),
        *need,
        *_cost(size, seen),
    ]


def _loading(seen: Observations) -> tuple[str, ...]:
    """How the module is loaded in time, where that is needed or was not looked at."""
    if seen.by_hand is None:
        return _MAYBE
    return _LOAD if seen.by_hand.loads else ()


def _cost(size: TableSize, seen: Observations) -> list[Statement]:
    from ec2rl.conntrack.table.cost import SLABS, object_size
    from ec2rl.limits import MUCH

    looked = seen.by_hand
    entry = looked.entry if looked else object_size(Unreadable(SLABS, Why.NOT_COLLECTED))
    cost = memory_for(size.max, size.buckets, entry.octets + EXTENSION)
    memory, free = seen.limits.memory, seen.free
    words = "Costs:      {cost:size} of kernel memory when every entry is used"
    if not looked:  # of an entry the most is assumed
        words = "Costs:      at most {cost:size} of kernel memory when every entry is used"
    if memory:
        words += ", {memory}% of this machine's memory"
    if free and cost > free * MUCH:
        words += ", and {free}% of what is available: too much; find out first what fills the table"
    shares = {"memory": _percent(cost, memory), "free": _percent(cost, free)}
    return [say(words, cost=cost, **shares), say("            {parts}", parts=entry.parts)]


def _percent(part: int, whole: int | None) -> int | None:
    return round(100 * part / whole) if whole else None
