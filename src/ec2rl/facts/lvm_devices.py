"""Which disks LVM looks at: its devices file, and what its backups say that a group is made of.

lvmdevices(8), lvm.conf(5) and lib/device/device_id.c of LVM2 (2.03.12 to 2.03.30); the form of
/etc/lvm/backup is that of vgcfgbackup(8).
"""

from __future__ import annotations

from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

FILE, CONF, BACKUPS = "/etc/lvm/devices/system.devices", "/etc/lvm/lvm.conf", "/etc/lvm/backup"
_LINES, _MOST = 20_000, 512
_ID = 32
"""Letters and digits of an id of LVM's, without its dashes."""


@record(frozen=True)
class Listed:
    """A line of the devices file: how it knows a disk (`sys_wwid` and the like), and which one."""

    number: int
    kind: str
    name: str
    pvid: str
    last: str = ""


@record(frozen=True)
class Group:
    """A volume group: its name, and each physical volume with the device that it was last on."""

    name: str
    members: tuple[tuple[str, str], ...]

    def holds(self, device: str) -> bool:
        """Tell whether a device is a logical volume of this group (dashes come twice there)."""
        doubled = self.name.replace("-", "--")
        return device.startswith((f"/dev/{self.name}/", f"/dev/mapper/{doubled}-"))


def parse_devices(text: str) -> tuple[Listed, ...]:
    """Read the devices file; lines of another form are none of its entries."""
    return tuple(_entries(text))[:_MOST]


def _entries(text: str) -> Iterator[Listed]:
    for number, line in enumerate(text.split("\n")[:_LINES], 1):
        found = dict(word.partition("=")[::2] for word in line.split() if "=" in word)
        if line[:1] != "#" and "IDTYPE" in found:
            last = found.get("DEVNAME", "")
            yield Listed(number, found["IDTYPE"], found.get("IDNAME", ""),
                         plain_id(found.get("PVID", "")), "" if last == "." else last)  # fmt: skip


def plain_id(shown: str) -> str:
    """Give an id without its dashes, "" for what is none."""
    plain = shown.replace("-", "")
    return plain if len(plain) == _ID and plain.isascii() and plain.isalnum() else ""


def is_switched_off(text: str) -> bool:
    """Tell whether lvm.conf says that no devices file is used; the last line counts."""
    value = ""
    for line in text.split("\n")[:_LINES]:
        key, found, rest = line.strip().partition("=")
        if found and key.strip() in ("use_devicesfile", "devices/use_devicesfile"):
            value = rest.split("#")[0].strip()
    return value == "0"


def parse_group(name: str, text: str) -> Group | None:
    """Read the physical volumes of a backup of one group's metadata; None for another text."""
    members: list[tuple[str, str]] = []
    section, held = [""], ""
    for line in text.split("\n")[:_LINES]:
        plain = line.split("#")[0].strip()
        if plain.endswith("{"):
            section.append(plain[:-1].strip())
        elif plain == "}":
            if len(section) > 1:
                section.pop()
        elif section[-2:-1] == ["physical_volumes"]:
            key, _, value = plain.partition("=")
            value = value.strip().strip('"')
            if key.strip() == "id":
                held = plain_id(value)
            elif key.strip() == "device" and held:
                members.append((held, value[:200]))
                held = ""
    return Group(name, tuple(members[:_MOST])) if members else None
