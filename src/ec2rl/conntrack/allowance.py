"""The limit outside the guest: what an EC2 instance may track, whatever its kernel allows.

The ENA driver shows it (2.2.10 and later: packets dropped; 2.8.1 and later, Nitro: connections
still possible); AWS, "Monitor network performance for ENA settings".
"""

from __future__ import annotations

from ec2rl.conntrack.namespaces import Namespaces
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_DRIVER = "/sys/bus/pci/drivers/ena"


@record(frozen=True)
class Allowance:
    """One interface: packets dropped since its driver was reset, and connections still possible.

    `exceeded` is None where an ENA device could not be asked: `unreadable` says why.
    """

    interface: str
    exceeded: int | None
    available: int | None
    rate: float | None = None
    """Packets dropped each second between two looks; None without a second look."""
    unreadable: Unreadable | str = ""


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
    if isinstance(devices, Unreadable):
        if devices.why is Why.ABSENT:
            return ()
        if devices.why is Why.NOT_COLLECTED:  # a sosreport has no such folder; the counters tell
            return tuple(_ask(host, _recorded(host), "", ()))
        return (Allowance("ENA", None, None, unreadable=devices),)
    ours = _interfaces(host, devices)
    names = host.names("/sys/class/net")
    asked = [] if isinstance(names, Unreadable) else names
    found = _ask(host, asked, "", [name for there in ours.values() for name in there])
    moved = [device for device, there in ours.items() if not there]
    return (*found, *(_elsewhere(host, namespaces, moved) if moved else ()))


def _recorded(host: Host) -> list[str]:
    """The interfaces that somebody recorded anything of."""
    names, table = host.names("/sys/class/net"), host.read("/proc/net/dev")
    found = set() if isinstance(names, Unreadable) else set(names)
    if isinstance(table, Evidence):
        found.update(_of_table(table.text))
    return sorted(found)


def _of_table(text: str) -> list[str]:
    """The interfaces in /proc/net/dev."""
    return [line.partition(":")[0].strip() for line in text.splitlines()[2:] if ":" in line]


def _interfaces(host: Host, devices: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The interfaces of each device in our namespace; none where its own was moved out of it."""
    found = {}
    for device in devices:
        if ":" in device:
            names = host.names(f"/sys/bus/pci/devices/{device}/net")
            if not isinstance(names, Unreadable):
                found[device] = names
    return found


def _elsewhere(host: Host, namespaces: Namespaces, moved: Sequence[str]) -> list[Allowance]:
    found: list[Allowance] = []
    for namespace in namespaces.all:
        for inside in () if namespace.initial else map(host.within, namespace.doors):
            table = inside.read("/proc/net/dev")
            if isinstance(table, Evidence):
                found += _ask(inside, _of_table(table.text), f" in {namespace.label}", ())
                break
    why = "its interface was not found in any namespace that can be seen"
    lost = moved[len(found) :]
    return found + [Allowance(f"ENA device {d}", None, None, unreadable=why) for d in lost]


def _ask(host: Host, names: Sequence[str], where: str, known: Sequence[str]) -> list[Allowance]:
    """Ask each interface; of those that are `known` to be the driver's, each has an answer."""
    from ec2rl.host.queries.ethtool import EthtoolStatistics

    found = []
    for name in names:
        answer = host.query(EthtoolStatistics(name))
        allowance = None
        if isinstance(answer, Evidence):
            allowance = parse_allowance(name + where, answer.text)
        if allowance is None and name in known:
            why = "the driver does not tell" if isinstance(answer, Evidence) else answer
            allowance = Allowance(name + where, None, None, unreadable=why)
        if allowance is not None:
            found.append(allowance)
    return found


def risen(
    before: tuple[Allowance, ...], after: tuple[Allowance, ...], seconds: float
) -> tuple[Allowance, ...]:
    """Give the second look, with what was dropped in between."""
    first = {one.interface: one.exceeded for one in before}
    result = []
    for one in after:
        earlier = first.get(one.interface)
        rate = None
        # The driver starts from zero when it is reset: then there is nothing to compare.
        if earlier is not None and one.exceeded is not None and earlier <= one.exceeded:
            rate = (one.exceeded - earlier) / seconds
        result.append(replace(one, rate=rate))
    return tuple(result)
