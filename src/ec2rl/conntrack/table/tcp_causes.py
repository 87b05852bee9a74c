"""The rules for tables that are full of TCP."""

from __future__ import annotations

from ec2rl.conntrack.table.cause import Cause, CauseName, most_of, numbers, rounded
from ec2rl.conntrack.table.entry import TCP, is_masked
from ec2rl.conntrack.table.remedies import CLOSE_WAIT, FLOOD, IDLE, SCAN, TIME_WAIT, hoard
from ec2rl.conntrack.table.timeouts import DEFAULTS
from ec2rl.model import Statement, say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.conntrack.table.census import Census
    from ec2rl.conntrack.table.timeouts import Kind

_NITRO = 350
"""Seconds after which Nitro v6 forgets an idle TCP connection (TcpEstablishedTimeout, AWS)."""


_SILENT = 7200
"""Seconds: net.ipv4.tcp_keepalive_time by default (Linux, include/net/tcp.h), where one asks."""


def half_open(seen: Census) -> Cause | None:
    """Find handshakes that nobody finished, by a SYN flood or a scan: a third of the table."""

    def wanted(kind: Kind) -> bool:
        return kind.protocol == TCP and kind.state in ("SYN_SENT", "SYN_RECV", "SYN_SENT2")

    count = seen.entries(wanted)
    if count * 3 < seen.total:
        return None
    client, clients = most_of(seen.sources.rows, wanted)
    target, targets = most_of(seen.services.rows, wanted)
    sources = seen.sources.distinct  # None: more than could be counted
    evidence = (
        numbers(count, seen, "are half-open (SYN_SENT or SYN_RECV)"),
        say(
            "the busiest source, {client}, has {share}%; {all:,} sources in the table",
            client=client,
            share=rounded(clients, count),
            all="tens of thousands of" if sources is None else sources,
        ),
        say(
            "the service asked most, {target}, has {share}%",
            target=target,
            share=rounded(targets, count),
        ),
    )
    hidden = is_masked(client)  # one name may be that of many
    if clients * 2 > count and not hidden:
        return Cause(
            CauseName.SCAN,
            say("one client opens connections that nobody answers: {client}", client=client),
            count / seen.total,
            evidence,
            SCAN,
        )
    return Cause(
        CauseName.HALF_OPEN,
        say(
            "half-open connections{whence}, most to {target}",
            whence="" if hidden else " from many sources",
            target=target,
        ),
        count / seen.total,
        evidence,
        FLOOD,
    )


def hoarding_client(seen: Census) -> Cause | None:
    """Find a client with a third of the table in established connections, most of them idle.

    How long they have been idle is known only where the timeout in force is.
    """
    timeout = seen.settings.get("tcp_timeout_established")
    if timeout is None:
        return None

    def wanted(kind: Kind) -> bool:
        return kind.protocol == TCP and kind.state == "ESTABLISHED" and kind.assured

    client, held = most_of(seen.sources.rows, wanted)
    pair, paired = most_of(seen.pairs.rows, wanted)
    if held * 3 < seen.total or is_masked(client):
        return None
    cells = [cell for cell in seen.cells if wanted(cell.kind)]
    established = sum(cell.count for cell in cells)
    idle = sum(n for cell in cells for seconds, n in cell.idle if seconds > _NITRO)
    idle += sum(cell.beyond for cell in cells)
    # Idle entries of other clients can be no more than those that are not this client's.
    surely = idle - (established - held)
    if surely * 2 < held:
        return None
    share = rounded(held, seen.total)
    return Cause(
        CauseName.HOARDING_CLIENT,
        say("{share}% of the entries are one client: {pair}", share=share, pair=pair),
        held / seen.total,
        (
            numbers(held, seen, say("are established connections of {client}", client=client)),
            say("{n:,} of these go to one service: {pair}", n=paired, pair=pair),
            say(
                "at least {n:,} of them have been idle for more than {idle:span};"
                " nf_conntrack_tcp_timeout_established keeps them for {timeout:span}",
                n=surely,
                idle=_NITRO,
                timeout=timeout,
            ),
        ),
        hoard(client),
    )


def _stands(kind: Kind) -> bool:
    return kind.protocol == TCP and kind.state == "ESTABLISHED" and kind.assured


def _silent(seen: Census) -> tuple[int, int]:
    """How many connections stand, and on how many of them nobody spoke for hours."""
    cells = [cell for cell in seen.cells if _stands(cell.kind)]
    idle = sum(n for cell in cells for seconds, n in cell.idle if seconds > _SILENT)
    return sum(cell.count for cell in cells), idle


def short_of_a_cause(seen: Census) -> Statement | None:
    """Say what is missing for idle connections to be the cause, where most entries stand."""
    established, idle = _silent(seen)
    if established * 3 < seen.total:
        return None
    known = "tcp_timeout_established" in seen.settings
    words = "{share}% are established connections, and {idle:,} have been idle for more than"
    words += " {silent:span}: fewer than a third"
    if not known:
        words = "{share}% are established connections, and how long they have been idle tells"
        words += " nf_conntrack_tcp_timeout_established alone, which is not known"
    share = rounded(established, seen.total)
    return say(words, share=share, idle=idle, silent=_SILENT)


def idle_connections(seen: Census) -> Cause | None:
    """Find established connections of many on which nobody spoke for hours: a third of the table.

    Those of one client are told by its own rule; where the timeout in force is not known, nobody
    knows how long they have been idle.
    """
    timeout = seen.settings.get("tcp_timeout_established")
    if timeout is None or hoarding_client(seen) is not None:
        return None

    established, idle = _silent(seen)
    if idle * 3 < seen.total:
        return None
    service, most = most_of(seen.services.rows, _stands)
    return Cause(
        CauseName.IDLE_CONNECTIONS,
        say(
            "{share}% of the entries are connections that have been idle for more than"
            " {silent:span}, most to {service}",
            share=rounded(idle, seen.total),
            silent=_SILENT,
            service=service,
        ),
        idle / seen.total,
        (
            numbers(established, seen, "are established connections"),
            say(
                "{n:,} of these have been idle for more than {silent:span}, with not even a"
                " keepalive of Linux's; nf_conntrack_tcp_timeout_established keeps them for"
                " {timeout:span}",
                n=idle,
                silent=_SILENT,
                timeout=timeout,
            ),
            say("{share}% of them are to {service}", share=rounded(most, established),
                service=service),
        ),
        IDLE,
    )  # fmt: skip


def time_wait(seen: Census) -> Cause | None:
    """Find connections that are over, many short ones: two fifths of the table."""

    def wanted(kind: Kind) -> bool:
        return kind.protocol == TCP and kind.state == "TIME_WAIT"

    count = seen.entries(wanted)
    if count * 5 < seen.total * 2:
        return None
    seconds = seen.settings.get("tcp_timeout_time_wait")
    service, most = most_of(seen.services.rows, wanted)
    client, clients = most_of(seen.sources.rows, wanted)
    pace = "kept for {seconds:span}, that is about {rate:,} connections a second"
    return Cause(
        CauseName.TIME_WAIT_STORM,
        say("short connections, most to {service}", service=service),
        count / seen.total,
        (
            numbers(count, seen, "are in TIME_WAIT"),
            *([say(pace, seconds=seconds, rate=round(count / seconds))] if seconds else []),
            say(
                "{to}% of them were to {service}, {by}% from {client}",
                to=rounded(most, count),
                service=service,
                by=rounded(clients, count),
                client=client,
            ),
        ),
        TIME_WAIT,
    )


def close_wait(seen: Census) -> Cause | None:
    """Find a tenth of the table waiting for an application to close, longer than by default."""

    def wanted(kind: Kind) -> bool:
        return kind.protocol == TCP and kind.state == "CLOSE_WAIT"

    count = seen.entries(wanted)
    name = "tcp_timeout_close_wait"
    # A time that an entry has left proves that the timeout was no shorter when it was given.
    known, proven = name in seen.settings, seen.largest.get(name, 0)
    seconds, usual = seen.settings.get(name, proven), DEFAULTS[name]
    if count * 10 < seen.total or seconds <= usual:
        return None
    service, most = most_of(seen.services.rows, wanted)
    if known:
        words = "nf_conntrack_tcp_timeout_close_wait is {seconds:span}, "
        words += "the kernel's default {usual:span}"
        words += "; kube-proxy sets 1 h" if seconds == 3600 else ""
    else:
        words = (
            "one has {seconds:span} left: nf_conntrack_tcp_timeout_close_wait was no shorter"
            " when it was given, and the kernel's default is {usual:span} (kube-proxy sets 1 h)"
        )
    return Cause(
        CauseName.CLOSE_WAIT_KEPT_LONG,
        say(
            "connections in CLOSE_WAIT are kept for {least}{seconds:span}",
            least="" if known else "at least ",
            seconds=seconds,
        ),
        count / seen.total,
        (
            numbers(count, seen, "are in CLOSE_WAIT"),
            say(words, seconds=seconds, usual=usual),
            say("{share}% of them are to {service}", share=rounded(most, count), service=service),
        ),
        CLOSE_WAIT,
    )
