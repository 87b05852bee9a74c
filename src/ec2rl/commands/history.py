"""`ec2rl history`: the changes that this program has made here."""

from __future__ import annotations

import time

from ec2rl.arguments import Parsed, format_of
from ec2rl.commands.changed import WIDE, cut, described, machine_of, row, sets_still
from ec2rl.fix.change import NOT_LOOKED, Found, State, Transaction
from ec2rl.fix.errors import FixError
from ec2rl.fix.transaction import history, in_force, trials, unsettled
from ec2rl.quantities import value_words
from ec2rl.report.difference import difference
from ec2rl.report.escape import one_line
from ec2rl.subcommand import document
from ec2rl.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Callable

    from ec2rl.fix.later import Standing
    from ec2rl.fix.machine import Machine
    from ec2rl.model import Json


def command(args: Parsed, terminal: Terminal) -> int:
    """Print what was changed: 0, or 1 where the records cannot be read or trusted."""
    try:
        terminal.out(history_text(machine_of(args.last("root")), format_of(args).write))
    except FixError as error:
        terminal.say(str(error))
        return 1
    return 0


def history_text(machine: Machine, write: Callable[[Json], str] | None = None) -> str:
    """Tell the changes of a machine, oldest first, and what of them is no longer in force.

    `write` makes one text of all the data; None: words.
    """
    changes, ends = history(machine=machine), trials(machine=machine)
    left = {change.id for change in unsettled(time.time(), machine=machine)}
    standing = in_force(changes, machine=machine)
    trying = {
        c.id: ends[c.id]
        for c in changes
        if c.id in ends and c.state is State.APPLIED and c.id not in left
    }
    if write is not None:
        return write(_document(changes, trying, left, standing))
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
        lines += _items(change, standing.get(change.id, ()))
        lines += [f"    note: {one_line(note)}" for note in change.notes]
    return "\n".join(lines) + "\n"


def _items(change: Transaction, standing: Sequence[Standing]) -> list[str]:
    lines = []
    for n, item in enumerate(change.items):
        lines.append(f"    {row(item)}")
        if standing:
            partly = change.state is State.PARTLY
            lines += [f"        {line}" for line in _since(standing[n], partly)]
    return lines


def _since(standing: Standing, partly: bool) -> list[str]:
    """What became of a target since, where it is not as the change left it; a diff of a text."""
    if standing.why:
        return [f"whether it is in force cannot be told: {one_line(standing.why)}"]
    if standing.now is None or _holds(standing) is None or standing.found is Found.AFTER:
        return []
    now = one_line(value_words(standing.now.words))
    who = f"change {standing.by}" if standing.by else "somebody else"
    if standing.undo_of:
        who = f"the undo of change {standing.undo_of}"
    if sets_still(standing):
        return [f"{who} changed it since; what it sets is in it still:", *_differs(standing)]
    if standing.found is Found.GONE:
        lines = [f"no longer in force, {Found.GONE.value}: it is {now} now"]
    elif standing.found is Found.BEFORE and partly:
        lines = [f"taken back: it is {now} now"]
    elif standing.found is Found.BEFORE:
        lines = [f"no longer in force: {who} took it back, it is {now} now"]
    else:
        lines = [f"no longer in force: {who} changed it since, it is {now} now"]
    return lines + _differs(standing)


def _differs(standing: Standing) -> list[str]:
    texts = standing.item.texts
    if texts is None or standing.now is None or standing.now.text is None:
        return []
    return [f"    {line}" for line in cut(difference(texts[1] or "", standing.now.text, WIDE))]


def _holds(standing: Standing) -> bool | None:
    """Tell whether what the change set at a target holds; None where that is not known."""
    if standing.found in (None, Found.RUNNING) or standing.now in (None, NOT_LOOKED):
        return None
    return standing.found is Found.AFTER or sets_still(standing)


def _document(
    changes: Sequence[Transaction],
    trying: Mapping[int, float],
    left: Collection[int],
    standing: Mapping[int, Sequence[Standing]],
) -> Json:
    def items(change: Transaction) -> list[Json]:
        stand: Sequence[Standing | None] = standing.get(change.id, [None] * len(change.items))
        return [{**described(item), **_facts(one)} for item, one in zip(change.items, stand)]

    listed: list[Json] = [
        {
            "id": change.id,
            "state": change.state.value,
            "why": change.why,
            "time": change.time,
            "boot": change.boot,
            "trial_until": trying.get(change.id),
            "unsettled": change.id in left,
            "items": items(change),
            "notes": list(change.notes),
        }
        for change in changes
    ]
    return document(changes=listed)


def _facts(standing: Standing | None) -> dict[str, Json]:
    """Tell whether a target is in force (null: undone, or not known), and what it is now."""
    if standing is None:
        return {"in_force": None, "now": None, "changed_by": None, "undo_of": None}
    return {
        "in_force": _holds(standing),
        "now": standing.now.words if standing.now else None,
        "changed_by": standing.by or None,
        "undo_of": standing.undo_of or None,
    }
