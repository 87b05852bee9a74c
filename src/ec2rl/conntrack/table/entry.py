"""One tracked connection, as a value, with the names that the kernel and conntrack(8) use."""

from __future__ import annotations

from ec2rl.record import record

SEEN_REPLY, ASSURED = 1 << 1, 1 << 2
SRC_NAT, DST_NAT = 1 << 4, 1 << 5
OFFLOAD, HW_OFFLOAD = 1 << 14, 1 << 15
"""Bits of `Entry.status`: enum ip_conntrack_status, nf_conntrack_common.h."""

ICMP, TCP, UDP, DCCP, GRE, ICMPV6, SCTP, UDPLITE = 1, 6, 17, 33, 47, 58, 132, 136
PROTOCOLS = {
    ICMP: "icmp",
    2: "igmp",
    4: "ipencap",
    TCP: "tcp",
    UDP: "udp",
    DCCP: "dccp",
    41: "ipv6",
    GRE: "gre",
    50: "esp",
    51: "ah",
    ICMPV6: "icmpv6",
    SCTP: "sctp",
    UDPLITE: "udplite",
}
STATES = {
    TCP: [
        "NONE",
        "SYN_SENT",
        "SYN_RECV",
        "ESTABLISHED",
        "FIN_WAIT",
        "CLOSE_WAIT",
        "LAST_ACK",
        "TIME_WAIT",
        "CLOSE",
        "SYN_SENT2",
    ],
    DCCP: [
        "NONE",
        "REQUEST",
        "RESPOND",
        "PARTOPEN",
        "OPEN",
        "CLOSEREQ",
        "CLOSING",
        "TIMEWAIT",
        "IGNORE",
        "INVALID",
    ],
    SCTP: [
        "NONE",
        "CLOSED",
        "COOKIE_WAIT",
        "COOKIE_ECHOED",
        "ESTABLISHED",
        "SHUTDOWN_SENT",
        "SHUTDOWN_RECD",
        "SHUTDOWN_ACK_SENT",
        "HEARTBEAT_SENT",
        "HEARTBEAT_ACKED",
    ],
}
"""State names by protocol, in the order of the kernel's numbers (nf_conntrack_tcp.h, ...)."""


@record(frozen=True)
class Flow:
    """One direction of a connection: what ctnetlink calls a tuple.

    Addresses are packed (4 or 16 bytes; `LABEL` both where one was masked).  Ports are None where
    the protocol has none, and the keys for GRE; `icmp` is (type, code, id).  `zone` is
    set where only this direction has one.
    """

    source: bytes
    destination: bytes
    protocol: int
    source_port: int | None = None
    destination_port: int | None = None
    icmp: tuple[int, int, int] | None = None
    zone: int | None = None


@record(frozen=True)
class Entry:
    """One entry of the table.

    `status` are the kernel's bits (of text only what text says); `timeout` is the seconds left,
    None for an offloaded entry; `state` is "" where the protocol has none, `mark` is 0 and `zone`
    None where there is none.  `packets` and `octets` are (original, reply), None without
    accounting; `start` and `stop` are ns since the epoch; `age` is text's delta-time in seconds.
    """

    original: Flow
    reply: Flow
    status: int
    timeout: int | None
    state: str = ""
    mark: int = 0
    zone: int | None = None
    id: int | None = None
    use: int | None = None
    packets: tuple[int, int] | None = None
    octets: tuple[int, int] | None = None
    start: int | None = None
    stop: int | None = None
    age: int | None = None
    helper: str = ""


LABEL = 40
"""Bytes of what stands for an address that somebody masked: its text, filled up with NUL."""


def address(packed: bytes) -> str:
    """Give a packed address as people write it, compressed for IPv6 (RFC 5952).

    Or what masks it.
    """
    from _socket import AF_INET, AF_INET6, inet_ntop

    if len(packed) == LABEL:
        return packed.rstrip(b"\0").decode("ascii", "replace")
    return inet_ntop(AF_INET if len(packed) == 4 else AF_INET6, packed)


def packed(text: str) -> bytes:
    """Give the bytes of an address, 4 or 16. ValueError for anything else."""
    from _socket import AF_INET, AF_INET6, inet_pton

    try:
        return inet_pton(AF_INET6 if ":" in text else AF_INET, text)
    except OSError as error:
        raise ValueError(f"{text} is no address") from error


def label(text: str) -> bytes:
    """Pack what stands for a masked address (`x.x.x.10`, a hash, a name), as `LABEL` bytes.

    ValueError for what is likelier a damaged address: numbers, and nothing that masks them.
    """
    import re

    masked = r"(?i)(?=.*[g-z*#?<_])[\w.:*#?<>()\[\]{}/@%-]+|[0-9a-f]{8,}"
    if not re.fullmatch(masked, text, re.ASCII):
        packed(text)
    shown = text if len(text) <= LABEL else f"{text[: LABEL - 3]}..."
    return shown.encode().ljust(LABEL, b"\0")


def is_masked(text: str) -> bool:
    """Tell whether what `address` gave stands for an address that was masked."""
    try:
        packed(text)
    except ValueError:
        return True
    return False


def shown_flag(status: int) -> str:
    """Give the flag that conntrack(8) shows behind the answer; "" for none."""
    if status & HW_OFFLOAD:
        return "[HW_OFFLOAD]"
    if status & OFFLOAD:
        return "[OFFLOAD]"
    return "[ASSURED]" if status & ASSURED else ""


def protocol_name(number: int) -> str:
    """Give the name that conntrack(8) has for an IP protocol, else its number."""
    return PROTOCOLS.get(number, str(number))


def state_name(protocol: int, number: int) -> str:
    """Give a state's name; one that this program does not know yet shows as its number."""
    names = STATES.get(protocol, [])
    return names[number] if number < len(names) else str(number)
