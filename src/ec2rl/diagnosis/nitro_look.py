"""What is looked at of the drivers that a Nitro instance needs: NVMe for its root, and ENA."""

from __future__ import annotations

from ec2rl.diagnosis.boot_targets import Target, Targets, read_targets
from ec2rl.facts.proc import release
from ec2rl.host import Host
from ec2rl.host.queries.initrd_content import InitrdContent
from ec2rl.model import Evidence, Unreadable
from ec2rl.record import Choice, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ec2rl.facts.loader.drivers import Form, Switch

VENDOR, MOUNTS = "/sys/class/dmi/id/sys_vendor", "/proc/self/mountinfo"
NVME, ENA = "nvme", "ena"
DRIVERS = (NVME, ENA)


class Machine(Choice):
    """Where it runs: a volume does not tell."""

    NITRO = "Nitro"
    XEN = "Xen"
    OTHER = "another machine"
    UNKNOWN = "unknown"


@record(frozen=True)
class Kernel:
    """A kernel that may be started, and its drivers; `inside` are the modules of its initrd.

    They are None where the initrd was not unpacked: the driver is built in, or this boot came up
    with it (`is_proven`).
    """

    target: Target
    drivers: Mapping[str, Form] | Unreadable
    off: tuple[Switch, ...] = ()
    inside: frozenset[str] | Unreadable | None = None
    is_proven: bool = False


@record(frozen=True)
class NitroLook:
    """The kernels, and the machine."""

    targets: Targets
    kernels: tuple[Kernel, ...]
    machine: Machine


def look_at(host: Host) -> NitroLook:
    """Look at the drivers of each kernel that may be started."""
    machine = _machine(host)
    if machine is Machine.OTHER:
        return NitroLook(Targets(), (), machine)
    targets = read_targets(host)
    kernels = tuple(_kernel(host, one) for one in targets.found)
    return NitroLook(targets, kernels, machine)


def _machine(host: Host) -> Machine:
    if not host.is_live:
        return Machine.UNKNOWN
    vendor = host.read(VENDOR)
    words = vendor.text.strip() if isinstance(vendor, Evidence) else ""
    known = {"Amazon EC2": Machine.NITRO, "Xen": Machine.XEN}
    return known.get(words, Machine.OTHER)


def _kernel(host: Host, target: Target) -> Kernel:
    from ec2rl.facts.loader.drivers import Form, forms, switched_off

    drivers = forms(host, target.release, DRIVERS)
    if isinstance(drivers, Unreadable):
        return Kernel(target, drivers)
    off = tuple(switched_off(host, target.words, DRIVERS))
    if drivers[NVME] is not Form.MODULE or not target.initrds:
        return Kernel(target, drivers, off)
    if _is_proven(host, target):
        return Kernel(target, drivers, off, is_proven=True)
    return Kernel(target, drivers, off, _inside(host, target))


def _is_proven(host: Host, target: Target) -> bool:
    """Whether this very boot came up with that initrd, from an NVMe disk."""
    if not host.is_live or release(host) != target.release or not target.modified:
        return False
    clock = host.clock()
    if clock.uptime is None or target.modified > clock.now - clock.uptime:
        return False
    mounts = host.read(MOUNTS)
    for line in mounts.text.split("\n") if isinstance(mounts, Evidence) else ():
        words = line.split()
        if len(words) > 4 and words[4] == "/" and "-" in words:
            source = words[words.index("-") + 2 :][:1]
            return source[:1] != [] and source[0].startswith("/dev/nvme")
    return False


def _inside(host: Host, target: Target) -> frozenset[str] | Unreadable:
    """The modules in all initrds of an entry; Unreadable where any of it was not read."""
    found: set[str] = set()
    for path in target.initrds:
        content = host.query(InitrdContent(path))
        if isinstance(content, Unreadable):
            return content
        told = dict(line.partition(": ")[::2] for line in content.text.split("\n") if line)
        if told.get("unread") or told.get("whole") != "yes":
            from ec2rl.model import Why

            why = told.get("unread") or told.get("why") or ""
            return Unreadable(path, Why.PARTIAL, why)
        found.update(told.get("modules", "").split())
    return frozenset(found)
