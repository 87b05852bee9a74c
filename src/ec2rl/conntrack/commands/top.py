"""`ec2rl conntrack top`: who fills the table, and why."""

from __future__ import annotations

from ec2rl.arguments import Parsed, UsageError, format_of
from ec2rl.conntrack.commands.shared import (
    INTERRUPTED,
    chosen,
    failed,
    host_of,
    look,
    nothing_to_show,
    targets_of,
    was_interrupted,
    whole_number,
)
from ec2rl.conntrack.report.table_json import census_facts, is_sample, machine_facts, target_facts
from ec2rl.conntrack.report.table_text import KEYS, all_tables, first_answer, top
from ec2rl.conntrack.table.census import Census
from ec2rl.conntrack.table.process_owners import Owned, ProcessOwners, rank
from ec2rl.conntrack.table.targets import TableTarget, inside
from ec2rl.host import Host
from ec2rl.model import Unreadable
from ec2rl.subcommand import COULD_NOT_LOOK, document
from ec2rl.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.model import Json

SAMPLE = 20_000
"""Entries of a first answer: a tenth of a second, and shares within 1 %."""
_LARGE = 3 * SAMPLE
_ASKED = 5000
"""Pairs whose owners are looked up where nothing else is wanted; 100 in the overview."""


def command(args: Parsed, terminal: Terminal) -> int:
    """0 shown; 3 a table could not be read; 130 interrupted: what was seen is shown."""
    host = host_of(args)
    return failed(terminal, host) if isinstance(host, Unreadable) else show(args, terminal, host)


def show(args: Parsed, terminal: Terminal, host: Host) -> int:
    """Show what fills the tables of a host, this machine or a recorded one; the exit status."""
    by = _by(args)
    limit = whole_number(args, "limit", 10 if by else 5, 100)
    sample = whole_number(args, "sample", SAMPLE, 10_000_000) if args.has("sample") else None
    targets = targets_of(args, host)
    if isinstance(targets, Unreadable):
        return failed(terminal, targets)
    write = format_of(args).write
    if write is None:
        terminal.out(nothing_to_show(args, targets) + all_tables(targets))
    tables: list[Json] = []
    status = 0
    for target in chosen(targets):
        if write is None and not sample and (target.count or 0) >= _LARGE:
            early = look(args, terminal, host, target, SAMPLE)
            if isinstance(early, Census) and is_sample(early):
                terminal.out(first_answer(target, targets.limits, early, by))
        census = look(args, terminal, host, target, sample, _ASKED if by == "owner" else 100)
        facts = target_facts(target, targets.limits)
        if isinstance(census, Unreadable):
            terminal.say(str(census))
            tables.append({**facts, "unreadable": str(census)})
            status = COULD_NOT_LOOK
            continue
        owned = _owned(args, host, target, census) if by in ("", "owner") else ()
        tables.append({**facts, **census_facts(census, owned, limit)})
        if write is None:
            terminal.out(top(target, targets, census, by, limit, owned))
        if was_interrupted(census):
            status = INTERRUPTED
            break
    if write is not None:
        terminal.out(write(document(**machine_facts(targets), tables=tables)))
    return status


def _by(args: Parsed) -> str:
    by = args.last("by")
    if args.has("by") and by not in KEYS:
        raise UsageError(f"--by={by}: one of {', '.join(KEYS)}")
    if by == "owner" and args.has("file"):
        raise UsageError("--by=owner looks at the processes of this machine: not with --file")
    return by


def _owned(args: Parsed, host: Host, target: TableTarget, census: Census) -> tuple[Owned, ...]:
    """Who is behind the busiest pairs, where they can be asked."""
    if args.has("file"):
        return ()
    rows = census.pairs.rows
    return rank(rows, ProcessOwners(host, inside(host, target), target))
