"""What names a device by an id: fstab(5), crypttab(5), the kernel's command line, GRUB's search."""

from __future__ import annotations

from ec2rl.facts.fstab import FSTAB, parse_fstab
from ec2rl.facts.kernel_cmdline import arguments
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

CRYPTTAB, COMMAND_LINE = "/etc/crypttab", "/proc/cmdline"
_MENUS = ("/boot/grub2/grub.cfg", "/boot/grub/grub.cfg")
_EFI = "/boot/efi/EFI"
TAGS = ("UUID", "LABEL", "PARTUUID", "PARTLABEL")
PATH = "PATH"
"""Stands for the tag of a device that is named by its path."""
_LINKS = {f"/dev/disk/by-{tag.lower()}/": tag for tag in TAGS}
_MOST, _FEW = 1000, 16
_SEARCHES = {"--fs-uuid": "UUID", "-u": "UUID", "--label": "LABEL", "-l": "LABEL"}


@record(frozen=True)
class DiskUse:
    """What names a device: `tag` and `value` of what it is named by, and the file.

    `name` is the folder that it is for, or the word of the command line; `options` are those of a
    mount.
    """

    tag: str
    value: str
    file: str
    name: str
    options: tuple[str, ...] = ()

    @property
    def is_root(self) -> bool:
        return self.name in ("/", "root=")


@record(frozen=True)
class Uses:
    """All of them, and what was not read."""

    found: tuple[DiskUse, ...] = ()
    unread: tuple[Unreadable, ...] = ()


def read_uses(host: Host) -> Uses:
    """Read what names devices on a machine, or a volume."""
    found: list[DiskUse] = []
    unread: list[Unreadable] = []
    for path, parse in (
        (COMMAND_LINE, _of_command_line),
        (FSTAB, _of_fstab),
        (CRYPTTAB, _of_crypttab),
    ):
        text = host.read(path)
        if isinstance(text, Evidence):
            found += parse(text.text)
            lost = parse_fstab(text.text).lost if path == FSTAB else ""
            unread += [Unreadable(path, Why.PARTIAL, lost)] if lost else []
        elif text.why is not Why.ABSENT:
            unread.append(text)
    vendors = host.names(_EFI)
    stubs = vendors[:_FEW] if isinstance(vendors, tuple) else ()
    for path in (*_MENUS, *(f"{_EFI}/{one}/grub.cfg" for one in stubs)):
        text = host.read(path)
        found += _of_menu(path, text.text) if isinstance(text, Evidence) else ()
    return Uses(tuple(dict.fromkeys(found)), tuple(unread))


def named_by(spec: str) -> tuple[str, str]:
    """Tell the tag and the value of a device, as mount(8) names it."""
    tag, equals, value = spec.partition("=")
    if equals and tag.upper() in TAGS:
        value = value.strip('"')
        # The kernel takes a partition beside that one, too (early_lookup_bdev()).
        return tag.upper(), value.partition("/")[0] if tag.upper() == "PARTUUID" else value
    for folder, of in _LINKS.items():
        if spec.startswith(folder):
            return of, _unlinked(spec[len(folder) :])
    return PATH, spec


def _unlinked(name: str) -> str:
    """Undo what udev escapes in the name of a link (`\\x2f` and the like)."""
    if "\\x" not in name:
        return name
    import re

    return re.sub(r"\\x([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), name)


def _of_command_line(text: str) -> Iterator[DiskUse]:
    for one in arguments(text):
        if one.name in ("root", "resume", "mount.usr") and one.value:
            yield DiskUse(*named_by(one.value), COMMAND_LINE, f"{one.name}=")
        elif one.name in ("rd.luks.uuid", "rd.luks.name") and one.value:
            uuid = one.value.partition("=")[0].removeprefix("luks-")
            yield DiskUse("UUID", uuid, COMMAND_LINE, f"{one.name}=")


def _of_fstab(text: str) -> Iterator[DiskUse]:
    for one in parse_fstab(text).entries:
        name = "swap" if one.is_swap else one.folder
        yield DiskUse(*named_by(one.what), FSTAB, name, one.options)


def _of_crypttab(text: str) -> Iterator[DiskUse]:
    for line in text.split("\n")[:_MOST]:
        words = line.split()
        if len(words) > 1 and not words[0].startswith("#"):
            yield DiskUse(*named_by(words[1]), CRYPTTAB, words[0])


def _of_menu(path: str, text: str) -> Iterator[DiskUse]:
    """The `search` of GRUB: its last word is what it looks for, of `search.fs_uuid` the first."""
    if "search" not in text:
        return
    for line in text.split("\n"):
        words = line.split() if "search" in line else []
        if len(words) > 1 and words[0] == "search.fs_uuid":
            yield DiskUse("UUID", words[1], path, "GRUB's search")
        elif len(words) > 2 and words[0] == "search":
            tag = next((_SEARCHES[one] for one in words[1:-1] if one in _SEARCHES), "")
            if tag:
                yield DiskUse(tag, words[-1].strip("\"'"), path, "GRUB's search")
