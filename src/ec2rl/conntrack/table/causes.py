"""Why the table is as full as it is: rules over a census, each with its evidence in numbers.

A cause is a share of the table that one thing explains; several can hold at once, and for some
tables none does.  The remedies are described: no rule here changes anything.
"""

from __future__ import annotations

from ec2rl.conntrack.table.cause import Cause, CauseName, most_of, numbers, part_of, rounded
from ec2rl.conntrack.table.entry import UDP
from ec2rl.conntrack.table.remedies import CHURN, DNS, LOCAL, LONGER, NAMESPACE
from ec2rl.conntrack.table.tcp_causes import (
    close_wait,
    half_open,
    hoarding_client,
    idle_connections,
    time_wait,
)
from ec2rl.conntrack.table.timeouts import governing
from ec2rl.model import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ec2rl.conntrack.table.census import Census
    from ec2rl.conntrack.table.ranking import Row
    from ec2rl.conntrack.table.timeouts import Kind

_FEW = 1000
"""Entries below which a table says nothing of a cause."""


def causes(seen: Census, namespaces: Mapping[str, int] | None = None) -> tuple[Cause, ...]:
    """Give all causes that this table shows, the largest share first; () where no rule matches.

    `namespaces` are the entries of each network namespace of the machine, by its name.
    """
    found = []
    if seen.total >= _FEW:
        rules = (
            half_open,
            hoarding_client,
            idle_connections,
            udp_churn,
            time_wait,
            close_wait,
            local_traffic,
            longer_than_today,
        )
        found = [cause for rule in rules for cause in (rule(seen),) if cause is not None]
    if namespaces is not None:
        most = one_namespace(namespaces)
        found += [most] if most is not None else []
    return tuple(sorted(found, key=lambda cause: (-cause.share, cause.name.value)))


def udp_churn(seen: Census) -> Cause | None:
    """Find UDP that never became a stream, a datagram an entry: two fifths of the table."""

    def wanted(kind: Kind) -> bool:
        return kind.protocol == UDP and not kind.assured and not kind.offloaded

    count = seen.entries(wanted)
    if count * 5 < seen.total * 2:
        return None
    dns = sum(
        part_of(row, wanted)
        for row in seen.services.rows
        if not isinstance(row.key, (int, str)) and row.key.port == 53
    )
    service, most = most_of(seen.services.rows, wanted)
    evidence = (
        numbers(count, seen, "are UDP entries that are no stream"),
        say("{share}% of them are DNS (port 53)", share=rounded(dns, count)),
        say(
            "the service most asked, {service}, has {share}% of them",
            service=service,
            share=rounded(most, count),
        ),
    )
    if dns * 2 > count:
        return Cause(
            CauseName.DNS_CHURN,
            say("DNS queries, most to {service}", service=service),
            count / seen.total,
            evidence,
            DNS,
        )
    return Cause(
        CauseName.UDP_CHURN,
        say("short UDP exchanges, most with {service}", service=service),
        count / seen.total,
        evidence,
        CHURN,
    )


def local_traffic(seen: Census) -> Cause | None:
    """Find the machine talking to itself over loopback: a third of the table."""

    def local(row: Row) -> bool:
        return not isinstance(row.key, (int, str)) and (
            row.key.source == "::1" or row.key.source.startswith("127.")
        )

    rows = [row for row in seen.sources.rows if local(row)]
    count = sum(row.count for row in rows)
    if count * 3 < seen.total:
        return None
    pairs = [row for row in seen.pairs.rows if local(row)]
    rewritten = sum(row.count for row in pairs if _translated(row))
    needed = "NAT rewrites at least {n:,} of them: these need it"
    return Cause(
        CauseName.TRACKED_WITHOUT_NEED,
        say("loopback traffic is tracked, which few rules need"),
        count / seen.total,
        (
            numbers(count, seen, "have a loopback address as their source"),
            *(say("{n:,} of them: {pair}", n=row.count, pair=str(row.key)) for row in pairs[:3]),
            *([say(needed, n=rewritten)] if rewritten else []),
        ),
        LOCAL,
    )


def _translated(row: Row) -> bool:
    return not isinstance(row.key, (int, str)) and bool(row.key.translated)


def longer_than_today(seen: Census) -> Cause | None:
    """Find entries with more time left than today's settings give: a tenth of the table."""
    cells = [cell for cell in seen.cells if cell.beyond]
    count = sum(cell.beyond for cell in cells)
    if count * 10 < seen.total:
        return None
    over: dict[str, int] = {}
    for cell in cells:
        setting = governing(cell.kind)
        over[setting] = over.get(setting, 0) + cell.beyond
    words = "{n:,} have more left than the {seconds:span} of {setting}"
    lines = (
        say(words, n=number, seconds=seen.settings.get(setting, 0), setting=setting)
        for setting, number in sorted(over.items(), key=lambda item: (-item[1], item[0]))
    )
    return Cause(
        CauseName.OLDER_THAN_THE_SETTINGS,
        say("entries were given more time than {todays_settings} give, and keep it"),
        count / seen.total,
        (numbers(count, seen, "have more time left than today's setting"), *lines),
        LONGER,
    )


def one_namespace(namespaces: Mapping[str, int]) -> Cause | None:
    """Find the one of several network namespaces that has most of the machine's entries."""
    total = sum(namespaces.values())
    if len(namespaces) < 2 or total < _FEW:
        return None
    name = max(sorted(namespaces), key=lambda each: namespaces[each])
    if namespaces[name] * 2 <= total:
        return None
    share = rounded(namespaces[name], total)
    return Cause(
        CauseName.ONE_NAMESPACE,
        say("one network namespace has {share}% of all entries: {name}", share=share, name=name),
        namespaces[name] / total,
        (
            say(
                "{n:,} of {total:,} entries in {all:,} namespaces are in {name}",
                n=namespaces[name],
                total=total,
                all=len(namespaces),
                name=name,
            ),
            say("nf_conntrack_max holds for each namespace on its own: this one fills first"),
        ),
        NAMESPACE,
    )
