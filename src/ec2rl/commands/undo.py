"""`ec2rl undo [ID]`: take a change back."""

from __future__ import annotations

from ec2rl.arguments import Parsed, UsageError
from ec2rl.commands.changed import described, machine_of, settle, told, why_not
from ec2rl.fix.change import Found, State, Transaction
from ec2rl.fix.errors import Conflict, FixError, Outcome, Refused
from ec2rl.fix.machine import Machine
from ec2rl.fix.transaction import history, undo
from ec2rl.report.escape import one_line
from ec2rl.terminal import Terminal


@told
def command(said: Parsed, terminal: Terminal) -> int:
    """0 taken back; 1 not, with the reason; the newest change that stands, unless one is named."""
    machine = machine_of(said.last("root"))
    wanted = _wanted(said)
    if not settle(machine, terminal):
        return 1
    try:
        change = _change(wanted, machine)
        if change is None:
            terminal.out("There is nothing to take back.\n")
            return 0
        if change.state is State.UNDONE:
            terminal.out(f"Change {change.id} has been taken back already: nothing to do.\n")
            return 0
        dry_run = said.has("dry-run")
        outcomes = undo(change.id, machine=machine, partial=said.has("partial"), dry_run=dry_run)
    except Conflict as error:
        for line in why_not(error, machine):
            terminal.say(line)
        for outcome in error.outcomes:
            terminal.say(f"    {outcome.target}: {outcome.found.value}")
        if any(outcome.found is Found.AFTER for outcome in error.outcomes):
            terminal.say("to take back the rest, and leave theirs: sudo ./ec2rl undo --partial")
        return 1
    except FixError as error:
        for line in why_not(error, machine):
            terminal.say(line)
        return 1
    lines = [f"{'Would take' if dry_run else 'Took'} back change {change.id}:"]
    lines += _lines(change, outcomes)
    terminal.out("\n".join(lines) + "\n")
    return 0


def _lines(change: Transaction, outcomes: tuple[Outcome, ...]) -> list[str]:
    """What became of each target, or would."""
    lines = []
    for item, outcome in zip(map(described, change.items), outcomes):
        words = f"{item['after']} -> {item['before']}"
        if outcome.found is not Found.AFTER:
            words = f"left alone: {outcome.found.value}"
        lines.append(f"    {one_line(item['target'])}: {words}")
    return lines


def _wanted(said: Parsed) -> int | None:
    if len(said.operands) > 1:
        raise UsageError("undo takes one number; see: ec2rl history")
    if not said.operands:
        return None
    text = said.operands[0]
    if not (text.isascii() and text.isdigit() and len(text) < 9):
        raise UsageError(f"undo {text}: not the number of a change; see: ec2rl history")
    return int(text)


def _change(number: int | None, machine: Machine) -> Transaction | None:
    """The change of this number, else the newest that stands; Refused where there is none."""
    past = history(machine=machine)
    if number is None:
        standing = [change for change in past if change.state in (State.APPLIED, State.PARTLY)]
        return standing[-1] if standing else None
    found = next((change for change in past if change.id == number), None)
    if found is None:
        raise Refused(f"there is no change {number}; see: ec2rl history")
    return found
