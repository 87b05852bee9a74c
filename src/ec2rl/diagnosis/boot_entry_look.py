"""What is looked at of a boot loader: its menus, the entry that each takes, others if need be."""

from __future__ import annotations

from ec2rl.facts.loader.check import Checked, check_entry, is_intact
from ec2rl.facts.loader.menu import Entry, Menu, choose, every
from ec2rl.facts.loader.read import Loader, read_loader
from ec2rl.facts.loader.roots import Roots, read_roots
from ec2rl.host import Host
from ec2rl.model import Unreadable, Why
from ec2rl.record import record

_MOST = 64
"""Entries of a menu that are looked at."""
MODULES = "/lib/modules"


@record(frozen=True)
class Item:
    """An entry, what the default has to be for it, and what was found of what it starts."""

    name: str
    entry: Entry
    ways: tuple[Checked, ...] = ()

    @property
    def is_intact(self) -> bool | None:
        return is_intact(self.ways)

    @property
    def release(self) -> str:
        return next((one.release for one in self.ways if one.release), "")

    @property
    def is_ordinary(self) -> bool:
        """Whether it is none for a rescue alone."""
        words = " ".join(way.start.words for way in self.ways).split()
        return not {"single", "recovery", "rescue"}.intersection(words) and (
            "rescue" not in self.entry.id
        )


@record(frozen=True)
class Taken:
    """A menu, and what of it is taken: `item` is None where nobody knows.

    `is_missing` is where the default is no entry; `others` were looked at where the one that is
    taken is not known, or not intact.
    """

    menu: Menu
    item: Item | None
    is_missing: bool = False
    others: tuple[Item, ...] = ()
    fallback: Item | None = None


@record(frozen=True)
class EntryLook:
    """All of it; `has_modules` is whether the kernel that is taken has modules, None if unknown."""

    loader: Loader
    taken: tuple[Taken, ...]
    roots: Roots
    is_live: bool
    has_modules: bool | None = None


def look_at(host: Host) -> EntryLook:
    """Read the menus, and look at what the default starts."""
    loader = read_loader(host)
    roots = read_roots(host, bool(loader.menus or loader.kernels))
    taken = tuple(_taken(host, one, roots) for one in loader.menus)
    releases = {one.item.release for one in taken if one.item is not None and one.item.release}
    has_modules = None
    if len(releases) == 1:
        found = host.names(f"{MODULES}/{releases.pop()}")
        has_modules = True
        if isinstance(found, Unreadable):
            has_modules = False if found.why is Why.ABSENT else None
    return EntryLook(loader, taken, roots, host.is_live, has_modules)


def _taken(host: Host, menu: Menu, roots: Roots) -> Taken:
    names = [(name, one) for name, one in every(menu.entries) if one.starts or one.is_sure][:_MOST]
    choice = choose(menu)
    item = None
    if choice.entry is not None:
        name = next((name for name, one in names if one is choice.entry), "")
        item = Item(name, choice.entry, check_entry(host, choice.entry, roots))
        if item.is_intact:
            return Taken(menu, item, choice.is_missing)
    others = tuple(
        Item(name, one, check_entry(host, one, roots))
        for name, one in names
        if one is not choice.entry and one.starts
    )
    back = choose(menu, menu.fallback).entry if menu.fallback else None
    fallback = next((one for one in others if one.entry is back), None)
    return Taken(menu, item, choice.is_missing, others, fallback)
