"""Sockets of a network namespace, and the processes that hold them, from what /proc shows."""

from __future__ import annotations

import sys

from ec2rl.conntrack.owner import owner
from ec2rl.conntrack.table.entry import TCP, UDP
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

_MAPPED = bytes(10) + b"\xff\xff"
_FILES = (("tcp", TCP), ("tcp6", TCP), ("udp", UDP), ("udp6", UDP))
_MOST_DEPTH = 64


@record(frozen=True)
class Socket:
    """One socket: its ends as (packed address, port), IPv4 ones always as 4 bytes.

    `remote` has the port 0 where nobody is at the other end; `inode` is 0 once it is closed.
    """

    protocol: int
    local: tuple[bytes, int]
    remote: tuple[bytes, int]
    inode: int


def read_sockets(host: Host, folder: str = "/proc/net") -> Iterator[Socket]:
    """Yield the TCP and UDP sockets that a /proc/net shows; what cannot be read shows none."""
    for name, protocol in _FILES:
        text = host.read(f"{folder}/{name}")
        if isinstance(text, Evidence):
            for line in text.text.splitlines()[1:]:
                words = line.split()
                if len(words) > 9 and words[9].isdecimal():
                    local, remote = _end(words[1]), _end(words[2])
                    if local is not None and remote is not None:
                        yield Socket(protocol, local, remote, int(words[9]))


def _end(text: str) -> tuple[bytes, int] | None:
    """`0100007F:0016`: 32-bit words as the machine stores them (tcp4_seq_show, tcp_ipv4.c)."""
    address, _, port = text.partition(":")
    try:
        raw, number = bytes.fromhex(address), int(port, 16)
    except ValueError:
        return None
    if len(raw) not in (4, 16):
        return None
    if sys.byteorder == "little":
        raw = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
    return raw[12:] if raw.startswith(_MAPPED) else raw, number


def holders(host: Host, inodes: Container[int], pids: Iterable[str]) -> dict[int, str]:
    """Name whose process holds each of some sockets; ends when it has seen all processes."""
    found: dict[int, str] = {}
    for pid in pids:
        held = held_by(host, pid)
        mine = [inode for inode in held if inode in inodes and inode not in found]
        if mine:
            cgroup, comm = host.read(f"/proc/{pid}/cgroup"), host.read(f"/proc/{pid}/comm")
            words = owner(
                cgroup.text if isinstance(cgroup, Evidence) else "",
                comm.text.strip() if isinstance(comm, Evidence) else "",
            )
            found.update(dict.fromkeys(mine, words or f"process {pid}"))
    return found


def held_by(host: Host, pid: str) -> list[int]:
    """Give the inodes of the sockets that a process has open."""
    names = host.names(f"/proc/{pid}/fd")
    links = [
        host.link(f"/proc/{pid}/fd/{name}")
        for name in (() if isinstance(names, Unreadable) else names)
    ]
    return [
        int(link[8:-1])
        for link in links
        if isinstance(link, str) and link.startswith("socket:[") and link[8:-1].isdecimal()
    ]


def lifelines(host: Host) -> frozenset[frozenset[tuple[bytes, int]]]:
    """Give the connections that the caller's session may hang on, as pairs of ends.

    Those of every process that this one descends from, and of every SSH daemon: in tmux and screen
    the daemon is no ancestor, and another person's session is not ours to cut.
    """
    pids = list(_ancestors(host))
    names = host.names("/proc")
    for pid in () if isinstance(names, Unreadable) else filter(str.isdecimal, names):
        comm = host.read(f"/proc/{pid}/comm")
        if isinstance(comm, Evidence) and comm.text.startswith("sshd"):
            pids.append(pid)
    found: set[frozenset[tuple[bytes, int]]] = set()
    shown: dict[object, list[Socket]] = {}
    for pid in dict.fromkeys(pids):
        held = set(held_by(host, pid))
        if held:
            netns = host.link(f"/proc/{pid}/ns/net")
            key = pid if isinstance(netns, Unreadable) else netns
            if key not in shown:
                shown[key] = list(read_sockets(host, f"/proc/{pid}/net"))
            found.update(
                frozenset((socket.local, socket.remote))
                for socket in shown[key]
                if socket.inode in held and socket.remote[1]
            )
    return frozenset(found)


def _ancestors(host: Host) -> Iterator[str]:
    pid = host.link("/proc/self")
    for _ in range(_MOST_DEPTH):
        if not isinstance(pid, str) or pid == "0":
            return
        yield pid
        status = host.read(f"/proc/{pid}/status")
        lines = status.text.splitlines() if isinstance(status, Evidence) else []
        pid = next((line[5:].strip() for line in lines if line.startswith("PPid:")), "0")
