"""`ec2rl keep ID`: a change that is on trial stays."""

from __future__ import annotations

from ec2rl.arguments import Parsed, UsageError
from ec2rl.fix.errors import FixError
from ec2rl.fix.machine import Machine
from ec2rl.fix.trial import confirm
from ec2rl.terminal import Terminal


def command(said: Parsed, terminal: Terminal) -> int:
    """0 kept; 1 there is no such trial, or it has ended."""
    if len(said.operands) != 1 or not said.operands[0].isdecimal():
        raise UsageError("keep takes the number of a change: ec2rl keep ID")
    number = int(said.operands[0])
    try:
        kept = confirm(Machine(), number)
    except FixError as error:
        terminal.say(str(error))
        return 1
    if not kept:
        terminal.say(f"change {number} is not on trial; see: ec2rl history")
        return 1
    terminal.out(
        f"Change {number} is kept until the next boot. To keep it beyond that:\n"
        "    sudo ./ec2rl fix conntrackfull --persist-only\n"
    )
    return 0
