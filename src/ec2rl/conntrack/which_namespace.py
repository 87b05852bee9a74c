"""Which network namespace a person means: by its name, path, number, container or a PID."""

from __future__ import annotations

from ec2rl.conntrack.namespaces import FIRST_INODE, Namespace, Namespaces, inode_number
from ec2rl.host import Door, Host
from ec2rl.model import Unreadable, Why

ALL = "all"
GONE = "that namespace has just gone"
_ID = 12
"""Digits of a container's id that tell it from others, as `docker ps` shows them."""


def inode_meant(host: Host, said: str, known: tuple[Namespace, ...]) -> int | None | Unreadable:
    """Give the number of the one namespace that `said` can mean.

    Unreadable where there is none, or more than one.

    A path means what it leads to.  Anything else can be a number of a namespace, a PID, a name of
    any file that one is bound to, and the id of a container: none of these goes before another.
    """
    source = f"netns {said}"
    if "/" in said:
        # A plain file may have the number of a namespace: what can be entered is one.
        there = host.within(Door(said)).inode("/proc/thread-self/ns/net")
        if isinstance(there, Unreadable):
            return Unreadable(source, there.why, there.detail)
        return there
    number = said.isascii() and said.isdecimal() and len(said) < 12
    meant = {
        one.inode: one.doors[0].path
        for one in known
        if (number and said == str(one.inode))
        or any(name.rpartition("/")[2] == said for name in one.names)
        or (len(said) >= _ID and one.container.startswith(said))
    }
    if number and int(said) < FIRST_INODE:
        path = f"/proc/{int(said)}/ns/net"
        link = host.link(path)
        if not isinstance(link, Unreadable):
            meant.setdefault(inode_number(link), path)
        elif link.why is not Why.ABSENT or not meant:
            return Unreadable(source, link.why, link.detail or "no process has this number")
    if len(meant) > 1:
        them = ", ".join(f"{inode} ({path})" for inode, path in meant.items())
        words = f"more than one namespace can be meant: {them}; say its number or its path instead"
        return Unreadable(source, Why.FAILED, words)
    if not meant:
        missing = "no namespace has this number" if number else _none_of(known)
        return Unreadable(source, Why.ABSENT, missing)
    return next(iter(meant))


def namespace_meant(host: Host, said: str, known: Namespaces) -> Namespace | Unreadable:
    """Give the one namespace that `said` can mean, or why there is none to be given.

    DENIED where it may be one of those that are not to be seen from here.
    """
    inode = inode_meant(host, said, known.all)
    if isinstance(inode, Unreadable):
        unnamed = any(one.inode is None for one in known.all)
        if inode.why is Why.ABSENT and unnamed:
            return Unreadable(inode.source, Why.DENIED, "not among those that may be seen here")
        return inode
    found = next((one for one in known.all if inode is not None and one.inode == inode), None)
    return found or Unreadable(f"netns {said}", Why.ABSENT, GONE)


def _none_of(known: tuple[Namespace, ...]) -> str:
    names = sorted(name.rpartition("/")[2] for one in known for name in one.names)
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    words = f"there are {', '.join(names[:20])}{more}" if names else "none has a name here"
    return f"no namespace of this name: {words}"
