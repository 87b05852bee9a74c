"""`ec2rl history`: the changes that this program has made here."""

from __future__ import annotations

import time

from ec2rl.arguments import Parsed, format_of
from ec2rl.commands.changed import described, machine_of
from ec2rl.fix.change import State, Transaction
from ec2rl.fix.errors import FixError
from ec2rl.fix.transaction import history, trials, unsettled
from ec2rl.report.escape import one_line
from ec2rl.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.model import Json


def command(said: Parsed, terminal: Terminal) -> int:
    """0 told; 1 the records cannot be read or trusted."""
    machine = machine_of(said.last("root"))
    try:
        changes, ends = history(machine=machine), trials(machine=machine)
        left = {change.id for change in unsettled(time.time(), machine=machine)}
    except FixError as error:
        terminal.say(str(error))
        return 1
    trying = {
        c.id: ends[c.id]
        for c in changes
        if c.id in ends and c.state is State.APPLIED and c.id not in left
    }
    write = format_of(said).write
    if write is not None:
        terminal.out(write(_facts(changes, trying, left)))
        return 0
    lines = [] if changes else ["No change was made here."]
    for change in changes:
        when = time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(change.time))
        state = change.state.value
        if change.id in trying:
            state += time.strftime(", on trial until %H:%M:%S", time.localtime(trying[change.id]))
        if change.id in left:
            state += ", interrupted" if change.unfinished else ", its trial is over"
            state += ": the next ec2rl fix, undo or keep settles it"
        lines.append(f"{change.id}  {when}  {state}  {one_line(change.why)}")
        rows = [
            f"{i['target']}: {i['before']} -> {i['after']}" for i in map(described, change.items)
        ]
        lines += [f"    {one_line(row)}" for row in rows]
        lines += [f"    note: {one_line(note)}" for note in change.notes]
    terminal.out("\n".join(lines) + "\n")
    return 0


def _facts(changes: Sequence[Transaction], trying: dict[int, float], left: set[int]) -> Json:
    told: list[Json] = [
        {
            "id": change.id,
            "state": change.state.value,
            "why": change.why,
            "time": change.time,
            "boot": change.boot,
            "trial_until": trying.get(change.id),
            "unsettled": change.id in left,
            "items": [described(item) for item in change.items],
            "notes": list(change.notes),
        }
        for change in changes
    ]
    return {"schema_version": 1, "changes": told}
