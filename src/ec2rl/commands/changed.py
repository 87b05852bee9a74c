"""What every command does first that looks at changes: settle what a killed run has left."""

from __future__ import annotations

from ec2rl.fix.errors import FixError
from ec2rl.fix.machine import Machine
from ec2rl.fix.transaction import recover
from ec2rl.fix.trial import end_expired
from ec2rl.terminal import Terminal


def settle(machine: Machine, terminal: Terminal) -> bool:
    """Recover what was interrupted and end what was on trial; False when that cannot be done."""
    try:
        for change in recover(machine=machine):
            terminal.say(f"change {change.id} had been interrupted; it is {change.state.value} now")
            for note in change.notes:
                terminal.say(note)
        for number in end_expired(machine):
            terminal.say(f"change {number} was on trial and not confirmed; it was taken back")
    except FixError as error:
        terminal.say(str(error))
        return False
    return True
