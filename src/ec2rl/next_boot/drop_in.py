"""Whether a drop-in file counts at boot: sysctl.d, modprobe.d, modules-load.d, udev's rules."""

from __future__ import annotations

from ec2rl.facts.conf_files import final, folders
from ec2rl.host import Host
from ec2rl.model import Unreadable, Why

KINDS = {
    "sysctl.d": ".conf",
    "modprobe.d": ".conf",
    "modules-load.d": ".conf",
    "udev/rules.d": ".rules",
}
"""Folders and the end of the names that count in them."""


def kind_of(path: str) -> str:
    """Tell which kind of drop-in file this is, "" for none."""
    folder = path.rpartition("/")[0]
    return next((kind for kind in KINDS if folder in folders(kind)), "")


def named(host: Host, name: str) -> list[str]:
    """Give the drop-in files of this bare name, of each kind the one that is read first."""
    found = []
    for kind, end in KINDS.items():
        inside = (
            [one for one in folders(kind) if _has(host, one, name)] if name.endswith(end) else []
        )
        found += [f"{folder}/{name}" for folder in inside[:1]]
    return found


def _has(host: Host, folder: str, name: str) -> bool:
    names = host.names(folder)
    return isinstance(names, tuple) and name in names


def does_not_count(host: Host, path: str) -> str | Unreadable:
    """Say why the next boot does not read a drop-in file, "" if it does."""
    kind, name = kind_of(path), path.rpartition("/")[2]
    if not name.endswith(KINDS[kind]) or name.startswith("."):
        return f"only names that end with {KINDS[kind]} and begin with no dot count"
    for folder in folders(kind):
        names = host.names(folder)
        if isinstance(names, Unreadable):
            if names.why is not Why.ABSENT:
                return names
        elif name in names:
            first = f"{folder}/{name}"
            if final(host, first) == "/dev/null":
                return f"{first} is a link to /dev/null: it masks the name"
            return "" if first == path or _one_folder(host, first, path) else f"{first} replaces it"
    return "there is no such file"


def _one_folder(host: Host, one: str, other: str) -> bool:
    """Whether two paths are one file: /lib is a link to usr/lib on most hosts."""
    return one == f"/usr{other}" and isinstance(host.link("/lib"), str)
