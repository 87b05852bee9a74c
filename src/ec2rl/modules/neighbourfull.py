"""The kernel's tables of neighbours (ARP, NDP) are full: packets to new neighbours are dropped."""

from __future__ import annotations

from ec2rl.diagnosis.before_last_fix import explained, set_apart
from ec2rl.diagnosis.events import Event, Events, count, find_events
from ec2rl.diagnosis.finding import DiagnosisText, judge_events
from ec2rl.diagnosis.kernel_log import commands_of
from ec2rl.diagnosis.observations import Observations
from ec2rl.facts.log import KernelLog, LogLine
from ec2rl.facts.proc import available_memory, number, parse_rows
from ec2rl.facts.trace import Trace
from ec2rl.host import INFO, Host, Phrase
from ec2rl.model import (
    Evidence,
    Finding,
    FixRequest,
    Proposal,
    Rate,
    Setting,
    Statement,
    Unreadable,
    Verdict,
    Why,
    fix_with,
    say,
)
from ec2rl.module import Module, Options
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ec2rl.diagnosis.before_last_fix import Settling
    from ec2rl.limits import Limit
    from ec2rl.model import Fact, Value
    from ec2rl.next_boot.files import BootFiles

PHRASES = (Phrase(b"table overflow", level=INFO), Phrase(b"s suppressed", recent=True, level=INFO))

# net/core/neighbour.c, neigh_alloc(): since 4.3, with the counter `table_fulls`. Before that
# net/ipv4/route.c and net/ipv6/route.c say it, the oldest ones in the same words.
_FULL = r"(?:(?:neighbour|IPv[46]): )?(?P<table>arp_cache|ndisc_cache): neighbor table overflow!\s*"
_OLD = r"(?:(?P<ip>[Ii][Pp]v[46]): )?Neighbour table overflow\.?\s*"
_SUPPRESSED = r"(?:__|net_)ratelimit: \d{1,9} callbacks suppressed\s*|printk: \d{1,9} messages .*"

NEAR = 0.8
"""The share of gc_thresh3 from which on a table is called nearly full."""

ENTRY = 512
"""Bytes that an entry takes: struct neighbour, its key and the device's part are below that, and
above the next smaller size of kmalloc (4.3 to 6.18, 64 bits)."""

DEFAULTS = (128, 512, 1024)
"""The thresholds of both tables where nobody sets them (net/ipv4/arp.c, net/ipv6/ndisc.c)."""

FILES = ("/etc/sysctl.d/99-zz-ec2rl-neighbour.conf", "/etc/sysctl.d/zzz-ec2rl-neighbour.conf")

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


@record(frozen=True)
class Counts:
    """A table's entries, and how many it has refused since boot (None: before Linux 4.3).

    Permanent and learned entries are among the former; since 5.0 they take no room.
    """

    entries: int
    refused: int | None


@record(frozen=True)
class Table:
    """What is known of a family's table; `limit` is gc_thresh3.

    `risen` is what was refused in `seconds` between two looks, None without a second one.
    """

    family: Family
    counts: Counts | Unreadable
    limit: int | Unreadable
    risen: int | None = None
    seconds: float = 0.0

    @property
    def entries(self) -> int:
        return self.counts.entries if isinstance(self.counts, Counts) else 0

    @property
    def refused(self) -> int | None:
        return self.counts.refused if isinstance(self.counts, Counts) else None

    @property
    def near(self) -> bool:
        """Whether it is nearly full, as far as that is known."""
        return isinstance(self.limit, int) and self.entries >= max(1, NEAR * self.limit)

    def is_told_by(self, events: Sequence[Event[Overflow]]) -> bool:
        """Tell whether any of these events is, or may be, of this table."""
        return any(self.family in event.detail.families for event in events)


@record(frozen=True)
class Overflow:
    """A table that was full: of one of these families; the kernel does not say for whom."""

    families: tuple[Family, ...]

    def message(self) -> Statement:
        """Say which table was full."""
        labels = tuple(one.label for one in self.families)
        return say("{tables: or } was full: a new neighbour was refused", tables=labels)


@record(frozen=True)
class NeighbourObservations:
    """What was seen of the log and of the tables; `refusing` are those that a counter accuses."""

    log: Observations[Overflow]
    tables: tuple[Table, ...]
    refusing: tuple[Table, ...] = ()

    def is_short(self, table: Table) -> bool:
        """Tell whether a table was too small, or nearly is."""
        told = table.is_told_by(self.log.events.this_boot) or table in self.refusing
        return told or table.near or bool(table.risen)


def families_of(message: str) -> tuple[Family, ...] | None:
    """Tell whose table a message says to be full: both if it does not name it.

    None for another one.
    """
    import re

    match = re.fullmatch(_FULL, message, re.ASCII)
    if match is not None:
        return tuple(one for one in FAMILIES if one.table == match["table"])
    match = re.fullmatch(_OLD, message, re.ASCII)
    if match is None:
        return None
    named = (match["ip"] or "").lower()
    return tuple(one for one in FAMILIES if named in ("", one.name.lower()))


def parse(line: LogLine, trace: Trace) -> Overflow | None:
    """Parse a message that a table is full."""
    families = families_of(line.message)
    return None if families is None else Overflow(families)


def parse_counts(text: str) -> Counts | None:
    """Read /proc/net/stat/arp_cache or ndisc_cache; None for a text that is neither.

    Numbers are of the size of a long; `entries` is the same on each CPU's row.
    """
    rows = parse_rows(text, ("entries", "table_fulls"), digits=16)
    if rows is None or "entries" not in rows[0]:
        return None
    known = "table_fulls" in rows[0]
    return Counts(rows[0]["entries"], sum(row["table_fulls"] for row in rows) if known else None)


def _counts(host: Host, family: Family) -> Counts | Unreadable:
    text = host.read(family.stat)
    if isinstance(text, Unreadable):
        return text
    return parse_counts(text.text) or Unreadable(family.stat, Why.FAILED, "not in a known form")


def _limit(host: Host, family: Family) -> int | Unreadable:
    key = family.keys[2]
    path = f"/proc/sys/{key.replace('.', '/')}"
    text, value = host.read(path), number(host, path)
    if value is not None:
        return value
    return text if isinstance(text, Unreadable) else Unreadable(key, Why.FAILED, "not a number")


def _tables(host: Host) -> tuple[Table, ...]:
    """Both tables; without IPv6 in the kernel, the first one alone."""
    four, six = (Table(one, _counts(host, one), _limit(host, one)) for one in FAMILIES)
    parts = (six.counts, six.limit)
    absent = all(isinstance(part, Unreadable) and part.why is Why.ABSENT for part in parts)
    return (four,) if absent and isinstance(four.counts, Counts) else (four, six)


def _again(host: Host, tables: Sequence[Table], seconds: float) -> tuple[Table, ...]:
    later = host.later(seconds)
    return tuple(_after(table, _counts(later, table.family), seconds) for table in tables)


def _after(table: Table, counts: Counts | Unreadable, seconds: float) -> Table:
    if not isinstance(counts, Counts) or counts.refused is None or table.refused is None:
        return table
    # A long of 32 bits may wrap, and nothing refuses so many in between.
    risen = (counts.refused - table.refused) % (1 << 32)
    return replace(table, counts=counts, risen=risen, seconds=seconds)


def read(host: Host, log: KernelLog, options: Options) -> NeighbourObservations:
    """Look at the log and at both tables; twice if something is odd."""
    events = find_events(log, PHRASES, parse)
    tables = _tables(host)
    if options.sample and (events.this_boot or any(t.near or t.refused for t in tables)):
        tables = _again(host, tables, options.sample)
    seen = Observations(
        log,
        events,
        options.since,
        proof=_proof(tables),
        doubt=_doubt(log, tables),
        notes=tuple(told for table in tables if (told := _told(table)) is not None),
        state=_state(tables),
        level=INFO,
    )
    if events.this_boot or any(table.refused for table in tables):
        seen = _settled(host, tables, seen)
    counted = _unexplained(seen, tables)
    if not counted or any(table.risen for table in counted):
        return NeighbourObservations(seen, tables)
    raised = [table for table, one in zip(tables, seen.settlings) if one.change is not None]
    before_fix = any(table in raised for table in counted)
    if seen.counts_apply and not before_fix:
        seen = replace(seen, counted=_refused_since_boot(counted))
        return NeighbourObservations(seen, tables, counted)
    return NeighbourObservations(
        replace(seen, suspected=_suspected(seen, counted, before_fix)), tables
    )


def _settled(
    host: Host, tables: Sequence[Table], seen: Observations[Overflow]
) -> Observations[Overflow]:
    """Set events apart that are from before a change that made room, and say why."""
    from ec2rl.diagnosis.fix_history import read_settling

    known: dict[str, Settling] = {}
    for table in tables:
        family, limit = table.family, _number(table.limit)
        name = f"gc_thresh3 of {family.name}"
        known[family.name] = read_settling(host, family.keys[2], limit, name)

    def tells_of(event: Event[Overflow]) -> list[Settling]:
        families = event.detail.families
        return [known[family.name] for family in families if family.name in known]

    settlings = tuple(known.values())
    events: Events[Overflow] = set_apart(seen.events, settlings, tells_of)
    notes = (*seen.notes, *explained(events, settlings, tells_of))
    return replace(seen, events=events, settlings=settlings, notes=notes)


def _number(value: int | Unreadable) -> int | None:
    return value if isinstance(value, int) else None


def _proof(tables: Sequence[Table]) -> Statement | None:
    """Why no table has been full in this boot, None where that is not known."""
    if any(table.refused != 0 for table in tables):
        return None
    words = "table_fulls in {files: and } is 0: no neighbour was refused since boot"
    return say(words, files=tuple(table.family.stat for table in tables))


def _doubt(log: KernelLog, tables: Sequence[Table]) -> Statement | None:
    """Why a whole log would not tell that there is room.

    What nobody collected is not held against it.
    """
    for table in tables:
        for part in (table.counts, table.limit):
            if isinstance(part, Unreadable) and part.why is Why.ABSENT:
                return say("{unread}: only the host's own network namespace has it", unread=part)
            if isinstance(part, Unreadable) and part.why is not Why.NOT_COLLECTED:
                return say("{unread}", unread=part)
    if any(table.refused is None for table in tables) and _suppressed(log):
        return say("the kernel left lines out of its log, and no counter tells of them")
    return None


def _suppressed(log: KernelLog) -> bool:
    import re

    lines = (one for one in log.lines if one.trusted and one.this_boot is not False)
    return any(
        "s suppressed" in one.message and re.fullmatch(_SUPPRESSED, one.message) for one in lines
    )


def _state(tables: Sequence[Table]) -> tuple[Verdict, Statement] | None:
    """What is so now: entries are being refused, or soon will be."""
    refused = tuple(
        say("{n} in {seconds} s by {table}", n=t.risen, seconds=_short(t), table=t.family.label)
        for t in tables
        if t.risen
    )
    if refused:
        words = "New neighbours are being refused {now}: {tables}"
        return Verdict.PROBLEM, say(words, tables=refused)
    words = "{table} has {entries} of {limit} entries"
    near = tuple(
        say(words, table=t.family.label, entries=t.entries, limit=_number(t.limit))
        for t in tables
        if t.near
    )
    if near:
        return Verdict.WARNING, say("A neighbour table is nearly full: {tables}", tables=near)
    return None


def _short(table: Table) -> str:
    """The seconds between two looks."""
    return f"{table.seconds:g}"


def _unexplained(seen: Observations[Overflow], tables: Sequence[Table]) -> tuple[Table, ...]:
    """Choose the tables that have refused what nothing explains."""
    if seen.covered and seen.since is not None and not seen.counts_apply:
        return ()  # the log has all of the time that is asked about, and the counters have more
    return tuple(table for table in tables if table.refused and not _explained(seen, table))


def _refused_since_boot(tables: Sequence[Table]) -> Statement:
    words = "{n} new neighbours were refused since boot"
    if all(table.risen == 0 for table in tables):
        words += ", none is {now}"
    return say(words, n=sum(table.refused or 0 for table in tables))


def _suspected(
    seen: Observations[Overflow], tables: Sequence[Table], before_fix: bool
) -> Statement:
    """Say what was refused at a time that is not known: maybe before a fix, or what is asked."""
    why = _why_no_line(seen)
    if before_fix:
        why = say("whether all of it was before the change of the limit is not known")
    return say("{refused}; {why}", refused=_refused_since_boot(tables), why=why)


def _why_no_line(seen: Observations[Overflow]) -> Statement:
    """Why nobody knows when: no line of the log says it, or the log was not read."""
    unread = seen.log.ring.unreadable
    if unread is None or unread.why is Why.NOT_COLLECTED:
        return say("no line in the log says when")
    return say("when is not known, as the log was not read: {unread}", unread=unread)


def _explained(seen: Observations[Overflow], table: Table) -> bool:
    """Whether what a table refused is explained by lines from before a change that made room."""
    whole = seen.covered or seen.covered_since_fix
    return table.risen == 0 and whole and table.is_told_by(seen.events.before_last_fix)


def _told(table: Table) -> Statement | None:
    """A table in a line; None where nobody kept anything of it."""
    counts, limit = table.counts, table.limit
    if all(
        isinstance(part, Unreadable) and part.why is Why.NOT_COLLECTED for part in (counts, limit)
    ):
        return None
    if isinstance(counts, Unreadable):
        return say("{table}: {unread}", table=table.family.label, unread=counts)
    values: dict[str, Value] = {
        "table": table.family.label,
        "entries": counts.entries,
        "limit": limit,
    }
    words = "{table}: {entries} of {limit} entries"
    if isinstance(limit, Unreadable):
        words = "{table}: {entries} entries, the limit is unknown: {limit}"
    elif limit:
        words += " ({percent}%)"
        values["percent"] = counts.entries * 100 // limit
    if table.refused:
        words += ", {refused} refused since boot"
        values["refused"] = table.refused
        if table.risen:
            words += ", {risen} in {seconds} s {now}"
            values.update(risen=table.risen, seconds=_short(table))
        elif table.risen == 0:
            words += ", none {now}"
    return say(words, **values)


def judge(seen: NeighbourObservations) -> Finding:
    """Judge by the log's lines, the counters, and where the limit is set."""
    short = [table for table in seen.tables if seen.is_short(table)]
    advice: list[Statement] = []
    if any(table.near for table in seen.tables):
        words = "Permanent and learned entries count, though they take no room from Linux 5.0 on"
        advice.append(say(words))
    if short:
        words = "What helps: raise gc_thresh1, gc_thresh2 and gc_thresh3 of {tables: and } together"
        advice += [
            say(words, tables=tuple(table.family.name for table in short)),
            say("It is one limit for all namespaces, set on the host: a container cannot raise it"),
        ]
    if short and all(isinstance(table.limit, int) for table in short):
        advice.append(fix_with(NAME))
    finding = judge_events(NAME, seen.log, replace(TEXT, advice=tuple(advice)))
    counted = [
        Evidence(t.family.stat, f"table_fulls rose by {t.risen} in {t.seconds:g} s")
        for t in seen.tables
        if t.risen
    ]
    facts: dict[str, Fact] = {
        **finding.facts,
        "before_last_fix": count(seen.log.events.before_last_fix),
        "tables": [_facts(table) for table in seen.tables],
    }
    return replace(finding, evidence=(*finding.evidence, *counted), facts=facts)


def _facts(table: Table) -> dict[str, Fact]:
    known = isinstance(table.counts, Counts)
    return {
        "table": table.family.table,
        "entries": table.entries if known else None,
        "gc_thresh3": _number(table.limit),
        "refused": table.refused,
        "refused_between_looks": table.risen,
    }


def measure(host: Host) -> Rate | None:
    """Measure what is refused each second, by two looks a second apart."""
    tables = _again(host, _tables(host), 1.0)
    rises = [table.risen for table in tables if table.risen is not None]
    return Rate(float(sum(rises)), "new neighbours refused") if rises else None


def _files(host: Host, wanted: Mapping[str, int], write: bool) -> BootFiles:
    from ec2rl.next_boot.files import Names, boot_files

    return boot_files(host, dict(sorted(wanted.items())), Names(FILES), write=write)


def propose(host: Host, seen: NeighbourObservations, request: FixRequest) -> Proposal:
    """Plan the sizes, now and for the next boot; what is already so is left out."""
    from ec2rl import limits

    subject = limits.Subject(
        room="Give the neighbour tables room",
        asked="Set the sizes of the neighbour tables as asked",
        sizes="the sizes of the neighbour tables",
        less="there would be LESS room",
        files=_files,
    )
    keys = [one.key for one in SETTINGS]
    now = {key: number(host, f"/proc/sys/{key.replace('.', '/')}") for key in keys}
    then = limits.at_boot(host, subject, keys, request)
    # Where nothing runs, what the files give counts in place of today's values.
    today = {key: then.get(key) if value is None else value for key, value in now.items()}
    wanted = _wanted(seen, request, today)
    # The kernel takes any order; but it collects down to gc_thresh2, and while that is above
    # gc_thresh3 it frees nothing when the table is full (neigh_forced_gc()).
    ladders = [family.keys for family in FAMILIES]
    order = [key for keys in ladders for key in limits.ladder_order(keys, wanted, today)]
    asked = bool(request.settings)
    sizes = [
        limits.Limit(key, now[key], wanted[key], then=then.get(key), asked=asked) for key in order
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
    seen: NeighbourObservations, request: FixRequest, today: Mapping[str, int | None]
) -> dict[str, int]:
    """The sizes by key: those that are asked for, else those that the tables need."""
    wanted: dict[str, int] = {}
    if request.settings:
        asked = {
            one.key: request.settings[one.name] for one in SETTINGS if one.name in request.settings
        }
        for family in FAMILIES:
            wanted.update(_sizes(family, today, asked))
        return wanted
    for table in seen.tables:
        wanted.update(_room(seen, table, today))
    return wanted


def _room(
    seen: NeighbourObservations, table: Table, today: Mapping[str, int | None]
) -> dict[str, int]:
    """Four times as much, or twice what is there; where there is room, what a boot would lose."""
    limit = table.limit if isinstance(table.limit, int) else DEFAULTS[2]
    if seen.is_short(table):
        largest = max(4 * limit, 2 * table.entries)
        return _sizes(table.family, today, {table.family.keys[2]: largest})
    raised = isinstance(table.limit, int) and limit > DEFAULTS[2]
    return {key: value for key in table.family.keys if raised and (value := today[key]) is not None}


def _sizes(
    family: Family, today: Mapping[str, int | None], asked: Mapping[str, int]
) -> dict[str, int]:
    """The sizes of a family that are asked for; the others follow gc_thresh3 in proportion."""
    wanted: dict[str, int] = {}
    largest = asked.get(family.keys[2])
    if largest is not None:
        known = [value for key in family.keys if (value := today[key])]  # one of 0 has no share
        shares = known if len(known) == len(family.keys) else DEFAULTS
        for key, share in zip(family.keys, shares):
            wanted[key] = min(largest, share * largest // shares[2])
    return {**wanted, **{key: asked[key] for key in family.keys if key in asked}}


def _not_here(
    seen: NeighbourObservations, request: FixRequest, today: Mapping[str, int | None]
) -> str:
    """Why the sizes cannot be set from here at all, "" if they can."""
    if request.now and all(value is None for value in today.values()):
        return (
            "the thresholds are not here: they are the host's, one for all network namespaces, and "
            "only its own namespace shows them: set them on the host"
        )
    short = (table.limit for table in seen.tables if seen.is_short(table))
    if not request.settings and not all(isinstance(limit, int) for limit in short):
        return (
            "today's limits could not be read: run it as root on the host itself, or, for another "
            "machine's volume, say the size: --set gc_thresh3=4096"
        )
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
        f"Memory: full tables of these sizes take {max(1, cost >> 20)} MiB, about {ENTRY} bytes an "
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
