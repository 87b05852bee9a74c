"""Connection tracking's counters of each CPU, by ctnetlink (ctnetlink_ct_stat_cpu_dump, 6.18)."""

from __future__ import annotations

import errno
import os

from ec2rl.conntrack.queries import ctnetlink
from ec2rl.host.files import unreadable
from ec2rl.host.query import TextQuery
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.netlink import DONE, DUMP, ERROR, NFGEN, MalformedError, attributes, messages, refused
from ec2rl.record import record, replace

_PATIENCE = 2
_NAMES = {  # include/uapi/linux/netfilter/nfnetlink_conntrack.h, enum ctattr_stats_cpu
    2: "found",
    4: "invalid",
    8: "insert",
    9: "insert_failed",
    10: "drop",
    11: "early_drop",
    12: "error",
    13: "search_restart",
    14: "clash_resolve",
    15: "chaintoolong",
}


@record(frozen=True)
class ConntrackCounters(TextQuery):
    """The counters of the caller's network namespace, a line a CPU, as `conntrack -S` prints them.

    Needs CAP_NET_ADMIN (net/netfilter/nfnetlink.c).
    """

    @property
    def key(self) -> str:
        return "conntrack -S"

    def ask(self) -> Evidence | Unreadable:
        missing = ctnetlink.missing(self.key)
        if missing is not None:
            return missing
        try:
            return Evidence(self.key, "".join(f"{line}\n" for line in _ask_kernel()))
        except MalformedError:
            return unreadable(self.key, OSError(errno.EBADMSG, os.strerror(errno.EBADMSG)))
        except OSError as error:
            found = unreadable(self.key, error)
            denied = found.why is Why.DENIED
            return replace(found, detail="needs CAP_NET_ADMIN") if denied else found


def _ask_kernel() -> list[str]:
    netlink = ctnetlink.connected(_PATIENCE)
    lines: list[str] = []
    try:
        netlink.send(ctnetlink.request(ctnetlink.GET_STATS_CPU, DUMP))
        while True:
            for kind, body in messages(netlink.recv(1 << 16)):
                if kind == DONE:
                    return lines
                if kind == ERROR:
                    raise refused(body)
                lines.append(counters(body))
    finally:
        netlink.close()


def counters(body: bytes) -> str:
    """Parse one CPU's counters. MalformedError."""

    if len(body) < NFGEN:
        raise MalformedError(f"{len(body)} bytes are no message of netfilter's")
    words = [f"cpu={int.from_bytes(body[2:NFGEN], 'big')}"]
    for kind, payload in attributes(body[NFGEN:]).items():
        if kind in _NAMES and len(payload) == 4:
            words.append(f"{_NAMES[kind]}={int.from_bytes(payload, 'big')}")
    return " ".join(words)
