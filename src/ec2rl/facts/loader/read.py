"""Where a machine's boot loader has its menu, and what it says."""

from __future__ import annotations

from ec2rl.facts.loader import bls, grubenv
from ec2rl.facts.loader.menu import Entry, Menu
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BOOT = "/boot"
GRUB = ("/boot/grub2/grub.cfg", "/boot/grub/grub.cfg")
EFI = "/boot/efi/EFI"
ENTRIES = "/boot/loader/entries"
_OTHERS = (
    ("/boot/grub/menu.lst", "GRUB Legacy"),
    ("/boot/grub/grub.conf", "GRUB Legacy"),
    ("/boot/extlinux/extlinux.conf", "extlinux"),
    ("/boot/syslinux/syslinux.cfg", "syslinux"),
)
_VENDORS, _MOST = 16, 200
_LONGEST = 64 << 10
"""Characters of grubenv, and of an entry's file."""


@record(frozen=True)
class Loader:
    """The menus that may be the one that is shown, and what was not read or not understood.

    `kernels` are the names of kernels in /boot, with a menu or without.
    """

    menus: tuple[Menu, ...] = ()
    unread: tuple[Unreadable, ...] = ()
    kernels: tuple[str, ...] = ()


def read_loader(host: Host) -> Loader:
    """Read the menus of GRUB, else of systemd-boot, on a machine or its volume."""
    names = host.names(BOOT)
    inside: tuple[str, ...] = names if isinstance(names, tuple) else ()
    kernels = tuple(one for one in inside if one.startswith(("vmlinuz", "vmlinux", "Image-")))
    found = [_grub(host, path) for path in GRUB]
    if not any(found):
        vendors = host.names(EFI)
        some = vendors[:_VENDORS] if isinstance(vendors, tuple) else ()
        found = [_grub(host, f"{EFI}/{one}/grub.cfg") for one in some]
    if not any(found):
        found = [_systemd_boot(host), *_others(host)]
    menus = tuple(one for one in found if isinstance(one, Menu))
    unread = [one for one in found if isinstance(one, Unreadable)]
    if isinstance(names, Unreadable) and names.why is not Why.ABSENT:
        unread.append(names)
    return Loader(menus, tuple(unread), kernels)


def _grub(host: Host, path: str) -> Menu | Unreadable | None:
    text = host.read(path)
    if isinstance(text, Unreadable):
        return None if text.why is Why.ABSENT else text
    is_stub = "menuentry " not in text.text and "blscfg" not in text.text
    if is_stub and path.startswith(EFI):
        return None
    from ec2rl.facts.loader.grub import read_menu
    from ec2rl.facts.loader.script import ScriptError

    env = host.read(f"{path.rpartition('/')[0]}/grubenv")
    values: Mapping[str, str] | None = None
    kept: str | None = None
    if isinstance(env, Evidence) and len(env.text) <= _LONGEST:
        kept = env.text
        values = {} if grubenv.is_refused(env.text) else grubenv.parse(env.text)
    elif isinstance(env, Unreadable) and env.why is Why.ABSENT:
        values = {}
    entries = _bls(host, values or {}) if "blscfg" in text.text else ()
    if isinstance(entries, Unreadable):
        return entries
    try:
        menu = read_menu(path, text.text, values, entries, bool(kept) or values is None)
    except ScriptError as error:
        return Unreadable(path, Why.PARTIAL, f"not understood: {error}")
    if not menu.entries:
        return Unreadable(path, Why.FAILED, "it has no entry")
    return replace(menu, env=kept)


def _bls(host: Host, values: Mapping[str, str]) -> tuple[Entry, ...] | Unreadable:
    """The entries of the specification, the newest first."""
    names = host.names(ENTRIES)
    if isinstance(names, Unreadable):
        return () if names.why is Why.ABSENT else names
    files = [one for one in names if one.endswith(".conf")]
    if len(files) > _MOST:
        return Unreadable(ENTRIES, Why.PARTIAL, f"more than {_MOST} entries")
    found = []
    for name in sorted(files, key=bls.order, reverse=True):
        text = host.read(f"{ENTRIES}/{name}")
        if isinstance(text, Unreadable):
            return text
        if len(text.text) > _LONGEST:
            return Unreadable(text.source, Why.PARTIAL, f"larger than {_LONGEST >> 10} KiB")
        entry = bls.parse(text.source, text.text, values)
        found += [entry] if entry is not None else []
    return tuple(found)


def _systemd_boot(host: Host) -> Menu | Unreadable | None:
    """Its menu: which entry is taken, variables of the firmware decide."""
    entries = _bls(host, {})
    if isinstance(entries, Unreadable):
        return entries
    if not entries:
        return None
    return Menu(ENTRIES, entries, None)


def _others(host: Host) -> Iterator[Unreadable | None]:
    for path, name in _OTHERS:
        if not isinstance(host.read(path), Unreadable):
            yield Unreadable(path, Why.FAILED, f"the form of {name} is not read here")
