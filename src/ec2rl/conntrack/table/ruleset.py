"""The nft rules that would leave untracked what fills a table, where a cause is of that kind."""

from __future__ import annotations

from ec2rl.conntrack.table.ranking import Endpoint
from ec2rl.conntrack.table.remedies import untracked, untracked_loopback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.conntrack.table.cause import Cause
    from ec2rl.conntrack.table.census import Census

_BY_SERVICE = ("half-open", "DNS churn", "UDP churn", "TIME_WAIT storm")


def ruleset(cause: Cause, seen: Census) -> str:
    """A text for `nft -f`, both directions; "" where tracking less does not fit the cause."""
    if cause.name == "tracked without need":
        return untracked_loopback()
    if cause.name not in _BY_SERVICE:
        return ""
    protocol = "udp" if "churn" in cause.name else "tcp"
    for row in seen.services.rows:
        key = row.key
        if isinstance(key, Endpoint) and key.protocol == protocol and key.port is not None:
            return untracked(protocol, key.port)
    return ""
