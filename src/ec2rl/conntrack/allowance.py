"""The limit outside the guest: what an EC2 instance may track, whatever its kernel allows.

The ENA driver shows it (2.2.10 and later: packets dropped; 2.8.1 and later, Nitro: connections
still possible); AWS, "Monitor network performance for ENA settings".
"""

from __future__ import annotations

from ec2rl.conntrack.counters import rise
from ec2rl.conntrack.namespaces import Namespaces
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import record

_DRIVER = "/sys/bus/pci/drivers/ena"


@record(frozen=True)
class Allowance:
    """One interface: packets dropped since its driver was reset, and connections still possible."""

    interface: str
    exceeded: int
    available: int | None
    rate: float | None = None
    """Packets dropped each second between two looks; None without a second look."""


def parse_allowance(interface: str, text: str) -> Allowance | None:
    """Find the two counters in `ethtool -S`; None where the driver has no such limit."""
    found: dict[str, int] = {}
    for line in text.splitlines():
        name, _, value = line.strip().partition(": ")
        if name.startswith("conntrack_allowance_") and value.isascii() and value.isdigit():
            found[name] = int(value[:20])
    exceeded = found.get("conntrack_allowance_exceeded")
    if exceeded is None:
        return None
    return Allowance(interface, exceeded, found.get("conntrack_allowance_available"))


def read_allowances(host: Host, namespaces: Namespaces) -> tuple[Allowance, ...]:
    """Ask every interface of our namespace, and where an ENA device is in none of them, the others.

    An interface may have been moved into a container: its PCI device then shows no name here.
    """
    devices = host.names(_DRIVER)
    if isinstance(devices, Unreadable) and devices.why is Why.ABSENT:
        return ()
    names = host.names("/sys/class/net")
    found = [] if isinstance(names, Unreadable) else _ask(host, names, "")
    if _moved_devices(host, devices):
        for namespace in namespaces.all:
            if namespace.initial or namespace.door is None:
                continue
            inside = host.within(namespace.door)
            table = inside.read("/proc/net/dev")
            if isinstance(table, Evidence):
                there = [line.partition(":")[0].strip() for line in table.text.splitlines()[2:]]
                found += _ask(inside, there, f" in {namespace.label}")
    return tuple(found)


def _ask(host: Host, names: tuple[str, ...] | list[str], where: str) -> list[Allowance]:
    found = []
    for name in names:
        answer = host.ethtool(name)
        if isinstance(answer, Evidence):
            allowance = parse_allowance(name + where, answer.text)
            if allowance is not None:
                found.append(allowance)
    return found


def _moved_devices(host: Host, devices: tuple[str, ...] | Unreadable) -> bool:
    """Whether the driver has a device whose interface is not in our namespace."""
    if isinstance(devices, Unreadable):
        return False
    return any(
        not host.names(f"/sys/bus/pci/devices/{device}/net") for device in devices if ":" in device
    )


def risen(
    before: tuple[Allowance, ...], after: tuple[Allowance, ...], seconds: float
) -> tuple[Allowance, ...]:
    """The second look, with what was dropped in between."""
    first = {one.interface: one.exceeded for one in before}
    result = []
    for one in after:
        # The driver starts from zero when it is reset: then there is nothing to compare.
        known = first.get(one.interface, one.exceeded + 1) <= one.exceeded
        rose = rise(first[one.interface], one.exceeded) if known else None
        rate = None if rose is None else rose / seconds
        result.append(Allowance(one.interface, one.exceeded, one.available, rate))
    return tuple(result)
