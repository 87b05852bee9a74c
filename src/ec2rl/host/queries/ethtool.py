"""A network driver's own counters, by ioctl (ethtool_get_strings and _get_ethtool_stats, 6.18)."""

from __future__ import annotations

import errno
import os

from ec2rl.host.files import unreadable
from ec2rl.host.query import TextQuery
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import record

_SIOCETHTOOL = 0x8946
_GDRVINFO, _GSTRINGS, _GSTATS = 0x03, 0x1B, 0x1D  # include/uapi/linux/ethtool.h
_ETH_SS_STATS = 1
_MOST_COUNTERS = 16384


@record(frozen=True)
class EthtoolStatistics(TextQuery):
    """The counters of an interface's driver, as `ethtool -S` prints them."""

    interface: str

    @property
    def key(self) -> str:
        return f"ethtool -S {self.interface}"

    def ask(self) -> Evidence | Unreadable:
        try:
            return Evidence(self.key, _statistics(self.interface))
        except OSError as error:
            if error.errno in (errno.EOPNOTSUPP, errno.ENODEV):
                return Unreadable(self.key, Why.ABSENT)
            return unreadable(self.key, error)


def _statistics(interface: str) -> str:
    """A driver's counters as `name: value` lines, as `ethtool -S` prints them.

    OSError: ENODEV for an interface that is none, or has no device behind it (a veth has counters
    too, and a node has thousands); EOPNOTSUPP for a driver without counters.
    """
    from _socket import AF_INET, SOCK_DGRAM, socket
    from array import array
    from fcntl import ioctl
    from struct import pack, unpack_from

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
