"""A boot loader's menu as values, and which entry of it is taken.

grub-core/normal/menu.c, 2.12, get_entry_number() and get_and_remove_first_entry_number(): the
default is a number, an id or a title; `A>B` is B in the submenu A; else it is the first entry.
"""

from __future__ import annotations

from ec2rl.facts.proc import parse_number
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@record(frozen=True)
class Start:
    """One kernel that an entry may start: paths as the loader has them, and the command line.

    `device` is the tag and the value of the file system that was searched for, "" where none was;
    of a path or a command line with a variable that nobody knows, `is_known` is false.
    """

    kernel: str
    words: str = ""
    initrds: tuple[str, ...] = ()
    device: tuple[str, str] = ("", "")
    is_known: bool = True


@record(frozen=True)
class Entry:
    """An entry; `place` is its file and line.  One without `starts` boots no Linux kernel.

    With several the loader tries one after another, or chooses by what only it knows.  `inside` are
    the entries of a submenu.  Whether one that is not `is_sure` is in the menu, only the loader
    knows.
    """

    title: str
    id: str
    place: str
    starts: tuple[Start, ...] = ()
    inside: tuple[Entry, ...] | None = None
    is_sure: bool = True


@record(frozen=True)
class Menu:
    """The entries, and the loader's variables: `default` is None where nobody knows it.

    `path` is the file that it is from, `by` what gives the default: `saved_entry`, `next_entry` of
    grubenv, or `set` in the file itself, in `line`, 0 for none.  `env` is the text of grubenv, None
    where it could not be read or is not there.
    """

    path: str
    entries: tuple[Entry, ...]
    default: str | None = ""
    fallback: str = ""
    by: str = "set"
    line: int = 0
    env: str | None = None


@record(frozen=True)
class Choice:
    """What the loader takes, None for unknown; `is_missing` where the default is no entry."""

    entry: Entry | None
    is_missing: bool = False


def choose(menu: Menu, default: str | None = None) -> Choice:
    """Tell which entry is taken."""
    wanted = menu.default if default is None else default
    entries, is_missing = menu.entries, False
    if wanted is None or not entries:
        return Choice(None)
    for _ in range(16):
        name, rest = _first(wanted)
        found = _find(entries, name) if name else 0
        if found is None:
            return Choice(None)
        if found < 0:
            found, is_missing = 0, True
        if any(not one.is_sure for one in entries[: found + 1]) and not _is_named(entries, name):
            return Choice(None)
        entry = entries[found]
        if entry.inside is None:
            return Choice(entry, is_missing)
        entries, wanted = entry.inside, rest
        if not entries:
            return Choice(entry, is_missing)
    return Choice(None)


def _is_named(entries: Sequence[Entry], name: str) -> bool:
    return any(name in (one.id, one.title) for one in entries)


def _first(wanted: str) -> tuple[str, str]:
    """Split at the first `>` that is not doubled, which stands for one in a title."""
    at = 0
    while (at := wanted.find(">", at)) >= 0:
        if wanted[at + 1 : at + 2] != ">":
            return wanted[:at].replace(">>", ">"), wanted[at + 1 :]
        at += 2
    return wanted.replace(">>", ">"), ""


def _find(entries: Sequence[Entry], name: str) -> int | None:
    """The place of an entry: -1 where it is none, None where nobody knows."""
    number = parse_number(name)
    if number is not None:
        return number if number < len(entries) else -1
    for place, one in enumerate(entries):
        if name in (one.id, one.title):
            return place
    return -1


def every(entries: Sequence[Entry], above: str = "") -> Iterator[tuple[str, Entry]]:
    """Yield each entry that starts something, with what the default is to be for it."""
    for one in entries:
        name = above + (one.id or one.title).replace(">", ">>")
        if one.inside is None:
            yield name, one
        else:
            yield from every(one.inside, f"{name}>")
