"""`ec2rl keep [ID]`: a change that is on trial stays."""

from __future__ import annotations

from ec2rl.arguments import Parsed, UsageError, format_of
from ec2rl.catalogue import load, names
from ec2rl.commands.changed import BEFORE_SCHEMA_3, saying_what_stands, settle, standing
from ec2rl.fix.change import Transaction
from ec2rl.fix.errors import FixError
from ec2rl.fix.machine import Machine
from ec2rl.fix.transaction import confirm, history, trials
from ec2rl.invocation import to_type
from ec2rl.subcommand import document
from ec2rl.terminal import Terminal


@saying_what_stands
def command(args: Parsed, terminal: Terminal) -> int:
    """Keep a change on trial: 0, or 1 where there is no such trial, or it has ended."""
    words = args.operands
    if len(words) > 1 or not all(w.isascii() and w.isdigit() and len(w) < 9 for w in words):
        raise UsageError("keep takes the number of a change", "ec2rl history")
    write = format_of(args).write
    terminal.aside = write is not None
    number, persist = _keep(int(words[0]) if words else None, terminal)
    if write is not None:
        kept = number is not None
        terminal.answer(write(document(kept=kept, change=number, to_persist=[*persist])))
    return 0 if number is not None else 1


def _keep(number: int | None, terminal: Terminal) -> tuple[int | None, tuple[str, ...]]:
    """Keep a change, the newest on trial unless one is named: which, None for none, and how on."""
    machine = Machine()
    if not settle(machine, terminal):
        return None, ()
    try:
        if number is None:
            number = max(trials(machine=machine), default=None)
        if number is None:
            terminal.say("no change is on trial")
            return None, ()
        change = next((c for c in history(machine=machine) if c.id == number), None)
        kept = number in trials(machine=machine) and confirm(number, machine=machine)
    except FixError as error:
        terminal.say(str(error))
        terminal.say(standing(machine))
        return None, ()
    if not kept:
        terminal.say(f"change {number} is not on trial, or was taken back; see: ec2rl history")
        return None, ()
    said, persist = _kept(number, change)
    terminal.out("\n".join((said, *(f"    {one}" for one in persist))) + "\n")
    return number, persist


def _kept(number: int, change: Transaction | None) -> tuple[str, tuple[str, ...]]:
    """Say what was kept, and give the command that keeps it beyond the next boot."""
    name = (change.module if change else "") or BEFORE_SCHEMA_3
    if name not in names():
        return f"Change {number} is kept until the next boot.", ()
    by_key = {setting.key: setting.name for setting in load(name).settings}
    values = [
        f"--set {by_key[item.target]}={item.words[1]}"
        for item in (change.items if change else ())
        if item.runs and item.target in by_key
    ]
    said = f"Change {number} is kept until the next boot. To keep it beyond that:"
    return said, (to_type(f"fix {name} --persist-only {' '.join(values)}"),)
