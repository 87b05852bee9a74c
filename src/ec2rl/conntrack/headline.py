"""One line that is enough to act: which table, since when, how bad it is now."""

from __future__ import annotations

from ec2rl.conntrack.timeline import NEAR_IN_TIME
from ec2rl.model import Role, Statement, say
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.conntrack.observations import Observations
    from ec2rl.conntrack.tables import Table
    from ec2rl.model import Value


def headline(seen: Observations) -> Statement | None:
    """Tell of the table that loses most what a person acts on; None where nothing is lost."""
    worst = next(iter(seen.by_loss), None)
    if worst is None or not seen.limits.maximum:
        return None
    said = _losing(seen, worst) or _evicting(seen, worst) or _lost(seen, worst)
    said = said or (_filling(seen, worst) if seen.near(worst) else None)
    return None if said is None else replace(said, role=Role.HEADLINE)


def _losing(seen: Observations, table: Table) -> Statement | None:
    rate = seen.loses(table)
    if not rate:
        return None
    words = "{who} {is} dropping {rate:pace} {connections}/s: its table is full"
    known: dict[str, Value] = {"rate": rate, "who": table.namespace.short}
    known["connections"] = "connection" if rate == 1 else "connections"
    spell = seen.spell(table)
    if spell is not None and seen.now is not None and seen.now - spell[1] <= NEAR_IN_TIME:
        lasts = max(1.0, seen.now - spell[0])
        cut = seen.log.ring.lost and spell[0] == seen.times.now.first
        words += ", for at least {lasts:span}" if cut else ", for {lasts:span}"
        known["lasts"] = lasts
    others = sum(bool(seen.loses(one)) for one in seen.tables) - 1
    if others:
        words += "; so {do} {others:other namespace}"
        known.update(others=others, do="does" if others == 1 else "do")
    return say(words, **known)


def _evicting(seen: Observations, table: Table) -> Statement | None:
    rate = table.rate("early_drop") if (seen.fill(table) or 0) >= 1 else None
    if not rate:
        return None
    words = "{who} {is} evicting {rate:pace} {entries}/s to make room: its table is full"
    entries = "entry" if rate == 1 else "entries"
    return say(words, who=table.namespace.short, rate=rate, entries=entries)


def _lost(seen: Observations, table: Table) -> Statement | None:
    """What has been lost, and none in the second that was looked at."""
    if not table.refused or not (seen.times.now.lines or seen.near(table)):
        return None
    words = "{who} dropped {lost:packet} of new connections"
    known: dict[str, Value] = {"who": table.namespace.short, "lost": table.refused}
    spell = seen.spell(table)
    if spell is not None and seen.now is not None and seen.now >= spell[1]:
        words += ", last {ago:span} {ago_}"
        known["ago"] = seen.now - spell[1]
    fill = seen.fill(table)
    if fill is not None:
        words += "; its table {is} {fill:%} full {now}"
        known["fill"] = fill
    return say(words, **known)


def _filling(seen: Observations, table: Table) -> Statement | None:
    maximum, count = seen.limits.maximum, table.count
    if maximum is None or count is None:
        return None
    who, left = table.namespace.short, maximum - count
    if left <= 0:
        return say("{who}: its table {is} full, any new connection may be dropped", who=who)
    words = "{who} has room for {left:more connection}, then it drops new ones"
    return say(words, who=who, left=left)
