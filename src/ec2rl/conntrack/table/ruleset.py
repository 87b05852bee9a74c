"""The nft rules that would leave untracked what fills a table, where a cause is of that kind."""

from __future__ import annotations

from ec2rl.conntrack.table.cause import CauseName
from ec2rl.conntrack.table.census import protocol_of
from ec2rl.conntrack.table.ranking import Endpoint
from ec2rl.conntrack.table.remedies import untracked, untracked_loopback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.conntrack.table.cause import Cause
    from ec2rl.conntrack.table.census import Census

_PROTOCOLS = {
    CauseName.HALF_OPEN: "tcp",
    CauseName.TIME_WAIT_STORM: "tcp",
    CauseName.DNS_CHURN: "udp",
    CauseName.UDP_CHURN: "udp",
}
"""The causes that are of one service, and its protocol."""


def ruleset(cause: Cause, seen: Census) -> str:
    """Give a text for `nft -f`, both directions; "" where tracking less does not fit the cause.

    What NAT rewrites needs its entry: "" as well where it rewrites most of the protocol's.
    """
    if cause.name is CauseName.TRACKED_WITHOUT_NEED:
        return untracked_loopback()
    protocol = _PROTOCOLS.get(cause.name)
    if protocol is None:
        return ""
    cells = [cell for cell in seen.cells if protocol_of(cell.kind) == protocol]
    if 2 * sum(cell.rewritten for cell in cells) > sum(cell.count for cell in cells):
        return ""
    for row in seen.services.rows:
        key = row.key
        if isinstance(key, Endpoint) and key.protocol == protocol and key.port is not None:
            return "" if key.translated else untracked(protocol, key.port)
    return ""


def unknown_need(seen: Census) -> str:
    """Tell what speaks for and against leaving entries untracked, as far as a table can tell."""
    rewritten = sum(cell.rewritten for cell in seen.cells)
    nat = (
        f"NAT rewrites {rewritten} of the {seen.total} entries, and needs these"
        if rewritten
        else "NAT rewrites none of the entries"
    )
    return (
        f"{nat}; whether a firewall rule needs them was not looked at (nft list ruleset,"
        " iptables-save). Where none does, this leaves them untracked (nft -f):"
    )
