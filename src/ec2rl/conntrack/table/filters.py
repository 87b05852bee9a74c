"""Which entries are meant: every condition that is given must hold."""

from __future__ import annotations

from ec2rl.conntrack.table.entry import (
    ASSURED,
    HW_OFFLOAD,
    OFFLOAD,
    PROTOCOLS,
    SEEN_REPLY,
    STATES,
    Entry,
)
from ec2rl.conntrack.table.timeouts import Kind, governing
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_OVER = ("TIME_WAIT", "LAST_ACK", "CLOSE", "TIMEWAIT", "CLOSED")
_OFFLOADED = OFFLOAD | HW_OFFLOAD


class FilterError(ValueError):
    """A condition that no entry could be measured by; the message says why."""


@record(frozen=True)
class Net:
    """Addresses that begin with the same `bits`, of the family that `first` is long."""

    first: bytes
    bits: int

    def holds(self, address: bytes) -> bool:
        """Tell whether an address is one of these."""
        if len(address) != len(self.first):
            return False
        rest = 8 * len(address) - self.bits
        return int.from_bytes(address, "big") >> rest == int.from_bytes(self.first, "big") >> rest


@record(frozen=True)
class Filter:
    """Conditions on an entry's original direction and standing; None, () and False ask nothing.

    `idle_over` is in seconds: entries of unknown idle time are not meant.
    """

    source: Net | None = None
    destination: Net | None = None
    port: int | None = None
    protocol: int | None = None
    states: tuple[str, ...] = ()
    unreplied: bool = False
    idle_over: float | None = None
    mark: int | None = None
    zone: int | None = None

    @property
    def any(self) -> bool:
        """Whether anything is asked at all."""
        return self != Filter()

    @property
    def family(self) -> int:
        """AF_INET or AF_INET6 where an address tells it, else 0 for both."""
        for net in (self.source, self.destination):
            if net is not None:
                return 2 if len(net.first) == 4 else 10
        return 0

    @property
    def by_kind_alone(self) -> bool:
        """Whether `admits_kind` decides."""
        return self == Filter(protocol=self.protocol, states=self.states, unreplied=self.unreplied)

    def admits_kind(self, protocol: int, state: str, status: int) -> bool:
        """Tell whether an entry of this kind may be meant."""
        return (
            self.protocol in (None, protocol)
            and (not self.states or state in self.states)
            and not (self.unreplied and status & SEEN_REPLY)
        )

    def admits(self, entry: Entry, settings: Mapping[str, int]) -> bool:
        """Tell whether an entry is meant.

        `settings` are the timeouts that idle times are told by.
        """
        there = entry.original
        if not self.admits_kind(there.protocol, entry.state, entry.status):
            return False
        if self.idle_over is not None:
            idle = idle_time(entry, settings)
            if idle is None or idle < self.idle_over:
                return False
        return (
            (self.source is None or self.source.holds(there.source))
            and (self.destination is None or self.destination.holds(there.destination))
            and self.port in (None, there.destination_port)
            and self.mark in (None, entry.mark or 0)
            and (self.zone is None or self.zone in _zones(entry))
        )


def kind_by(protocol: int, state: str, status: int) -> Kind:
    """Tell what decides the fate of an entry."""
    return Kind(
        protocol,
        state,
        bool(status & ASSURED),
        bool(status & SEEN_REPLY),
        bool(status & _OFFLOADED),
    )


def _zones(entry: Entry) -> tuple[int, ...]:
    zones = {entry.zone or 0, entry.original.zone or 0, entry.reply.zone or 0}
    return tuple(zones - {0} if len(zones) > 1 else zones)


def kind_of(entry: Entry) -> Kind:
    """Tell what decides an entry's fate."""
    return kind_by(entry.original.protocol, entry.state, entry.status)


def alive(kind: Kind) -> bool:
    """Tell whether a flow of this kind has been answered, and has not come to its end."""
    return kind.answered and kind.state not in _OVER


def idle_time(entry: Entry, settings: Mapping[str, int]) -> int | None:
    """Give seconds since an entry saw a packet.

    None where nobody knows, be it the timeout in force.

    Where a state can be given one of two times, the shorter idle time is told (see ages.py).
    """
    return idle_of(kind_of(entry), entry.timeout, settings)


def idle_of(kind: Kind, timeout: int | None, settings: Mapping[str, int]) -> int | None:
    """Give the idle time of an entry of a kind that has so many seconds left (`idle_time`)."""
    name = governing(kind)
    limit = settings.get(name)
    if timeout is None or limit is None or timeout > limit:
        return None
    if name == "tcp_timeout_established":
        for other in ("tcp_timeout_unacknowledged", "tcp_timeout_max_retrans"):
            shorter = settings.get(other, 0)
            if timeout <= shorter:
                limit = min(limit, shorter)
    return limit - timeout


def parse_net(text: str) -> Net:
    """Read `10.0.0.0/8`, `2001:db8::1`; FilterError for anything else."""
    from _socket import AF_INET, AF_INET6, inet_pton

    words, slash, bits = text.partition("/")
    try:
        first = inet_pton(AF_INET6 if ":" in words else AF_INET, words)
    except OSError:
        raise FilterError(
            f"{text}: no address, as 10.0.4.17, 10.0.0.0/8 or 2001:db8::/32"
        ) from None
    most = 8 * len(first)
    if not slash:
        return Net(first, most)
    if not (bits.isascii() and bits.isdecimal() and len(bits) < 4 and int(bits) <= most):
        raise FilterError(f"{text}: the number of bits is from 0 to {most}")
    return Net(first, int(bits))


def parse_protocol(text: str) -> int:
    """Read a protocol's name or number; FilterError with the known names."""
    for number, name in PROTOCOLS.items():
        if text.lower() == name:
            return number
    if text.isascii() and text.isdecimal() and len(text) < 4 and int(text) < 256:
        return int(text)
    raise FilterError(f"{text}: no protocol; known are {', '.join(PROTOCOLS.values())}, 0 to 255")


def parse_state(text: str) -> str:
    """Read a state's name; FilterError with the known ones."""
    known = dict.fromkeys(name for names in STATES.values() for name in names)
    if text.upper() in known:
        return text.upper()
    raise FilterError(f"{text}: no state; known are {', '.join(known)}")
