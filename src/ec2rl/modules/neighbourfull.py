"""The kernel's tables of neighbours (ARP, NDP) are full: packets to new neighbours are dropped."""

from __future__ import annotations

from ec2rl.diagnosis.events import count, find_events
from ec2rl.diagnosis.finding import DiagnosisText, judge_events
from ec2rl.diagnosis.kernel_log import commands_of
from ec2rl.diagnosis.limited_tables import (
    Counts,
    LimitedTable,
    Overflow,
    TableKind,
    TableObservations,
    quotes,
)
from ec2rl.diagnosis.observe_tables import SUPPRESSED, measure_tables, observe_tables
from ec2rl.facts.log import KernelLog, LogLine, fits
from ec2rl.facts.proc import available_memory, parse_rows, setting
from ec2rl.facts.trace import Trace
from ec2rl.host import INFO, Host, Phrase
from ec2rl.model import (
    Finding,
    FixRequest,
    Proposal,
    Rate,
    Setting,
    Statement,
    Unreadable,
    Why,
    fix_with,
    say,
)
from ec2rl.module import Module, Options
from ec2rl.quantities import size as octets
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ec2rl.limits import AtBoot, Limit
    from ec2rl.model import Fact

_WHOLE = (
    "neighbour: arp_cache: neighbor table overflow!",
    "neighbour: ndisc_cache: neighbor table overflow!",
    "arp_cache: neighbor table overflow!",
    "ndisc_cache: neighbor table overflow!",
    "IPv4: arp_cache: neighbor table overflow!",
    "IPv6: ndisc_cache: neighbor table overflow!",
    "Neighbour table overflow.",
)
"""One message of each wording: a line that a screen cut is known by its beginning."""
PHRASES = (Phrase(b"table overflow", level=INFO, messages=_WHOLE), SUPPRESSED)

# net/core/neighbour.c, neigh_alloc(): since 4.3, with the counter `table_fulls`. Before that
# net/ipv4/route.c and net/ipv6/route.c say it, the oldest ones in the same words.
_FULL = r"(?:(?:neighbour|IPv[46]): )?(?P<table>arp_cache|ndisc_cache): neighbor table overflow!\s*"
_OLD = r"(?:(?P<ip>[Ii][Pp]v[46]): )?Neighbour table overflow\.?\s*"

ENTRY = 512
"""Bytes that an entry takes: struct neighbour, its key and the device's part are below that, and
above the next smaller size of kmalloc (4.3 to 6.18, 64 bits)."""

DEFAULTS = (128, 512, 1024)
"""The thresholds of both tables where nobody sets them (net/ipv4/arp.c, net/ipv6/ndisc.c)."""

NAME = "neighbourfull"
TEXT = DiagnosisText(
    found="Neighbour table overflows found",
    none="No neighbour table overflows found.",
    question="a neighbour table has been full",
)


@record(frozen=True)
class Family:
    """The neighbours of one protocol: one table for all network namespaces of a host."""

    name: str
    table: str
    folder: str
    short: str

    @property
    def stat(self) -> str:
        return f"/proc/net/stat/{self.table}"

    @property
    def keys(self) -> tuple[str, str, str]:
        """The keys of gc_thresh1, 2 and 3, which only the initial network namespace has."""
        one, two, three = (f"{self.folder}.gc_thresh{n}" for n in (1, 2, 3))
        return one, two, three

    @property
    def label(self) -> str:
        return f"{self.name} ({self.table})"


IPV4 = Family("IPv4", "arp_cache", "net.ipv4.neigh.default", "gc_thresh")
IPV6 = Family("IPv6", "ndisc_cache", "net.ipv6.neigh.default", "gc6_thresh")
FAMILIES = (IPV4, IPV6)
SETTINGS = tuple(
    Setting(f"{family.short}{n}", key)
    for family in FAMILIES
    for n, key in enumerate(family.keys, 1)
)


def families_of(message: str) -> tuple[Family, ...] | None:
    """Tell whose table a message says to be full: both if it does not name it.

    None for another one.
    """
    import re

    match = fits(_FULL, message, re.ASCII)
    if match is not None:
        return tuple(one for one in FAMILIES if one.table == match["table"])
    match = fits(_OLD, message, re.ASCII)
    if match is None:
        return None
    named = (match["ip"] or "").lower()
    return tuple(one for one in FAMILIES if named in ("", one.name.lower()))


def parse(line: LogLine, trace: Trace) -> Overflow | None:
    """Parse a message that a table is full."""
    families = families_of(line.message)
    return None if families is None else Overflow(tuple(one.label for one in families), "neighbour")


def parse_counts(text: str) -> Counts | None:
    """Read /proc/net/stat/arp_cache or ndisc_cache; None for a text that is neither.

    Numbers are of the size of a long; `entries` is the same on each CPU's row.
    """
    rows = parse_rows(text, ("entries", "table_fulls"), digits=16)
    if rows is None or "entries" not in rows[0]:
        return None
    known = "table_fulls" in rows[0]
    return Counts(rows[0]["entries"], sum(row["table_fulls"] for row in rows) if known else None)


def _counts(host: Host, source: str) -> Counts | Unreadable:
    text = host.read(source)
    if isinstance(text, Unreadable):
        return text
    return parse_counts(text.text) or Unreadable(source, Why.FAILED, "not in a known form")


KIND = TableKind(
    count=lambda host, table: _counts(host, table.source),
    counter="table_fulls",
    level=INFO,
    name="A neighbour table",
    entry="neighbour",
    entries="neighbours",
)


def _tables(host: Host) -> tuple[LimitedTable, ...]:
    """Both tables; without IPv6 in the kernel, the first one alone."""
    four, six = (
        LimitedTable(
            one.label,
            one.stat,
            one.keys[2],
            f"gc_thresh3 of {one.name}",
            _counts(host, one.stat),
            setting(host, one.keys[2]),
        )
        for one in FAMILIES
    )
    return (four,) if six.is_absent and isinstance(four.counts, Counts) else (four, six)


def read(host: Host, log: KernelLog, options: Options) -> TableObservations:
    """Look at the log and at both tables; twice if something is odd."""
    events = find_events(log, PHRASES, parse)
    return observe_tables(host, log, events, _tables(host), options, KIND)


def judge(seen: TableObservations) -> Finding:
    """Judge by the log's lines, the counters, and where the limit is set."""
    advice: list[Statement] = []
    if any(table.near for table in seen.tables):
        words = "Permanent and learned entries count, though they take no room from Linux 5.0 on"
        advice.append(say(words))
    if seen.short:
        words = "What helps: raise gc_thresh1, gc_thresh2 and gc_thresh3 of {tables: and } together"
        advice += [
            say(words, tables=tuple(_family(table).name for table in seen.short)),
            say("It is one limit for all namespaces, set on the host: a container cannot raise it"),
        ]
    if seen.short and all(table.maximum is not None for table in seen.short):
        advice.append(fix_with(NAME))
    finding = judge_events(NAME, seen.log, replace(TEXT, advice=tuple(advice)))
    facts: dict[str, Fact] = {
        **finding.facts,
        "before_last_fix": count(seen.log.events.before_last_fix),
        "tables": [_facts(table) for table in seen.tables],
    }
    evidence = (*finding.evidence, *quotes(seen.tables, KIND))
    return replace(finding, evidence=evidence, facts=facts)


def _family(table: LimitedTable) -> Family:
    return next(one for one in FAMILIES if one.label == table.label)


def _facts(table: LimitedTable) -> dict[str, Fact]:
    return {
        "table": _family(table).table,
        "entries": table.entries if isinstance(table.counts, Counts) else None,
        "gc_thresh3": table.maximum,
        "refused": table.refused,
        "refused_between_looks": table.risen,
    }


def measure(host: Host) -> Rate | None:
    """Measure what is refused each second, by two looks a second apart."""
    return measure_tables(host, _tables(host), KIND)


def propose(host: Host, seen: TableObservations, request: FixRequest) -> Proposal:
    """Plan the sizes, now and for the next boot; what is already so is left out."""
    from ec2rl import limits

    subject = limits.Subject(
        room="Give the neighbour tables room",
        asked="Set the sizes of the neighbour tables as asked",
        sizes="the sizes of the neighbour tables",
        less="there would be LESS room",
        files=limits.own_files("neighbour"),
    )
    now = limits.settings_today(host, SETTINGS)
    then = limits.at_boot(host, subject, [*now], request)
    # Where nothing runs, what the files give counts in place of today's values.
    ends = {key: then.get(key, limits.UNTOLD) for key in now}
    today = {key: ends[key].value if value is None else value for key, value in now.items()}
    wanted = _wanted(seen, request, today, ends)
    # The kernel takes any order; but it collects down to gc_thresh2, and while that is above
    # gc_thresh3 it frees nothing when the table is full (neigh_forced_gc()).
    ladders = [family.keys for family in FAMILIES]
    order = [key for keys in ladders for key in limits.ladder_order(keys, wanted, today)]
    asked = bool(request.settings)
    sizes = [
        limits.Limit(
            key, now[key], wanted[key], then=ends[key].value, maybe=ends[key].most(), asked=asked
        )
        for key in order
    ]
    cost = ENTRY * sum(value for key, value in wanted.items() if key.endswith("3"))
    in_turn = sorted(sizes, key=lambda one: one.key)
    refused = (
        *limits.refusals(subject, in_turn, request, _refused),
        *(fault for keys in ladders for fault in limits.ladder_faults(keys, wanted, today)),
    )
    return limits.propose(
        host,
        request,
        subject,
        sizes,
        elsewhere=_not_here(seen, request, now),
        refused=refused,
        size=limits.FullSize("full tables", cost, available_memory(host)) if cost else None,
        notes=_costs(cost),
    )


def _wanted(
    seen: TableObservations,
    request: FixRequest,
    today: Mapping[str, int | None],
    ends: Mapping[str, AtBoot],
) -> dict[str, int]:
    """The sizes by key: those that are asked for, else those that the tables need."""
    from ec2rl import limits

    wanted: dict[str, int] = {}
    if request.settings:
        asked = limits.settings_asked(SETTINGS, request)
        for family in FAMILIES:
            wanted.update(_sizes(family, today, asked))
        return wanted
    for table in seen.tables:
        wanted.update(_room(seen, table, today, ends))
    return wanted


def _room(
    seen: TableObservations,
    table: LimitedTable,
    today: Mapping[str, int | None],
    ends: Mapping[str, AtBoot],
) -> dict[str, int]:
    """Four times as much, or twice what is there; where there is room, what a boot would lose."""
    family, limit = _family(table), table.maximum
    if limit is None:  # the most that the next boot may have
        limit = max((DEFAULTS[2], *ends[table.key].either))
    if seen.is_short(table):
        largest = max(4 * limit, 2 * table.entries)
        return _sizes(family, today, {family.keys[2]: largest})
    raised = limit > DEFAULTS[2]
    return {key: value for key in family.keys if raised and (value := today[key]) is not None}


def _sizes(
    family: Family, today: Mapping[str, int | None], asked: Mapping[str, int]
) -> dict[str, int]:
    """The sizes of a family that are asked for; the others follow gc_thresh3 in proportion."""
    from ec2rl import limits

    largest = asked.get(family.keys[2])
    steps = {} if largest is None else limits.in_proportion(family.keys, today, DEFAULTS, largest)
    return {**steps, **{key: asked[key] for key in family.keys if key in asked}}


def _not_here(seen: TableObservations, request: FixRequest, today: Mapping[str, int | None]) -> str:
    """Why the sizes cannot be set from here at all, "" if they can."""
    if request.now and all(value is None for value in today.values()):
        return (
            "the thresholds are not here: they are the host's, one for all network namespaces, and "
            "only its own namespace shows them: set them on the host"
        )
    asked = request.settings or not request.now
    if not asked and any(table.maximum is None for table in seen.short):
        return "today's limits could not be read: run it as root on the host itself"
    return ""


def _refused(size: Limit) -> str:
    """Why the kernel, or common sense, does not take a size; "" if they do."""
    if size.wanted >= 1 << 31:
        return f"{size.key}={size.wanted}: the kernel takes numbers up to 2147483647"
    if not size.wanted and size.key.endswith("3"):
        return f"{size.key}=0: no neighbour at all could be found"
    return ""


def _costs(cost: int) -> tuple[str, ...]:
    if not cost:
        return ()
    return (
        f"Memory: full tables of these sizes take {octets(cost)}, about {ENTRY} bytes an "
        "entry, and what waits for an address to be found",
    )


MODULE = Module(
    name=NAME,
    title="The neighbour tables (ARP, NDP) have room for new entries",
    domain="net",
    phrases=PHRASES,
    read=read,
    judge=judge,
    needs="root, for the kernel log",
    by_hand=lambda _: commands_of(NAME),
    propose=propose,
    settings=SETTINGS,
    measure=measure,
    details="ip -s neigh show",
)
