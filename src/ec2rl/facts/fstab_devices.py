"""Whether what /etc/fstab names is there: of this machine what udev and the kernel show in /dev.

Of a volume what its own disk holds: which others its machine has, nobody knows.
"""

from __future__ import annotations

from ec2rl.facts.fstab import Entry
from ec2rl.facts.unit_names import encoded
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from ec2rl.facts.disks import Disk

LINKS = "/dev/disk"
_MOST_LINKS = 8
_MOUNTINFO, _SWAPS = "/proc/self/mountinfo", "/proc/swaps"


@record(frozen=True)
class Present:
    """What of a machine's fstab is there, by the number of the line.

    `devices` says of a line whether its device is, None where nobody can tell; `mounted` names the
    folders that something is mounted on, and the devices and files that are swapped to.  `others`
    says of the line of / how the root file system of the volume is called, if not as that line has
    it; `is_root_read_only` is of a machine that runs.
    """

    devices: Mapping[int, bool | None]
    mounted: frozenset[str] = frozenset()
    others: str = ""
    is_root_read_only: bool = False


def read_present(host: Host, entries: Sequence[Entry]) -> Present | Unreadable:
    """Look which lines are mounted, and whether the devices of the local ones are there."""
    mounts = host.read(_MOUNTINFO)
    if isinstance(mounts, Unreadable):
        return mounts
    has_udev = isinstance(host.names(LINKS), tuple)
    devices = {
        one.number: _is_there(host, one, has_udev)
        for one in entries
        if one.device and one.target and not one.is_network
    }
    rows = tuple(_mounts(mounts.text))
    folders = {folder for folder, _ in rows}
    led = {one.folder for one in entries if one.target and _led(host, one, folders) in folders}
    mounted = frozenset((*folders, *led, *_swaps(host)))
    roots = [options.split(",") for folder, options in rows if folder == "/"]
    return Present(devices, mounted, is_root_read_only=bool(roots) and "ro" in roots[-1])


def read_on_disk(host: Host, entries: Sequence[Entry]) -> Present | Unreadable:
    """Look which devices of a volume's lines are on the disk that the volume lies on."""
    from ec2rl.facts.disks import parse_disks
    from ec2rl.host.queries.disks import Disks

    found = host.query(Disks())
    if isinstance(found, Unreadable):
        return found
    disks = parse_disks(found.text)
    devices = {
        one.number: _is_on(one, disks)
        for one in entries
        if one.device and one.target and not one.is_network
    }
    root = next((one for one in entries if one.is_root), None)
    return Present(devices, others=_root_of(disks, root) if root is not None else "")


def _is_on(entry: Entry, disks: Sequence[Disk]) -> bool | None:
    """Whether one of these disks has the id that a line asks for; a path is another machine's."""
    tag, value = _id(entry)
    if not tag:
        is_made = any(one.dm and one.path == entry.device for one in disks)
        return True if entry.is_root or is_made else None
    if any(_ids(one).get(tag) == value for one in disks):
        return True
    return None if any(one.fault for one in disks) else False


def _root_of(disks: Sequence[Disk], entry: Entry) -> str:
    """What the file system of / has in place of what its line asks for, "" where that is right."""
    tag, value = _id(entry)
    roots = [_ids(one).get(tag, "") for one in disks if one.is_root and not one.fault]
    return "" if not tag or value in roots else ", ".join(filter(None, roots))


def _id(entry: Entry) -> tuple[str, str]:
    """The tag and the value, as udev names its links."""
    link = entry.device.removeprefix(f"{LINKS}/by-")
    kind, found, value = link.partition("/")
    return (kind, value) if found and kind in _KINDS else ("", "")


_KINDS = ("uuid", "label", "partuuid", "partlabel")


def _ids(disk: Disk) -> Mapping[str, str]:
    values = (disk.uuid, disk.label, disk.part_uuid, disk.part_label)
    return {kind: encoded(value) for kind, value in zip(_KINDS, values) if value}


def is_mounted(entry: Entry, present: Present) -> bool:
    """Tell whether something is mounted where a line says, or it is swapped to."""
    name = entry.source if entry.is_swap else entry.folder
    return name in present.mounted


def is_all_well(entries: Sequence[Entry], present: Present) -> bool:
    """Whether all that a boot mounts is mounted, and each device is there for the next one."""
    return not present.is_root_read_only and all(
        (one.is_swap or is_mounted(one, present))
        and present.devices.get(one.number, True) is not False
        for one in entries
        if one.target
    )


def _led(host: Host, entry: Entry, mounted: Collection[str]) -> str:
    """Give where the links of a mount point lead, as systemd follows them.

    Below a mount none is looked at: what is mounted there may not answer.
    """
    parts = [] if entry.is_swap or entry.folder in mounted else entry.folder[1:].split("/")
    path, links = "", 0
    while parts:
        path = f"{path}/{parts.pop(0)}"
        to = host.link(path) if path not in mounted else path
        if to == path:
            return "/".join((path, *parts))
        if isinstance(to, str):
            links += 1
            to = to if to.startswith("/") else f"{path.rpartition('/')[0]}/{to}"
            parts, path = [*filter(None, to.split("/")), *parts], ""
        if links > _MOST_LINKS or ".." in parts:
            return entry.folder
    return path


def _is_there(host: Host, entry: Entry, has_udev: bool) -> bool | None:
    """Whether a device is there; without udev nobody makes links, and their absence says nothing.

    A listing of devtmpfs waits for nobody; the devices themselves are not opened.
    """
    folder, _, name = entry.device.rpartition("/")
    if folder.startswith(LINKS):
        names = host.names(folder)
        if isinstance(names, tuple):
            return name in names
        return False if names.why is Why.ABSENT and has_udev else None
    found = host.inode(entry.device)
    if isinstance(found, int):
        return True
    is_kernels = folder == "/dev" and found.why is Why.ABSENT
    return False if found.why is Why.ABSENT and (has_udev or is_kernels) else None


def _mounts(text: str) -> Iterator[tuple[str, str]]:
    """The mount points of /proc/self/mountinfo and their options (proc_pid_mountinfo(5))."""
    for line in text.split("\n"):
        words = line.split(" ", 6)
        if len(words) > 5:
            yield _plain(words[4]), words[5]


def _swaps(host: Host) -> Iterator[str]:
    swaps = host.read(_SWAPS)
    for line in swaps.text.split("\n")[1:] if isinstance(swaps, Evidence) else ():
        yield line.partition(" ")[0].partition("\t")[0]


def _plain(folder: str) -> str:
    """A folder without the kernel's escapes (mangle() in fs/proc_namespace.c)."""
    for escaped, meant in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        folder = folder.replace(escaped, meant)
    return folder
