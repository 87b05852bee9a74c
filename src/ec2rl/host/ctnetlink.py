"""The connection-tracking table as the kernel hands it over: datagrams of ctnetlink, or text.

Nothing is decoded here but what a reader needs to know when to stop.  A dump walks the hash that
all namespaces share, whatever the size of the one that is asked for: ask `Dump.count` first.
"""

from __future__ import annotations

import errno
import os
import sys
from struct import pack, unpack_from

from ec2rl.host import Door, Entries
from ec2rl.host.live import LiveHost, open_regular, unreadable
from ec2rl.host.netns import entered
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.process import Child, Limits, blocked
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Callable, Generator, Iterator
    from typing import TypeVar

    T = TypeVar("T")

_AF_NETLINK, _NETLINK_NETFILTER = 16, 12
_CT_GET, _CT_GET_STATS = 0x101, 0x105  # NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_...
_REQUEST, _DUMP = 0x1, 0x301  # NLM_F_...
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_STATS_GLOBAL_ENTRIES = 1  # CTA_STATS_GLOBAL_ENTRIES
_SO_SNDBUFFORCE = 32
TEXT = "/proc/net/nf_conntrack"
_ROOM = 1 << 16
"""Bytes for a datagram: the kernel makes none above 32 KiB (netlink_dump, af_netlink.c)."""
_DRAWING = 10.0
"""Seconds to draw a sample from the text in: some four million entries."""
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

    def __init__(self, netlink: socket, statistics: socket, family: int) -> None:
        self._netlink, self._statistics = netlink, statistics
        self.faults: list[int] = []
        sequence = os.urandom(4)
        self.cookie = sequence + pack("=I", netlink.getsockname()[0])
        self._request = pack("=IHH", 20, _CT_GET, _DUMP) + sequence + pack("=IBBH", 0, family, 0, 0)

    def count(self) -> int | None:
        """Entries of the namespace now, by the kernel's own count; None where it gives none."""
        try:
            return self.ask_count()
        except OSError:
            return None

    def ask_count(self) -> int:
        """The kernel's own count (IPCTNL_MSG_CT_GET_STATS); OSError with the kernel's reason."""
        self._statistics.send(pack("=IHHIIBBH", 20, _CT_GET_STATS, _REQUEST, 1, 0, 0, 0, 0))
        answer = self._statistics.recv(_ROOM)
        kind = int.from_bytes(answer[4:6], sys.byteorder)
        if kind == _NLMSG_ERROR and len(answer) >= 20:
            code = -unpack_from("=i", answer, 16)[0]
            raise OSError(code, os.strerror(code))
        attribute = pack("=HH", 8, _STATS_GLOBAL_ENTRIES)
        if kind != _CT_GET_STATS or answer[20:24] != attribute or len(answer) < 28:
            raise OSError(errno.EBADMSG, os.strerror(errno.EBADMSG))
        return int.from_bytes(answer[24:28], "big")

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
            if kind in (_NLMSG_DONE, _NLMSG_ERROR):
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


def open_dump(door: Door | None = None, family: int = 0) -> Dump | Unreadable:
    """Prepare a dump of one namespace's table: the caller's, or the one behind a door.

    `family` is AF_INET, AF_INET6, or 0 for both.  Needs CAP_NET_ADMIN, and CAP_SYS_ADMIN to enter
    another namespace.  Loads no kernel module: nf_conntrack_netlink must be there.
    """
    source = source_of(door, "conntrack -L")
    if not _loaded():
        return Unreadable(source, Why.NOT_RUNNING, "nf_conntrack_netlink is not loaded")
    try:
        netlink, statistics = _inside(door, lambda: (_open(), _open()))
    except OSError as error:
        return unreadable(source, error)
    dump = Dump(netlink, statistics, family)
    try:
        dump.ask_count()
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EACCES):
            dump.close()
            return Unreadable(source, Why.DENIED, "needs CAP_NET_ADMIN")
    return dump


def first_entries(first: int) -> Entries | Unreadable:
    """The first entries of a dump of the caller's own table: in the order of a keyed hash, so a
    sample; where only text can be read, a sample that is drawn from all of it.

    One a line: the hexadecimal of what follows a message's header, or text; at most 32 KiB of
    datagrams more than asked for are taken from the kernel.
    """
    dump = open_dump()
    lines: list[str] = []
    if isinstance(dump, Unreadable):
        drawn = draw_entries(first)
        if isinstance(drawn, Unreadable):
            return drawn if drawn.why is Why.PARTIAL else dump
        return replace(drawn, total=None)
    with dump:
        for datagram in dump.datagrams(ahead=False):
            lines += [body.hex() for body in _entries(datagram)]
            if len(lines) >= first:
                break
    return Entries("conntrack -L", "".join(f"{line}\n" for line in lines[:first]))


def draw_entries(first: int, door: Door | None = None) -> Entries | Unreadable:
    """So many entries of the table as text, drawn from all of it; `total` is how many there are.

    Nothing promises that the text has any order, so its first lines are no sample.  PARTIAL where
    its end was not reached in time.
    """
    from ec2rl.host.saved_table import read_table

    source = source_of(door, TEXT)
    handle = _open_text(door, source)
    if isinstance(handle, Unreadable):
        return handle
    try:
        found = read_table(source, [lambda size: os.read(handle, size)], 0.0, _DRAWING, first)
    finally:
        os.close(handle)
    if isinstance(found, Unreadable):
        return Entries(source, "", 0)  # not a line: the table is empty
    if "no time" in found.gap:
        words = f"{found.total} entries were read in {_DRAWING:.0f} s, and not the others"
        return Unreadable(source, Why.PARTIAL, words)
    return found


def _entries(datagram: bytes) -> Iterator[bytes]:
    at = 0
    while at + 16 <= len(datagram):
        length, kind = unpack_from("=IH", datagram, at)
        if length < 16 or kind in (_NLMSG_ERROR, _NLMSG_DONE):
            return
        yield datagram[at + 16 : at + length]
        at += length + 3 & ~3


def open_netlink(door: Door | None = None) -> socket | Unreadable:
    """A socket that speaks with netfilter of a namespace; what it may ask, the kernel decides."""
    source = source_of(door, "ctnetlink")
    if not _loaded():
        return Unreadable(source, Why.NOT_RUNNING, "nf_conntrack_netlink is not loaded")
    try:
        return _inside(door, _open)
    except OSError as error:
        return unreadable(source, error)


def open_text(door: Door | None = None) -> Iterator[bytes] | Unreadable:
    """The table as the kernel prints it, in pieces: for who may read files, and not more.

    CONFIG_NF_CONNTRACK_PROCFS; the file is root's (0440).
    """
    handle = _open_text(door, source_of(door, TEXT))
    return handle if isinstance(handle, Unreadable) else pieces(handle)


def _open_text(door: Door | None, source: str) -> int | Unreadable:
    try:
        handle = _inside(door, lambda: open_regular("/proc/thread-self/net/nf_conntrack"))
    except OSError as error:
        return unreadable(source, error)
    if isinstance(handle, Unreadable):
        return Unreadable(source, handle.why, handle.detail)
    return handle


def open_capture(path: str) -> Iterator[bytes] | Unreadable:
    """A saved table, in pieces."""
    handle = open_regular(path)
    return handle if isinstance(handle, Unreadable) else pieces(handle)


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


def _loaded() -> bool:
    """Whether ctnetlink is there already: asking for it would make the kernel load it."""
    host = LiveHost()
    modules = host.read("/proc/modules")
    if not isinstance(modules, Evidence) or "nf_conntrack_netlink " in modules.text:
        return True
    builtin = host.read(f"/lib/modules/{os.uname().release}/modules.builtin")
    return isinstance(builtin, Evidence) and "nf_conntrack_netlink" in builtin.text


def _inside(door: Door | None, action: Callable[[], T]) -> T:
    """Open something in a namespace: what is open stays there, this thread comes back."""
    if door is None:
        return action()
    with entered(door):
        return action()


def source_of(door: Door | None, look: str) -> str:
    """What a look into a namespace is called, as `Host.within` calls it."""
    return look if door is None else f"netns {door.path}: {look}"


def _open() -> socket:
    from _socket import SO_RCVTIMEO, SOCK_CLOEXEC, SOCK_RAW, SOL_SOCKET, socket

    netlink = socket(_AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, _NETLINK_NETFILTER)
    netlink.setsockopt(SOL_SOCKET, SO_RCVTIMEO, pack("ll", _SILENCE, 0))
    netlink.bind((0, 0))
    return netlink
