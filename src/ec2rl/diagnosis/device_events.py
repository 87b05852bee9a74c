"""Events of block devices: which of them are of a device that is used now, and which are past.

A volume that somebody detached leaves errors behind that harm nobody any more.
"""

from __future__ import annotations

from ec2rl.diagnosis.events import AnothersEvent, Event, not_understood, sort_events
from ec2rl.facts.block_devices import Backing, Mount, backing, disk_of, read_mounts
from ec2rl.host import INFO, Host, Phrase
from ec2rl.model import Unreadable, say
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from typing import Callable, Protocol, TypeVar, Union

    from ec2rl.diagnosis.events import Events
    from ec2rl.facts.log import KernelLog, LogLine
    from ec2rl.model import Fact, Statement

    class OfDevice(Protocol):
        """What is known of an event of a device: `same` is equal for the same event again."""

        @property
        def device(self) -> str: ...

        @property
        def same(self) -> object: ...

        def message(self) -> Statement: ...

    D = TypeVar("D", bound=OfDevice)
    Parse = Callable[[str], Union[D, AnothersEvent, None]]

REMOVALS = (
    # drivers/pci/hotplug/pciehp_ctrl.c, 4.19 to 6.18 (`Card not present` from 5.0 on).
    Phrase(b"pciehp: Slot(", recent=True, level=INFO),
    # drivers/nvme/host/pci.c, nvme_probe(), 4.4 to 6.18.
    Phrase(b": pci function ", recent=True, level=INFO),
    # drivers/scsi/sd.c, sd_shutdown(), 3.x to 6.18; drivers/block/xen-blkfront.c, to 6.18.
    Phrase(b"] Synchronizing SCSI cache", recent=True, level=INFO),
    Phrase(b" Device in use; refusing to close", recent=True, level=INFO),
)
"""What tells that a device was taken away, or came back under another name."""

_SLOT = r"pcieport (?P<port>\S{1,20}): pciehp: Slot\(\S{1,20}\): (?:Link Down|Card not present)\s*"
_CAME = r"nvme (?P<name>nvme\d{1,4}): pci function (?P<at>\S{1,20})\s*"
_SCSI = r"sd [\d:]{7,30}: \[(?P<name>sd[a-z]{1,4})\] Synchronizing SCSI cache\s*"
_XEN = r"vbd vbd-(?P<number>\d{1,9}): (?:16 )?Device in use; refusing to close\s*"
_NEAR = 60.0
"""Seconds from a link that went down to the first failure of what stood behind it."""


@record(frozen=True)
class Use:
    """What is mounted, what devices hold up, and which were taken away, as the log says."""

    mounts: tuple[Mount, ...] | Unreadable
    backing: Backing
    gone: frozenset[str] = frozenset()

    def of(self, device: str) -> tuple[str, ...]:
        """Name the folders that a device, or a controller's disk, holds up."""
        found = self.backing.folders
        own = [*found.get(device, ())]
        for name, folders in found.items():
            own += folders if _is_of(name, device) else ()
        return tuple(dict.fromkeys(own))

    def is_past(self, device: str) -> bool:
        """Whether nothing uses a device any more, as far as anybody can tell."""
        if self.of(device):
            return False
        disk = disk_of(device)
        return self.backing.is_whole or any(
            device == one or disk == one or _is_of(device, one) for one in self.gone
        )


def _is_of(device: str, controller: str) -> bool:
    """Whether a disk is one of an NVMe controller's namespaces."""
    import re

    return re.fullmatch(r"nvme\d{1,4}", controller) is not None and device.startswith(
        f"{controller}n"
    )


def find_device_events(log: KernelLog, phrases: Sequence[Phrase], parse: Parse[D]) -> Events[D]:
    """Parse the events of a log; the same again are those of one device."""
    words = [phrase.text.decode() for phrase in phrases]

    def find() -> Iterator[Event[D]]:
        for line in log.lines:
            if any(word in line.message for word in words):
                told = parse(line.message)
                if told is not None and not isinstance(told, AnothersEvent):
                    yield Event(told, line, same=told.same)

    events = sort_events(find())
    odd = not_understood(log, phrases, lambda line: parse(line.message) is not None)
    return replace(events, not_understood=odd)


def read_use(host: Host, log: KernelLog, events: Events[D]) -> Use:
    """Look what is mounted, and at what the log tells of devices that were taken away."""
    mounts = read_mounts(host)
    known = Backing({}, False)
    if isinstance(mounts, tuple):
        # A container, whose root is an overlay, sees few of the host's mounts.
        is_host = any(one.folder == "/" for one in mounts)
        found = backing(host, mounts)
        known = Backing(found.folders, found.is_whole and is_host)
    return Use(mounts, known, frozenset() if known.is_whole else _gone(log.lines, events))


def device_facts(devices: Sequence[str], use: Use, volumes: Mapping[str, str]) -> Fact:
    """Give the devices as data: what is mounted from each, and its volume where that is known."""
    return [
        {"device": one, "folders": list(use.of(one)), "volume": volumes.get(one, "")}
        for one in devices
    ]


def _gone(lines: Sequence[LogLine], events: Events[D]) -> frozenset[str]:
    """The controllers and disks that were taken away before they failed, or came back later."""
    import re

    began: dict[str, int] = {}
    for event in (*events.this_boot, *events.earlier_boots):
        disk = disk_of(event.detail.device)
        found = re.match(r"nvme\d{1,4}", disk)
        if event.line.monotonic is not None:
            began.setdefault(disk if found is None else found[0], event.line.monotonic)
    gone: set[str] = set()
    at: dict[str, str] = {}
    for line in lines if began else ():
        if not line.trusted or line.monotonic is None:
            continue
        came = re.fullmatch(_CAME, line.message)
        if came is not None:
            at[came["name"]] = came["at"]
            if line.monotonic > began.get(came["name"], line.monotonic):
                gone.add(came["name"])
        near = {one for one, when in began.items() if 0 <= when - line.monotonic <= _NEAR * 1e6}
        gone |= near & _taken(line.message, near, at)
    return frozenset(gone)


def _taken(message: str, near: Collection[str], at: Mapping[str, str]) -> set[str]:
    """Which of the disks that fail soon a message says to be taken away; `at` is their place."""
    import re

    left = re.fullmatch(_SLOT, message)
    if left is not None:
        port = left["port"]
        return {one for one in near if at.get(one) == port or port not in at.values()}
    scsi, xen = re.fullmatch(_SCSI, message), re.fullmatch(_XEN, message)
    if scsi is not None:
        return {scsi["name"]}
    # Documentation/admin-guide/devices.txt: block 202, 16 minors a disk.
    number = 0 if xen is None else int(xen["number"]) - (202 << 8)
    return {f"xvd{chr(ord('a') + (number >> 4))}"} if 0 < number < 26 << 4 else set()


def harmless(
    use: Use, events: Events[D], why: Callable[[D], Statement | None] = lambda _: None
) -> Statement | None:
    """Say why this boot's events do no harm now; None where one of them may.

    They are of devices that nothing uses any more, or `why` tells.
    """
    reasons: dict[str, Statement] = {}
    gone: list[str] = []
    for one in events.this_boot:
        device = one.detail.device
        said = why(one.detail)
        if said is not None:
            reasons.setdefault(f"{said}", said)
        elif device and use.is_past(device):
            gone += [device] * (device not in gone)
        else:
            return None
    told = [*reasons.values()]
    if gone:
        words = "nothing is mounted from {devices: or } {now}"
        if not use.backing.is_whole:
            words = "taken away, or of another name since: {devices:, }"
        told.append(say(words, devices=tuple(gone[:4])))
    return say("{reasons:; }", reasons=tuple(told)) if told else None
