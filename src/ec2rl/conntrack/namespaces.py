"""Every network namespace of a machine: conntrack counts and limits each one by itself."""

from __future__ import annotations

from ec2rl.conntrack.defaults import SYSCTL
from ec2rl.conntrack.owner import container_id, owner
from ec2rl.host import Door, Host
from ec2rl.model import Evidence, Statement, Unreadable, Why, say
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.conntrack.queries.kept import Entries

_NAMED = ("/run/netns", "/run/docker/netns")
_FOLDERS = tuple(f"{folder}/" for folder in _NAMED)
INITIAL = "this host (initial network namespace)"
"""What a person calls the host's own."""
_NONE = 0
"""The number that no namespace has."""
FIRST_INODE = 0xF0000000
"""Namespaces are numbered from PROC_DYNAMIC_FIRST on (fs/proc/generic.c); a plain file is not."""
_INITIAL_PID = "pid:[4026531836]"
"""PROC_PID_INIT_INO, include/linux/proc_ns.h: the same on every kernel."""


@record(frozen=True)
class Namespace:
    """One network namespace.

    `inode` is its number in messages of the kernel (None when we may not ask); `net` is a folder
    that shows its /proc/net to anyone, where there is one; `names` are the files it is bound to;
    `owner` says whose it is; `others` are folders of a few more processes in it, for when the
    first has ended; `own` is whether it is ours; `container` is the whole id of the owner's.
    """

    inode: int | None
    initial: bool
    net: str | None
    names: tuple[str, ...]
    owner: str
    others: tuple[str, ...] = ()
    own: bool = False
    container: str = ""
    place: int | None = None
    """The number of its /proc/net/stat, which anyone may see; None where it was not asked for."""

    @property
    def folders(self) -> tuple[str, ...]:
        """Those of the processes in it that are known."""
        net = self.net if self.net != RECORDED else None
        first = () if net is None else (net[: -len("/net")],)
        return (*first, *self.others)

    @property
    def doors(self) -> tuple[Door, ...]:
        """Every file to enter it by, the best first; by now some may lead elsewhere.

        A name stays where it is, a process moves and ends; other places that something is bound
        to may be anything by now, and come last.
        """
        named = [name for name in self.names if name.startswith(_FOLDERS)]
        paths = (*named, *(f"{folder}/ns/net" for folder in self.folders), *self.names)
        # Where we may not ask for the number of what a process is in, none is known to be right.
        number = _NONE if self.inode is None and self.net is not None else self.inode
        return tuple(Door(path, number) for path in dict.fromkeys(paths))

    @property
    def label(self) -> str:
        """What a person calls it."""
        if self.initial:
            return INITIAL
        words = [word for word in (self._name, self.owner) if word]
        if self.inode is None:
            return " ".join(["a network namespace", *([f"({', '.join(words)})"] if words else [])])
        number = f"netns {self.inode}"
        return f"{words[0]} ({', '.join([number, *words[1:]])})" if words else number

    @property
    def short(self) -> str:
        """What a person calls it, in a line that says more."""
        if self.initial:
            return "this host"
        if self.inode is None or not self._name:
            return self.label
        return f"{self._name} (netns {self.inode})"

    @property
    def _name(self) -> str:
        return self.names[0].rpartition("/")[2] if self.names else ""


@record(frozen=True)
class Namespaces:
    """All that were found; `hidden` says what kept us from seeing the rest, None for nothing."""

    all: tuple[Namespace, ...]
    hidden: Statement | None


class _Found:
    """One namespace while it is being found."""

    def __init__(self) -> None:
        self.inode: int | None = None
        self.place: int | None = None
        self.pids: list[str] = []
        self.names: list[str] = []


def find_namespaces(host: Host) -> Namespaces:
    """Find namespaces by processes, threads and bound files; entering none of them."""
    found: dict[object, _Found] = {}
    names = host.names("/proc")
    if isinstance(names, Unreadable) and names.why is Why.NOT_COLLECTED:
        hidden = say("the namespaces of processes: not collected")
        return Namespaces(_recorded(host), hidden)
    pids = () if isinstance(names, Unreadable) else sorted(filter(str.isdecimal, names), key=int)
    shy: list[str] = []
    for pid in pids:
        for task in _tasks(host, pid):
            link = host.link(f"{task}/ns/net")
            if isinstance(link, Unreadable):
                if link.why is not Why.ABSENT:
                    shy.append(task)
            elif (inode := inode_number(link)) is not None:
                here = found.setdefault(inode, _Found())
                here.inode = inode
                here.pids.append(task)
    _add_unnamed(host, found, shy)
    for path, inode in _bound(host):
        here = found.setdefault(inode, _Found())
        here.inode = inode
        here.names.append(path)
    ours = host.link("/proc/self/ns/net")
    initial = _initial(host, ours)
    own = None if isinstance(ours, Unreadable) else inode_number(ours)
    every = [_namespace(host, one, initial, own) for one in found.values()]
    # We are in one ourselves, be there no /proc to see it by.
    every = every or [Namespace(None, False, None, (), "", own=True)]
    every.sort(key=lambda one: (not one.initial, one.inode or 0))
    return Namespaces(tuple(every), _hidden(host, names))


def _tasks(host: Host, pid: str) -> list[str]:
    """A process's folder, and those of its other threads: each thread may be elsewhere."""
    threads = host.names(f"/proc/{pid}/task")
    if isinstance(threads, Unreadable) or len(threads) < 2:
        return [f"/proc/{pid}"]
    return [f"/proc/{pid}", *(f"/proc/{pid}/task/{tid}" for tid in threads if tid != pid)]


def inode_number(link: str) -> int | None:
    """Give the number in `net:[N]`; None for anything else."""
    digits = link[5:-1]
    whole = link.startswith("net:[") and link.endswith("]") and digits.isdecimal()
    return int(digits) if whole and len(digits) <= 10 else None


def _add_unnamed(host: Host, found: dict[object, _Found], shy: list[str]) -> None:
    """Place the processes whose namespace we may not ask for.

    Each namespace has a /proc/net/stat of its own, and anyone may see its inode number.
    """
    if not shy:
        return
    places: dict[int, _Found] = {}
    for one in found.values():
        folder = host.inode(f"{one.pids[0]}/net/stat")
        if isinstance(folder, int):
            places[folder] = one
    for task in shy:
        folder = host.inode(f"{task}/net/stat")
        if isinstance(folder, int):
            if folder not in places:
                places[folder] = found[f"stat {folder}"] = _Found()
            places[folder].place = folder
            places[folder].pids.append(task)


def _bound(host: Host) -> list[tuple[str, int]]:
    """Files that a namespace is bound to: (path, inode), also where no process is in it."""
    bound: dict[str, int] = {}
    mounts = host.read("/proc/self/mountinfo")
    if isinstance(mounts, Evidence):
        for line in mounts.text.splitlines():
            if "net:[" not in line:
                continue
            fields = line.split(" ")
            inode = inode_number(fields[3]) if len(fields) > 4 else None
            if inode is not None:
                bound[_unescaped(fields[4])] = inode
    for folder in _NAMED:
        names = host.names(folder)
        for name in () if isinstance(names, Unreadable) else names:
            number = host.inode(f"{folder}/{name}")
            if isinstance(number, int) and number >= FIRST_INODE:
                bound.setdefault(f"{folder}/{name}", number)
    return sorted(bound.items())


def _unescaped(path: str) -> str:
    """Undo the octal escapes of mountinfo (fs/proc_namespace.c: blank, tab, newline, backslash)."""
    for code in ("040", "011", "012", "043", "134"):
        path = path.replace("\\" + code, chr(int(code, 8)))
    return path


def _initial(host: Host, ours: str | Unreadable) -> int | None:
    """The number of the initial namespace: kthreadd never leaves it; only it has the alias key."""
    if isinstance(host.read("/proc/sys/net/nf_conntrack_max"), Evidence):
        return None if isinstance(ours, Unreadable) else inode_number(ours)
    comm = host.read("/proc/2/comm")
    if isinstance(comm, Evidence) and comm.text.strip() == "kthreadd":
        link = host.link("/proc/2/ns/net")
        return None if isinstance(link, Unreadable) else inode_number(link)
    return None


def _namespace(host: Host, one: _Found, initial: int | None, own: int | None) -> Namespace:
    is_initial = one.inode is not None and one.inode == initial
    whose = container = ""
    if one.pids and not is_initial:
        cgroup = host.read(f"{one.pids[0]}/cgroup")
        comm = host.read(f"{one.pids[0]}/comm")
        groups = cgroup.text if isinstance(cgroup, Evidence) else ""
        whose = owner(groups, comm.text.strip() if isinstance(comm, Evidence) else "")
        container = container_id(groups)
    net = f"{one.pids[0]}/net" if one.pids else None
    names, others = tuple(one.names), tuple(one.pids[1:4])
    is_own = one.inode is not None and one.inode == own
    return Namespace(one.inode, is_initial, net, names, whose, others, is_own, container, one.place)


RECORDED = "/proc/net"
"""The `net` of the namespace in which somebody recorded what can be recorded."""


def _recorded(host: Host) -> tuple[Namespace, ...]:
    """Those that somebody recorded something of; of the others nobody knows."""
    from ec2rl.conntrack.queries.counters import ConntrackCounters
    from ec2rl.conntrack.queries.entries import ConntrackEntries

    found = []
    kept = ("/proc/net/stat/nf_conntrack", f"{SYSCTL}count")
    known = any(map(is_kept, map(host.read, kept)))
    table = host.query(ConntrackEntries())
    if known or is_kept(table) or is_kept(host.query(ConntrackCounters())):
        initial = isinstance(host.read("/proc/sys/net/nf_conntrack_max"), Evidence)
        whose = (
            f"as saved in {table.source}" if not (known or isinstance(table, Unreadable)) else ""
        )
        found.append(Namespace(None, initial, RECORDED, (), whose))
    for folder in _NAMED:
        names = host.names(folder)
        for name in () if isinstance(names, Unreadable) else names:
            path = f"{folder}/{name}"
            found.append(Namespace(None, False, None, (path,), ""))
    return tuple(found)


def is_kept(look: Evidence | Entries | Unreadable) -> bool:
    """Tell whether somebody kept something of it, be it damaged."""
    return not (isinstance(look, Unreadable) and look.why in (Why.NOT_COLLECTED, Why.ABSENT))


def _hidden(host: Host, names: tuple[str, ...] | Unreadable) -> Statement | None:
    if isinstance(names, Unreadable):
        return say("the processes cannot be listed: {why}", why=names)
    ours = host.link("/proc/self/ns/pid")
    if isinstance(ours, Unreadable) and ours.why is Why.NOT_COLLECTED:
        why = ours.detail or ours.why.value
        return say("whose processes these are: {why}", why=why)
    if not any(map(str.isdecimal, names)):
        return say("no process can be seen: /proc shows none")
    if ours != _INITIAL_PID:
        return say("only this container's own processes can be seen from here")
    if "1" not in names:
        return say("other users' processes are hidden (hidepid)")
    return None
