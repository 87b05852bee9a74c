"""Whether what /etc/fstab names is there: of this machine what udev and the kernel show in /dev."""

from __future__ import annotations

from ec2rl.facts.fstab import Entry
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

LINKS = "/dev/disk"
_MOUNTINFO, _SWAPS = "/proc/self/mountinfo", "/proc/swaps"


@record(frozen=True)
class Present:
    """What of a machine's fstab is there, by the number of the line.

    `devices` says of a line whether its device is, None where nobody can tell; `mounted` names the
    folders that something is mounted on, and the devices and files that are swapped to.
    """

    devices: Mapping[int, bool | None]
    mounted: frozenset[str]


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
    return Present(devices, frozenset((*_folders(mounts.text), *_swaps(host))))


def is_mounted(entry: Entry, present: Present) -> bool:
    """Tell whether something is mounted where a line says, or it is swapped to."""
    name = entry.source if entry.is_swap else entry.folder
    return name in present.mounted


def is_all_well(entries: Sequence[Entry], present: Present) -> bool:
    """Whether all that a boot mounts is mounted, and each device is there for the next one."""
    return all(
        is_mounted(one, present) and present.devices.get(one.number, True) is not False
        for one in entries
        if one.target
    )


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


def _folders(text: str) -> Iterator[str]:
    """The mount points of /proc/self/mountinfo (proc_pid_mountinfo(5))."""
    for line in text.split("\n"):
        words = line.split(" ", 5)
        if len(words) == 6:
            yield _plain(words[4])


def _swaps(host: Host) -> Iterator[str]:
    swaps = host.read(_SWAPS)
    for line in swaps.text.split("\n")[1:] if isinstance(swaps, Evidence) else ():
        yield line.partition(" ")[0].partition("\t")[0]


def _plain(folder: str) -> str:
    """A folder without the kernel's escapes (mangle() in fs/proc_namespace.c)."""
    for escaped, meant in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        folder = folder.replace(escaped, meant)
    return folder
