"""`ec2rl undo [ID]`: take a change back."""

from __future__ import annotations

from ec2rl.arguments import Parsed, UsageError
from ec2rl.commands.changed import machine_of, settle
from ec2rl.fix.change import State
from ec2rl.fix.errors import Conflict, FixError
from ec2rl.fix.machine import Machine
from ec2rl.fix.transaction import history, undo
from ec2rl.terminal import Terminal


def command(said: Parsed, terminal: Terminal) -> int:
    """0 taken back; 1 not, with the reason; the newest change that stands, unless one is named."""
    machine = machine_of(said.last("root"))
    if not settle(machine, terminal):
        return 1
    try:
        number = _number(said, machine)
        if number is None:
            terminal.out("There is nothing to take back.\n")
            return 0
        outcomes = undo(
            number, machine=machine, partial=said.has("partial"), dry_run=said.has("dry-run")
        )
    except FixError as error:
        terminal.say(str(error))
        if isinstance(error, Conflict):
            for outcome in error.outcomes:
                terminal.say(f"    {outcome.target}: {outcome.found.value}")
            terminal.say(f"to restore the rest: sudo ./ec2rl undo {number} --partial")
        return 1
    verb = "Would take back" if said.has("dry-run") else "Took back"
    lines = [f"{verb} change {number}:"]
    lines += [f"    {outcome.target}: was {outcome.found.value}" for outcome in outcomes]
    terminal.out("\n".join(lines) + "\n")
    return 0


def _number(said: Parsed, machine: Machine) -> int | None:
    if len(said.operands) > 1:
        raise UsageError("undo takes one number; see: ec2rl history")
    if said.operands:
        text = said.operands[0]
        if not (text.isascii() and text.isdigit() and len(text) < 9):
            raise UsageError(f"undo {text}: not the number of a change; see: ec2rl history")
        return int(text)
    standing = [c.id for c in history(machine=machine) if c.state in (State.APPLIED, State.PARTLY)]
    return standing[-1] if standing else None
