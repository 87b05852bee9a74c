"""The local process or container behind what a table ranks, as cheaply as /proc can tell."""

from __future__ import annotations

from collections import Counter

from ec2rl.conntrack.namespaces import Namespace, find_namespaces
from ec2rl.conntrack.table.sockets import Socket, holders, read_sockets
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ec2rl.conntrack.table.ranking import Endpoint, Row
    from ec2rl.conntrack.table.targets import TableTarget

NOBODY = "no process here"
"""Of connections that pass through, or whose process has closed them."""


@record(frozen=True)
class Owned:
    """Whose a share of the table is: `entries` of the pairs that were asked about."""

    owner: str
    entries: int


class ProcessOwners:
    """Knows who is behind a pair in one namespace; what it reads, it reads once."""

    def __init__(self, host: Host, inside: Host, target: TableTarget) -> None:
        self._elsewhere = _addresses(host, find_namespaces(host).all, target.inode)
        self._local = {*_ipv4(inside), *_ipv6(inside), "::1"}
        self._clients: dict[tuple[bytes, bytes, int], int] = {}
        self._servers: dict[tuple[str, int | None], int] = {}
        for socket in read_sockets(inside):
            self._note(socket)
        self._pids = _pids_in(host, target.inode)
        self._host = host
        self._names: dict[int, str] = {}
        self._asked: set[int] = set()

    def _note(self, socket: Socket) -> None:
        if not socket.inode:
            return
        protocol = "tcp" if socket.protocol == 6 else "udp"
        if socket.remote[1]:
            key = (socket.local[0], *socket.remote)
            self._clients.setdefault(key, socket.inode)
        self._servers.setdefault((protocol, socket.local[1]), socket.inode)

    def of(self, pairs: Iterable[Endpoint]) -> dict[Endpoint, str]:
        """Tell whose each pair is.

        The process at its source, else at its destination, else nobody.
        """
        sockets = {pair: self._socket(pair) for pair in pairs}
        wanted = set(filter(None, sockets.values())) - self._asked
        if wanted:
            self._names.update(holders(self._host, wanted, self._pids))
            self._asked |= wanted
        return {
            pair: self._names.get(inode, "") or self._container(pair) or NOBODY
            for pair, inode in sockets.items()
        }

    def _socket(self, pair: Endpoint) -> int:
        source, destination = _packed(pair.source), _packed(pair.destination)
        here = self._clients.get((source, destination, pair.port or 0))
        if here is not None:
            return here
        answering, _, port = pair.translated.rpartition(":")
        host = answering.strip("[]") or pair.destination
        if host not in self._local and not host.startswith("127."):
            return 0
        return self._servers.get((pair.protocol, int(port) if port.isdecimal() else pair.port), 0)

    def _container(self, pair: Endpoint) -> str:
        return self._elsewhere.get(pair.source) or self._elsewhere.get(pair.destination) or ""


def rank(rows: Iterable[Row], owners: ProcessOwners) -> tuple[Owned, ...]:
    """Add up a ranking of pairs by who is behind them, most first."""
    pairs = {row.key: row.count for row in rows if not isinstance(row.key, (int, str))}
    names, counts = owners.of(pairs), Counter[str]()
    for pair, count in pairs.items():
        counts[names[pair]] += count
    return tuple(
        Owned(name, n) for name, n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )


def _addresses(host: Host, namespaces: Iterable[Namespace], ours: int | None) -> dict[str, str]:
    """Addresses of other namespaces, with whose these are; loopback is everybody's."""
    found: dict[str, str] = {}
    for one in namespaces:
        if one.inode == ours or one.initial:
            continue
        for inside in map(host.within, one.doors):
            addresses = (*_ipv4(inside), *_ipv6(inside))
            found.update((address, one.label) for address in addresses if address not in found)
            if addresses:
                break
    return found


def _ipv4(host: Host) -> list[str]:
    """The addresses of a fib_trie: each stands above a line `/32 host LOCAL`."""
    text, found, last = host.read("/proc/net/fib_trie"), [], ""
    for line in text.text.splitlines() if isinstance(text, Evidence) else ():
        if "/32 host LOCAL" in line and not last.startswith("127."):
            found.append(last)
        last = line.rpartition(" ")[2]
    return found


def _ipv6(host: Host) -> list[str]:
    from ec2rl.conntrack.table.entry import address

    text, found = host.read("/proc/net/if_inet6"), []
    for line in text.text.splitlines() if isinstance(text, Evidence) else ():
        word = line.partition(" ")[0]
        if len(word) == 32 and word.strip("0") != "1":
            found.append(address(bytes.fromhex(word)))
    return found


def _pids_in(host: Host, inode: int | None) -> list[str]:
    """The processes of a namespace."""
    names = host.names("/proc")
    pids = [] if isinstance(names, Unreadable) else list(filter(str.isdecimal, names))
    return [pid for pid in pids if host.link(f"/proc/{pid}/ns/net") == f"net:[{inode}]"]


def _packed(address: str) -> bytes:
    from _socket import AF_INET, AF_INET6, inet_pton

    return inet_pton(AF_INET6 if ":" in address else AF_INET, address)
