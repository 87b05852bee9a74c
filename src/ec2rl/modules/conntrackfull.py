"""Netfilter's connection-tracking table is full: new connections are dropped."""

from __future__ import annotations

from ec2rl.conntrack.advice import by_hand
from ec2rl.conntrack.allowance import Allowance
from ec2rl.conntrack.describe import details, pace, percent, plural, quotes, trusted_places
from ec2rl.conntrack.figures import facts
from ec2rl.conntrack.messages import PHRASES, Kind
from ec2rl.conntrack.namespaces import find_namespaces
from ec2rl.conntrack.observe import read
from ec2rl.conntrack.seen import NEAR, Seen
from ec2rl.conntrack.settings import SETTINGS
from ec2rl.conntrack.tables import Table, read_tables
from ec2rl.host import Host
from ec2rl.model import Finding, Held, Proposal, Rate, Verdict, Wish
from ec2rl.module import Module

_FULL = 0.95
"""Packets that are refused at this share are refused for want of room (gc's own threshold,
net/netfilter/nf_conntrack_core.c, nf_conntrack_max95)."""


def judge(seen: Seen) -> Finding:
    """One finding: the state, the knob that works, and the one that will not."""
    verdict, summary = _verdict(seen)
    return Finding(verdict, summary, details(seen, verdict), quotes(seen), (), facts(seen))


def _verdict(seen: Seen) -> tuple[Verdict, str]:
    found = seen.times.now
    if found.lines:
        return Verdict.PROBLEM, (
            "Conntrack table full errors found. "
            f"{found.lines} occurrences in {trusted_places(found)}"
        )
    losing = [table for table in seen.tables if _losing(seen, table)]
    if losing:
        losing.sort(key=lambda table: -(table.rate("drop") or 0))
        lost = sum(table.rate("drop") or 0 for table in losing)
        more = f" and {len(losing) - 3} more" if len(losing) > 3 else ""
        return Verdict.PROBLEM, (
            f"Conntrack table is full and packets are being dropped: {pace(lost)}/s in "
            + ", ".join(table.namespace.label for table in losing[:3])
            + more
        )
    warning = _warning(seen)
    if warning and (seen.answered or seen.times.doubted):
        return Verdict.WARNING, warning
    if not seen.proven:
        missing = "; ".join(seen.unseen)
        return Verdict.UNKNOWN, (
            f"{warning}; whether the conntrack table has been full cannot be told: {missing}"
            if warning
            else f"Cannot tell whether the conntrack table has been full: {missing}"
        )
    return Verdict.OK, "No conntrack table full errors found."


def _losing(seen: Seen, table: Table) -> bool:
    """Whether packets are being dropped for want of room; below the maximum, clashes may be."""
    fill = seen.fill(table) or 0
    return fill >= _FULL and bool(table.rate("drop" if fill >= 1 else "refused"))


def _warning(seen: Seen) -> str:
    fullest = seen.fullest
    fill = None if fullest is None else seen.fill(fullest)
    if fullest is not None and fill is not None and fill >= NEAR:
        evicted = fullest.rate("early_drop") if fill >= 1 else None
        state = "full" if fill >= 1 else f"{percent(fill)} full"
        if evicted:
            state += f"; room is made by evicting {pace(evicted)} entries/s"
        label = fullest.namespace.label
        others = sum(map(seen.near, seen.tables)) - 1
        more = f" and {plural(others, 'other namespace')}" if others else ""
        return f"Conntrack table is {state} in {label}{more}{_stuck(seen, label)}"
    if seen.times.earlier.lines:
        return (
            "Conntrack table full errors found in "
            f"{plural(len(seen.times.boots), 'earlier boot')}: "
            f"at least {plural(seen.times.earlier.lines, 'occurrence')}, none in this boot"
        )
    return _other_loss(seen) or _small(seen)


def _stuck(seen: Seen, label: str) -> str:
    """The share of a nearly full table that cannot make room, where it could be seen."""
    if seen.glimpse is None or seen.glimpse.label != label:
        return ""
    return f"; {percent(seen.glimpse.stuck)} of its entries cannot be evicted"


def _other_loss(seen: Seen) -> str:
    """Packets that are lost although there is room: a larger table would change nothing."""
    exceeded: list[Allowance] = [one for one in seen.allowances if one.exceeded]
    if exceeded:
        return (
            "The instance's own connection-tracking allowance was exceeded: "
            f"{plural(sum(one.exceeded or 0 for one in exceeded), 'packet')} dropped outside this "
            "host; "
            "raising nf_conntrack_max will not help"
        )
    chains, clashes, refused = (
        sum(seen.last(table, name) or 0 for table in seen.tables)
        for name in ("chaintoolong", "insert_failed", "refused")
    )
    if chains:
        return (
            f"{plural(chains, 'packet')} dropped for hash chains too long: raising "
            "nf_conntrack_max will not help, raising nf_conntrack_buckets will"
        )
    lost = _dropped(seen, refused)
    if lost:
        return lost
    if clashes:
        return (
            f"{plural(clashes, 'insertion')} failed (two packets of one flow raced, or NAT "
            "found no free port): raising nf_conntrack_max will not help"
        )
    if seen.times.hearsay.lines:
        return (
            f"{plural(seen.times.hearsay.lines, 'table-full line')} found only where any user can "
            f"write ({', '.join(seen.times.hearsay.places)}): not verified"
        )
    if seen.times.others.get(Kind.EXPECTATIONS_FULL):
        return "Conntrack expectation table is full: nf_conntrack_expect_max, not nf_conntrack_max"
    return ""


def _dropped(seen: Seen, refused: int) -> str:
    """What of the packets that were refused the log does not explain."""
    rising = sum(table.rate("drop") or 0 for table in seen.tables)
    if not refused or seen.drops_settled:
        return ""
    if not rising and seen.since is not None and seen.covered:
        return ""
    dropped = f"{plural(refused, 'packet')} dropped by conntrack"
    if seen.times.settled.lines and not rising:
        return f"{dropped}; whether all of it was before the change of the limit is not known"
    if seen.log.ring.unreadable is not None:
        return f"{dropped}, and the log that would say when and why was not read"
    if not seen.log.whole_boot:
        return f"{dropped} with no table-full line left in the log to say when and why"
    if seen.times.others.get(Kind.SUPPRESSED):
        return f"{dropped}; the log does not say why, and the kernel left lines out of it"
    return f"{dropped} with no table-full line in the log; raising nf_conntrack_max will not help"


def _small(seen: Seen) -> str:
    """A table below what this kernel would choose for this memory."""
    limits, default = seen.limits, seen.default_maximum
    # While it started it saw a little less memory, and it rounds to whole pages of the hash.
    if not limits.maximum or default is None or limits.maximum >= 0.8 * default or not seen.in_use:
        return ""
    return (
        f"nf_conntrack_max is {limits.maximum}, below the {default} that this kernel would choose "
        "for this machine's memory"
    )


def _propose(host: Host, seen: Seen, wish: Wish) -> Proposal:
    from ec2rl.conntrack.remedy import propose

    return propose(host, seen, wish)


def _measure(host: Host) -> Rate | None:
    from ec2rl.conntrack.losses import losses

    lost = losses(host)
    return None if lost is None else Rate(lost, "packets lost")


def _held(host: Host) -> tuple[Held, ...]:
    from ec2rl.conntrack.boot.keys import MAX

    tables = [table for table in read_tables(host, find_namespaces(host)) if table.count]
    return tuple(
        Held(MAX, table.count or 0, f"{table.namespace.label} holds {table.count} entries")
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
    details="sudo ./ec2rl conntrack top",
)
