"""What the OOM killer prints: who asked for memory, whose limit it was, who was killed.

mm/oom_kill.c prints up to three lines for a kill.  `X invoked oom-killer:` with a trace and tables
behind it stands in every kernel (at most ten in five seconds), and from 5.0 on
`oom-kill:constraint=` beside it.  `Killed process` is always printed: up to 5.0 below a line
`REASON: Kill process P (X) score N or sacrifice child` (the child may be the one that is killed),
from 5.2 on with the reason before it.  mm/memcontrol.c names the cgroup in the long report up to
4.19: `Task in A killed as a result of limit of B`.  With memory.oom.group (4.19, mm/memcontrol.c)
all tasks of a cgroup follow, each in such a line, its first victim once more.  Before 2.6.35 the
sizes are others or none (`vsz:`), and the line above says `score N or a child` or `and children`.
Where nobody can be killed, or panic_on_oom forbids to look for one, the report ends in a panic, but
for a cgroup's limit since 4.19.  Read in 3.10, 4.4, 4.9, 4.14, 4.19, 5.0, 5.2,
5.4, 5.10, 6.1, 6.12, 6.18 and 7.1, and in Red Hat's 3.10.0-1160, which names the user.
"""

from __future__ import annotations

from ec2rl.facts.log import LogLine, fits
from ec2rl.facts.oom_table import Process, largest
from ec2rl.facts.trace import Trace, parse_trace
from ec2rl.record import Choice, record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

_REASON = "oom-kill:constraint=CONSTRAINT_"
_CHOSEN = (
    r"(?P<why>[A-Z][\w (),]{1,80}): [Kk]ill process .{1,120} "
    r"(?:or sacrifice child|or a child\.?|and children\.)\s*"
)
_INVOKED = (
    r"(?P<task>\S.{0,15}?) invoked oom-killer: gfp_mask=0x[0-9a-f]+(?:\([\w|]*\))?,"
    r".{0,200}\border=-?\d+(?:, oomkilladj=-?\d+)?(?:, oom_adj=-?\d+)?(?:, oom_score_adj=-?\d+)?\s*"
)
_KILLED = (
    r"(?:(?P<why>[A-Z][\w (),]{1,80}): )?Killed process (?P<pid>\d{1,10})(?:, UID \d{1,10},)? "
    r"\((?P<task>.{1,64}?)\)(?:\.?|(?:, UID \d{1,10})?,? (?:total-vm|vsz):\d{1,18}kB, "
    r"anon-rss:(?P<anon>\d{1,18})kB, file-rss:(?P<file>\d{1,18})kB"
    r"(?:, shmem-rss:(?P<shmem>\d{1,18})kB)?(?:,? .{0,200})?)\s*"
)
_USAGE = r"\s*memory: usage \d{1,20}kB, limit (?P<limit>\d{1,20})kB, failcnt \d{1,20}\s*"

_GROUP = r"Tasks in (?P<cgroup>/.{0,4096}) are going to be killed due to memory\.oom\.group set\s*"
_NOBODY = r"Out of memory and no killable processes\.\.\.\s*"
_PANIC = (
    r"Kernel panic - not syncing: (?:(?P<nobody>Out of memory and no killable processes\.\.\."
    r"|System is deadlocked on memory)"
    r"|Out of memory: (?:(?P<whole>system-wide)|compulsory) panic_on_oom is enabled)\s*"
)

HOST = ""
"""`Kill.cgroup` where the memory of the whole machine had run out."""
NODES = "nodes"
"""`Kill.cgroup` where only the memory nodes had run out that the task may use."""
UNNAMED = "unnamed"
"""`Kill.cgroup` where it was a cgroup's limit, and no line is left that names it."""

_BOUNDLESS = 1 << 50
"""A limit in bytes that is none: the kernel prints the largest number of pages."""

_APART = 60.0
"""Seconds that an OOM report takes at most, on a machine that is short of everything."""


_AMONG = 1.0
"""Seconds between two processes of a group at most: nothing else is killed meanwhile (oom_lock)."""

_MEMBERS = 256
"""Processes of one group that are kept by name."""


class End(Choice):
    """How a call ended that killed nobody."""

    NOBODY = "nobody could be killed"
    PANIC = "nobody could be killed: panic"
    POLICY = "panic_on_oom"


@record(frozen=True)
class Kill:
    """One call of the OOM killer; None and "" are what no line tells.

    `task` was killed and held `resident` bytes, `asker` needed memory; `cgroup` is the path of the
    one whose limit of `limit` bytes was met, or `HOST`, `NODES`, `UNNAMED`; None if no line tells.
    `home` is the cgroup that the task was in.  `group` is the one that was killed as a whole, and
    `members` who was killed with the task; `processes` counts the kernel's lines of them all.
    `largest` is the largest process of the table in the report.
    """

    line: LogLine
    task: str = ""
    pid: int | None = None
    resident: int | None = None
    asker: str = ""
    cgroup: str | None = None
    limit: int | None = None
    trace: Trace = Trace()
    home: str = ""
    group: str = ""
    members: tuple[Process, ...] = ()
    processes: int = 0
    largest: Process | None = None
    end: End | None = None


def kills(lines: Sequence[LogLine]) -> list[Kill]:
    """Give the OOM killer's work in lines in the order of time.

    A call that killed nobody counts too.
    """
    readers: dict[object, _Reader] = {}
    for line in lines:
        if any(word in line.message for word in _WORDS):
            readers.setdefault((line.trusted, line.boot), _Reader()).take(line)
    found = [kill for reader in readers.values() for kill in reader.all()]
    return sorted(found, key=lambda kill: kill.line.time or 0.0)


_WORDS = (
    _REASON, " invoked oom-killer: ", "Killed process ", "ut of memory", " or sacrifice child",
    " or a child", " and children.", "memory.oom.group set", "deadlocked on memory",
)  # fmt: skip


class _Reader:
    """The calls of one boot, as one source of lines tells them."""

    def __init__(self) -> None:
        self.found: list[Kill] = []
        self.asked: Kill | None = None  # the last request that no kill has answered yet
        # Whose memory it was, and where the victim ran: by the pid of the victim, or, up to 5.0,
        # of whichever is killed next ("").
        self.reasons: dict[str, tuple[str, str]] = {}
        self.group: LogLine | None = None  # the last line of a group that is being killed
        self.chosen: Kill | None = None  # who is to be killed, until a line says so

    def all(self) -> list[Kill]:
        self._left_open()
        return [*self.found, *([self.asked] if self.asked is not None else [])]

    def take(self, line: LogLine) -> None:
        message = line.message
        if fits(rf"{_REASON}(?s:.*)", message):
            self._named(line)
        elif chosen := fits(_CHOSEN, message):
            self._chosen(line, _whose(chosen["why"]))
        elif invoked := fits(_INVOKED, message):
            self.group = None
            self._left_open()
            if self.asked is not None:
                self.found.append(self.asked)
            self.reasons.pop("", None)
            trace = parse_trace(line.context)
            self.asked = Kill(line, asker=invoked["task"], limit=_limit(line), trace=trace)
        elif group := fits(_GROUP, message):
            self._begin_anew()
            last = self.found[-1] if self.found else None
            if last is None or not last.task or not _near(last.line, line):
                self.found.append(Kill(line, cgroup=UNNAMED, group=group["cgroup"]))
            else:
                self.found[-1] = replace(last, group=group["cgroup"])
            self.group = line
        elif killed := fits(_KILLED, message):
            self._killed(line, killed)
        elif fits(_NOBODY, message):
            self._ended(line, End.NOBODY, None)
        elif panic := fits(_PANIC, message):
            end = End.PANIC if panic["nobody"] else End.POLICY
            self._ended(line, end, HOST if panic["nobody"] or panic["whole"] else None)

    def _named(self, line: LogLine) -> None:
        self.group = None
        self._left_open()
        task, pid, cgroup, home = _reason(line.message)
        self.reasons[pid] = cgroup, home
        number = int(pid) if pid.isdecimal() and len(pid) <= 10 else None
        self.chosen = Kill(line, task, number, cgroup=cgroup, home=home, processes=1)

    def _chosen(self, line: LogLine, whose: str) -> None:
        self.group = None
        if self.chosen is None or not _near(self.chosen.line, line):
            self._left_open()
            self.chosen = Kill(line, cgroup=whose)
        self.reasons[""] = whose, ""

    def _left_open(self) -> None:
        """Take the one that was to be killed as killed, where the line that says so is missing."""
        chosen, self.chosen = self.chosen, None
        if chosen is not None:
            asked = self._request(chosen.line)
            self.found.append(replace(chosen, asker=asked.asker, limit=asked.limit))

    def _begin_anew(self) -> None:
        """Make the last process of a group the first of another one, whose report was left out."""
        last = self.found[-1] if self.group is not None else None
        if self.group is not None and last is not None and last.members:
            *members, first = last.members
            processes = last.processes - 1
            self.found[-1] = replace(last, members=tuple(members), processes=processes)
            kill = Kill(self.group, first.task, first.pid, first.resident, cgroup=UNNAMED)
            self.found.append(replace(kill, processes=1))

    def _killed(self, line: LogLine, killed: re.Match[str]) -> None:
        self.chosen = None
        pid, task = int(killed["pid"]), killed["task"]
        held = None
        if killed["anon"]:
            held = sum(int(killed[of] or 0) for of in ("anon", "file", "shmem")) << 10
        if self.group is not None and _near(self.group, line, _AMONG):
            self.group = line
            last = self.found[-1]
            members = last.members
            if len(members) < _MEMBERS and pid not in {last.pid, *(one.pid for one in members)}:
                members = (*members, Process(task, pid, resident=held))
            self.found[-1] = replace(last, members=members, processes=last.processes + 1)
            return
        self.group = None
        request = self._request(line)
        chosen_by = self.reasons.pop("", ("", ""))[0] if "" in self.reasons else None
        why = _whose(killed["why"]) if killed["why"] else chosen_by
        named, home = self.reasons.pop(killed["pid"], (None, ""))
        context = request.line.context
        cgroup = named if named is not None else _cgroup(why, context)
        is_global = cgroup in (HOST, NODES)
        kill = replace(
            request,
            line=line,
            task=task,
            pid=pid,
            resident=held,
            cgroup=cgroup,
            home=home or ("" if is_global else _home(context)),
            processes=1,
            largest=largest(context, None if held is None else (pid, held)) if is_global else None,
        )
        self.found.append(kill)

    def _request(self, line: LogLine) -> Kill:
        """The request that this line answers, or a new one."""
        asked, self.asked = self.asked, None
        if asked is not None and not _near(asked.line, line):
            self.found.append(asked)
            asked = None
        return asked or Kill(line)

    def _ended(self, line: LogLine, end: End, cgroup: str | None) -> None:
        self.group = self.chosen = None
        last = self.found[-1] if self.found else None
        is_again = last is not None and last.end is End.NOBODY and _near(last.line, line)
        if last is not None and is_again and self.asked is None:
            self.found[-1] = replace(last, end=end, cgroup=cgroup)
            return
        request = self._request(line)
        context = request.line.context
        told = _cgroup(None, context) if cgroup is None else cgroup
        table = largest(context, None) if told == HOST else None
        self.found.append(replace(request, line=line, end=end, cgroup=told, largest=table))


def _near(asked: LogLine, killed: LogLine, most: float = _APART) -> bool:
    if asked.time is None or killed.time is None:
        return asked.time is killed.time
    return 0 <= killed.time - asked.time <= most


def _reason(message: str) -> tuple[str, str, str, str]:
    """Who is to be killed, its pid, whose limit was met, and which cgroup the victim is in."""
    rest, _, ids = message[len(_REASON) :].rpartition(",pid=")
    kind = rest.partition(",")[0]
    cgroup = rest.partition(",oom_memcg=")[2].partition(",task_memcg=")[0]
    home = rest.partition(",task_memcg=")[2].partition(",task=")[0]
    whose = {"MEMCG": cgroup or UNNAMED, "NONE": HOST}.get(kind, NODES)
    return rest.rpartition(",task=")[2], ids.partition(",uid=")[0], whose, home


def _whose(why: str) -> str:
    return UNNAMED if why.startswith("Memory cgroup") else HOST


def _cgroup(why: str | None, context: Sequence[str]) -> str | None:
    """Whose limit was met, from the long report; None where nothing says."""
    for text in context:
        who, named, cgroup = text.strip().partition(" killed as a result of limit of ")
        if named and who.startswith("Task in "):
            return cgroup
    # The tables of the whole machine's memory are not printed for a cgroup (dump_header()).
    if why is None and any(text.strip() == "Mem-Info:" for text in context):
        return HOST
    return why


def _home(context: Sequence[str]) -> str:
    """The cgroup of the one that is killed, from the long report up to 4.19."""
    for text in context:
        who, named, _ = text.strip().partition(" killed as a result of limit of ")
        if named and who.startswith("Task in "):
            return who[len("Task in ") :]
    return ""


def _limit(line: LogLine) -> int | None:
    """The limit of the cgroup in bytes, which the long report has for a cgroup only."""
    import re

    usage = next((m for text in line.context if (m := re.fullmatch(_USAGE, text))), None)
    limit = int(usage["limit"]) << 10 if usage else _BOUNDLESS
    return limit if limit < _BOUNDLESS else None
