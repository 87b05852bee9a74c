"""Which tables a person means: their own namespace's, another one's by whatever name, or all."""

from __future__ import annotations

from ec2rl.conntrack.defaults import SYSCTL
from ec2rl.conntrack.namespaces import FIRST_INODE, Namespace, find_namespaces, inode_number
from ec2rl.conntrack.table.timeouts import DEFAULTS
from ec2rl.conntrack.tables import Limits, Table, read_limits, read_tables
from ec2rl.facts.proc import number, number_of
from ec2rl.host import Door, Host
from ec2rl.invocation import to_type
from ec2rl.model import Statement, Unreadable, Why
from ec2rl.record import record

ALL = "all"
_ID = 12
"""Digits of a container's id that tell it from others, as `docker ps` shows them."""


@record(frozen=True)
class TableTarget:
    """A table to look at: `doors` are what its namespace is entered by, none for the caller's own.

    `count` is the kernel's, None where it could not be had.  `here` is whether the table is this
    machine's, and neither saved nor recorded.
    """

    label: str
    doors: tuple[Door, ...]
    count: int | None
    inode: int | None = None
    here: bool = True

    def command(self, words: str) -> str:
        """Give what to type for `ec2rl conntrack` with these words on this table."""
        where = f" --netns={self.inode}" if self.doors and self.inode is not None else ""
        return to_type(f"conntrack {words}{where}") + "  # on that machine" * (not self.here)

    @property
    def door(self) -> Door | None:
        """The best of them."""
        return self.doors[0] if self.doors else None


@record(frozen=True)
class TableTargets:
    """The tables that were meant, the fullest first, and `others` that have more entries.

    `hidden` says what kept us from seeing further namespaces, None for nothing.
    """

    chosen: tuple[TableTarget, ...]
    others: tuple[TableTarget, ...]
    limits: Limits
    hidden: Statement | None


def find_targets(host: Host, said: str = "") -> TableTargets | Unreadable:
    """Find the tables that `said` means: a name, a path, a PID, a number, `all`, "" for ours.

    Only counts are read here.  Unreadable for a namespace that there is not, or not any more.
    """
    limits, namespaces = read_limits(host), find_namespaces(host)
    every = sorted(map(_target, read_tables(host, namespaces)), key=_weight)
    if said == ALL:
        chosen = [target for target in every if target.count != 0]
        return TableTargets(tuple(chosen), (), limits, namespaces.hidden)
    inode = _inode(host, said, namespaces.all) if said else _own(namespaces.all)
    if isinstance(inode, Unreadable):
        return inode
    found = next((target for target in every if inode is not None and target.inode == inode), None)
    if found is None:
        if said:
            return Unreadable(f"netns {said}", Why.ABSENT, "that namespace has just gone")
        found = TableTarget("this network namespace", (), number(host, SYSCTL + "count"))
    others = tuple(target for target in every if (target.count or 0) > (found.count or 0))
    return TableTargets((found,), others, limits, namespaces.hidden)


def _target(table: Table) -> TableTarget:
    one = table.namespace
    return TableTarget(one.label, () if one.own else one.doors, table.count, one.inode)


def _weight(target: TableTarget) -> tuple[int, int]:
    return -(target.count or 0), target.inode or 0


def _own(known: tuple[Namespace, ...]) -> int | None:
    return next((one.inode for one in known if one.own), None)


def _inode(host: Host, said: str, known: tuple[Namespace, ...]) -> int | None | Unreadable:
    """The one namespace that `said` can mean; Unreadable where there is none, or more than one.

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


def _none_of(known: tuple[Namespace, ...]) -> str:
    names = sorted(name.rpartition("/")[2] for one in known for name in one.names)
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    words = f"there are {', '.join(names[:20])}{more}" if names else "none has a name here"
    return f"no namespace of this name: {words}"


def inside(host: Host, target: TableTarget) -> Host:
    """Give the host as it is seen from a place."""
    return host if target.door is None else host.within(target.door)


def read_settings(host: Host) -> dict[str, int] | Unreadable:
    """Give the timeouts in force in a namespace, in seconds by name.

    Those that its kernel lacks as by default, and those that nobody recorded not at all.

    Unreadable where not even the one that every kernel has can be read.
    """
    found = {}
    for name, usual in DEFAULTS.items():
        answer = host.read(SYSCTL + name)
        value = number_of(answer)
        if value is not None:
            found[name] = value
        elif name == "generic_timeout" and isinstance(answer, Unreadable):
            return answer
        elif isinstance(answer, Unreadable) and answer.why is not Why.NOT_COLLECTED:
            found[name] = usual
    return found


def known_settings(host: Host) -> dict[str, int]:
    """Give the same, and none of them where they cannot be read."""
    found = read_settings(host)
    return {} if isinstance(found, Unreadable) else found
