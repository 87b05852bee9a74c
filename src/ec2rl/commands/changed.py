"""What every command does first that looks at changes: settle what a killed run has left."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from shlex import quote

from ec2rl.arguments import Parsed, UsageError
from ec2rl.fix.change import FileItem, State, SysctlItem, Transaction
from ec2rl.fix.errors import FixError
from ec2rl.fix.machine import Machine
from ec2rl.fix.prepare import held
from ec2rl.fix.transaction import end_trials, history, recover, trials
from ec2rl.fix.transit import words
from ec2rl.host import Host
from ec2rl.host.live import LiveHost
from ec2rl.report.escape import one_line
from ec2rl.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Callable

    Command = Callable[[Parsed, Terminal], int]


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
        for line in (*error.notes, standing(machine)):
            terminal.say(line)
        return False
    return True


def told(command: Command) -> Command:
    """Have a command that changes a machine say how that stands, whatever it is ended by."""

    def telling(said: Parsed, terminal: Terminal) -> int:
        with standing_told(machine_of(said.last("root")), terminal):
            return command(said, terminal)

    return telling


@contextmanager
def standing_told(machine: Machine, terminal: Terminal) -> Iterator[None]:
    """Where something is raised, say how the changes of the machine stand."""
    before: object = None
    try:
        before = _stand(machine)
        yield
    except UsageError:
        raise
    except BaseException:
        with held():
            terminal.say(standing(machine, before))
        raise


def standing(machine: Machine, before: object = None) -> str:
    """Say of the newest change how it stands, or of one that is half made, and what to type.

    Nothing was changed where all is as `before`, and none is half made.
    """
    stand = _stand(machine)
    if isinstance(stand, str):
        return f"how its changes stand cannot be told ({stand}); see: sudo ./ec2rl history"
    past, on_trial = stand
    half = [change for change in past if change.unfinished]
    if not past or (stand == before and not half):
        return "nothing was changed"
    change = half[0] if half else past[-1]
    name = f"change {change.id} ({one_line(change.why)})"
    root = "" if machine.root == "/" else f" --root={quote(machine.root)}"
    undo = f"sudo ./ec2rl undo {change.id}{root}"
    if change.unfinished:
        return f"{name} stopped half-way, {change.state.value}; to have all as before it: {undo}"
    if change.state is State.UNDONE:
        return f"nothing is half-way: all is as before {name}"
    how = f"{change.state.value}{', on trial' * (change.id in on_trial)}"
    return f"nothing is half-way: {name} is {how}; to take it back: {undo}"


def _stand(machine: Machine) -> tuple[tuple[Transaction, ...], dict[int, float]] | str:
    """The changes of a machine and its trials, or why they cannot be told."""
    try:
        return history(machine=machine), trials(machine=machine)
    except Exception as error:
        return words(error)


def described(item: SysctlItem | FileItem) -> dict[str, str]:
    """One target of a change, in words: what it was, and what it is."""
    if isinstance(item, SysctlItem):
        return {"target": item.key, "before": item.before, "after": item.after}
    before = "absent" if item.before is None else f"{len(item.before.data)} bytes"
    before += ", as was its folder" if item.folder else ""
    return {"target": item.path, "before": before, "after": f"{len(item.after.data)} bytes"}


def why_not(error: FixError, machine: Machine) -> tuple[str, ...]:
    """Say why a change was not made, and how things stand now."""
    if error.whole:
        return (f"nothing was changed: {error}", *error.notes)
    return (f"it failed half-way: {error}", *error.notes, standing(machine))


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
