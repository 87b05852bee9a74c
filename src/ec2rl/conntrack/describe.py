"""The conntrack diagnosis in words: details and evidence of a finding."""

from __future__ import annotations

from ec2rl.conntrack.headline import headline
from ec2rl.conntrack.messages import Kind
from ec2rl.conntrack.namespaces import INITIAL
from ec2rl.conntrack.observations import Observations
from ec2rl.conntrack.tables import Table
from ec2rl.conntrack.timeline import FullTableHistory, LogPeriod
from ec2rl.diagnosis.coverage import complete_from, complete_log, reading, with_time
from ec2rl.diagnosis.events import say_forged, say_not_understood
from ec2rl.model import (
    Command,
    Evidence,
    Role,
    Statement,
    Unreadable,
    Verdict,
    Why,
    fix_with,
    helps,
    more,
    next_step,
    none_in,
    say,
    see_page,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.model import Value

_FEW, _MOST = 3, 10
"""Namespaces that are told one by one; the JSON has them all."""


_NEXT_BOOT = Statement(
    "What its next boot sets: {boot}", {"boot": Command("conntrack boot", root=False)}, Role.FIX
)


def trusted_log_sources(period: LogPeriod) -> tuple[str, ...]:
    """Tell where the kernel's own words were read.

    One place is enough to name when all stood there.
    """
    names = {"dmesg": "dmesg", "journal": "the journal", "console": "the console"}
    told = tuple(names[place] for place in period.log_sources if place in names)
    return told or period.log_sources


def details(seen: Observations, verdict: Verdict) -> tuple[Statement, ...]:
    """Give the lines below the verdict: headline, state, log, what it rests on, what to do next."""
    troubled = verdict in (Verdict.PROBLEM, Verdict.WARNING)
    first = headline(seen) if troubled else None
    lines = [] if first is None else [first]
    lines += [] if seen.alone is None else [seen.alone.said()]
    lines += [*_in_use(seen), *_tables(seen), *_log_lines(seen), *_allowance_lines(seen)]
    lines += _rests_on(seen, verdict)
    boot = [] if seen.is_live else [_NEXT_BOOT]
    if troubled:
        closer = [one for one in lines if one.role is Role.DETAILS]
        lines = [one for one in lines if one.role is not Role.DETAILS]
        knobs = _knobs(seen)
        lines += [*map(helps, knobs), fix_with("conntrackfull")] if knobs else []
        if not knobs and any(one.exceeded for one in seen.allowances):
            lines.append(helps(say(_ALLOWANCE)))
        lines += [*boot, *closer]
        if verdict is Verdict.WARNING and not seen.answered:
            lines.append(_where_it_can_be_told(seen))
        number = seen.alone and seen.alone.inode
        of = f" --netns={number}" if number else ""
        lines.append(see_page(f"conntrackfull{of}"))
    elif verdict is Verdict.UNKNOWN:
        lines += [*boot, _where_it_can_be_told(seen)]
    return tuple(lines)


def _in_use(seen: Observations) -> list[Statement]:
    if seen.limits.loaded is False:
        return [say("Conntrack is not in use: the kernel has not loaded it.")]
    if seen.tables and not seen.unread and not seen.in_use:
        words = "Conntrack is not in use: no namespace that was seen tracks a connection {now}."
        return [say(words)]
    return []


def _tables(seen: Observations) -> list[Statement]:
    """How full the tables are and what they lost, the worst first, and what is in that one."""
    told = [table for table in seen.by_loss if _told(table)]
    if seen.limits.loaded is False:  # no namespace has counters then
        told = [table for table in told if not isinstance(table.counters, Unreadable)]
    lines = [_table_line(seen, table) for table in told[:_MOST]]
    for number, table in enumerate(told[:_MOST]):
        if number >= _FEW or (number and not (seen.near(table) or table.rate("drop"))):
            lines[number] = more(lines[number])
    if len(told) > _MOST:
        words = "{number:more namespace}: see the JSON report."
        lines.append(more(say(words, number=len(told) - _MOST)))
    if seen.table_sample is not None:
        from ec2rl.conntrack.table.table_sample import table_sample_lines

        lines += table_sample_lines(seen.table_sample)
        if seen.table_sample.saved is not None:
            lines += _untold(seen)
    return lines + [
        say("What {label} lost is not known: {why}", label=table.namespace.label, why=why)
        for table in told[:_MOST]
        if (why := table.lost_unread) is not None
    ]


_KEEP = Command("run --record=case.txt")


def _where_it_can_be_told(seen: Observations) -> Statement:
    """What to type next when something was missing."""
    ring = seen.log.ring
    denied = any(one.why is Why.DENIED for one in seen.unread)
    if seen.hidden or ring.unreadable is not None or denied:
        return next_step("Next: {collect_all}" if seen.covered else "Next: {run_as_root}")
    complete = complete_from(seen.log)
    if ring.gap and complete is not None:
        words = "Next: ask for what the log still covers: {run}"
        return next_step(words, run=Command(f"run --since=@{round(complete + 1)}"))
    return next_step("Next: keep what was read, for a report: {run}", run=_KEEP)


def _told(table: Table) -> bool:
    if table.namespace.initial or isinstance(table.counters, Unreadable):
        return True
    return bool(table.count or any(table.counters.__dict__.values()))


def _table_line(seen: Observations, table: Table) -> Statement:
    label, counters = table.namespace.label, table.counters
    if isinstance(counters, Unreadable):
        if table.count is None:
            return say("{label}: {why}", label=label, why=counters)
        return say("{label}: {fill}; {why}", label=label, fill=_fill(seen, table), why=counters)
    losses = tuple(_losses(seen, table))
    rates = tuple(
        say(words, rate=rate)
        for counter, words in (("drop", "{rate:pace} lost/s"), ("early_drop", _EVICTED))
        if (rate := table.rate(counter))
    )
    words = "{label}: {told}"
    if rates:
        words += "; {now} {rates}"
    elif table.seconds and losses:
        words += "; {none}"
    told, none = (_fill(seen, table), *losses), none_in(table.seconds or 0)
    return say(words, label=label, told=told, rates=rates, none=none)


_EVICTED = "{rate:pace} evicted/s"


def _fill(seen: Observations, table: Table) -> Statement:
    """How full a table is, as far as that is known."""
    limit, fill = seen.limits.maximum, seen.fill(table)
    if fill is not None:
        words = "{count:,} of {limit:entry/entries} ({fill:%})"
        return say(words, count=table.count, limit=limit, fill=fill)
    if table.count is None:
        return say("an unknown number of entries")
    if limit is None:
        return say("{count:entry/entries}, the limit is unknown", count=table.count)
    return say("{count:entry/entries}, no limit", count=table.count)


def _losses(seen: Observations, table: Table) -> list[Statement]:
    """What a table has lost since it was made."""
    since = "conntrack was loaded" if table.namespace.initial else "it was made"
    refused, drop = table.refused, seen.last(table, "drop")
    failed = "{number:insertion} failed"
    if drop and refused is not None and refused + (seen.last(table, "insert_failed") or 0) == drop:
        failed += " (among the lost)"
    return [
        say(words, number=number, since=since)
        for counter, words in (
            ("drop", "{number:packet} lost since {since}"),
            ("early_drop", "{number:entry/entries} evicted"),
            ("insert_failed", failed),
            ("chaintoolong", "{number:chain} too long"),
        )
        if (number := seen.last(table, counter))
    ]


def _untold(seen: Observations) -> list[Statement]:
    """What nobody recorded beside a table that was saved."""
    missing: tuple[str, ...] = ()
    if seen.limits.maximum is None:
        missing += ("net.netfilter.nf_conntrack_max",)
    if not any(seen.last(table, "drop") is not None for table in seen.tables):
        missing += ("the drop counters",)
    words = "Not collected, and a table cannot tell: {missing}"
    return [say(words, missing=missing)] if missing else []


def _log_lines(seen: Observations) -> list[Statement]:
    times = seen.times
    lines = []
    if seen.settling is not None:
        from ec2rl.diagnosis.before_last_fix import settling_lines

        counts = times.before_last_fix.lines, times.now.lines, times.undecided
        lines += settling_lines(seen.settling, *counts)
    if times.now.lines:
        lines.append(say("Log, {this_boot}: {span}", span=_span(times.now)))
    if times.earlier.lines:
        lines.append(say("Log, earlier boots: {span}", span=_span(times.earlier)))
    lines += _about(seen)
    if times.unverified.lines:
        words = "Not verified: {span}, in {places}, where any user can write"
        lines.append(say(words, span=_span(times.unverified), places=times.unverified.log_sources))
    lines += _how_far(times)
    for kind, name in (
        (Kind.EXPECTATIONS_FULL, "expectation table full (nf_conntrack_expect_max)"),
        (Kind.NEIGHBOURS_FULL, "neighbour table overflow (net.ipv4.neigh.default.gc_thresh3)"),
        (Kind.SYN_FLOOD, "possible SYN flood (a listener's backlog)"),
    ):
        if times.others.get(kind):
            words = "Another limit, {this_boot}: {name}, {lines:line}"
            lines.append(more(say(words, name=name, lines=times.others[kind])))
    return lines


def _how_far(times: FullTableHistory) -> list[Statement]:
    """Say whose tables the lines tell of, and how far they can be believed."""
    lines = []
    for period in (times.now, times.earlier, times.unverified):
        if period.containers:
            words = "Tables of OpenVZ's containers: {numbers}"
            lines.append(say(words, numbers=tuple(map(str, period.containers))))
    lines += times.grades
    if times.not_understood:
        lines.append(say_not_understood(times.not_understood, quoted=True))
    return lines + say_forged(times.forged, times.first_forged)


def _about(seen: Observations) -> list[Statement]:
    """Which namespaces the lines of this boot are about."""
    named = sorted(
        (
            (count, number)
            for number, count in seen.times.now.namespaces.items()
            if number is not None
        ),
        reverse=True,
    )
    lines = []
    for count, number in named[:_MOST]:
        # A namespace's number is given to another one after its end: who dropped nothing is not it.
        known = next((t for t in seen.tables if t.namespace.inode == number and t.refused), None)
        gone: Value = "not seen from here" if seen.hidden or seen.unread else say("gone by {now}")
        if any(t.namespace.inode == number for t in seen.tables):
            gone = say("an earlier one of this number: the one of {now} has dropped nothing")
        where: Value = say("netns {number} ({gone})", number=number, gone=gone)
        if known is not None:
            where = known.namespace.label
        words = "Of these, {count:line is/lines are} about {where}"
        lines.append(more(say(words, count=count, where=where)))
    if len(named) > _MOST:
        words = "Of these, others are about {more:more namespace}: see the JSON report."
        lines.append(more(say(words, more=len(named) - _MOST)))
    unnamed = seen.times.now.namespaces.get(None, 0)
    if named and unnamed and not seen.times.now.containers:
        # A kernel that names namespaces (6.17) names each but the initial one.
        words = "Of these, {count:line is/lines are} about {where}"
        lines.append(more(say(words, count=unnamed, where=INITIAL)))
    return lines


def _span(period: LogPeriod) -> Statement:
    """How many lines at least, and when."""
    words = "at least {lines:line}"
    if period.suppressed:
        words += " (about {all:,} with those that the kernel suppressed)"
    known = {"lines": period.lines, "all": period.lines + period.suppressed}
    if period.uptimes is not None:
        first, last = (f"{seconds:.1f}" for seconds in period.uptimes)
        words += ", {first} s" if first == last else ", {first} s to {last} s"
        words += " after boot, no date known"
        return say(words, first=first, last=last, **known)
    one = period.first is None or period.last is None or period.first // 1 == period.last // 1
    words += ", {first:time}" if one else ", first {first:time}, last {last:time}"
    return say(words, first=period.first, last=period.last, **known)


def _allowance_lines(seen: Observations) -> list[Statement]:
    lines = []
    for one in seen.allowances:
        if one.exceeded is None:
            words = "Not read: the instance's own allowance: {interface}: {why}"
            lines.append(say(words, interface=one.interface, why=one.unreadable))
            continue
        words = "{interface}: {lost:packet} dropped by the instance's own allowance"
        if one.rate is not None and one.exceeded:
            words += ", {now} {rate:pace}/s"
        if one.available is not None:
            words += "; {available:,} connections still possible"
        if one.exceeded or (one.available is not None and one.available < 1000):
            known = {"lost": one.exceeded, "rate": one.rate, "available": one.available}
            lines.append(say(words, interface=one.interface, **known))
    return lines


def _proof(seen: Observations) -> Statement:
    """What a SUCCESS rests on: a log that says that nothing was lost, and tables with room."""
    since = " since that change" if seen.times.before_last_fix.lines else ""
    log: Value = say("dmesg, whole{since}", since=since)
    if seen.covered:
        log = complete_log(seen.log, seen.period.since)
    elif seen.alone_unharmed:
        words = "its own counters: it has lost no packet since it was made; {tables}"
        return say(words, tables=_room(seen))
    words = "{log}, without a table-full line{since}; {tables}"
    return say(words, log=log, since=since, tables=_room(seen))


def _room(seen: Observations) -> Statement:
    """How full the tables are, as far as that is known."""
    fullest, limit = seen.fullest, seen.limits.maximum
    if seen.limits.loaded is False:
        return say("connection tracking is not loaded")
    if fullest is None or fullest.count is None:
        return say("how full the table is was not collected")
    words = "{tables:table} seen, the fullest with {count:entry/entries}"
    if limit:
        words = "{tables:table} seen, the fullest with {count:,} of {limit:entry/entries}"
    elif limit == 0:
        words += ", no limit"
    else:
        words += ", the limit was not collected"
    tables = sum(table.count is not None for table in seen.tables)
    return say(words, tables=tables, count=fullest.count, limit=limit)


def _rests_on(seen: Observations, verdict: Verdict) -> list[Statement]:
    """Which sources the verdict rests on, and which it had to do without."""
    lines = [*map(more, reading(seen.log))]
    if verdict is Verdict.OK:
        lines.insert(0, Statement("Rests on: {proof}", {"proof": _proof(seen)}, Role.PROOF))
    all_counted = seen.all_counted and seen.alone is None
    if all_counted and seen.tables and not seen.covered and seen.limits.loaded is not False:
        none = all(seen.last(table, "drop") == 0 for table in seen.tables)
        words = "Every network namespace that was found was asked ({tables})"
        words += ": none has lost a packet since it was made." if none else "."
        lines.append(more(say(words, tables=len(seen.tables))))
    if seen.hidden:
        hidden = say("Not seen: {hidden}", hidden=seen.hidden)
        # Of saved evidence nobody has them: that is no news below what was found.
        lines.append(hidden if seen.is_live else more(hidden))
    return lines


_ALLOWANCE = (
    "What helps: fewer flows that the instance tracks (security group rules that allow everything, "
    "both ways, need no tracking), shorter idle timeouts of the interface, or a larger type"
)


def _knobs(seen: Observations) -> list[Statement]:
    """The knob that works here: what fills the table first, then its size."""
    table = seen.fullest
    told = seen.times.now.lines or seen.times.unverified.lines
    if not (told or seen.evicted or (table is not None and seen.near(table))):
        return []
    words = "What helps: raise net.netfilter.nf_conntrack_max and nf_conntrack_buckets together"
    if seen.limits.is_old or seen.times.now.is_old or seen.times.unverified.is_old:
        words = (
            "What helps: raise net.ipv4.netfilter.ip_conntrack_max and hashsize of the module "
            "ip_conntrack together"
        )
    if seen.limits.maximum:
        words += " ({they_are} {max:,} and {buckets:,})"
    buckets = seen.limits.buckets or "unknown"
    causes = () if seen.table_sample is None else seen.table_sample.causes
    way = causes[0].advice.fits[0] if causes else ""
    if way:  # what fills the table comes before its size
        words = words.replace("What helps: raise", "What helps: {way}; until then raise")
    lines = [say(words, way=way, max=seen.limits.maximum, buckets=buckets)]
    containers = seen.times.now.containers or seen.times.unverified.containers
    if containers:
        words = "Each of OpenVZ's containers has a limit of its own: that of {numbers} is meant"
        lines.append(say(words, numbers=tuple(map(str, containers))))
    contained = [
        table
        for table in seen.tables
        if not table.namespace.initial and (table.refused or seen.near(table))
    ]
    if contained:
        words = "It is one limit for all namespaces, set on the host: a container cannot raise it"
        lines.append(say(words))
    return lines


def quotes(seen: Observations) -> tuple[Evidence, ...]:
    """Give the words of the log that the verdict rests on."""
    return tuple(Evidence(", ".join(line.sources), with_time(line)) for line in seen.times.quotes)
