"""Counters that are had from the kernel by ioctl and netlink, with no program's help."""

from __future__ import annotations

import errno
import os
from struct import pack, unpack_from

_SIOCETHTOOL = 0x8946
_GDRVINFO, _GSTRINGS, _GSTATS = 0x03, 0x1B, 0x1D  # include/uapi/linux/ethtool.h
_ETH_SS_STATS = 1
_MOST_COUNTERS = 16384


def driver_counters(interface: str) -> str:
    """A driver's counters as `name: value` lines, as `ethtool -S` prints them.

    OSError: ENODEV for an interface that is none, or has no device behind it (a veth has counters
    too, and a node has thousands); EOPNOTSUPP for a driver without counters.
    """
    from _socket import AF_INET, SOCK_DGRAM, socket
    from array import array
    from fcntl import ioctl

    name = interface.encode()
    if not 0 < len(name) < 16:  # IFNAMSIZ
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
    control = socket(AF_INET, SOCK_DGRAM, 0)

    def ask(command: int, head: bytes, room: int) -> bytes:
        buffer = array("B", pack("=I", command) + head + bytes(room))
        address, _ = buffer.buffer_info()
        ioctl(control.fileno(), _SIOCETHTOOL, pack("16sP16x", name, address))
        return buffer.tobytes()

    try:
        info = ask(_GDRVINFO, b"", 192)
        bus = info[100:132].rstrip(b"\0")
        (count,) = unpack_from("=I", info, 180)
        if not bus:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        if not 0 < count <= _MOST_COUNTERS:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        # The kernel writes as many as the driver has by then: leave room for more.
        room = 2 * count + 64
        strings = ask(_GSTRINGS, pack("=II", _ETH_SS_STATS, count), 32 * room)
        values = ask(_GSTATS, pack("=I", count), 8 * room)
    finally:
        control.close()
    lines = ["NIC statistics:"]
    for i in range(count):
        label = strings[12 + 32 * i : 44 + 32 * i].split(b"\0")[0]
        (value,) = unpack_from("=Q", values, 8 + 8 * i)
        lines.append(f"     {label.decode('utf-8', 'backslashreplace')}: {value}")
    return "\n".join(lines) + "\n"


_NETLINK_NETFILTER = 12
_STATS_CPU = 1 << 8 | 4  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET_STATS_CPU
_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_STAT_NAMES = {  # include/uapi/linux/netfilter/nfnetlink_conntrack.h, enum ctattr_stats_cpu
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


def conntrack_counters() -> str:
    """Conntrack's counters of the caller's network namespace, a line a CPU, as `conntrack -S`.

    Needs CAP_NET_ADMIN (net/netfilter/nfnetlink.c); OSError when the kernel refuses.
    """
    from _socket import SO_RCVTIMEO, SOCK_RAW, SOL_SOCKET, socket

    netlink = socket(16, SOCK_RAW, _NETLINK_NETFILTER)  # AF_NETLINK
    try:
        netlink.setsockopt(SOL_SOCKET, SO_RCVTIMEO, pack("ll", 2, 0))
        netlink.bind((0, 0))
        netlink.send(pack("=IHHIIBBH", 20, _STATS_CPU, _DUMP, 1, 0, 0, 0, 0))
        lines: list[str] = []
        while _parse_stats(netlink.recv(1 << 16), lines):
            pass
    finally:
        netlink.close()
    return "".join(line + "\n" for line in lines)


def _parse_stats(datagram: bytes, lines: list[str]) -> bool:
    """Add a line for each CPU's message; False at the end of the dump. OSError: the kernel's."""
    at = 0
    while at + 16 <= len(datagram):
        length, kind = unpack_from("=IH", datagram, at)
        if kind == 3:  # NLMSG_DONE
            return False
        if kind == 2 and length >= 20:  # NLMSG_ERROR
            (code,) = unpack_from("=i", datagram, at + 16)
            raise OSError(-code, os.strerror(-code))
        if length < 20 or at + length > len(datagram):
            raise OSError(errno.EBADMSG, os.strerror(errno.EBADMSG))
        cpu = int.from_bytes(datagram[at + 18 : at + 20], "big")
        words = [f"cpu={cpu}"]
        attribute = at + 20
        while attribute + 8 <= at + length:
            size, number = unpack_from("=HH", datagram, attribute)
            if size < 4:
                break
            if size == 8 and number in _STAT_NAMES:
                (value,) = unpack_from("!I", datagram, attribute + 4)
                words.append(f"{_STAT_NAMES[number]}={value}")
            attribute += size + 3 & ~3
        lines.append(" ".join(words))
        at += length + 3 & ~3
    return True
