"""What every command does first that looks at changes: settle what a killed run has left."""

from __future__ import annotations

import os
import time

from ec2rl.arguments import UsageError
from ec2rl.fix.change import FileItem, SysctlItem
from ec2rl.fix.errors import FixError
from ec2rl.fix.machine import Machine
from ec2rl.fix.transaction import end_trials, recover
from ec2rl.host import Host
from ec2rl.host.live import LiveHost
from ec2rl.terminal import Terminal


def settle(machine: Machine, terminal: Terminal) -> bool:
    """Recover what was interrupted and end what was on trial; False when that cannot be done."""
    try:
        for change in recover(machine=machine):
            terminal.say(f"change {change.id} had been interrupted; it is {change.state.value} now")
            for note in change.notes:
                terminal.say(note)
        for number in end_trials(time.time(), machine=machine):
            terminal.say(f"change {number} was on trial and not confirmed; it was taken back")
    except FixError as error:
        terminal.say(str(error))
        for note in error.notes:
            terminal.say(note)
        return False
    return True


def described(item: SysctlItem | FileItem) -> dict[str, str]:
    """One target of a change, in words: what it was, and what it is."""
    if isinstance(item, SysctlItem):
        return {"target": item.key, "before": item.before, "after": item.after}
    before = "absent" if item.before is None else f"{len(item.before.data)} bytes"
    before += ", as was its folder" if item.folder else ""
    return {"target": item.path, "before": before, "after": f"{len(item.after.data)} bytes"}


def why_not(error: FixError) -> tuple[str, ...]:
    """Say why a change was not made, and how things stand now."""
    if error.whole:
        return (f"nothing was changed: {error}", *error.notes)
    again = "what is left of it is taken back by the next ec2rl fix, or ec2rl undo"
    return (f"it failed half-way: {error}", *error.notes, again)


def machine_of(root: str) -> Machine:
    """The machine to change: this one, or (its files alone) the one whose root is mounted there."""
    if not root:
        return Machine()
    place = os.path.realpath(root)
    if place == "/" or not os.path.isdir(place):
        raise UsageError(f"--root={root}: not a folder that another machine's root is mounted on")
    return Machine(root=place, sysctls=f"{place}/proc/sys", modules=f"{place}/sys/module")


def host_of(root: str) -> Host:
    """The machine to look at; UsageError where there is none."""
    if not root:
        return LiveHost()
    from ec2rl.host.mounted import MountedHost

    try:
        return MountedHost(os.path.realpath(root))
    except OSError as error:
        raise UsageError(f"--root={root}: {os.strerror(error.errno or 0)}") from None
