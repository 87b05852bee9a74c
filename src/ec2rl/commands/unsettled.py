"""What `run` tells of changes that were left unfinished here; it settles nothing."""

from __future__ import annotations

import os

from ec2rl.terminal import Terminal

_FOLDER = "/var/lib/ec2rl/changes"


def tell_unsettled(terminal: Terminal) -> None:
    """Tell of a change that was interrupted, or whose trial is over; at the cost of one listing."""
    try:
        names = os.listdir(_FOLDER)
    except OSError:  # there is none, or it is not for us to see, nor to settle
        return
    if not any(name == "unfinished" or name.startswith("trial-") for name in names):
        return
    import time

    from ec2rl.commands.changed import told_of
    from ec2rl.fix.errors import FixError
    from ec2rl.fix.machine import Machine
    from ec2rl.fix.transaction import unsettled

    machine = Machine()
    try:
        for line in told_of(unsettled(time.time(), machine=machine), machine):
            terminal.say(line)
    except FixError as error:
        terminal.say(str(error))
