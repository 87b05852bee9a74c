"""`ec2rl conntrack whatif [TIMEOUT=TIME ...]`: what other timeouts would do to the table."""

from __future__ import annotations

from ec2rl.arguments import Parsed, UsageError, format_of
from ec2rl.conntrack.commands.shared import (
    INTERRUPTED,
    answered,
    count_tables,
    document_of,
    failed,
    nothing_to_show,
    targets_of,
    was_interrupted,
)
from ec2rl.conntrack.report.table_json import seen_facts, target_facts, what_if_facts
from ec2rl.conntrack.report.table_text import WIDE, left_out
from ec2rl.conntrack.report.what_if_text import what_if_text
from ec2rl.conntrack.table.census import Census
from ec2rl.conntrack.table.targets import worth_a_walk
from ec2rl.conntrack.table.timeouts import governing
from ec2rl.conntrack.table.whatif import SettingError, parse_settings, what_if
from ec2rl.model import Unreadable
from ec2rl.subcommand import COULD_NOT_LOOK
from ec2rl.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ec2rl.host import Host
    from ec2rl.model import Json


def command(args: Parsed, terminal: Terminal) -> int:
    """Predict the use of other timeouts.

    0 shown; 2 an unknown timeout or a bad number; 3 could not look; 130 interrupted.
    """
    try:
        wishes = parse_settings(args.operands)
    except SettingError as error:
        raise UsageError(str(error)) from None
    return answered(args, terminal, lambda host, _: _show(args, terminal, host, wishes))


def _show(args: Parsed, terminal: Terminal, host: Host, wishes: Mapping[str, int]) -> int:
    targets = targets_of(args, host)
    if isinstance(targets, Unreadable):
        return failed(terminal, targets)
    write, width = format_of(args).write, terminal.width or WIDE
    terminal.out(nothing_to_show(args, targets) if write is None else "")
    tables: list[Json] = []
    status = 0
    looked, left = worth_a_walk(targets)
    for target, census in count_tables(args, terminal, host, looked):
        facts = target_facts(target, targets.limits)
        if isinstance(census, Unreadable):
            terminal.say(str(census))
            tables.append({**facts, "unreadable": str(census)})
            status = COULD_NOT_LOOK
            continue
        answer = what_if(census, wishes or halved(census))
        tables.append({**facts, **what_if_facts(answer), **seen_facts(census)})
        if write is None:
            terminal.out(what_if_text(target, targets.limits, census, answer, not wishes, width))
        if was_interrupted(census):
            status = INTERRUPTED
    if write is not None:
        more: list[Json] = [target_facts(one, targets.limits) for one in left]
        terminal.out(write(document_of(args, host, tables=tables, left=more)))
    else:
        terminal.out(left_out(left, width))
    return status


def halved(census: Census) -> dict[str, int]:
    """Half of today's time for each timeout that entries have theirs from, the most first."""
    counts: dict[str, int] = {}
    for cell in census.cells:
        name = governing(cell.kind)
        if census.settings.get(name, 0) > 1:
            counts[name] = counts.get(name, 0) + cell.count
    most = sorted(counts, key=lambda name: (-counts[name], name))
    return {name: census.settings[name] // 2 for name in most}
