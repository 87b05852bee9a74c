"""What the OOM killer prints: who asked for memory, whose limit it was, who was killed.

mm/oom_kill.c prints up to three lines for a kill.  `X invoked oom-killer:` with a trace and tables
behind it stands in every kernel (at most ten in five seconds), `oom-kill:constraint=` from 5.0 on,
`Killed process` in every one: below a line `Kill process` up to 5.0, since then in one with the
reason before it.  mm/memcontrol.c names the cgroup up to 4.20: `Task in A killed as a result of
limit of B`.
"""

from __future__ import annotations

from collections.abc import Sequence

from ec2rl.facts.kernel_log import LogLine
from ec2rl.facts.trace import Trace, parse_trace
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re

_INVOKED = (
    r"(?P<task>\S.{0,15}?) invoked oom-killer: gfp_mask=0x[0-9a-f]+(?:\([\w|]*\))?,"
    r".{0,200}\border=-?\d+(?:, oom_adj=-?\d+)?(?:, oom_score_adj=-?\d+)?\s*"
)
_CONSTRAINT = (
    r"oom-kill:constraint=CONSTRAINT_(?P<kind>[A-Z_]+),nodemask=.*?,cpuset=.*?,mems_allowed=[^a-z]*?"
    r",(?:global_oom|oom_memcg=(?P<limit>.*?)),task_memcg=(?P<memcg>.*),task=.{0,16},"
    r"pid=(?P<pid>\d+),uid=\d+\s*"
)
_KILLED = (
    r"(?:(?P<why>[A-Z][\w (),]{1,80}): )?Killed process (?P<pid>\d{1,10})(?:, UID \d+,)? "
    r"\((?P<task>.{1,64}?)\)(?:, UID \d+)?,? total-vm:\d+kB, anon-rss:(?P<anon>\d+)kB"
    r", file-rss:(?P<file>\d+)kB(?:, shmem-rss:(?P<shmem>\d+)kB)?(?:,? .{0,200})?"
)
_LIMIT = r"\s*Task in (?P<memcg>.*) killed as a result of limit of (?P<limit>/.*?)\s*"
_USAGE = r"\s*memory: usage (?P<usage>\d+)kB, limit (?P<limit>\d+)kB, failcnt \d+\s*"

HOST = ""
"""`Kill.cgroup` where the memory of the whole machine had run out."""

_APART = 60.0
"""Seconds that an OOM report takes at most, on a machine that is short of everything."""


@record(frozen=True)
class Kill:
    """One call of the OOM killer; None and "" are what no line tells.

    `task` was killed and held `resident` bytes, `asker` needed memory; `cgroup` is whose limit of
    `limit` bytes was met, `HOST` for none, None if no line tells.
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
    asked: list[tuple[LogLine, re.Match[str]]] = []
    constraints: dict[tuple[str | None, int], re.Match[str]] = {}
    for line in lines:
        message = line.message
        invoked = re.fullmatch(_INVOKED, message)
        if invoked is not None:
            asked.append((line, invoked))
            continue
        constraint = re.fullmatch(_CONSTRAINT, message)
        if constraint is not None:
            constraints[line.boot, int(constraint["pid"])] = constraint
            continue
        killed = re.fullmatch(_KILLED, message)
        if killed is not None:
            why = constraints.pop((line.boot, int(killed["pid"])), None)
            request = next((one for one in reversed(asked) if _belong(one[0], line)), None)
            if request is not None:
                asked.remove(request)
            found.append(_kill(line, killed, why, request))
    found += [
        Kill(line, asker=invoked["task"], trace=parse_trace(line.context))
        for line, invoked in asked
    ]
    return sorted(found, key=lambda kill: kill.line.time or 0.0)


def _belong(invoked: LogLine, killed: LogLine) -> bool:
    if (invoked.trusted, invoked.boot) != (killed.trusted, killed.boot):
        return False
    if invoked.time is None or killed.time is None:
        return invoked.time is killed.time
    return 0 <= killed.time - invoked.time <= _APART


def _kill(
    line: LogLine,
    killed: re.Match[str],
    constraint: re.Match[str] | None,
    request: tuple[LogLine, re.Match[str]] | None,
) -> Kill:
    context = request[0].context if request else ()
    cgroup, limit = _limit(killed["why"] or "", constraint, context)
    return Kill(
        line,
        task=killed["task"],
        pid=int(killed["pid"]),
        resident=sum(int(killed[name] or 0) for name in ("anon", "file", "shmem")) << 10,
        asker=request[1]["task"] if request else "",
        cgroup=cgroup,
        limit=limit,
        trace=parse_trace(context),
    )


def _limit(
    why: str, constraint: re.Match[str] | None, context: Sequence[str]
) -> tuple[str | None, int | None]:
    """Whose limit was met, and how many bytes it is."""
    import re

    named = next((m for one in context if (m := re.fullmatch(_LIMIT, one))), None)
    usage = next((m for one in context if (m := re.fullmatch(_USAGE, one))), None)
    limit = int(usage["limit"]) << 10 if usage else None
    if constraint is not None:
        if constraint["kind"] == "MEMCG":
            return constraint["limit"], limit
        return HOST, None
    if named is not None:
        return named["limit"], limit
    # The tables of the whole machine's memory are not printed for a cgroup (dump_header()).
    if why.startswith("Out of memory") or any(one.strip() == "Mem-Info:" for one in context):
        return HOST, None
    return None, limit
