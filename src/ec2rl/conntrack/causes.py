"""Why the table is as full as it is: rules over a census, each with its evidence in numbers.

A cause is a share of the table that one thing explains; several can hold at once, and for some
tables none does.  The remedies are described: no rule here changes anything.
"""

from __future__ import annotations

from ec2rl.conntrack.entry import TCP, UDP
from ec2rl.conntrack.remedies import (
    CHURN,
    CLOSE_WAIT,
    DNS,
    FLOOD,
    HOARD,
    LOCAL,
    LONGER,
    NAMESPACE,
    SCAN,
    TIME_WAIT,
    Advice,
)
from ec2rl.conntrack.timeouts import DEFAULTS, governing
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ec2rl.conntrack.census import Census
    from ec2rl.conntrack.ranking import Row
    from ec2rl.conntrack.timeouts import Kind

_FEW = 1000
"""Entries below which a table says nothing of a cause."""
_NITRO = 350
"""Seconds after which Nitro v6 forgets an idle TCP connection (TcpEstablishedTimeout, AWS)."""


@record(frozen=True)
class Cause:
    """One explanation: `share` of the table (0 to 1), the numbers, and what to do about it."""

    name: str
    headline: str
    share: float
    evidence: tuple[str, ...]
    advice: Advice


def causes(seen: Census, namespaces: Mapping[str, int] | None = None) -> tuple[Cause, ...]:
    """All causes that this table shows, the largest share first; () where no rule matches.

    `namespaces` are the entries of each network namespace of the machine, by its name.
    """
    found = []
    if seen.total >= _FEW:
        rules = (
            half_open,
            hoarding_client,
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
    return tuple(sorted(found, key=lambda cause: (-cause.share, cause.name)))


def half_open(seen: Census) -> Cause | None:
    """A third and more of the table are handshakes that nobody finished: SYN flood, or scan."""

    def wanted(kind: Kind) -> bool:
        return kind.protocol == TCP and kind.state in ("SYN_SENT", "SYN_RECV", "SYN_SENT2")

    count = seen.entries(wanted)
    if count * 3 < seen.total:
        return None
    client, clients = _most(seen.sources.rows, wanted)
    target, targets = _most(seen.services.rows, wanted)
    number = _how_many(seen.sources.distinct, "sources")
    numbers = (
        _of(count, seen, "are half-open (SYN_SENT or SYN_RECV)"),
        f"the busiest source, {client}, has {_percent(clients, count)} of them; {number} in the table",
        f"the service asked most, {target}, has {_percent(targets, count)}",
    )
    if clients * 2 > count:
        return Cause(
            "scan",
            f"one client opens connections that nobody answers: {client}",
            count / seen.total,
            numbers,
            SCAN,
        )
    return Cause(
        "half-open",
        f"half-open connections from many sources, most to {target}",
        count / seen.total,
        numbers,
        FLOOD,
    )


def hoarding_client(seen: Census) -> Cause | None:
    """A client has a third of the table in established connections, and most are idle."""

    def wanted(kind: Kind) -> bool:
        return kind.protocol == TCP and kind.state == "ESTABLISHED" and kind.assured

    client, held = _most(seen.sources.rows, wanted)
    pair, paired = _most(seen.pairs.rows, wanted)
    if held * 3 < seen.total:
        return None
    cells = [cell for cell in seen.cells if wanted(cell.kind)]
    established = sum(cell.count for cell in cells)
    idle = sum(n for cell in cells for seconds, n in cell.idle if seconds > _NITRO)
    idle += sum(cell.beyond for cell in cells)
    # Idle entries of other clients can be no more than those that are not this client's.
    surely = idle - (established - held)
    if surely * 2 < held:
        return None
    timeout = seen.settings.get("tcp_timeout_established", 0)
    return Cause(
        "hoarding client",
        f"{_percent(held, seen.total)} of the entries are one client: {pair}",
        held / seen.total,
        (
            _of(held, seen, f"are established connections of {client}"),
            f"{paired} of these go to one service: {pair}",
            f"at least {surely} of them have been idle for more than {_NITRO} s;"
            f" nf_conntrack_tcp_timeout_established keeps them for {timeout} s",
        ),
        HOARD,
    )


def udp_churn(seen: Census) -> Cause | None:
    """Two fifths of the table are UDP that never became a stream: a datagram, an entry."""

    def wanted(kind: Kind) -> bool:
        return kind.protocol == UDP and not kind.assured and not kind.offloaded

    count = seen.entries(wanted)
    if count * 5 < seen.total * 2:
        return None
    dns = sum(
        _part(row, wanted)
        for row in seen.services.rows
        if not isinstance(row.key, (int, str)) and row.key.port == 53
    )
    service, most = _most(seen.services.rows, wanted)
    numbers = (
        _of(count, seen, "are UDP entries that are no stream"),
        f"{_percent(dns, count)} of them are DNS (port 53)",
        f"the service most asked, {service}, has {_percent(most, count)} of them",
    )
    if dns * 2 > count:
        return Cause(
            "DNS churn", f"DNS queries, most to {service}", count / seen.total, numbers, DNS
        )
    return Cause(
        "UDP churn", f"short UDP exchanges, most with {service}", count / seen.total, numbers, CHURN
    )


def time_wait(seen: Census) -> Cause | None:
    """Two fifths of the table are connections that are over: many short ones."""

    def wanted(kind: Kind) -> bool:
        return kind.protocol == TCP and kind.state == "TIME_WAIT"

    count = seen.entries(wanted)
    if count * 5 < seen.total * 2:
        return None
    seconds = seen.settings.get("tcp_timeout_time_wait", 0) or DEFAULTS["tcp_timeout_time_wait"]
    service, most = _most(seen.services.rows, wanted)
    client, clients = _most(seen.sources.rows, wanted)
    return Cause(
        "TIME_WAIT storm",
        f"short connections, most to {service}",
        count / seen.total,
        (
            _of(count, seen, "are in TIME_WAIT"),
            f"kept for {seconds} s, that is about {count / seconds:.0f} connections a second",
            f"{_percent(most, count)} of them were to {service},"
            f" {_percent(clients, count)} from {client}",
        ),
        TIME_WAIT,
    )


def close_wait(seen: Census) -> Cause | None:
    """A tenth of the table waits for an application to close, longer than by default."""

    def wanted(kind: Kind) -> bool:
        return kind.protocol == TCP and kind.state == "CLOSE_WAIT"

    count = seen.entries(wanted)
    seconds = seen.settings.get("tcp_timeout_close_wait", 0)
    usual = DEFAULTS["tcp_timeout_close_wait"]
    if count * 10 < seen.total or seconds <= usual:
        return None
    service, most = _most(seen.services.rows, wanted)
    return Cause(
        "CLOSE_WAIT kept long",
        f"connections in CLOSE_WAIT are kept for {seconds} s",
        count / seen.total,
        (
            _of(count, seen, "are in CLOSE_WAIT"),
            f"nf_conntrack_tcp_timeout_close_wait is {seconds} s, the kernel's default {usual} s"
            + ("; kube-proxy sets 3600 s" if seconds == 3600 else ""),
            f"{_percent(most, count)} of them are to {service}",
        ),
        CLOSE_WAIT,
    )


def local_traffic(seen: Census) -> Cause | None:
    """A third of the table is the machine talking to itself over loopback."""

    def local(row: Row) -> bool:
        return not isinstance(row.key, (int, str)) and (
            row.key.source == "::1" or row.key.source.startswith("127.")
        )

    rows = [row for row in seen.sources.rows if local(row)]
    count = sum(row.count for row in rows)
    if count * 3 < seen.total:
        return None
    pairs = [row for row in seen.pairs.rows if local(row)]
    return Cause(
        "tracked without need",
        "loopback traffic is tracked, and no rule can need that",
        count / seen.total,
        (
            _of(count, seen, "have a loopback address as their source"),
            *(f"{row.count} of them: {row.key}" for row in pairs[:3]),
        ),
        LOCAL,
    )


def longer_than_today(seen: Census) -> Cause | None:
    """A tenth of the table has more time left than today's settings give: older than a change."""
    cells = [cell for cell in seen.cells if cell.beyond]
    count = sum(cell.beyond for cell in cells)
    if count * 10 < seen.total:
        return None
    numbers: dict[str, int] = {}
    for cell in cells:
        setting = governing(cell.kind)
        numbers[setting] = numbers.get(setting, 0) + cell.beyond
    lines = (
        f"{number} have more left than the {seen.settings.get(setting, 0)} s of {setting}"
        for setting, number in sorted(numbers.items(), key=lambda item: (-item[1], item[0]))
    )
    return Cause(
        "older than the settings",
        "entries were given more time than today's settings give, and keep it",
        count / seen.total,
        (_of(count, seen, "have more time left than today's setting"), *lines),
        LONGER,
    )


def one_namespace(namespaces: Mapping[str, int]) -> Cause | None:
    """One of several network namespaces has most of the machine's entries."""
    total = sum(namespaces.values())
    if len(namespaces) < 2 or total < _FEW:
        return None
    name = max(sorted(namespaces), key=lambda each: namespaces[each])
    if namespaces[name] * 2 <= total:
        return None
    return Cause(
        "one namespace",
        f"one network namespace has {_percent(namespaces[name], total)} of all entries: {name}",
        namespaces[name] / total,
        (
            f"{namespaces[name]} of {total} entries in {len(namespaces)} namespaces are in {name}",
            "nf_conntrack_max holds for each namespace on its own: this one fills first",
        ),
        NAMESPACE,
    )


def _part(row: Row, wanted: Callable[[Kind], bool]) -> int:
    return sum(count for kind, count in row.kinds if wanted(kind))


def _most(rows: tuple[Row, ...], wanted: Callable[[Kind], bool]) -> tuple[str, int]:
    """What has the most entries of the wanted kinds, and how many; "nobody" where none has any."""
    best, count = "nobody", 0
    for row in rows:
        part = _part(row, wanted)
        if part > count:
            best, count = str(row.key), part
    return best, count


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "0 %"


def _of(count: int, seen: Census, what: str) -> str:
    return f"{count} of {seen.total} entries ({_percent(count, seen.total)}) {what}"


def _how_many(distinct: int | None, what: str) -> str:
    return f"tens of thousands of {what}" if distinct is None else f"{distinct} {what}"
