"""`ec2rl conntrack size`: how large the table should be, what that costs, when it will be full."""

from __future__ import annotations

import time
from contextlib import ExitStack

from ec2rl.arguments import Parsed, format_of, seconds
from ec2rl.conntrack.commands.shared import (
    INTERRUPTED,
    answered,
    count_table,
    document_of,
    failed,
    kept,
    nothing_to_show,
    targets_of,
    was_interrupted,
)
from ec2rl.conntrack.messages import PHRASES
from ec2rl.conntrack.observations import Observations
from ec2rl.conntrack.observe import read
from ec2rl.conntrack.report.size_text import Sizing, Tables, recommended_facts, size_text
from ec2rl.conntrack.report.table_json import need_facts, seen_facts, size_facts, target_facts
from ec2rl.conntrack.report.table_text import WIDE
from ec2rl.conntrack.size_policy import LOOKED_INTO, Load, size_for, table_size
from ec2rl.conntrack.table.census import Census
from ec2rl.conntrack.table.cost import SLABS, cost_of, object_size
from ec2rl.conntrack.table.sizing import growth, need, rates, time_to_full
from ec2rl.conntrack.table.targets import TableTarget, TableTargets
from ec2rl.conntrack.which_namespace import ALL
from ec2rl.facts.kernel_log import read_kernel_log
from ec2rl.model import Unreadable, Why, say
from ec2rl.module import Options
from ec2rl.record import record, replace
from ec2rl.report.escape import one_line
from ec2rl.subcommand import COULD_NOT_LOOK
from ec2rl.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.conntrack.tables import Limits
    from ec2rl.host import Host
    from ec2rl.model import Json

BETWEEN = "between"
"""What a recording calls the seconds between two looks at a table."""


@record(frozen=True)
class _Counts:
    """One look at a table, or two that were `between` seconds apart."""

    target: TableTarget
    began: float
    first: Census | Unreadable
    second: Census | None = None
    between: float = 0.0


def command(args: Parsed, terminal: Terminal) -> int:
    """Size the table: 0, 3 could not look, 130 interrupted (what one look tells is shown)."""
    pause = seconds("interval", args.last("interval", "5"), 0, 3600)
    return answered(args, terminal, lambda host, how: _show(args, terminal, host, pause, how))


def _show(args: Parsed, terminal: Terminal, host: Host, pause: float, how: dict[str, str]) -> int:
    targets = targets_of(args, host, ALL)
    if isinstance(targets, Unreadable):
        return failed(terminal, targets)
    write = format_of(args).write
    if write is None:
        terminal.out(nothing_to_show(args, targets, ALL))
    found, status = _look_twice(args, terminal, host, targets, pause, how)
    unread = [pair for pair in found if isinstance(pair.first, Unreadable)]
    for pair in unread:
        terminal.say(str(pair.first))
    sized = [_sizing(pair, targets.limits) for pair in found if pair not in unread]
    # Where no table has an entry now, packets may have been lost in this boot all the same.
    empty = not targets.chosen and targets.limits.loaded is not False
    tables = _recommended(host, args, targets, sized) if sized or empty else None
    if write is not None:
        recommended = None if tables is None else recommended_facts(targets.limits, tables)
        facts = _facts(targets, unread, tables)
        terminal.out(write(document_of(args, host, recommended=recommended, tables=facts)))
    elif tables is not None:
        terminal.out(size_text(targets.limits, tables, terminal.width or WIDE))
    return status or (COULD_NOT_LOOK if unread else 0)


def _look_twice(
    args: Parsed,
    terminal: Terminal,
    host: Host,
    targets: TableTargets,
    pause: float,
    how: dict[str, str],
) -> tuple[list[_Counts], int]:
    """Look at the fullest tables, and again after a pause; the exit status is that of a signal.

    A recording has as many looks as were taken then; `how` says how far they were apart.
    """
    past = args.has("replay")
    found: list[_Counts] = []
    with ExitStack() as stack:
        for target in targets.chosen[:LOOKED_INTO]:
            here = stack.enter_context(kept(args, target))
            began = time.monotonic()
            found.append(_Counts(here, began, count_table(args, terminal, host, here)))
            if was_interrupted(found[-1].first):
                return found, INTERRUPTED
        if not found or not (how.get(BETWEEN) if past else pause) or args.has("file"):
            return found, 0
        try:
            terminal.progress(f"{_named(found)}: waiting {pause:g} s for a second look")
            time.sleep(0 if past else max(0.0, found[0].began + pause - time.monotonic()))
        except KeyboardInterrupt:
            return found, INTERRUPTED
        for number, one in enumerate(found):
            if isinstance(one.first, Unreadable):
                continue
            again = time.monotonic()
            second = count_table(args, terminal, host.later(0), one.target)
            if isinstance(second, Unreadable):
                terminal.say(f"no second look: {second}")
            elif was_interrupted(second):
                return found, INTERRUPTED
            else:
                between = float(how[BETWEEN]) if past else again - one.began
                how[BETWEEN] = repr(between)
                found[number] = replace(one, second=second, between=between)
    return found, 0


def _named(found: Sequence[_Counts]) -> str:
    return one_line(found[0].target.label) if len(found) == 1 else f"{len(found)} tables"


def _sizing(pair: _Counts, limits: Limits) -> Sizing:
    """What the looks at one table come to; what could not be read of the limits is nothing."""
    first, second = pair.first, pair.second
    assert not isinstance(first, Unreadable)
    last = first if second is None else second
    grown = () if second is None else growth(first, second, pair.between)
    needed = need(last, grown)
    peak = max(needed.entries, first.total, last.total, last.counted or 0)
    count = last.total if last.counted is None else last.counted
    full = time_to_full(count, limits.maximum or 0, grown)
    return Sizing(
        pair.target,
        last,
        pair.between,
        replace(needed, entries=peak),
        rates(last),
        grown,
        full,
    )


def _recommended(
    host: Host, args: Parsed, targets: TableTargets, sized: Sequence[Sizing]
) -> Tables:
    """One size for all, as the limit is one; of a saved table's machine nothing else is known."""
    needed = max((one.needed.entries for one in sized), default=0)
    if args.has("file"):
        slabs = Unreadable(SLABS, Why.NOT_COLLECTED)
        size, entry = size_for(needed), object_size(slabs)
        cost = cost_of(size.max, size.buckets, entry)
        return Tables(tuple(sized), size, entry, cost, saved=True)
    seen = _observed(host, needed, any(one.between for one in sized))
    known = seen.limits.maximum is not None and seen.limits.buckets is not None
    size = table_size(seen) if known else size_for(needed)
    entry = object_size(host.read(SLABS))
    cost = cost_of(size.max, size.buckets, entry, seen.limits.memory, seen.free)
    left = len(targets.chosen) - LOOKED_INTO
    return Tables(tuple(sized), size, entry, cost, left=left, past=args.has("replay"))


def _observed(host: Host, needed: int, twice: bool) -> Observations:
    """What the module sees of this host, with the load as the looks tell it, if that is more."""
    seen = read(host, read_kernel_log(host, PHRASES), Options(1.0 if twice else 0.0))
    if seen.load is None or seen.load.entries < needed:
        seen = replace(seen, load=Load(needed, say("{n:entry/entries} by a census", n=needed)))
    return seen


def _facts(targets: TableTargets, unread: Sequence[_Counts], tables: Tables | None) -> list[Json]:
    facts: list[Json] = [
        {**target_facts(pair.target, targets.limits), "unreadable": str(pair.first)}
        for pair in unread
    ]
    if tables is not None:
        facts += [
            {
                **target_facts(one.target, targets.limits),
                **seen_facts(one.seen),
                **size_facts(tables.size, tables.cost),
                **need_facts(one.needed, one.rates, one.grown, one.full),
            }
            for one in tables.sized
        ]
    return facts
