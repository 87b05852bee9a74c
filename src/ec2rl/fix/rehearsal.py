"""Before anybody is asked: what would keep a change from being made; nothing is written."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack

from ec2rl import __version__
from ec2rl.fix.change import State, Transaction
from ec2rl.fix.errors import FixError, Refused
from ec2rl.fix.execute import things_of, words
from ec2rl.fix.journal import LAST
from ec2rl.fix.machine import Machine
from ec2rl.fix.precheck import precheck
from ec2rl.fix.transaction import history, trials
from ec2rl.invocation import to_type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.remedies import Change


def obstacle(changes: Sequence[Change], *, machine: Machine) -> str:
    """Say why these changes could not be made now, "" where nothing is in their way.

    What root alone may look at is in nobody's way: who is not root is refused for that.
    """
    is_root = os.geteuid() == 0
    try:
        if is_root:
            _may_begin(machine)
        items = precheck(changes, machine)
        if is_root:
            change = Transaction(
                LAST, State.APPLYING, "", time.time(), machine.boot(), __version__, items
            )
            with ExitStack() as stack:
                for thing in things_of(change, machine, stack):
                    thing.foresee()
    except PermissionError as error:
        return words(error) if is_root else ""
    except (FixError, OSError) as error:
        return words(error)
    return ""


def _may_begin(machine: Machine) -> None:
    """Refused while a change is on trial."""
    ends = trials(machine=machine)
    for change in history(machine=machine):
        if change.state is State.APPLIED and change.id in ends:
            keep, undo = to_type(f"keep {change.id}"), to_type(f"undo {change.id}")
            raise Refused(f"change {change.id} is on trial: first {keep}, or {undo}")
