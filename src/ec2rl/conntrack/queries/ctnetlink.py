"""The connection-tracking table as the kernel hands it over: datagrams of ctnetlink, or text.

Nothing is decoded here but what a reader needs to know when to stop.  A dump walks the hash that
all namespaces share, whatever the size of the one that is asked for: ask `Dump.count` first.
"""

from __future__ import annotations

import errno
import os
import sys
from struct import pack, unpack_from

from ec2rl.host import Door
from ec2rl.host.files import open_regular, read_file, unreadable
from ec2rl.host.netns import entered
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.netlink import (
    DONE,
    DUMP,
    ERROR,
    HEADER,
    NETFILTER,
    NFGEN,
    REQUEST,
    MalformedError,
    attributes,
    messages,
    refused,
)
from ec2rl.process import Child, Limits, blocked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Generator, Iterator

_AF_NETLINK = 16
# NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_...
_GET, GET_STATS_CPU, _GET_STATS = 0x101, 0x104, 0x105
_STATS_GLOBAL_ENTRIES = 1  # CTA_STATS_GLOBAL_ENTRIES
_STATUS, _MARK, _MARK_MASK, _STATUS_MASK = 3, 8, 21, 26  # CTA_...
_SEEN_REPLY = 1 << 1  # IPS_SEEN_REPLY
_SO_SNDBUFFORCE = 32
TEXT = "/proc/net/nf_conntrack"
_ROOM = 1 << 16
"""Bytes for a datagram: the kernel makes none above 32 KiB (netlink_dump, af_netlink.c)."""
_SILENCE = 10
"""Seconds without a datagram after which a dump has failed."""
_LONGEST = 600.0
"""Seconds for all of a dump: a hundred million entries."""
_WORTH_A_CHILD = 30_000
"""Entries from which a second processor more than repays the fork."""


class Dump:
    """One dump: `datagrams` as received, and the kernel's own count.

    `cookie` is the sequence number and port id in each message's header; `faults` are the errno
    of receives that failed: after ENOBUFS the dump goes on, with entries lost.
    """

    def __init__(
        self, netlink: socket, statistics: socket, family: int, narrowed: bytes = b""
    ) -> None:
        self._netlink, self._statistics = netlink, statistics
        self.faults: list[int] = []
        sequence = os.urandom(4)
        self.cookie = sequence + pack("=I", netlink.getsockname()[0])
        self._request = request(_GET, DUMP, sequence, family, narrowed)

    def count(self) -> int | None:
        """Count the entries of the namespace now, by the kernel's own count.

        None where it gives none.
        """
        try:
            return self.ask_count()
        except OSError:
            return None

    def ask_count(self) -> int:
        """Ask for the kernel's own count (IPCTNL_MSG_CT_GET_STATS).

        OSError with the kernel's reason.
        """
        self._statistics.send(request(_GET_STATS, REQUEST))
        try:
            for kind, body in messages(self._statistics.recv(_ROOM)):
                if kind == ERROR:
                    raise refused(body)
                count = attributes(body[NFGEN:]).get(_STATS_GLOBAL_ENTRIES, b"")
                if kind == _GET_STATS and len(count) == 4:
                    return int.from_bytes(count, "big")
        except MalformedError:
            pass
        raise OSError(errno.EBADMSG, os.strerror(errno.EBADMSG))

    def datagrams(self, ahead: bool = True) -> Generator[bytes, None, None]:
        """Ask for the table, and give what comes; with `ahead` a child fetches it meanwhile.

        Close the generator to end the dump early.
        """
        self._netlink.send(self._request)
        if ahead and (self.count() or 0) >= _WORTH_A_CHILD and _may_fork():
            return self._receive_from_child()
        return self._receive()

    def _receive(self) -> Generator[bytes, None, None]:
        while True:
            try:
                datagram = self._netlink.recv(_ROOM)
            except OSError as error:
                self.faults.append(error.errno or errno.EIO)
                if error.errno == errno.ENOBUFS and len(self.faults) < 100:
                    continue
                return
            yield datagram
            last = datagram.rfind(self.cookie) - 8
            if last < 0:
                return
            (kind,) = unpack_from("=H", datagram, last + 4)
            if kind in (DONE, ERROR):
                return

    def _receive_from_child(self) -> Generator[bytes, None, None]:
        """Let a child wait for the kernel, and take its datagrams while it waits for the next.

        A message of four bytes is the errno of a receive that failed.
        """
        from _socket import AF_UNIX, SO_RCVTIMEO, SOCK_SEQPACKET, SOL_SOCKET, socket, socketpair

        here, there = (
            socket(AF_UNIX, SOCK_SEQPACKET, 0, end.detach())
            for end in socketpair(AF_UNIX, SOCK_SEQPACKET)
        )
        with blocked():
            child = Child(lambda: self._serve(there), Limits(_LONGEST), [here.fileno()])
        there.close()
        here.setsockopt(SOL_SOCKET, SO_RCVTIMEO, pack("ll", 2 * _SILENCE, 0))
        try:
            while datagram := here.recv(_ROOM):
                if len(datagram) == 4:
                    self.faults.append(int.from_bytes(datagram, sys.byteorder))
                else:
                    yield datagram
        except OSError as error:
            self.faults.append(error.errno or errno.EIO)
        finally:
            here.close()
            child.end()

    def _serve(self, parent: socket) -> None:
        from _socket import SOL_SOCKET

        try:
            parent.setsockopt(SOL_SOCKET, _SO_SNDBUFFORCE, 1 << 21)
        except OSError:
            pass  # slower, and right
        for datagram in self._receive():
            parent.send(datagram)
        for fault in self.faults:
            parent.send(pack("=i", fault))

    def close(self) -> None:
        """Give the sockets back; the kernel ends a dump that nobody reads."""
        self._netlink.close()
        self._statistics.close()

    def __enter__(self) -> Dump:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_dump(
    door: Door | None = None, family: int = 0, narrowed: bytes = b""
) -> Dump | Unreadable:
    """Prepare a dump of one namespace's table: the caller's, or the one behind a door.

    `family` is AF_INET, AF_INET6, or 0 for both; `narrowed` are attributes that a kernel may filter
    by (`narrowing`), or ignore.  Needs CAP_NET_ADMIN, and CAP_SYS_ADMIN to enter
    another namespace.  Loads no kernel module: nf_conntrack_netlink must be there.
    """
    source = source_of(door, "conntrack -L")
    absent = missing(source)
    if absent is not None:
        return absent
    try:
        with entered(door):
            netlink, statistics = connected(), connected()
    except OSError as error:
        return unreadable(source, error)
    dump = Dump(netlink, statistics, family, narrowed)
    try:
        dump.ask_count()
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EACCES):
            dump.close()
            return Unreadable(source, Why.DENIED, "needs CAP_NET_ADMIN")
    return dump


def open_netlink(door: Door | None = None) -> socket | Unreadable:
    """Open a socket that speaks with netfilter of a namespace.

    What it may ask, the kernel decides.
    """
    source = source_of(door, "ctnetlink")
    absent = missing(source)
    if absent is not None:
        return absent
    try:
        with entered(door):
            return connected()
    except OSError as error:
        return unreadable(source, error)


def open_text(door: Door | None = None) -> Iterator[bytes] | Unreadable:
    """Open the table as the kernel prints it, in pieces: for who may read files, and not more.

    CONFIG_NF_CONNTRACK_PROCFS; the file is root's (0440).
    """
    handle = _open_text(door, source_of(door, TEXT))
    return handle if isinstance(handle, Unreadable) else pieces(handle)


def _open_text(door: Door | None, source: str) -> int | Unreadable:
    try:
        with entered(door):
            handle = open_regular("/proc/thread-self/net/nf_conntrack")
    except OSError as error:
        return unreadable(source, error)
    if isinstance(handle, Unreadable):
        return Unreadable(source, handle.why, handle.detail)
    return handle


def pieces(handle: int) -> Iterator[bytes]:
    """Read an open file to its end, and close it; OSError where reading fails on the way."""
    try:
        while piece := os.read(handle, 1 << 18):
            yield piece
    finally:
        os.close(handle)


def _may_fork() -> bool:
    """Whether a child can work beside us; forking a process that has threads can lock up."""
    import _thread

    return _thread._count() == 0 and len(os.sched_getaffinity(0)) > 1


def missing(source: str) -> Unreadable | None:
    """NOT_RUNNING unless ctnetlink is there already: asking would make the kernel load it."""
    modules = read_file("/proc/modules")
    if isinstance(modules, Evidence) and "nf_conntrack_netlink " not in modules.text:
        builtin = read_file(f"/lib/modules/{os.uname().release}/modules.builtin")
        if not isinstance(builtin, Evidence) or "nf_conntrack_netlink" not in builtin.text:
            return Unreadable(source, Why.NOT_RUNNING, "nf_conntrack_netlink is not loaded")
    return None


def source_of(door: Door | None, look: str) -> str:
    """Tell what a look into a namespace is called, as `Host.within` calls it."""
    return look if door is None else f"netns {door.path}: {look}"


def request(
    kind: int, flags: int, sequence: bytes = bytes(4), family: int = 0, more: bytes = b""
) -> bytes:
    """Give a message to netfilter that asks for all, or for what `more` attributes say."""
    size = HEADER + NFGEN + len(more)
    return pack("=IHH4sIBBH", size, kind, flags, sequence, 0, family, 0, 0) + more


def narrowing(unreplied: bool, mark: int | None) -> bytes:
    """Give the attributes of a dump that asks for entries of a status or a mark alone.

    Whoever asks must look at what comes all the same: an older kernel ignores the status, and one
    without marks the mark.  Filters by address are left out: for IPv6 they were inverted from
    5.10 to 7.2 (ctnetlink_filter_match, nf_conntrack_netlink.c).
    """
    asked = [(_STATUS, 0), (_STATUS_MASK, _SEEN_REPLY)] if unreplied else []
    asked += [(_MARK, mark), (_MARK_MASK, 0xFFFFFFFF)] if mark is not None else []
    return b"".join(pack("=HH", 8, kind) + pack("!I", value) for kind, value in asked)


def connected(patience: int = _SILENCE) -> socket:
    """Connect to netfilter of the calling thread's namespace, with a limit in seconds. OSError."""
    from _socket import SO_RCVTIMEO, SOCK_CLOEXEC, SOCK_RAW, SOL_SOCKET, socket

    netlink = socket(_AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETFILTER)
    netlink.setsockopt(SOL_SOCKET, SO_RCVTIMEO, pack("ll", patience, 0))
    netlink.bind((0, 0))
    return netlink
