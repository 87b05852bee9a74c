"""The fix of a default entry that cannot be started: the default is set to one that can."""

from __future__ import annotations

from ec2rl.diagnosis.boot_entry_look import EntryLook, Item, Taken
from ec2rl.facts.loader import grubenv
from ec2rl.host import Host
from ec2rl.model import Evidence, Proposal, Remedy, Risk
from ec2rl.remedies import Change, EditLines, Lines, WriteFile

_SETTINGS = "/etc/default/grub"
_ENV = ("saved_entry", "next_entry")


def target(taken: Taken) -> Item | None:
    """Give the first entry that can be started, is always in the menu, and is no rescue's."""
    if taken.item is None or taken.item.is_intact is not False:
        return None
    good = (one for one in taken.others if one.is_intact and one.is_ordinary)
    return next((one for one in good if one.entry.is_sure and _is_name(one.name)), None)


def _is_name(name: str) -> bool:
    """Whether a name can stand in grubenv and in a quoted word of a script."""
    return bool(name) and name.isprintable() and name.isascii() and not set(name) & set("\\'\"$`")


def propose_default(host: Host, look: EntryLook) -> Proposal:
    """Plan the default of the one menu that there is."""
    bad = [one for one in look.taken if one.item is not None and one.item.is_intact is False]
    if not bad:
        return Proposal()
    if len(look.taken) > 1:
        paths = " and ".join(one.menu.path for one in look.taken)
        return Proposal(refused=(f"which of {paths} is shown, nobody can tell here",))
    taken = bad[0]
    wanted = target(taken)
    if wanted is None:
        return Proposal(
            refused=("no other entry can be started: kernel or initrd have to be made anew",),
            by_hand=initrd_anew(taken.item, look.is_live) if taken.item is not None else (),
        )
    changes = _changes(host, taken, wanted)
    at = "" if look.is_live else "chroot FOLDER "
    hand = f"{at}grub-set-default '{wanted.name}'    # or grub2-set-default"
    if isinstance(changes, str):
        return Proposal(refused=(changes,), by_hand=(hand,))
    release = wanted.release or wanted.entry.title
    caveat = f"the machine starts another kernel, {release}; the broken entry stays in the menu"
    remedy = Remedy(f"Start {wanted.entry.title} by default", changes, Risk.RISKY, caveat)
    made = " && ".join(initrd_anew(taken.item, look.is_live)) if taken.item is not None else ""
    notes = (f"Not done, the initrd of the broken entry: {made}",)
    after = (f"the boot loader starts {wanted.entry.title}",)
    return Proposal((remedy,), notes=notes, after=after, by_hand=(hand,))


def _changes(host: Host, taken: Taken, wanted: Item) -> tuple[Change, ...] | str:
    """The change of grubenv, or of the menu's line and of what it is made from."""
    menu = taken.menu
    if menu.by in _ENV or (not menu.line and menu.env is not None):
        return _env(taken, wanted)
    if not menu.line:
        return f"{menu.path} says nothing of a default"
    text = host.read(menu.path)
    lines = text.text.split("\n") if isinstance(text, Evidence) else []
    old = lines[menu.line - 1] if menu.line <= len(lines) else ""
    begun, found, _ = old.partition("default=")
    if not found or begun.strip() not in ("set", "") or ";" in old:
        return f"line {menu.line} of {menu.path} sets the default in a way that is left alone"
    edit = Lines(menu.line, (old,), (f'{begun}default="{wanted.name}"',))
    return (EditLines(menu.path, (edit,)), *_settings(host, wanted))


def _env(taken: Taken, wanted: Item) -> tuple[Change, ...] | str:
    menu = taken.menu
    path = f"{menu.path.rpartition('/')[0]}/grubenv"
    if menu.env is None:
        return f"{path} is not there, or could not be read"
    if grubenv.is_refused(menu.env) or "\\x" in menu.env:
        return f"{path} is none of GRUB's: grub-editenv {path} create makes it anew"
    values = {"saved_entry": wanted.name}
    if menu.by == "next_entry":
        values["next_entry"] = ""
    text = grubenv.with_values(menu.env, values)
    if text is None:
        return f"{path} has no room for the name of the entry"
    return (WriteFile(path, text, menu.env),)


def _settings(host: Host, wanted: Item) -> tuple[Change, ...]:
    """The same for the next menu that grub-mkconfig(8) makes; nothing where no line says it."""
    text = host.read(_SETTINGS)
    for number, line in enumerate(text.text.split("\n") if isinstance(text, Evidence) else (), 1):
        if line.startswith("GRUB_DEFAULT=") and "saved" not in line:
            edit = Lines(number, (line,), (f"GRUB_DEFAULT='{wanted.name}'",))
            return (EditLines(_SETTINGS, (edit,)),)
    return ()


def initrd_anew(item: Item, is_live: bool) -> tuple[str, ...]:
    """Give the commands that make an initrd anew: this program makes none."""
    release = item.release or "RELEASE"
    at = "" if is_live else "chroot FOLDER "
    binds = () if is_live else ("for d in dev proc sys; do mount --rbind /$d FOLDER/$d; done",)
    is_dracut = any("/initramfs-" in one for way in item.ways for one in way.start.initrds)
    make = f"dracut --force --kver {release}" if is_dracut else f"update-initramfs -c -k {release}"
    return (*binds, at + make)
