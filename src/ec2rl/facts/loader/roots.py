"""Which file systems a machine's loader and command lines can mean."""

from __future__ import annotations

from ec2rl.facts.disk_uses import COMMAND_LINE, TAGS, named_by
from ec2rl.facts.disks import parse_disks
from ec2rl.facts.kernel_cmdline import arguments
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ec2rl.facts.disks import Disk

FSTAB = "/etc/fstab"
_LINES = 10_000
_LINKS = "/dev/disk"


@record(frozen=True)
class Roots:
    """Ids of file systems, as (tag, value): `all` is None where nobody knows them.

    `root` are those of the volume's own root, by tag; `named` those that /etc/fstab has for / and
    /boot.  `boot_away` says why /boot is not to be seen here, "" where it is; `unread` why the ids
    are not known.
    """

    all: frozenset[tuple[str, str]] | None
    root: Mapping[str, str] = {}
    named: frozenset[tuple[str, str]] = frozenset()
    boot_away: str = ""
    unread: Unreadable | None = None

    def has(self, tag: str, value: str) -> bool | None:
        """Tell whether a file system is there, None where nobody can tell."""
        if self.all is None:
            return None
        if (tag, value.casefold()) in self.all:
            return True
        return None if tag not in {of for of, _ in self.all} and tag != "UUID" else False

    def instead(self, tag: str) -> str:
        """Say what the volume's root has instead."""
        own = self.root.get(tag, "")
        return f"the root here has {tag}={own}" if own else ""

    def is_foreign(self, device: tuple[str, str]) -> bool:
        """Tell whether what a loader searches for is a file system that is not looked at here."""
        tag, value = device
        own = {*self.named, *((of, one.casefold()) for of, one in self.root.items())}
        return bool(tag) and bool(own) and (tag, value.casefold()) not in own


def read_roots(host: Host, has_boot: bool) -> Roots:
    """Look which file systems there are; `has_boot` is whether /boot holds anything."""
    named, boot_away = _fstab(host, has_boot)
    if host.is_live:
        return Roots(_linked(host), {}, named, boot_away)
    from ec2rl.host.queries.disks import Disks

    found = host.query(Disks())
    if isinstance(found, Unreadable):
        return Roots(None, {}, named, boot_away, found)
    disks = parse_disks(found.text)
    if any(one.fault for one in disks) or not disks:
        why = next((one.fault for one in disks if one.fault), "")
        return Roots(None, {}, named, boot_away, Unreadable(found.source, Why.PARTIAL, why))
    ids = frozenset((tag, one.casefold()) for disk in disks for tag, one in _ids(disk).items())
    root = next((_ids(one) for one in disks if one.is_root), {})
    return Roots(ids, root, named, boot_away)


def _ids(disk: Disk) -> Mapping[str, str]:
    values = (disk.uuid, disk.label, disk.part_uuid, disk.part_label)
    return {tag: value for tag, value in zip(TAGS, values) if value}


def _fstab(host: Host, has_boot: bool) -> tuple[frozenset[tuple[str, str]], str]:
    text = host.read(FSTAB)
    ids = set()
    away = ""
    for line in text.text.split("\n")[:_LINES] if isinstance(text, Evidence) else ():
        what, folder = (*line.split(None, 2), "", "")[:2]
        if folder in ("/", "/boot") and what[0] != "#":
            tag, value = named_by(what)
            ids.add((tag, value.casefold()))
            if folder == "/boot" and not has_boot:
                away = f"/boot is a file system of its own ({what}), and not mounted here"
    return frozenset(one for one in ids if one[0] in TAGS), away


def _linked(host: Host) -> frozenset[tuple[str, str]] | None:
    """The ids that udev has made links of; None without udev. The running root's is one."""
    found: set[tuple[str, str]] = set()
    for tag in TAGS:
        names = host.names(f"{_LINKS}/by-{tag.lower()}")
        some = names if isinstance(names, tuple) else ()
        found.update((tag, name.casefold()) for name in some)
    if not found:
        return None
    line = host.read(COMMAND_LINE)
    for one in arguments(line.text) if isinstance(line, Evidence) else ():
        if one.name == "root" and one.value:
            tag, value = named_by(one.value)
            found.add((tag, value.casefold()))
    return frozenset(found)
