"""`ec2rl conntrack top`: who fills the table, and why."""

from __future__ import annotations

from ec2rl.arguments import Parsed, UsageError, format_of
from ec2rl.conntrack.commands.shared import (
    INTERRUPTED,
    answered,
    chosen,
    count_table,
    document_of,
    failed,
    nothing_to_show,
    targets_of,
    was_interrupted,
    whole_number,
)
from ec2rl.conntrack.report.table_json import census_facts, is_sample, machine_facts, target_facts
from ec2rl.conntrack.report.table_text import (
    KEYS,
    WIDE,
    all_tables,
    first_answer,
    left_out,
    top,
)
from ec2rl.conntrack.table.census import Census
from ec2rl.conntrack.table.process_owners import Owned, ProcessOwners, rank
from ec2rl.conntrack.table.targets import TableTarget, inside, worth_a_walk
from ec2rl.host import Host
from ec2rl.model import Unreadable, Why
from ec2rl.subcommand import COULD_NOT_LOOK
from ec2rl.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.model import Json

SAMPLE = 20_000
"""Entries of a first answer: a tenth of a second, and shares within 1 %."""
_LARGE = 3 * SAMPLE
_ASKED = 5000
"""Pairs whose owners are looked up where nothing else is wanted; 100 in the overview."""


def command(args: Parsed, terminal: Terminal) -> int:
    """Show who fills a table: 0, 3 not read whole, 130 interrupted; what was seen is shown."""
    _asked(args)
    return answered(args, terminal, lambda host, _: show(args, terminal, host))


def show(args: Parsed, terminal: Terminal, host: Host) -> int:
    """Show what fills the tables of a host, this machine or a recorded one; the exit status."""
    by, limit, sample = _asked(args)
    targets = targets_of(args, host)
    if isinstance(targets, Unreadable):
        return failed(terminal, targets)
    write, width = format_of(args).write, terminal.width or WIDE
    if write is None:
        terminal.out(nothing_to_show(args, targets) + all_tables(targets, width))
    tables: list[Json] = []
    status = 0
    early_too = not (sample or write or args.has("record") or args.has("replay"))
    looked, left = worth_a_walk(targets)
    for target in chosen(args, looked):
        if early_too and (target.count or 0) >= _LARGE:
            early = count_table(args, terminal, host, target, SAMPLE)
            if isinstance(early, Census) and is_sample(early):
                terminal.out(first_answer(target, targets.limits, early, by, width))
        census = count_table(args, terminal, host, target, sample, _ASKED if by == "owner" else 100)
        facts = target_facts(target, targets.limits)
        if isinstance(census, Unreadable):
            terminal.say(str(census))
            tables.append({**facts, "unreadable": str(census)})
            status = COULD_NOT_LOOK
            continue
        owned = _owned(args, host, target, census) if by in ("", "owner") else ()
        partly = _unrecorded(terminal, by, target, census, owned) or _cut(args, census)
        status = status or partly
        tables.append({**facts, **census_facts(census, target, owned, limit)})
        if write is None:
            terminal.out(top(target, targets, census, by, limit, owned, width))
        if was_interrupted(census):
            status = INTERRUPTED
            break
    if write is None:
        terminal.out(left_out(left, width))
        return status
    facts = {**machine_facts(targets), "left": [target_facts(t, targets.limits) for t in left]}
    terminal.out(write(document_of(args, host, **facts, tables=tables)))
    return status


def _asked(args: Parsed) -> tuple[str, int, int | None]:
    """Take what to rank by, how many rows, and how many entries. UsageError for nonsense."""
    by = _by(args)
    sample = whole_number(args, "sample", SAMPLE, 10_000_000) if args.has("sample") else None
    return by, whole_number(args, "limit", 10 if by else 5, 100), sample


def _by(args: Parsed) -> str:
    by = args.last("by")
    if args.has("by") and by not in KEYS:
        raise UsageError(f"--by={by}: one of {', '.join(KEYS)}")
    if by == "owner" and args.has("file"):
        raise UsageError("--by=owner looks at the processes of this machine: not with --file")
    return by


def _unrecorded(
    terminal: Terminal, by: str, target: TableTarget, census: Census, owned: Sequence[Owned]
) -> int:
    """Say where the owners that are asked for were not recorded; the exit status of that."""
    if by != "owner" or owned or not census.total:
        return 0
    terminal.say(f"{target.label}: who is behind its connections was not recorded")
    return COULD_NOT_LOOK


def _cut(args: Parsed, census: Census) -> int:
    """Give the exit status of a saved table of which a part is missing."""
    return COULD_NOT_LOOK if args.has("file") and not census.whole else 0


def _owned(args: Parsed, host: Host, target: TableTarget, census: Census) -> tuple[Owned, ...]:
    """Who is behind the busiest pairs, where they can be asked."""
    if args.has("file"):
        return ()
    seen_from = inside(host, target)
    sockets = seen_from.read("/proc/net/tcp")
    if isinstance(sockets, Unreadable) and sockets.why is Why.NOT_COLLECTED:
        return ()
    return rank(census.pairs.rows, ProcessOwners(host, seen_from, target))
