"""`ec2rl keep [ID]`: a change that is on trial stays."""

from __future__ import annotations

import time

from ec2rl.arguments import Parsed, UsageError, format_of
from ec2rl.catalogue import load, names
from ec2rl.commands.changed import (
    BEFORE_SCHEMA_3,
    saying_what_stands,
    settle,
    standing,
    told_of,
)
from ec2rl.fix.change import Found, State, Transaction
from ec2rl.fix.errors import FixError
from ec2rl.fix.machine import Machine
from ec2rl.fix.transaction import confirm, history, in_force, trials, unsettled
from ec2rl.invocation import to_type
from ec2rl.report.escape import one_line
from ec2rl.report.plan import claimed
from ec2rl.subcommand import document
from ec2rl.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.fix.later import Standing


@saying_what_stands
def command(args: Parsed, terminal: Terminal) -> int:
    """Keep a change on trial: 0, or 1 where there is no such trial, or it has ended.

    It never asks: it takes nothing back, and the time of a trial runs while a question waits.
    """
    words = args.operands
    if len(words) > 1 or not all(w.isascii() and w.isdigit() and len(w) < 9 for w in words):
        raise UsageError("keep takes the number of a change", "ec2rl history")
    write, is_plan = format_of(args).write, args.has("dry-run")
    terminal.aside = write is not None
    number, persist = _keep(int(words[0]) if words else None, terminal, is_plan)
    if write is not None:
        facts = document(
            dry_run=is_plan,
            kept=number is not None and not is_plan,
            change=number,
            to_persist=[*persist],
            messages=[*terminal.said],
        )
        terminal.answer(write(facts))
    return 0 if number is not None else 1


def _keep(
    number: int | None, terminal: Terminal, is_plan: bool
) -> tuple[int | None, tuple[str, ...]]:
    """Keep a change, the newest on trial unless one is named: which, None for none, and how on.

    Of a plan nothing is done, and what would be settled first is told.
    """
    machine = Machine()
    over: set[int] = set()
    if not is_plan and not settle(machine, terminal):
        return None, ()
    try:
        if is_plan:
            left = unsettled(time.time(), machine=machine)
            over = {one.id for one in left}
            for line in claimed(told_of(left, machine), terminal.width):
                terminal.out(f"{line}\n")
        past = history(machine=machine)
        on_trial = trials(machine=machine).keys() - over
        if number is None:
            number = max(on_trial, default=None)
        if number is None:
            last = f"; the last one: {_why_not(past[-1].id, past[-1])}" if past else ""
            terminal.say(f"no change is on trial{last}")
            return None, ()
        change = next((c for c in past if c.id == number), None)
        stand = in_force(past, machine=machine).get(number, ())
        kept = number in on_trial and (is_plan or confirm(number, machine=machine))
    except FixError as error:
        terminal.say(str(error))
        terminal.say(standing(machine))
        return None, ()
    if not kept:
        over_too = f"change {number} would not be kept: it is settled first"
        terminal.say(over_too if number in over else _why_not(number, change))
        return None, ()
    said, persist = _kept(number, change, stand, "would be" if is_plan else "is")
    terminal.out("\n".join((said, *(f"    {one}" for one in persist))) + "\n")
    return number, persist


def _why_not(number: int, change: Transaction | None) -> str:
    """Say why there is nothing to keep."""
    see = f"see: {to_type('history')}"
    if change is None:
        return f"there is no change {number}; {see}"
    if change.state is State.APPLIED:
        return f"change {number} stays already: it is not on trial"
    return "; ".join((f"change {number} is {change.state.value}", *change.notes, see))


def _kept(
    number: int, change: Transaction | None, stand: Sequence[Standing], how: str
) -> tuple[str, tuple[str, ...]]:
    """Say what is kept, and give the command that keeps it beyond the next boot.

    `how` is whether it is, or would be.  What somebody else has set since is kept as it is now.
    """
    name = (change.module if change else "") or BEFORE_SCHEMA_3
    if name not in names():
        return f"Change {number} {how} kept until the next boot.", ()
    by_key = {setting.key: setting.name for setting in load(name).settings}
    runs = [one for one in stand if one.item.runs and one.item.target in by_key]
    theirs = [one for one in runs if one.now and one.found is not Found.AFTER]
    values = [
        f"--set {by_key[one.item.target]}={one.now.words if one.now else one.item.words[1]}"
        for one in runs
    ]
    said = f"Change {number} {how} kept until the next boot."
    said += "".join(
        f" Somebody else has set {one.item.target} since, to {one_line(one.now.words)}."
        for one in theirs
        if one.now
    )
    said += " To keep it beyond that:"
    return said, (to_type(f"fix {name} --persist-only {' '.join(values)}"),)
