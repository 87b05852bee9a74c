"""The keys below /proc/sys: their paths, their other names, and which of them a pattern meets."""

from __future__ import annotations

from collections.abc import Iterator

from ec2rl.facts import glob
from ec2rl.host import Host
from ec2rl.model import Unreadable, Why

SYS = "/proc/sys"
ROOTS = ("abi", "crypto", "debug", "dev", "fs", "kernel", "net", "sunrpc", "user", "vm", "xen")
"""The folders of /proc/sys."""

MAX_KEYS = 5_000
"""Keys that all patterns may meet together; a host with 500 interfaces has some 60,000."""

_SAME = {"net/ipv4/conf/all/forwarding": "net/ipv4/ip_forward"}
"""Two names of one variable (net/ipv4/devinet.c)."""

_SPREADING = (
    ("net/ipv4/conf/", "/forwarding", ("net/ipv4/ip_forward", "net/ipv4/conf/all/forwarding")),
    ("net/ipv6/conf/", "/forwarding", ("net/ipv6/conf/all/forwarding",)),
    ("net/ipv6/conf/", "/disable_ipv6", ("net/ipv6/conf/all/disable_ipv6",)),
)
"""Keys whose writing changes that of every interface, too (devinet.c, net/ipv6/addrconf.c)."""


def own_path(path: str) -> str:
    """Give the one path of a variable that has two names."""
    return _SAME.get(path, path)


def other_names(path: str) -> tuple[str, ...]:
    """Give the other paths of the variable at this one."""
    return tuple(other for other, same in _SAME.items() if same == path)


def is_spreading(path: str) -> bool:
    """Tell whether writing to a path may change other keys, too."""
    return any(path in others for _, _, others in _SPREADING)


def spreading(path: str) -> tuple[str, ...]:
    """Give the paths of others which, when they are written, may change this one."""
    for start, end, others in _SPREADING:
        if path.startswith(start) and path.endswith(end) and path not in others:
            return others
    return ()


def is_pattern(path: str) -> bool:
    return any(sign in path for sign in "*?[{")


def dotted(path: str) -> str:
    """Give a path below /proc/sys as sysctl(8) shows it: dots for slashes, and slashes for dots."""
    return path.translate({ord("."): "/", ord("/"): "."})


def is_missing(host: Host, path: str) -> bool:
    """Tell whether a path below /proc/sys is missing where its folder can be listed."""
    folder, _, name = f"{SYS}/{path}".rpartition("/")
    names = host.names(folder)
    if isinstance(names, Unreadable):
        return names.why is Why.ABSENT
    return name not in names


def nearest(host: Host, path: str) -> str:
    """Give the key that is written most like this one, "" for none."""
    from difflib import get_close_matches

    found = SYS
    for part in path.split("/"):
        names = host.names(found)
        known = names if isinstance(names, tuple) else ()
        near = [part] if part in known else get_close_matches(part, known, 1, 0.8)
        if not near:
            return ""
        found += f"/{near[0]}"
    return found[len(SYS) + 1 :]


def walk(host: Host, pattern: str) -> Iterator[str]:
    """Yield the files below /proc/sys that a pattern meets; nothing where they cannot be listed."""
    folders = [""]
    parts = pattern.split("/")
    for number, part in enumerate(parts, 1):
        found = []
        for folder in folders[:MAX_KEYS]:
            names = host.names(f"{SYS}/{folder}".rstrip("/"))
            if isinstance(names, tuple):
                found += [
                    f"{folder}/{name}".lstrip("/") for name in names if glob.matches(part, name)
                ]
        folders = found
        if number == len(parts):
            yield from (
                path for path in found if not isinstance(host.names(f"{SYS}/{path}"), tuple)
            )
