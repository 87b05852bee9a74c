"""Which setting governs how long an entry stays, and what the kernel has it at by default."""

from __future__ import annotations

from ec2rl.conntrack.defaults import STEADY_TIMEOUTS
from ec2rl.conntrack.table.entry import (
    DCCP,
    GRE,
    ICMP,
    ICMPV6,
    SCTP,
    TCP,
    UDP,
    UDPLITE,
)
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULTS: Mapping[str, int] = {
    **STEADY_TIMEOUTS,
    "udp_timeout_stream": 120,
    "gre_timeout": 30,
    "gre_timeout_stream": 180,
    "sctp_timeout_closed": 10,
    "sctp_timeout_cookie_wait": 3,
    "sctp_timeout_cookie_echoed": 3,
    "sctp_timeout_established": 210,
    "sctp_timeout_shutdown_sent": 3,
    "sctp_timeout_shutdown_recd": 3,
    "sctp_timeout_shutdown_ack_sent": 3,
    "sctp_timeout_heartbeat_sent": 30,
    "dccp_timeout_request": 240,
    "dccp_timeout_respond": 480,
    "dccp_timeout_partopen": 480,
    "dccp_timeout_open": 43200,
    "dccp_timeout_closereq": 64,
    "dccp_timeout_closing": 64,
    "dccp_timeout_timewait": 240,
}
"""Seconds by setting, without `PREFIX`: Linux 6.12 (nf_conntrack_proto_*.c)."""


@record(frozen=True)
class Kind:
    """What decides an entry's fate: its protocol and state, and how it stands with the kernel.

    `answered` is no longer [UNREPLIED]; `offloaded` entries live in a flowtable and do not expire.
    """

    protocol: int
    state: str
    assured: bool
    answered: bool
    offloaded: bool


def governing(kind: Kind) -> str:
    """Give the setting that gave an entry of this kind the time it has, "" where none does.

    ESTABLISHED without an answer was picked up in mid-stream, and gets `unacknowledged`
    (nf_conntrack_proto_tcp.c); UDP and GRE are a stream once they are assured.
    """
    protocol = kind.protocol
    if kind.offloaded:
        return ""
    if protocol == TCP:
        if kind.state == "ESTABLISHED" and not kind.answered:
            return "tcp_timeout_unacknowledged"
        state = "SYN_SENT" if kind.state == "SYN_SENT2" else kind.state
        return _known(f"tcp_timeout_{state.lower()}")
    if protocol in (UDP, UDPLITE):
        return "udp_timeout_stream" if kind.assured else "udp_timeout"
    if protocol == GRE:
        return "gre_timeout_stream" if kind.assured else "gre_timeout"
    if protocol in (ICMP, ICMPV6):
        return "icmp_timeout" if protocol == ICMP else "icmpv6_timeout"
    if protocol == SCTP:
        return _known(f"sctp_timeout_{kind.state.lower()}")
    if protocol == DCCP:
        return _known(f"dccp_timeout_{kind.state.lower()}")
    return "generic_timeout"


def _known(name: str) -> str:
    return name if name in DEFAULTS else ""
