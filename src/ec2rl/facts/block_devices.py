"""Block devices: what is mounted from them, what lies below them, and whose volumes they are."""

from __future__ import annotations

from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

MOUNTS = ("/proc/self/mountinfo", "/proc/self/mounts", "/proc/mounts")
"""Where a kernel tells its mounts, the most telling first."""
SWAP = "swap"
"""Stands for the folder of a device that is swapped to."""

_LETTERED, _NUMBERED = ("sd", "vd", "hd", "xvd"), ("nvme", "mmcblk", "md")
"""Disks whose partitions are as sda1, and as nvme0n1p1: `p` behind a digit (add_partition(),
block/partitions/core.c, 5.14 to 6.18)."""
_MOST = 64
"""Devices below one that is mounted."""


@record(frozen=True)
class Mount:
    """A file system of a device, "" where its name is not known, and where it is mounted.

    `options` are those of the mount and `of_all` those of the file system itself, the same where a
    kernel does not tell them apart; `number` is MAJOR:MINOR, "" where it is not told.
    """

    device: str
    folder: str
    kind: str
    options: tuple[str, ...]
    of_all: tuple[str, ...]
    number: str = ""


def read_mounts(host: Host) -> tuple[Mount, ...] | Unreadable:
    """Read the mounts of devices: the name of each as the kernel's messages have it."""
    answers = map(host.read, MOUNTS)
    found = next((one for one in answers if isinstance(one, Evidence)), None)
    if found is None:
        return Unreadable("mounts", Why.NOT_COLLECTED)
    parse = _of_mountinfo if " - " in found.text.partition("\n")[0] else _of_mounts
    return tuple(_named(host, one) for one in parse(found.text))


def _of_mountinfo(text: str) -> Iterator[Mount]:
    """The mounts of /proc/self/mountinfo (proc_pid_mountinfo(5))."""
    for line in text.split("\n"):
        before, _, after = line.partition(" - ")
        first, last = before.split(" "), after.split(" ")
        if len(first) >= 6 and len(last) >= 3 and _is_of_device(last[0], last[1]):
            options, of_all = tuple(first[5].split(",")), tuple(last[2].split(","))
            yield Mount(last[1], _plain(first[4]), last[0], options, of_all, first[2])


def _of_mounts(text: str) -> Iterator[Mount]:
    """The mounts of /proc/mounts (fstab(5)): what is read-only in whole is told as the mount is."""
    for line in text.split("\n"):
        words = line.split(" ")
        if len(words) >= 4 and _is_of_device(words[2], words[0]):
            options = tuple(words[3].split(","))
            yield Mount(words[0], _plain(words[1]), words[2], options, options)


def _is_of_device(kind: str, source: str) -> bool:
    """Whether it lies on devices: a pool of ZFS names none, and counts as one that is not known."""
    return source.startswith("/dev/") or kind == "zfs"


def _plain(name: str) -> str:
    """A folder without the octal escapes of the kernel (mangle() in fs/proc_namespace.c)."""
    if "\\" not in name:
        return name
    import re

    return re.sub(r"\\(0[14][0-7]|134)", lambda found: chr(int(found[1], 8)), name)


def _named(host: Host, mount: Mount) -> Mount:
    """The mount with its device's name: what /dev has another name for is known by its number."""
    name = mount.device.rpartition("/")[2]
    is_plain = mount.device == f"/dev/{name}" and name != "root"
    if is_plain:
        return replace(mount, device=name)
    below = f"/sys/dev/block/{mount.number}" if mount.number else mount.device
    link = host.link(below)
    return replace(mount, device=link.rpartition("/")[2] if isinstance(link, str) else "")


def numbers_of(host: Host, folders: Collection[str]) -> frozenset[str]:
    """Give the numbers (MAJOR:MINOR) of what is mounted on these folders."""
    mounts = read_mounts(host)
    found = mounts if isinstance(mounts, tuple) else ()
    return frozenset(one.number for one in found if one.number and one.folder in folders)


def disk_of(device: str) -> str:
    """Name the disk that a partition is of; the device itself where it is none."""
    disk = device.rstrip("0123456789")
    if disk.isalpha():
        return disk if disk.startswith(_LETTERED) else device
    whole = disk.removesuffix("p")
    is_part = whole != disk and whole[-1:].isdigit() and whole.startswith(_NUMBERED)
    return whole if is_part else device


@record(frozen=True)
class Backing:
    """What devices hold up: the folders of file systems on each, or above it, and swap, by name.

    `is_whole` is whether that is known of all that is mounted.
    """

    folders: Mapping[str, tuple[str, ...]]
    is_whole: bool = True


def backing(host: Host, mounts: Iterable[Mount]) -> Backing:
    """Tell what each device holds up."""
    found: dict[str, tuple[str, ...]] = {}
    is_whole = True
    used = [(one.device, one.folder, one.kind) for one in mounts]
    for device, folder, kind in (*used, *_swaps(host)):
        members = _members(host, device) if kind == "btrfs" else (device,)
        for below in (*(one for member in members for one in _below(host, member)), *members):
            is_whole = is_whole and bool(below)
            if below and folder not in found.get(below, ()):
                found[below] = (*found.get(below, ()), folder)
    return Backing(found, is_whole)


def _members(host: Host, device: str) -> tuple[str, ...]:
    """The devices of the btrfs that one is of, with "" where they are not told."""
    folders = host.names("/sys/fs/btrfs")
    for name in folders if isinstance(folders, tuple) else ():
        devices = host.names(f"/sys/fs/btrfs/{name}/devices")
        if isinstance(devices, tuple) and device in devices:
            return devices
    return device, ""


def _swaps(host: Host) -> Iterator[tuple[str, str, str]]:
    swaps = host.read("/proc/swaps")
    for line in swaps.text.split("\n")[1:] if isinstance(swaps, Evidence) else ():
        path = line.partition(" ")[0].partition("\t")[0]
        if path.startswith("/dev/"):
            yield path.rpartition("/")[2], SWAP, SWAP


def _below(host: Host, device: str) -> tuple[str, ...]:
    """A device and those that it lies on, with "" where that is not told.

    Documentation/ABI/testing/sysfs-block, `slaves`: of device mapper, MD and bcache.
    """
    found = [device]
    for one in found:
        disk = disk_of(one)
        if disk != one:
            found.append(disk)
        elif one.startswith(("dm-", "md", "bcache")):
            slaves = host.names(f"/sys/class/block/{one}/slaves")
            new = slaves if isinstance(slaves, tuple) else ("",)
            found += [name for name in new if name not in found and len(found) < _MOST]
    return tuple(found)


def volume(host: Host, device: str) -> str:
    """Name the EBS volume that a device is of, "" where nothing tells.

    It tells its id as the serial number, without the dash (AWS, "Amazon EBS and NVMe").
    """
    import re

    serial = host.read(f"/sys/block/{disk_of(device)}/device/serial")
    text = serial.text.strip() if isinstance(serial, Evidence) else ""
    found = re.fullmatch(r"vol-?([0-9a-f]{8,17})", text)
    return f"vol-{found[1]}" if found is not None else ""
