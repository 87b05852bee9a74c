"""`ec2rl undo [ID]`: take a change back."""

from __future__ import annotations

import time

from ec2rl.arguments import Parsed, UsageError, format_of
from ec2rl.catalogue import names
from ec2rl.commands.asking import ModuleFaultError, held_by
from ec2rl.commands.changed import (
    BEFORE_SCHEMA_3,
    claims,
    described,
    known,
    machine_of,
    moved,
    row,
    saying_what_stands,
    sets_still,
    settle,
    told_of,
    where,
    why_not,
)
from ec2rl.fix.change import Found, State, Transaction
from ec2rl.fix.errors import Conflict, FixError, Outcome, Refused, in_the_way
from ec2rl.fix.machine import Machine, shares_journal
from ec2rl.fix.transaction import CHANGED, foresee, history, in_force, undo, unsettled
from ec2rl.invocation import to_type
from ec2rl.quantities import value_words
from ec2rl.report.escape import one_line, tied
from ec2rl.report.plan import claimed
from ec2rl.subcommand import agreed, document
from ec2rl.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.fix.transaction import Steps
    from ec2rl.model import Held, Json


@saying_what_stands
def command(args: Parsed, terminal: Terminal) -> int:
    """Take a change back, the newest that stands unless one is named: 0, or 1 with the reason.

    What a volume's journal claims is shown, and agreed to, before any of it is acted on.
    """
    machine = machine_of(args.last("root"))
    write = format_of(args).write
    if write is None:
        return _undo_or_say(args, machine, terminal)
    terminal.aside = True
    is_plan = args.has("dry-run")
    before = _past(machine)
    changes = _plan(args, machine) if is_plan else []
    status = _undo_or_say(args, machine, terminal)
    if not is_plan:
        changes = moved(before, _past(machine))
    facts = document(
        dry_run=is_plan,
        done=not status and not is_plan,
        changes=changes,
        messages=[*terminal.said],
    )
    terminal.answer(write(facts))
    return status


def _past(machine: Machine) -> tuple[Transaction, ...]:
    """Give the changes of a machine; none where they cannot be read, which is said elsewhere."""
    try:
        return history(machine=machine)
    except FixError:
        return ()


def _undo_or_say(args: Parsed, machine: Machine, terminal: Terminal) -> int:
    try:
        return _undo(args, machine, terminal)
    except FixError as error:
        for line in why_not(error, machine):
            terminal.say(line)
        change = _change(_wanted(args), machine) if isinstance(error, Conflict) else None
        if change is not None:
            _tell_theirs(error, change.id, args, machine, terminal)
    return 1


def _plan(args: Parsed, machine: Machine) -> list[Json]:
    """Give what would be taken back, and how each target was found; nothing where it is refused."""
    try:
        change = _change(_wanted(args), machine)
        left = unsettled(time.time(), machine=machine)
        if change is None or change in left or change.state is State.UNDONE:
            return []
        steps = _steps(change, args, machine)
    except FixError:
        return []  # in words, it is said why
    return [
        {
            "id": one.id,
            "state": one.state.value,
            "items": [
                {**described(item), "found": outcome.found.value}
                for item, outcome in zip(one.items, outcomes)
            ],
        }
        for one, outcomes in steps
    ]


def _undo(args: Parsed, machine: Machine, terminal: Terminal) -> int:
    left = unsettled(time.time(), machine=machine)
    change = _change(_wanted(args), machine)
    if not args.operands:
        for line in _passed_over(change, machine):
            terminal.say(line)
    steps: Steps = ()
    if change is not None and change not in left and change.state is not State.UNDONE:
        steps = _steps(change, args, machine)
        for line in _unseen(change, machine):
            terminal.say(line)
    lines = [*told_of(left, machine), *_foreseen(steps, machine)]
    is_shown = args.has("dry-run") or not machine.runs
    if is_shown and not lines:
        return _nothing(terminal, change)
    if is_shown or (not args.has("yes") and (left or _moves(steps))):
        terminal.out("\n".join(claimed(lines, terminal.width)) + "\n")
    if args.has("dry-run"):
        return 0
    if not _may_go_on(steps, args, machine, terminal):
        return 1
    if not settle(machine, terminal, None if machine.runs else left):
        return 1
    return _go_on(
        change and _change(change.id, machine), steps, bool(left), args, machine, terminal
    )


def _go_on(
    change: Transaction | None,
    steps: Steps,
    settled: bool,
    args: Parsed,
    machine: Machine,
    terminal: Terminal,
) -> int:
    """Take back what was shown as `steps`; anew shown and agreed to, where some was `settled`."""
    if change is None or change.state is State.UNDONE:
        return _nothing(terminal, change)
    now = _steps(change, args, machine)
    if now != steps:
        if not settled:
            raise Refused(CHANGED)
        # Something was settled first, and what is there now was not shown yet.
        terminal.out("\n".join(claimed(_foreseen(now, machine), terminal.width)) + "\n")
        if not _may_go_on(now, args, machine, terminal):
            return 1
    return 0 if all(_take_back(one, args, machine, terminal) for one, _ in now) else 1


def _may_go_on(steps: Steps, args: Parsed, machine: Machine, terminal: Terminal) -> bool:
    """Ask, where anything would change, with word of what runs and would have no room any more."""
    if machine.runs and not _moves(steps):
        return True
    for line in _cautions(steps) if machine.runs else ():
        terminal.say(line)
    return args.has("yes") or agreed(terminal)


def _moves(steps: Steps) -> bool:
    """Tell whether anything of them is still as it was changed to be, and would be taken back."""
    return any(one.found is Found.AFTER for _, outcomes in steps for one in outcomes)


def _cautions(steps: Steps) -> list[str]:
    """Give what would have no room any more, by each module that made one of the changes."""
    made = {one.module or BEFORE_SCHEMA_3 for one, _ in steps}
    held: list[Held] = []
    unasked = []
    for name in sorted(made & {*names()}):
        try:
            held += held_by(name)
        except ModuleFaultError as error:  # no reason to keep its change
            unasked.append(f"what has to have room could not be asked: {error}")
    last = {
        item.target: item.words[0]
        for change, outcomes in steps
        for item, outcome in zip(change.items, outcomes)
        if item.runs and outcome.found is Found.AFTER
    }
    return unasked + [
        f"Caution: {one.key} will be {value_words(last[one.key])}, and {one.words}: "
        "new ones are refused at once"
        for one in held
        if last.get(one.key, "").isdecimal() and int(last[one.key]) < one.number
    ]


def _steps(change: Transaction, args: Parsed, machine: Machine) -> Steps:
    """Give what is taken back, in its order, and how it will be found.

    Refused where later changes are in the way, and Conflict where somebody else's are, unless that
    was asked for: before anything is taken back.
    """
    steps = foresee(change.id, machine=machine)
    over = [one for one, _ in steps[:-1]]
    if over and not args.has("with-later"):
        here, names = where(machine), ", ".join(str(one.id) for one in over)
        raise Refused(
            f"later changes were made on top of change {change.id}: {names}\n"
            f"to take back the latest alone: {to_type(f'undo {over[0].id}{here}')}\n"
            f"to take back all of them: {to_type(f'undo {change.id} --with-later{here}')}"
        )
    for one, outcomes in steps:
        theirs = in_the_way(outcomes)
        if theirs and not args.has("partial"):
            of = f" (of change {one.id})" if over else ""
            raise Conflict(f"{theirs}{of}", outcomes)
    return steps


def _take_back(change: Transaction, args: Parsed, machine: Machine, terminal: Terminal) -> bool:
    try:
        outcomes = undo(change.id, machine=machine, partial=args.has("partial"), shown=change)
        found = {outcome.found for outcome in outcomes}
        stays = found & {Found.CHANGED, Found.RUNNING}
        was_left = stays and Found.AFTER not in found
        known(
            change.id,
            change.state if was_left else State.PARTLY if stays else State.UNDONE,
            machine,
        )
    except FixError as error:
        for line in why_not(error, machine, f"nothing of change {change.id}"):
            terminal.say(line)
        _tell_theirs(error, change.id, args, machine, terminal)
        return False
    took = claimed(_took(change, outcomes, machine), terminal.width)
    terminal.out("\n".join(took) + "\n")
    return not was_left


def _tell_theirs(
    error: FixError, number: int, args: Parsed, machine: Machine, terminal: Terminal
) -> None:
    """Of a change that somebody has changed since: how its targets stand, and what can be done."""
    if not isinstance(error, Conflict):
        return
    stand = in_force(history(machine=machine), machine=machine).get(number, ())
    now = {one.item.target: one.now for one in stand if one.found is Found.CHANGED}
    for outcome in error.outcomes:
        seen = now.get(outcome.target)
        is_now = f": it is {seen.words} now" if seen and outcome.found is Found.CHANGED else ""
        terminal.say(f"    {outcome.target}: {_how(outcome)}{is_now}")
    if any(outcome.found is Found.AFTER or outcome.why for outcome in error.outcomes):
        more = " --with-later" if args.has("with-later") else ""
        again = to_type(f"undo {number} --partial{more}{where(machine)}")
        terminal.say(f"to take back the rest, and leave theirs: {again}")
    else:
        see = to_type(f"history{where(machine)}")
        terminal.say(f"none of it is left to take back: what is there now is theirs; see: {see}")


def _nothing(terminal: Terminal, change: Transaction | None) -> int:
    if change is None:
        terminal.out("There is nothing to take back.\n")
    else:
        terminal.out(f"Change {change.id} has been taken back already: nothing to do.\n")
    return 0


def _foreseen(steps: Steps, machine: Machine) -> list[str]:
    """Give what would be taken back, the texts of files as a diff."""
    lines = []
    claimed = "" if machine.runs else ", as its record claims, which was found on the volume"
    for one, outcomes in steps:
        moves = any(outcome.found is Found.AFTER for outcome in outcomes)
        would = "Would take back change" if moves else "Nothing is left to take back of change"
        lines.append(f"{would} {one.id}{claimed}:")
        for line, item, outcome in zip(_lines(one, outcomes), one.items, outcomes):
            moved = outcome.found is Found.AFTER
            lines += claims([outcome.item or item], machine, back=True) if moved else [line]
    return lines


def _took(change: Transaction, outcomes: Sequence[Outcome], machine: Machine) -> list[str]:
    found = {outcome.found for outcome in outcomes}
    if Found.AFTER not in found:
        how = f"Change {change.id} left nothing that could be taken back"
    elif found & {Found.CHANGED, Found.RUNNING}:
        how = f"Took back a part of change {change.id}"
    else:
        how = f"Took back change {change.id}"
    lines = [f"{how}:", *_lines(change, outcomes)]
    if Found.RUNNING in found:
        note = "What runs stays as it is: --root changes files alone."
        if shares_journal(machine):
            note = "The volume is of this machine: what runs stays as it is."
            note += f" To change it: {tied(to_type(f'undo {change.id}'))}"
        lines.append(note)
    return lines


def _lines(change: Transaction, outcomes: Sequence[Outcome]) -> list[str]:
    """Give what became of each target, or would."""
    lines = []
    for item, outcome in zip(change.items, outcomes):
        line = row(item, back=True)
        if outcome.found is not Found.AFTER:
            line = one_line(f"{item.target}: left alone: {_how(outcome)}")
        lines.append(f"    {line}")
    return lines


def _how(outcome: Outcome) -> str:
    return f"cannot be looked at: {outcome.why}" if outcome.why else outcome.found.value


def _unseen(change: Transaction, machine: Machine) -> list[str]:
    """Of later changes, what cannot be looked at, and is taken for what does not stand on it."""
    past = history(machine=machine)
    return [
        f"change {number}: whether it is in force cannot be told: {one.item.target}: {one.why}"
        for number, stand in in_force(past, machine=machine).items()
        for one in stand
        if number > change.id and one.why
    ]


def _wanted(args: Parsed) -> int | None:
    if len(args.operands) > 1:
        raise UsageError("undo takes one number", "ec2rl history")
    if not args.operands:
        return None
    text = args.operands[0]
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise UsageError(f"undo {text}: not the number of a change", "ec2rl history")
    return int(text)


def _change(number: int | None, machine: Machine) -> Transaction | None:
    """Give the change of this number, else the newest to take back; Refused where there is none.

    A change of which nothing is left, as all is somebody else's by now, is passed over.
    """
    past = history(machine=machine)
    if number is None:
        gone = _not_ours(past, machine)
        whole = [change for change in past if change.state is State.APPLIED or change.unfinished]
        parts = [change for change in past if change.state is State.PARTLY]
        return next((one for one in reversed(parts + whole) if one.id not in gone), None)
    found = next((change for change in past if change.id == number), None)
    if found is None:
        see = to_type(f"history{where(machine)}")
        raise Refused(f"there is no change {number}; see: {see}")
    return found


def _not_ours(past: Sequence[Transaction], machine: Machine) -> list[int]:
    """Give the changes that are no longer in force, and of which an undo would leave all."""
    return [
        number
        for number, stand in in_force(past, machine=machine).items()
        if {one.found for one in stand} & {Found.CHANGED, Found.RUNNING}
        and not {one.found for one in stand} & {Found.AFTER, None}
        and not any(map(sets_still, stand))
    ]


def _passed_over(change: Transaction | None, machine: Machine) -> list[str]:
    """Say which newer changes were passed over, as nothing of them is left to take back."""
    past = history(machine=machine)
    gone = [number for number in _not_ours(past, machine) if not change or number > change.id]
    if not gone:
        return []
    which = f"change {gone[0]}" if len(gone) == 1 else f"changes {', '.join(map(str, gone))}"
    see = to_type(f"history{where(machine)}")
    return [f"passed over {which}: nothing is left there to take back; see: {see}"]
