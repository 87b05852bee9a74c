"""Deleting chosen entries of a connection-tracking table: each by its own tuple, zone and id.

A deletion without a tuple is a flush, and filters in it are ignored by kernels that do not know
them (K4.14 to K6.12, ctnetlink_del_conntrack).  With the whole original tuple and CTA_ID the
kernel deletes that one entry or says ENOENT, on every version.  It cannot be taken back.
"""

from __future__ import annotations

import errno
from collections import Counter
from struct import pack

from ec2rl.conntrack.queries.ctnetlink import open_netlink
from ec2rl.conntrack.table.entry import ICMPV6, Entry, Flow
from ec2rl.conntrack.table.freeing import DeletionResult
from ec2rl.fix.prepare import stop_if_asked
from ec2rl.model import Unreadable
from ec2rl.netlink import ERROR, HEADER, NESTED, MalformedError, messages, refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Callable, Iterator

    from ec2rl.host import Door

_CT_DELETE, _REQUEST_ACK = 0x102, 0x5
_SOL_NETLINK, _CAP_ACK = 270, 10
_TUPLE_ORIG, _ID, _ZONE = 1, 12, 18  # CTA_...
_TOGETHER = 64
"""Messages in a send: their answers fit the receive buffer of any socket."""
MOST = 200_000
"""Entries that one run takes: their messages are kept in memory, about 100 bytes each."""


class DeletionBatch:
    """Entries to delete, as the messages that will do it."""

    def __init__(self) -> None:
        self.count = 0
        self._batches: list[bytes] = []
        self._last: list[bytes] = []

    def add(self, entry: Entry) -> bool:
        """Take an entry up; False for one that the kernel gave no id for, or beyond MOST."""
        if entry.id is None or self.count >= MOST:
            return False
        self._last.append(deletion(entry, self.count))
        self.count += 1
        if len(self._last) == _TOGETHER:
            self._pack()
        return True

    def count_more(self, number: int) -> int:
        """Count entries that are not to be deleted, up to MOST; give how many it took."""
        taken = min(number, MOST - self.count)
        self.count += taken
        return taken

    def _pack(self) -> None:
        self._batches.append(b"".join(self._last))
        self._last.clear()

    def batches(self) -> Iterator[bytes]:
        """Yield the messages, some to a send."""
        if self._last:
            self._pack()
        return iter(self._batches)


def deletion(entry: Entry, sequence: int) -> bytes:
    """Give the message that deletes this very entry; ValueError for one without an id."""
    if entry.id is None:
        raise ValueError("an entry without an id cannot be told from its successor")
    family = 2 if len(entry.original.source) == 4 else 10
    body = (
        pack("=BBH", family, 0, 0) + _tuple(entry.original) + _attribute(_ID, pack("!I", entry.id))
    )
    if entry.zone:
        body += _attribute(_ZONE, pack("!H", entry.zone))
    return pack("=IHHII", HEADER + len(body), _CT_DELETE, _REQUEST_ACK, sequence, 0) + body


def _tuple(flow: Flow) -> bytes:
    first = 1 if len(flow.source) == 4 else 3  # CTA_IP_V4_SRC, CTA_IP_V6_SRC
    addresses = _attribute(first, flow.source) + _attribute(first + 1, flow.destination)
    protocol = _attribute(1, bytes([flow.protocol]))
    if flow.icmp is not None:
        kind, code, number = flow.icmp
        base = 7 if flow.protocol == ICMPV6 else 4  # CTA_PROTO_ICMPV6_ID, CTA_PROTO_ICMP_ID
        protocol += _attribute(base, pack("!H", number))
        protocol += _attribute(base + 1, bytes([kind])) + _attribute(base + 2, bytes([code]))
    elif flow.source_port is not None and flow.destination_port is not None:
        protocol += _attribute(2, pack("!H", flow.source_port))
        protocol += _attribute(3, pack("!H", flow.destination_port))
    parts = _attribute(1 | NESTED, addresses) + _attribute(2 | NESTED, protocol)
    if flow.zone is not None:
        parts += _attribute(3, pack("!H", flow.zone))
    return _attribute(_TUPLE_ORIG | NESTED, parts)


def _attribute(kind: int, payload: bytes) -> bytes:
    return pack("=HH", 4 + len(payload), kind) + payload + bytes(-len(payload) % 4)


def free(
    doomed: DeletionBatch, door: Door | None, progress: Callable[[int], None] | None = None
) -> DeletionResult | Unreadable:
    """Delete them in the namespace that they were read from: ours, or the one held open.

    Call it with the signals held that end a command: one that waits ends it between two batches.
    Unreadable where the namespace cannot be entered, or the right (CAP_NET_ADMIN) is missing.
    """
    netlink = open_netlink(door)
    if isinstance(netlink, Unreadable):
        return netlink
    answers: Counter[int] = Counter()
    interrupted = False
    netlink.setsockopt(_SOL_NETLINK, _CAP_ACK, 1)
    sent = 0
    try:
        for batch in doomed.batches():
            stop_if_asked()
            netlink.send(batch)
            sent += min(_TOGETHER, doomed.count - sent)
            answers.update(_answers(netlink))
            if progress is not None:
                progress(sum(answers.values()))
    except KeyboardInterrupt:
        interrupted = True
    except OSError as error:
        # No memory for a message, say: what was not sent is refused for that reason.
        answers[error.errno or errno.EIO] += doomed.count - sent
        sent = doomed.count
    finally:
        netlink.close()
    unanswered = sent - sum(answers.values())
    if unanswered:
        answers[errno.ENOBUFS] += unanswered
    deleted, gone = answers.pop(0, 0), answers.pop(errno.ENOENT, 0)
    return DeletionResult(deleted, gone, tuple(sorted(answers.items())), interrupted)


def _answers(netlink: socket) -> list[int]:
    """The errno of each message that was sent: the kernel answers before send returns."""
    from _socket import MSG_DONTWAIT

    codes: list[int] = []
    while True:
        try:
            answer = netlink.recv(1 << 16, MSG_DONTWAIT)
        except OSError as error:
            if error.errno == errno.ENOBUFS:
                continue
            return codes
        try:
            codes += [refusal(body) for kind, body in messages(answer) if kind == ERROR]
        except MalformedError:
            continue  # no answer: it is counted among those that did not come
