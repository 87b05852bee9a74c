"""What the tables of a machine lose now: the counters alone, read twice."""

from __future__ import annotations

from ec2rl.conntrack.namespaces import find_namespaces
from ec2rl.conntrack.tables import Table, read_again, read_tables
from ec2rl.host import Host

PAUSE = 1.0
"""Seconds between the two looks."""


def losses(host: Host) -> float | None:
    """Packets a second that are refused for want of room, in all namespaces; None if unknown."""
    first = read_tables(host, find_namespaces(host))
    again = read_again(host.later(PAUSE), first, PAUSE)
    rates = [_lost(table) for table in again if table.after is not None]
    return sum(rates) if rates else None


def _lost(table: Table) -> float:
    """`Counters.refused`, of the rates: a clash of two packets of one flow is no want of room."""
    dropped, clashed, chains = (
        table.rate(name) or 0.0 for name in ("drop", "insert_failed", "chaintoolong")
    )
    return max(0.0, dropped - max(0.0, clashed - chains))
