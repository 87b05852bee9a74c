"""What the OOM killer prints: who asked for memory, whose limit it was, who was killed.

mm/oom_kill.c prints up to three lines for a kill.  `X invoked oom-killer:` with a trace and tables
behind it stands in every kernel (at most ten in five seconds), and from 5.0 on
`oom-kill:constraint=` beside it.  `Killed process` is always printed: up to 5.0 below a line
`REASON: Kill process P (X) score N or sacrifice child` (the child may be the one that is killed),
from 5.2 on with the reason before it.  mm/memcontrol.c names the cgroup in the long report up to
4.19: `Task in A killed as a result of limit of B`.  Read in 3.10, 4.4, 4.9, 4.14, 4.19, 5.0, 5.2,
5.4, 5.10, 6.1, 6.12, 6.18 and 7.1, and in Red Hat's 3.10.0-1160, which names the user.
"""

from __future__ import annotations

from ec2rl.facts.log import LogLine
from ec2rl.facts.trace import Trace, parse_trace
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_REASON = "oom-kill:constraint=CONSTRAINT_"
_CHOSEN = r"(?P<why>[A-Z][\w (),]{1,80}): Kill process .{1,120} or sacrifice child\s*"
_INVOKED = (
    r"(?P<task>\S.{0,15}?) invoked oom-killer: gfp_mask=0x[0-9a-f]+(?:\([\w|]*\))?,"
    r".{0,200}\border=-?\d+(?:, oom_adj=-?\d+)?(?:, oom_score_adj=-?\d+)?\s*"
)
_KILLED = (
    r"(?:(?P<why>[A-Z][\w (),]{1,80}): )?Killed process (?P<pid>\d{1,10})(?:, UID \d{1,10},)? "
    r"\((?P<task>.{1,64}?)\)(?:, UID \d{1,10})?,? total-vm:\d{1,18}kB, "
    r"anon-rss:(?P<anon>\d{1,18})kB, file-rss:(?P<file>\d{1,18})kB"
    r"(?:, shmem-rss:(?P<shmem>\d{1,18})kB)?(?:,? .{0,200})?"
)
_USAGE = r"\s*memory: usage \d{1,20}kB, limit (?P<limit>\d{1,20})kB, failcnt \d{1,20}\s*"

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


@record(frozen=True)
class Kill:
    """One call of the OOM killer; None and "" are what no line tells.

    `task` was killed and held `resident` bytes, `asker` needed memory; `cgroup` is the path of the
    one whose limit of `limit` bytes was met, or `HOST`, `NODES`, `UNNAMED`; None if no line tells.
    """

    line: LogLine
    task: str = ""
    pid: int | None = None
    resident: int | None = None
    asker: str = ""
    cgroup: str | None = None
    limit: int | None = None
    trace: Trace = Trace()


def kills(lines: Sequence[LogLine]) -> list[Kill]:
    """The OOM killer's work in lines in the order of time; a call that killed nobody counts too."""
    import re

    found: list[Kill] = []
    # The last request of each boot that no kill has answered yet, and whose memory it was: by the
    # pid of the victim, or, up to 5.0, of whichever is killed next.
    asked: dict[tuple[bool, str | None], Kill] = {}
    reasons: dict[tuple[bool, str | None, str], str] = {}
    for line in lines:
        vouched = line.trusted, line.boot
        if line.message.startswith(_REASON):
            pid, cgroup = _reason(line.message)
            reasons[(*vouched, pid)] = cgroup
        elif chosen := re.fullmatch(_CHOSEN, line.message):
            reasons[(*vouched, "")] = _whose(chosen["why"])
        elif invoked := re.fullmatch(_INVOKED, line.message):
            if vouched in asked:
                found.append(asked.pop(vouched))
            reasons.pop((*vouched, ""), None)
            asked[vouched] = Kill(
                line, asker=invoked["task"], limit=_limit(line), trace=parse_trace(line.context)
            )
        elif killed := re.fullmatch(_KILLED, line.message):
            request = asked.pop(vouched, None)
            if request is not None and not _near(request.line, line):
                found.append(request)
                request = None
            request = request or Kill(line)
            chosen_by = reasons.pop((*vouched, ""), None)
            why = _whose(killed["why"]) if killed["why"] else chosen_by
            reason = reasons.pop((*vouched, killed["pid"]), None)
            found.append(
                replace(
                    request,
                    line=line,
                    task=killed["task"],
                    pid=int(killed["pid"]),
                    resident=sum(int(killed[of] or 0) for of in ("anon", "file", "shmem")) << 10,
                    cgroup=reason if reason is not None else _cgroup(why, request.line.context),
                )
            )
    return sorted([*found, *asked.values()], key=lambda kill: kill.line.time or 0.0)


def _near(asked: LogLine, killed: LogLine) -> bool:
    if asked.time is None or killed.time is None:
        return asked.time is killed.time
    return 0 <= killed.time - asked.time <= _APART


def _reason(message: str) -> tuple[str, str]:
    """Who is to be killed, by pid, and whose limit was met."""
    rest, _, ids = message[len(_REASON) :].rpartition(",pid=")
    kind = rest.partition(",")[0]
    cgroup = rest.partition(",oom_memcg=")[2].partition(",task_memcg=")[0]
    whose = {"MEMCG": cgroup or UNNAMED, "NONE": HOST}.get(kind, NODES)
    return ids.partition(",uid=")[0], whose


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


def _limit(line: LogLine) -> int | None:
    """The limit of the cgroup in bytes, which the long report has for a cgroup only."""
    import re

    usage = next((m for text in line.context if (m := re.fullmatch(_USAGE, text))), None)
    limit = int(usage["limit"]) << 10 if usage else _BOUNDLESS
    return limit if limit < _BOUNDLESS else None
