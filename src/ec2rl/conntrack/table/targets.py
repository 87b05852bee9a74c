"""Which tables a person means: their own namespace's, another one's by whatever name, or all."""

from __future__ import annotations

from ec2rl.conntrack.defaults import SYSCTL
from ec2rl.conntrack.namespaces import Namespace, find_namespaces
from ec2rl.conntrack.table.timeouts import DEFAULTS
from ec2rl.conntrack.tables import Limits, Table, read_limits, read_tables
from ec2rl.conntrack.which_namespace import ALL, GONE, inode_meant
from ec2rl.facts.proc import number, number_of
from ec2rl.host import Door, Host
from ec2rl.invocation import to_type
from ec2rl.model import Statement, Unreadable, Why
from ec2rl.record import record, replace

_ALWAYS, _MOST = 8, 16
"""Tables that are looked into where all are asked for: at least, and at most."""


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
    inode = inode_meant(host, said, namespaces.all) if said else _own(namespaces.all)
    if isinstance(inode, Unreadable):
        return inode
    found = next((target for target in every if inode is not None and target.inode == inode), None)
    if found is None:
        if said:
            return Unreadable(f"netns {said}", Why.ABSENT, GONE)
        found = TableTarget("this network namespace", (), number(host, SYSCTL + "count"))
    others = tuple(target for target in every if (target.count or 0) > (found.count or 0))
    return TableTargets((found,), others, limits, namespaces.hidden)


def worth_a_walk(
    targets: TableTargets, passed: int = 0
) -> tuple[TableTargets, tuple[TableTarget, ...]]:
    """Leave out tables that cost more than they tell: those to look into, and those left.

    Of whichever namespace the entries are that are asked for, the kernel walks the hash of all
    (ctnetlink_dump_table), so that many small tables cost each as much as one large one.  The
    fullest are looked into, until what is left has a hundredth of all entries, or so many are; and
    more, as long as the kernel has no more than `passed` entries to pass by for all of them.
    """
    chosen, whole = targets.chosen, sum(one.count or 0 for one in targets.chosen)
    seen = number = 0
    for one in chosen:
        enough = number >= _ALWAYS and (number >= _MOST or whole - seen <= whole // 100)
        if enough and (number + 1) * whole > passed:
            break
        number, seen = number + 1, seen + (one.count or 0)
    return replace(targets, chosen=chosen[:number]), chosen[number:]


def _target(table: Table) -> TableTarget:
    one = table.namespace
    return TableTarget(one.label, () if one.own else one.doors, table.count, one.inode)


def _weight(target: TableTarget) -> tuple[int, int]:
    return -(target.count or 0), target.inode or 0


def _own(known: tuple[Namespace, ...]) -> int | None:
    return next((one.inode for one in known if one.own), None)


def inside(host: Host, target: TableTarget) -> Host:
    """Give the host as it is seen from a place."""
    return host if target.door is None else host.within(target.door)


def read_settings(host: Host) -> dict[str, int] | Unreadable:
    """Give the timeouts in force in a namespace, in seconds by name.

    Those that its kernel lacks as by default, and those that nobody recorded not at all.

    Unreadable where none can be read, not even the one that every kernel has.
    """
    found = {}
    is_any, every = False, host.read(f"{SYSCTL}generic_timeout")
    for name, usual in DEFAULTS.items():
        answer = host.read(SYSCTL + name)
        value = number_of(answer)
        if value is not None:
            is_any, found[name] = True, value
        elif isinstance(answer, Unreadable) and answer.why is not Why.NOT_COLLECTED:
            found[name] = usual
    return every if isinstance(every, Unreadable) and not is_any else found


def known_settings(host: Host) -> dict[str, int]:
    """Give the same, and none of them where they cannot be read."""
    found = read_settings(host)
    return {} if isinstance(found, Unreadable) else found
