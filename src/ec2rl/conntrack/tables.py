"""How full each network namespace's table is, and what it loses."""

from __future__ import annotations

from ec2rl.conntrack.counters import Counters, parse_conntrack_stats, parse_stat, risen
from ec2rl.conntrack.defaults import SYSCTL
from ec2rl.conntrack.namespaces import RECORDED, Namespace, Namespaces, inode_number, is_kept
from ec2rl.facts.proc import memory, number, number_of, release
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import record, replace

STAT = "stat/nf_conntrack"
_GARBLED = "not the text that it should be"


@record(frozen=True)
class Table:
    """One namespace's table: what its counters were, and after a pause of `seconds` (if any).

    `entries` is how many it holds where its counters cannot tell; `lost_unread` says why nobody
    knows what it lost, where somebody kept its counters.
    """

    namespace: Namespace
    counters: Counters | Unreadable
    after: Counters | None = None
    seconds: float | None = None
    entries: int | None = None
    lost_unread: Unreadable | None = None

    @property
    def count(self) -> int | None:
        """Entries, at the last look; None when it could not be had."""
        last = self.after or self.counters
        return self.entries if isinstance(last, Unreadable) else last.entries

    @property
    def refused(self) -> int | None:
        """Packets lost for want of room since the namespace was made; see `Counters.refused`."""
        last = self.after or self.counters
        return None if isinstance(last, Unreadable) else last.refused

    def rate(self, counter: str) -> float | None:
        """Tell by how much a counter of `Counters` rises each second.

        None without a second look.
        """
        if isinstance(self.counters, Unreadable) or self.after is None or not self.seconds:
            return None
        number = getattr(risen(self.counters, self.after), counter)
        return None if number is None else number / self.seconds


@record(frozen=True)
class Limits:
    """What bounds the tables, read in our own namespace; None for what could not be read.

    `maximum` is one number for all namespaces (each is compared with its own count), 0 for no
    limit (up to 6.18); `buckets` one hash for all; `memory` is MemTotal in bytes.  `loaded` is
    False where connection tracking is not in this kernel now.  `is_old` is whether the kernel has
    the names of ip_conntrack (up to 2.6.19).
    """

    maximum: int | None
    buckets: int | None
    memory: int | None
    loaded: bool | None
    is_old: bool = False


def read_limits(host: Host) -> Limits:
    maximum = host.read(SYSCTL + "max")
    loaded: bool | None = None
    if isinstance(maximum, Evidence):
        loaded = True
    elif maximum.why is Why.ABSENT:
        # A container of an old kernel lacks the keys although the host tracks; and where all the
        # keys, or all the modules, are hidden, that this one is not there says nothing.
        keys, modules = host.names("/proc/sys/net"), host.names("/sys/module")
        whole = "core" in keys if isinstance(keys, tuple) else False
        if whole and isinstance(modules, tuple) and modules:
            loaded = False if "nf_conntrack" not in modules else None
    if isinstance(maximum, Unreadable) and maximum.why is Why.NOT_COLLECTED:
        maximum = host.read("/proc/sys/net/nf_conntrack_max")  # the same number by another name
    return Limits(
        number_of(maximum),
        number(host, SYSCTL + "buckets"),
        memory(host).get("MemTotal"),
        loaded,
        is_old=_is_old(release(host) or ""),
    )


def _is_old(kernel: str) -> bool:
    if not kernel.startswith("2."):
        return False
    import re

    return re.match(r"2\.(?:4\.|6\.1?\d(?!\d))", kernel) is not None


def read_tables(host: Host, namespaces: Namespaces) -> tuple[Table, ...]:
    """Read each namespace's counters: from inside where we may enter, else as a process shows them.

    A namespace that has vanished meanwhile is left out.
    """
    tables = (Table(one, _counters(host, one)) for one in namespaces.all)
    return tuple(_completed(host, table) for table in tables if not _gone(host, table))


def _completed(host: Host, table: Table) -> Table:
    """A table with what its counters could not tell."""
    counters, namespace = table.counters, table.namespace
    if isinstance(counters, Unreadable):
        return replace(table, entries=_entries(host, namespace))
    if counters.drop is not None:
        return table
    from ec2rl.conntrack.queries.counters import ConntrackCounters

    here = (host,) if namespace.net == RECORDED else tuple(map(host.within, namespace.doors))
    for inside in here:
        stats = inside.query(ConntrackCounters())
        if isinstance(stats, Evidence):
            first = stats.text.strip().partition("\n")[0][:200]
            why = f"{_GARBLED}: {first}" if first else "it is empty"
            return replace(table, lost_unread=Unreadable(stats.source, Why.FAILED, why))
        if is_kept(stats):
            return replace(table, lost_unread=stats)
    return table


def _entries(host: Host, namespace: Namespace) -> int | None:
    """How many entries a namespace's table holds, which anyone inside may ask."""
    ours = host.link("/proc/self/ns/net")
    is_ours = isinstance(ours, str) and namespace.inode in (inode_number(ours),)
    if namespace.net == RECORDED:
        return _recorded_entries(host)
    if is_ours:
        return number(host, SYSCTL + "count")
    for door in namespace.doors:
        entries = number(host.within(door), SYSCTL + "count")
        if entries is not None:
            return entries
    return None


def _gone(host: Host, table: Table) -> bool:
    if isinstance(table.counters, Counters) or table.counters.why not in (Why.ABSENT, Why.FAILED):
        return False
    if table.namespace.own or table.namespace.net == RECORDED:
        return False  # we are in it, or somebody was
    doors = table.namespace.doors
    if any(_leads_somewhere(host.within(door)) for door in doors):
        return False
    return not (_bound(host, table.namespace) or _peopled(host, table.namespace))


# By other paths than the first time: a host that remembers must look anew.


def _bound(host: Host, namespace: Namespace) -> bool:
    """Whether it is still bound: to a file that another mount hides, or whose name is no text."""
    mounts = host.read("/proc/thread-self/mountinfo") if namespace.names else None
    return isinstance(mounts, Evidence) and f" net:[{namespace.inode}] " in mounts.text


def _peopled(host: Host, namespace: Namespace) -> bool:
    """Whether there are still processes in it, after those few that were known have ended."""
    pids = host.names("/proc/.")
    if isinstance(pids, Unreadable) or namespace.inode is None:
        return False
    return f"net:[{namespace.inode}]" in (
        host.link(f"/proc/./{pid}/ns/net") for pid in pids if pid.isdecimal()
    )


def _leads_somewhere(inside: Host) -> bool:
    """Whether a door still leads where it should, or nobody may tell."""
    inode = inside.inode("/proc/thread-self/ns/net")
    return isinstance(inode, int) or inode.why not in (Why.ABSENT, Why.FAILED)


def read_again(host: Host, tables: tuple[Table, ...], seconds: float) -> tuple[Table, ...]:
    """Give the second look, `seconds` after the first.

    A namespace that has vanished keeps its first, as does one of which nothing proves that it is
    the same: what two namespaces lost is no loss of either.
    """
    again = []
    for table in tables:
        counters = _counters(host, table.namespace, again=True)
        if isinstance(counters, Counters) and isinstance(table.counters, Counters):
            again.append(replace(table, after=counters, seconds=seconds))
        else:
            again.append(table)
    return tuple(again)


def _counters(host: Host, namespace: Namespace, again: bool = False) -> Counters | Unreadable:
    found = _counted(host, namespace, again)
    if namespace.net != RECORDED or isinstance(found, Unreadable):
        return found
    # What is listed was there, though the counters be of another moment.
    entries = [one for one in (found.entries, _listed(host)) if one is not None]
    return replace(found, entries=max(entries, default=None))


def _counted(host: Host, namespace: Namespace, again: bool) -> Counters | Unreadable:
    # What a process shows is of wherever it is just then, and it may move and come back between
    # two looks at where it is: what we enter is one namespace. Our own needs no entering.
    inside = None if namespace.own else _entered(host, namespace)
    if isinstance(inside, Counters):
        return inside
    answer = _shown(host, namespace, again)
    if isinstance(answer, Unreadable) and answer.why is Why.ABSENT:
        found = _entered(host, namespace) if inside is None else inside
        if isinstance(found, Counters):
            return found
        answer = found or answer
    if isinstance(answer, Unreadable):
        known = _recorded(host) if answer.why is Why.NOT_COLLECTED else None
        return known or answer
    return parse_stat(answer.text) or Unreadable(answer.source, Why.FAILED, _GARBLED)


def _recorded(host: Host) -> Counters | Unreadable | None:
    """What the usual tools print of the namespace they ran in; None if nobody kept it.

    Unreadable where it was kept, and nothing of it can be understood.
    """
    from ec2rl.conntrack.queries.counters import ConntrackCounters
    from ec2rl.conntrack.queries.entries import ConntrackEntries

    entries = _recorded_entries(host)
    stats = host.query(ConntrackCounters())
    if isinstance(stats, Evidence):
        known = parse_conntrack_stats(stats.text, entries)
        if known is not None:
            return known
    if entries is not None:
        return Counters(entries, None, None, None, None)
    for look in (stats, host.read(SYSCTL + "count"), host.query(ConntrackEntries())):
        if not isinstance(look, Unreadable):
            return Unreadable(look.source, Why.FAILED, _GARBLED)
        if is_kept(look):
            return look
    return None


def _recorded_entries(host: Host) -> int | None:
    """How many entries were counted, or kept, when somebody recorded them."""
    entries = number(host, SYSCTL + "count")
    if entries is not None:
        return entries
    return _listed(host)


def _listed(host: Host) -> int | None:
    """How many entries a saved table has."""
    from ec2rl.conntrack.queries.entries import ConntrackEntries

    table = host.query(ConntrackEntries())
    return None if isinstance(table, Unreadable) else table.total


def _shown(host: Host, namespace: Namespace, again: bool) -> Evidence | Unreadable:
    """What the processes in a namespace show of it, without entering it.

    The second time it must be known that they are still in it.
    """
    answer: Evidence | Unreadable = Unreadable(namespace.label, Why.ABSENT)
    if namespace.net == RECORDED:
        return host.read(f"{namespace.net}/{STAT}")
    if namespace.own:
        answer = host.read(f"/proc/thread-self/net/{STAT}")
        if isinstance(answer, Evidence):
            return answer
    for folder in namespace.folders:
        answer = host.read(f"{folder}/net/{STAT}")
        stayed = _stayed(host, folder, namespace)
        if stayed is False or (again and stayed is None):
            answer = Unreadable(f"{folder}/net/{STAT}", Why.ABSENT, "its process has ended")
        if isinstance(answer, Evidence) or answer.why is not Why.ABSENT:
            break
    return answer


def _entered(host: Host, namespace: Namespace) -> Counters | Unreadable | None:
    """The counters from inside, by whichever door leads there; None where there is no door."""
    answer: Unreadable | None = None
    for door in namespace.doors:
        found = _from_inside(host.within(door))
        if isinstance(found, Counters):
            return found
        if answer is None or answer.why is Why.ABSENT:
            answer = found
    return answer


def _from_inside(inside: Host) -> Counters | Unreadable:
    answer = inside.read(f"/proc/net/{STAT}")
    if isinstance(answer, Evidence):
        return parse_stat(answer.text) or Unreadable(answer.source, Why.FAILED, _GARBLED)
    if answer.why is Why.ABSENT:
        from ec2rl.conntrack.queries.counters import ConntrackCounters

        # Kernels without CONFIG_NF_CONNTRACK_PROCFS (Ubuntu's) tell by ctnetlink alone.
        stats = inside.query(ConntrackCounters())
        if isinstance(stats, Unreadable):
            return stats if stats.why is not Why.ABSENT else answer
        entries = number(inside, SYSCTL + "count")
        found = None if entries is None else parse_conntrack_stats(stats.text, entries)
        return found or Unreadable(answer.source, Why.FAILED, _GARBLED)
    return _recorded(inside) or answer if answer.why is Why.NOT_COLLECTED else answer


def _stayed(host: Host, folder: str, namespace: Namespace) -> bool | None:
    """Whether the process that stood at that number is there, and in the namespace; None: unknown.

    Where we may not ask for its namespace, the number of its /proc/net/stat tells.
    """
    pid = folder.rpartition("/")[2]
    # By another path than the first time: a host that remembers must look anew.
    again = f"{folder}/task/{pid}" if folder.count("/") == 2 else f"/proc/{pid}"
    link = host.link(f"{again}/ns/net")
    if isinstance(link, str) and namespace.inode is not None:
        return inode_number(link) == namespace.inode
    place = None if namespace.place is None else host.inode(f"{again}/net/stat")
    return place == namespace.place if isinstance(place, int) else None
