"""Netfilter's connection-tracking table is full: new connections are dropped."""

from __future__ import annotations

from ec2rl.conntrack.advice import by_hand
from ec2rl.conntrack.allowance import Allowance
from ec2rl.conntrack.defaults import MAX
from ec2rl.conntrack.describe import details, quotes, trusted_log_sources
from ec2rl.conntrack.facts_json import facts
from ec2rl.conntrack.messages import PHRASES, Kind
from ec2rl.conntrack.namespaces import find_namespaces
from ec2rl.conntrack.observations import Observations
from ec2rl.conntrack.observe import read
from ec2rl.conntrack.settings import SETTINGS
from ec2rl.conntrack.tables import Table, read_tables
from ec2rl.host import Host
from ec2rl.model import (
    Finding,
    FixRequest,
    Held,
    Proposal,
    Rate,
    Statement,
    Unreadable,
    Verdict,
    say,
)
from ec2rl.module import Module
from ec2rl.quantities import plural


def judge(seen: Observations) -> Finding:
    """Judge the table: the state, the knob that works, and the one that will not."""
    verdict, summary = _verdict(seen)
    if seen.alone is not None:
        words = "{summary} (in {label} alone)"
        summary = say(words, summary=summary, label=seen.alone.label)
    return Finding(verdict, summary, details(seen, verdict), quotes(seen), (), facts(seen))


def _verdict(seen: Observations) -> tuple[Verdict, Statement]:
    found = seen.times.now
    if found.lines:
        words = "Conntrack table full errors found. {lines:occurrence} in {places: and }"
        return Verdict.PROBLEM, say(words, lines=found.lines, places=trusted_log_sources(found))
    losing = [table for table in seen.by_loss if seen.loses(table)]
    if losing:
        return Verdict.PROBLEM, _lost_now(losing)
    warning = _warning(seen)
    if warning is None and seen.answered:
        warning = _beside(seen)
    if warning:  # what was found counts, whatever else could not be read
        return Verdict.WARNING, warning
    if not seen.proven:
        words = "Cannot tell whether the conntrack table has been full: {missing:; }"
        return Verdict.UNKNOWN, say(words, missing=seen.unseen)
    return Verdict.OK, say("No conntrack table full errors found.")


def _lost_now(losing: list[Table]) -> Statement:
    words = "Conntrack table is full and packets are being dropped: {lost:pace}/s in {labels}"
    if len(losing) > 3:
        words += " and {more} more"
    return say(
        words,
        lost=sum(table.rate("drop") or 0 for table in losing),
        labels=tuple(table.namespace.label for table in losing[:3]),
        more=len(losing) - 3,
    )


def _warning(seen: Observations) -> Statement | None:
    worst = next(filter(seen.near, seen.by_loss), None)
    fill = None if worst is None else seen.fill(worst)
    if worst is not None and fill is not None:
        return _nearly_full(seen, worst, fill)
    if seen.times.earlier.lines:
        return say(
            "Conntrack table full errors found in {boots:earlier boot}: "
            "at least {lines:occurrence}, none in {this_boot}",
            boots=len(seen.times.boots),
            lines=seen.times.earlier.lines,
        )
    return _other_loss(seen)


def _nearly_full(seen: Observations, fullest: Table, fill: float) -> Statement:
    evicted = fullest.rate("early_drop") if fill >= 1 else None
    label = fullest.namespace.label
    others = sum(map(seen.near, seen.tables)) - 1
    words = "Conntrack table is full" if fill >= 1 else "Conntrack table is {fill:%} full"
    if evicted:
        words += "; room is made by evicting {evicted:pace} entries/s"
    words += " in {label}"
    if others:
        words += " and {others:other namespace}"
    lost = fullest.refused if fill >= 1 else None
    if lost:
        words += "; {lost:packet} dropped so far"
    stuck = None
    sample = seen.table_sample
    if sample is not None and sample.label == label and not sample.short:
        words += "; {stuck:%} of its entries cannot be evicted"
        stuck = sample.stuck
    return say(
        words, fill=fill, evicted=evicted, label=label, others=others, lost=lost, stuck=stuck
    )


def _other_loss(seen: Observations) -> Statement | None:
    """Packets that are lost although there is room: a larger table would change nothing."""
    exceeded: list[Allowance] = [one for one in seen.allowances if one.exceeded]
    if exceeded:
        return say(
            "The instance's own connection-tracking allowance was exceeded: {lost:packet} dropped "
            "outside this host; raising nf_conntrack_max will not help",
            lost=sum(one.exceeded or 0 for one in exceeded),
        )
    if seen.evicted:
        return _at_its_limit(seen)
    chains, refused = (_total(seen, name) for name in ("chaintoolong", "refused"))
    if chains:
        return say(
            "{chains:packet} dropped for hash chains too long: raising nf_conntrack_max will not "
            "help, raising nf_conntrack_buckets will",
            chains=chains,
        )
    lost = _dropped(seen, refused)
    if lost is not None:
        return lost
    if seen.times.unverified.lines:
        return say(
            "{lines:table-full line} found only where any user can write ({places}): not verified",
            lines=seen.times.unverified.lines,
            places=seen.times.unverified.log_sources,
        )
    return None


def _total(seen: Observations, counter: str) -> int:
    return sum(seen.last(table, counter) or 0 for table in seen.tables)


def _beside(seen: Observations) -> Statement | None:
    """What no full table explains; said only where enough was read to know that none was."""
    clashes = _total(seen, "insert_failed")
    if clashes:
        return say(
            "{clashes:insertion} failed (two packets of one flow raced, or NAT found no free "
            "port): raising nf_conntrack_max will not help",
            clashes=clashes,
        )
    if seen.times.others.get(Kind.EXPECTATIONS_FULL):
        return say(
            "Conntrack expectation table is full: nf_conntrack_expect_max, not nf_conntrack_max"
        )
    return _small(seen)


def _at_its_limit(seen: Observations) -> Statement:
    """Entries are evicted only where a new connection finds the table full."""
    words = (
        "Conntrack table has been at its limit: {evicted:entry/entries} evicted to make room for "
        "new connections"
    )
    pace = sum(table.rate("early_drop") or 0 for table in seen.tables)
    if pace:
        words += ", {now} {pace:pace}/s"
    return say(words, evicted=seen.evicted, pace=pace)


def _dropped(seen: Observations, refused: int) -> Statement | None:
    """What of the packets that were refused the log does not explain."""
    rising = sum(table.rate("drop") or 0 for table in seen.tables)
    if not refused or seen.drops_settled:
        return None
    if not rising and not seen.period.is_all and seen.covered:
        return None
    if seen.times.before_last_fix.lines and not rising:
        why = "; whether all of it was before the change of the limit is not known"
    elif seen.log.ring.unreadable is not None:
        words = (
            "{refused:packet} dropped by conntrack, and what would say when and why was not read"
        )
        return say(words + ": {log}", refused=refused, log=seen.log.ring.unreadable)
    elif not seen.log.whole_boot:
        why = " with no table-full line left in the log to say when and why"
    elif seen.times.others.get(Kind.SUPPRESSED):
        why = "; the log does not say why, and the kernel left lines out of it"
    else:
        why = " with no table-full line in the log; raising nf_conntrack_max will not help"
    return say("{refused:packet} dropped by conntrack" + why, refused=refused)


def _small(seen: Observations) -> Statement | None:
    """A table below what this kernel would choose for this memory."""
    limits, default = seen.limits, seen.default_maximum
    # While it started it saw a little less memory, and it rounds to whole pages of the hash.
    if not limits.maximum or default is None or limits.maximum >= 0.8 * default or not seen.in_use:
        return None
    return say(
        "nf_conntrack_max is {maximum}, below the {default} that this kernel would choose for "
        "this machine's memory",
        maximum=limits.maximum,
        default=default,
    )


def _propose(host: Host, seen: Observations, request: FixRequest) -> Proposal:
    from ec2rl.conntrack.remedy import propose

    return propose(host, seen, request)


def _measure(host: Host) -> Rate | None:
    from ec2rl.conntrack.losses import losses

    lost = losses(host)
    return None if lost is None else Rate(lost, "packets lost")


def _namespace(host: Host, said: str) -> str | Unreadable:
    from ec2rl.conntrack.which_namespace import namespace_meant

    found = namespace_meant(host, said, find_namespaces(host))
    return found if isinstance(found, Unreadable) else found.label


def _held(host: Host) -> tuple[Held, ...]:
    tables = [table for table in read_tables(host, find_namespaces(host)) if table.count]
    return tuple(
        Held(
            MAX,
            table.count or 0,
            f"{table.namespace.label} holds {plural(table.count or 0, 'entry/entries')}",
        )
        for table in tables
    )


MODULE = Module(
    name="conntrackfull",
    title="The connection-tracking table has room for new connections",
    domain="net",
    phrases=PHRASES,
    read=read,
    judge=judge,
    needs="root, for the kernel log and the namespaces",
    by_hand=by_hand,
    propose=_propose,
    settings=SETTINGS,
    measure=_measure,
    held=_held,
    namespace=_namespace,
    details="conntrack top",
)
