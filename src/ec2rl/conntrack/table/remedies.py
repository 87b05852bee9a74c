"""What helps against each cause of a full table, and what people try that does not."""

from __future__ import annotations

from ec2rl.record import record, replace


@record(frozen=True)
class Advice:
    """Ways out that fit one cause, and ways that do not, each with its reason.

    `command` is what `ec2rl conntrack` takes, on that machine and table, for the last that fits.
    """

    fits: tuple[str, ...]
    not_fits: tuple[str, ...]
    command: str = ""


def untracked(protocol: str, port: int) -> str:
    """Give an nft ruleset that leaves a service untracked, in both directions.

    Both are needed: an answer that is tracked alone is INVALID to a firewall, and makes an entry
    of its own.  Rules that want `ct state established` must let the service pass by its port.
    """
    return (
        "table inet untracked {\n"
        "    chain prerouting {\n"
        "        type filter hook prerouting priority raw; policy accept;\n"
        f"        {protocol} dport {port} notrack\n"
        f"        {protocol} sport {port} notrack\n"
        "    }\n"
        "    chain output {\n"
        "        type filter hook output priority raw; policy accept;\n"
        f"        {protocol} dport {port} notrack\n"
        f"        {protocol} sport {port} notrack\n"
        "    }\n"
        "}\n"
    )


def hoard(client: str) -> Advice:
    """Give what helps against a client that hoards connections."""
    return replace(_HOARD, command=f"free --src={client} --idle-over=350")


def untracked_loopback() -> str:
    """Give an nft ruleset that leaves the machine's talk with itself untracked."""
    return (
        "table inet untracked {\n"
        "    chain prerouting {\n"
        "        type filter hook prerouting priority raw; policy accept;\n"
        "        iif lo notrack\n"
        "    }\n"
        "    chain output {\n"
        "        type filter hook output priority raw; policy accept;\n"
        "        oif lo notrack\n"
        "    }\n"
        "}\n"
    )


_SIZE_FILLS = "a larger table: it fills as fast as it is filled"
_ESTABLISHED = "a lower tcp_timeout_established: these entries do not have it"

FLOOD = Advice(
    (
        "SYNPROXY in front of the service: only finished handshakes get an entry",
        "leave the service untracked, in both directions, if no NAT needs it",
        "drop the sources before tracking (nft in the raw hook, or the network ACL)",
        "SYN cookies (net.ipv4.tcp_syncookies=1), so that the listener survives meanwhile",
    ),
    (_SIZE_FILLS, _ESTABLISHED),
)
SCAN = Advice(
    (
        "stop or slow the client: it asks for services that do not answer",
        "leave the scanner's own packets untracked (raw hook, both directions)",
    ),
    (_SIZE_FILLS, _ESTABLISHED, "SYNPROXY: the connections go out, not in"),
)
_HOARD = Advice(
    (
        "give the client's pool a maximum of idle connections, and an idle time",
        "TCP keepalive below 350 s on both sides: Nitro v6 forgets idle connections then, and"
        " the guest would keep their entries for days",
        "until then, delete what is idle",
    ),
    (
        "a larger table alone: it only puts the day off",
        "a much lower tcp_timeout_established: it cuts the idle connections that still live",
    ),
)
IDLE = Advice(
    (
        "have the applications close what they do not use: a pool's maximum of idle connections,"
        " an idle time on both sides",
        "ask for TCP keepalives: the timeout can then be lowered without cutting what still lives",
        "see what a lower tcp_timeout_established would free, and what it would cut",
    ),
    ("a larger table alone: it only puts the day off",),
    "whatif",
)
DNS = Advice(
    (
        "leave DNS untracked: udp port 53 to and from, in the prerouting and output hooks",
        "a caching resolver on the machine (or NodeLocal DNSCache)",
    ),
    (
        "a lower udp_timeout: answers come within seconds, and retries need the entry",
        "a lower udp_timeout_stream or tcp_timeout_established: these entries do not have it",
    ),
)
CHURN = Advice(
    (
        "leave the service untracked, in both directions, if no NAT needs it",
        "reuse a socket for several exchanges: the same ports are the same entry",
    ),
    ("a lower tcp_timeout_established: UDP does not have it",),
)
TIME_WAIT = Advice(
    (
        "keep connections open: keep-alive or a pool on the side that connects",
        "room for them: connections a second x 120 s (see the recommended size)",
        "leave the service untracked, in both directions, if no NAT needs it",
    ),
    (
        "a lower tcp_timeout_time_wait: extreme caution, late packets then meet no entry",
        "net.ipv4.tcp_tw_reuse or tcp_max_tw_buckets: these are sockets, not entries",
        _ESTABLISHED,
    ),
)
CLOSE_WAIT = Advice(
    (
        "put the timeout back to 60 s where it is set: on Kubernetes kube-proxy's"
        " conntrack.tcpCloseWaitTimeout (--conntrack-tcp-timeout-close-wait)",
        "make the application close its connections when the other side has",
    ),
    (
        "a sysctl alone on a Kubernetes node: kube-proxy writes its own value at its next start",
        _ESTABLISHED,
    ),
)
NAMESPACE = Advice(
    (
        "look into this namespace: its own table, by its number, says who fills it",
        "lower timeouts of this namespace alone: they are settings of each namespace",
    ),
    ("settings of the host's namespace: they do not hold for this one, apart from the limit",),
)
LOCAL = Advice(
    ("leave loopback untracked: iif lo and oif lo, in the prerouting and output hooks",),
    (
        _SIZE_FILLS,
        "lower timeouts: the next connection makes the next entry",
        "a flowtable: it spares work on forwarded packets, and no entry",
    ),
)
LONGER = Advice(
    (
        "wait: each leaves when its own time is over, or has today's time with its next packet",
        "delete the idle ones one by one, or give them today's time (CTA_TIMEOUT)",
    ),
    ("lowering the timeout further: it does not touch entries that exist",),
)
