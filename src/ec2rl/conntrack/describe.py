"""The conntrack diagnosis in words: details and evidence of a finding."""

from __future__ import annotations

from ec2rl.conntrack.messages import Kind
from ec2rl.conntrack.seen import Seen
from ec2rl.conntrack.tables import Table
from ec2rl.conntrack.timeline import Spell
from ec2rl.diagnosis.before_last_fix import settling_lines
from ec2rl.diagnosis.coverage import complete_from, complete_log, reading, stamp
from ec2rl.model import (
    Evidence,
    Role,
    Statement,
    Unreadable,
    Verdict,
    Why,
    fix_with,
    say,
    see_page,
)

_MOST = 10
"""Namespaces that are told one by one; the JSON has them all."""


def percent(share: float) -> str:
    """A share in per cent: never 0 % of something, never 100 % of less than all."""
    if 0 < share < 0.01:
        return "below 1%"
    return f"{min(share, 0.99) if 0.99 < share < 1 else share:.0%}"


def pace(number: float) -> str:
    """A number of things each second: never 0 of something, never in powers of ten."""
    return f"{number:.0f}" if number >= 10 else f"{number:.2g}"


def plural(number: int, noun: str) -> str:
    """A number of things: `1 packet`, `2 packets`."""
    return f"{number} {noun}{'s' * (number != 1)}"


def trusted_places(spell: Spell) -> str:
    """Where the kernel's own words were read; one place is enough to name when all stood there."""
    names = {"dmesg": "dmesg", "journal": "the journal"}
    return " and ".join(names[place] for place in spell.places if place in names)


def details(seen: Seen, verdict: Verdict) -> tuple[Statement | str, ...]:
    """The lines below the verdict: state, losses, log, what it rests on, what to do next."""
    lines: list[Statement | str] = []
    if seen.limits.loaded is False:
        lines.append("Conntrack is not in use: the kernel has not loaded it.")
    elif seen.tables and not seen.unread and not seen.in_use:
        lines.append("Conntrack is not in use: no namespace that was seen tracks a connection now.")
    told = [table for table in _by_weight(seen) if _told(table)]
    if seen.limits.loaded is False:  # no namespace has counters then
        told = [table for table in told if not isinstance(table.counters, Unreadable)]
    lines += [_table_line(seen, table) for table in told[:_MOST]]
    if len(told) > _MOST:
        lines.append(f"{len(told) - _MOST} more namespaces: see the JSON report.")
    if seen.glimpse is not None:
        from ec2rl.conntrack.table.glimpse import glimpse_lines

        lines += glimpse_lines(seen.glimpse)
        if seen.glimpse.saved is not None:
            lines += _untold(seen)
    lines += _log_lines(seen)
    lines += _allowance_lines(seen)
    lines += _rests_on(seen, verdict)
    if verdict in (Verdict.PROBLEM, Verdict.WARNING):
        knobs = _knobs(seen)
        lines += [*knobs, see_page("conntrackfull")]
        if knobs:
            lines.append(fix_with("conntrackfull"))
    elif verdict is Verdict.UNKNOWN:
        lines.append(_where_it_can_be_told(seen))
    return tuple(lines)


def _where_it_can_be_told(seen: Seen) -> str:
    """What to type next when something was missing."""
    ring = seen.log.ring
    denied = any(one.why is Why.DENIED for one in seen.unread)
    if seen.hidden or ring.unreadable is not None or denied:
        return "Next: run it as root on the host itself: sudo ./ec2rl run"
    complete = complete_from(seen.log)
    if ring.gap and complete is not None:
        covered = f"--since=@{complete + 1:.0f}"
        return f"Next: ask for what the log still covers: sudo ./ec2rl run {covered}"
    return "Next: keep what was read, for a report: sudo ./ec2rl run --record=case.txt"


def _by_weight(seen: Seen) -> list[Table]:
    """The worst first: losing now, then nearly full, then those that have lost most."""

    def weight(table: Table) -> tuple[float, ...]:
        lost, count = table.refused or 0, table.count or 0
        return -(table.rate("drop") or 0), -seen.near(table), -lost, -count

    return sorted(seen.tables, key=weight)


def _told(table: Table) -> bool:
    if table.namespace.initial or isinstance(table.counters, Unreadable):
        return True
    return bool(table.count or any(table.counters.__dict__.values()))


def _table_line(seen: Seen, table: Table) -> str:
    limit, fill = seen.limits.maximum, seen.fill(table)
    words = f"{table.namespace.label}: "
    if isinstance(table.counters, Unreadable) and table.count is None:
        return f"{words}{table.counters}"
    if fill is not None:
        words += f"{table.count} of {limit} entries ({percent(fill)})"
    elif table.count is None:
        words += "an unknown number of entries"
    else:
        words += f"{table.count} entries, " + (
            "the limit is unknown" if limit is None else "no limit"
        )
    if isinstance(table.counters, Unreadable):
        return f"{words}; {table.counters}"
    lost = seen.last(table, "drop")
    if lost:
        since = "conntrack was loaded" if table.namespace.initial else "it was made"
        words += f", {plural(lost, 'packet')} lost since {since}"
    for counter, noun, what in (
        ("early_drop", "entry", " evicted"),
        ("insert_failed", "insertion", " failed"),
        ("chaintoolong", "chain", " too long"),
    ):
        number = seen.last(table, counter)
        if number:
            words += f", {plural(number, noun)}{what}".replace("entrys", "entries")
    rates = [
        f"{pace(rate)} {name}/s"
        for counter, name in (("drop", "lost"), ("early_drop", "evicted"))
        if (rate := table.rate(counter))
    ]
    if rates:
        return f"{words}; now {', '.join(rates)}"
    return words + ("; none now" if table.seconds and ", " in words else "")


def _untold(seen: Seen) -> list[str]:
    """What nobody recorded beside a table that was saved."""
    missing = ["net.netfilter.nf_conntrack_max"] if seen.limits.maximum is None else []
    if not any(seen.last(table, "drop") is not None for table in seen.tables):
        missing.append("the drop counters")
    return [f"Not collected, and a table cannot tell: {', '.join(missing)}"] if missing else []


def _log_lines(seen: Seen) -> list[Statement | str]:
    times = seen.times
    lines: list[Statement | str] = []
    if seen.settling is not None:
        counts = times.settled.lines, times.now.lines, times.undecided
        lines += settling_lines(seen.settling, *counts)
    for spell, name in ((times.now, "this boot"), (times.earlier, "earlier boots")):
        if spell.lines:
            lines.append(f"Log, {name}: {_span(spell)}")
    named = sorted(
        ((count, number) for number, count in times.now.namespaces.items() if number is not None),
        reverse=True,
    )
    for count, number in named[:_MOST]:
        # A namespace's number is given to another one after its end: who dropped nothing is not it.
        known = next((t for t in seen.tables if t.namespace.inode == number and t.refused), None)
        gone = "not seen from here" if seen.hidden or seen.unread else "gone by now"
        where = known.namespace.label if known else f"netns {number} ({gone})"
        verb = "are" if count > 1 else "is"
        lines.append(f"Of these, {plural(count, 'line')} {verb} about {where}")
    if len(named) > _MOST:
        lines.append(f"Of these, others are about {len(named) - _MOST} more: see the JSON report.")
    if times.hearsay.lines:
        lines.append(
            f"Not verified: {_span(times.hearsay)}, in {', '.join(times.hearsay.places)}, "
            "where any user can write"
        )
    lines += times.grades
    if times.forged:
        lines.append(
            f"Not the kernel's: {plural(times.forged, 'line')} that someone wrote in its name"
        )
    for kind, name in (
        (Kind.EXPECTATIONS_FULL, "expectation table full (nf_conntrack_expect_max)"),
        (Kind.NEIGHBOURS_FULL, "neighbour table overflow (net.ipv4.neigh.default.gc_thresh3)"),
        (Kind.SYN_FLOOD, "possible SYN flood (a listener's backlog)"),
    ):
        if times.others.get(kind):
            lines.append(f"Another limit, this boot: {name}, {plural(times.others[kind], 'line')}")
    return lines


def _span(spell: Spell) -> str:
    words = f"at least {plural(spell.lines, 'line')}"
    if spell.suppressed:
        words += f" (about {spell.lines + spell.suppressed} with those that the kernel suppressed)"
    if spell.uptimes is not None:
        first, last = (f"{seconds:.0f} s" for seconds in spell.uptimes)
        between = first if first == last else f"{first} to {last}"
        return f"{words}, {between} after the boot, no date known"
    first, last = stamp(spell.first), stamp(spell.last)
    return f"{words}, {first}" if first == last else f"{words}, first {first}, last {last}"


def _allowance_lines(seen: Seen) -> list[str]:
    lines = []
    for one in seen.allowances:
        if one.exceeded is None:
            lines.append(
                f"Not read: the instance's own allowance: {one.interface}: {one.unreadable}"
            )
            continue
        lost = plural(one.exceeded, "packet")
        words = f"{one.interface}: {lost} dropped by the instance's own allowance"
        if one.rate is not None and one.exceeded:
            words += f", now {pace(one.rate)}/s" if one.rate else ", none now"
        if one.available is not None:
            words += f"; {one.available} connections still possible"
        if one.exceeded or (one.available is not None and one.available < 1000):
            lines.append(words)
    return lines


def _proof(seen: Seen) -> Statement:
    """What a SUCCESS rests on: a log that says that nothing was lost, and tables with room."""
    since = " since that change" if seen.times.settled.lines else ""
    log: Statement | str = f"dmesg, whole{since}"
    if seen.covered:
        log = complete_log(seen.log, seen.since)
    words = f"{{log}}, without a table-full line{since}; "
    if seen.limits.loaded is False:
        return say(words + "connection tracking is not loaded", log=log)
    fullest = seen.fullest
    if fullest is None or fullest.count is None:
        return say(words + "how full the table is was not collected", log=log)
    tables = plural(sum(table.count is not None for table in seen.tables), "table")
    limit = seen.limits.maximum
    of = f" of {limit}" if limit else ""
    lacks = "" if of else ", no limit" if limit == 0 else ", the limit was not collected"
    return say(
        words + "{tables} seen, the fullest with {count}{of} entries{lacks}",
        log=log,
        tables=tables,
        count=fullest.count,
        of=of,
        lacks=lacks,
    )


def _rests_on(seen: Seen, verdict: Verdict) -> list[Statement | str]:
    """Which sources the verdict rests on, and which it had to do without."""
    lines: list[Statement | str] = [*reading(seen.log)]
    if verdict is Verdict.OK:
        lines.insert(0, Statement("Rests on: {proof}", {"proof": _proof(seen)}, Role.PROOF))
    if seen.all_counted and seen.tables and not seen.covered and seen.limits.loaded is not False:
        whole = f"Every network namespace that was found was asked ({len(seen.tables)})"
        none = all(seen.last(table, "drop") == 0 for table in seen.tables)
        lines.append(f"{whole}: none has lost a packet since it was made." * none or f"{whole}.")
    if seen.hidden:
        lines.append(f"Not seen: {seen.hidden}")
    return lines


def _knobs(seen: Seen) -> list[str]:
    """The knob that works here."""
    table = seen.fullest
    if not (seen.times.now.lines or (table is not None and seen.near(table))):
        return []
    lines = ["What helps: raise net.netfilter.nf_conntrack_max and nf_conntrack_buckets together"]
    if seen.limits.maximum:
        lines[0] += f" (now {seen.limits.maximum} and {seen.limits.buckets or 'unknown'})"
    contained = [
        table
        for table in seen.tables
        if not table.namespace.initial and (table.refused or seen.near(table))
    ]
    if contained:
        lines.append(
            "It is one limit for all namespaces, set on the host: a container cannot raise it"
        )
    return lines


def quotes(seen: Seen) -> tuple[Evidence, ...]:
    """The words of the log that the verdict rests on."""
    return tuple(
        Evidence(", ".join(line.sources), f"{stamp(line.time)} {line.message}")
        for line in seen.times.quotes
    )
