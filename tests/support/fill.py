"""Fill the connection-tracking table of a network namespace through ctnetlink, for tests and bench.

`python tests/support/fill.py NETNS COUNT` fills a namespace with the mix of `mixture`.  No packet
is sent; every address is from a documentation or benchmarking range (RFC 5737, 2544, 3849).
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

EXPECTED, SEEN_REPLY, ASSURED, CONFIRMED, SNAT, DNAT = 1, 2, 4, 8, 16, 32
BOTH_WAYS = SEEN_REPLY | ASSURED
SYN_SENT, SYN_RECV, ESTABLISHED, FIN_WAIT, CLOSE_WAIT, LAST_ACK, TIME_WAIT, CLOSE = range(1, 9)
_CREATE = 0x1 | 0x400 | 0x200  # NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL
_CT_NEW, _CT_DELETE = 0x100, 0x102
_MAX = "/proc/sys/net/netfilter/nf_conntrack_max"


@dataclass(frozen=True)
class Row:
    """An entry to make; `reply` is the (address, port) that answers behind NAT."""

    source: str
    destination: str
    source_port: int
    destination_port: int
    protocol: int = 6
    state: int = 0
    status: int = 0
    timeout: int = 120
    mark: int = 0
    zone: int = 0
    reply: tuple[str, int] | None = None


def _attribute(kind: int, body: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(body), kind) + body + bytes(-len(body) % 4)


def _nest(kind: int, *parts: bytes) -> bytes:
    return _attribute(kind | 0x8000, b"".join(parts))


def _tuple(kind: int, protocol: int, ends: tuple[bytes, bytes, int, int]) -> bytes:
    source, destination, source_port, destination_port = ends
    first = 1 if len(source) == 4 else 3
    if protocol in (1, 58):
        base, request, answer = (4, 8, 0) if protocol == 1 else (7, 128, 129)
        echo = request if kind == 1 else answer
        ports = (
            _attribute(base, struct.pack("!H", source_port))
            + _attribute(base + 1, bytes([echo]))
            + _attribute(base + 2, b"\0")
        )
    else:
        ports = _attribute(2, struct.pack("!H", source_port)) + _attribute(
            3, struct.pack("!H", destination_port)
        )
    return _nest(
        kind,
        _nest(1, _attribute(first, source), _attribute(first + 1, destination)),
        _nest(2, _attribute(1, bytes([protocol])), ports),
    )


def _packed(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def message(row: Row) -> bytes:
    """The CT_NEW request for one row; the kernel wants CONFIRMED in every status."""
    source, destination = _packed(row.source), _packed(row.destination)
    answering = (destination, row.destination_port)
    if row.reply:
        answering = (_packed(row.reply[0]), row.reply[1])
    there = (source, destination, row.source_port, row.destination_port)
    back = (answering[0], source, answering[1], row.source_port)
    if row.protocol in (1, 58):
        back = (answering[0], source, row.source_port, row.source_port)
    parts = [
        bytes([socket.AF_INET if len(source) == 4 else socket.AF_INET6, 0, 0, 0]),
        _tuple(1, row.protocol, there),
        _tuple(2, row.protocol, back),
        _attribute(3, struct.pack("!I", row.status | CONFIRMED)),
        _attribute(7, struct.pack("!I", row.timeout)),
    ]
    if row.state:
        liberal = b"\x08\x08"
        tcp = (_attribute(1, bytes([row.state])), _attribute(4, liberal), _attribute(5, liberal))
        parts.append(_nest(4, _nest(1, *tcp)))
    if row.mark:
        parts.append(_attribute(8, struct.pack("!I", row.mark)))
    if row.zone:
        parts.append(_attribute(18, struct.pack("!H", row.zone)))
    body = b"".join(parts)
    return struct.pack("=IHHII", 16 + len(body), _CT_NEW, _CREATE, 0, 0) + body


def setns(handle: int) -> None:
    """Move this thread into a network namespace (Python has os.setns only from 3.12 on)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(handle, 0x40000000):
        raise OSError(ctypes.get_errno(), "setns")


@contextmanager
def inside(netns: str) -> Iterator[None]:
    """Be in the namespace that `ip netns` calls `netns` for a while."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    away = os.open(f"/run/netns/{netns}", os.O_RDONLY)
    try:
        setns(away)
        yield
    finally:
        setns(home)
        os.close(home)
        os.close(away)


_private: list[bool] = []


def keep_private() -> None:
    """Give this process a /run/netns of its own, which ends with it, however it ends.

    What `ip netns` makes are mounts: the kernel drops them, and with them the namespaces, when the
    last process of this mount namespace is gone.
    """
    if _private:
        return
    os.makedirs("/run/netns", exist_ok=True)
    libc = ctypes.CDLL(None, use_errno=True)
    slave = 0x4000 | 1 << 19  # MS_REC | MS_SLAVE
    if (
        libc.unshare(0x20000)  # CLONE_NEWNS
        or libc.mount(b"none", b"/", None, slave, None)
        or libc.mount(b"netns", b"/run/netns", b"tmpfs", 0, b"mode=755")
    ):
        raise OSError(ctypes.get_errno(), "a mount namespace of our own")
    _private.append(True)


@contextmanager
def namespace(netns: str) -> Iterator[str]:
    """A network namespace with its loopback up, deleted afterwards; gives its path."""
    keep_private()
    subprocess.run(["ip", "netns", "add", netns], check=True)
    try:
        subprocess.run(["ip", "-n", netns, "link", "set", "lo", "up"], check=True)
        yield f"/run/netns/{netns}"
    finally:
        subprocess.run(["ip", "netns", "del", netns], check=True)


@contextmanager
def room_for(count: int) -> Iterator[None]:
    """Raise nf_conntrack_max while filling, if it is too low; it is put back at once after."""
    with open(_MAX) as file:
        before = int(file.read())
    if before and before < count:
        with open(_MAX, "w") as file:
            file.write(str(count))
    try:
        yield
    finally:
        with open(_MAX, "w") as file:
            file.write(str(before))


def fill(netns: str, rows: Iterable[Row]) -> None:
    """Make the entries in the namespace; OSError with the kernel's reason for the first refused."""
    with inside(netns), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as netlink:
        netlink.setsockopt(socket.SOL_SOCKET, 32, 1 << 21)  # SO_SNDBUFFORCE
        netlink.setsockopt(socket.SOL_SOCKET, 33, 1 << 22)  # SO_RCVBUFFORCE
        batch: list[bytes] = []
        for row in rows:
            batch.append(message(row))
            if len(batch) == 500:
                _send(netlink, batch)
                batch.clear()
        if batch:
            _send(netlink, batch)


def _send(netlink: socket.socket, batch: list[bytes]) -> None:
    netlink.send(b"".join(batch))
    try:
        answer = netlink.recv(65536, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return
    raise OSError(-struct.unpack_from("=i", answer, 16)[0], "the kernel refused an entry")


def flush(netns: str) -> None:
    """Empty the namespace's table."""
    with inside(netns), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as netlink:
        netlink.send(struct.pack("=IHHIIBBH", 20, _CT_DELETE, 0x5, 0, 0, 0, 0, 0))
        netlink.recv(4096)


def sources(count: int) -> Iterator[str]:
    """`count` different addresses of 198.18.0.0/15, and of 100.64.0.0/10 beyond that."""
    for i in range(count):
        base = 0xC6120000 + i if i < 1 << 17 else 0x64400000 + i - (1 << 17)
        yield socket.inet_ntoa(struct.pack("!I", base))


# Twenty rows that repeat: protocol, state, status, timeout.
_MIX = (
    [(6, SYN_SENT, 0, 120)] * 5
    + [(6, ESTABLISHED, BOTH_WAYS, 432000)] * 5
    + [(6, TIME_WAIT, BOTH_WAYS, 120)] * 4
    + [(6, CLOSE_WAIT, BOTH_WAYS, 60), (6, FIN_WAIT, BOTH_WAYS, 120)]
    + [(17, 0, 0, 25), (17, 0, 0, 25), (17, 0, BOTH_WAYS, 110), (1, 0, 0, 25)]
)


def mixture(count: int, lasting: int = 0) -> Iterator[Row]:
    """A server's everyday mix: one entry in eight is IPv6, two in five come from five clients.

    All stay for at least `lasting` seconds.
    """
    for i in range(count):
        protocol, state, status, timeout = _MIX[i * 7 % 20]
        client = i % 5 if i % 25 < 10 else 10 + i * 7919 % max(16, count // 8)
        port, server = 1024 + i // 5 % 60000, 1 + i // 5 // 60000 * 4 + i % 4
        if i % 8 == 3:
            there = (f"2001:db8::{client >> 16:x}:{client & 0xFFFF:x}", f"2001:db8:1::{server}")
        else:
            there = (
                f"198.{18 + (client >> 16)}.{client >> 8 & 255}.{client & 255}",
                f"192.0.2.{server}",
            )
        if protocol == 1 and i % 8 == 3:
            protocol = 58
        yield Row(
            *there, port, (443, 80, 53)[i // 4 % 3], protocol, state, status, max(timeout, lasting)
        )


if __name__ == "__main__":
    with room_for(int(sys.argv[2])):
        fill(sys.argv[1], mixture(int(sys.argv[2])))
