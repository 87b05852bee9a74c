"""What the journal of changes tells of a limit: which change made room, and what proves it."""

from __future__ import annotations

from ec2rl.diagnosis.before_last_fix import ROOM, Settling, Step
from ec2rl.facts.change import State, SysctlItem, Transaction
from ec2rl.facts.changes import FOLDER, Changes, read_changes
from ec2rl.host import BOOT_ID, Host
from ec2rl.model import Command, Statement, Unreadable, Why, say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def read_settling(host: Host, key: str, maximum: int | None, name: str = "") -> Settling:
    """Look for the changes of a limit in this boot; `maximum` is what was read of it just before.

    `key` is that of the limit, which is one number for all namespaces; `name` what it is called.
    """
    boot = host.read(BOOT_ID)
    here = "" if isinstance(boot, Unreadable) else boot.text.strip()
    return settling(read_changes(host), here, key, maximum, name or key.rpartition(".")[2])


def settling(changes: Changes, boot: str, key: str, maximum: int | None, name: str) -> Settling:
    """Tell what follows from the journal in this boot ("" for one whose id is not known)."""
    here = [change for change in changes.made if boot and change.boot == boot]
    best: Transaction | None = None
    log_end = -1
    why_not: Statement | None = None
    steps = []
    for change in here:
        if not any(isinstance(item, SysctlItem) for item in change.items):
            continue  # of files, for the next boot
        step = _step(change, key)
        steps += _steps(change, step, key)
        why_not = _why_not(change, step, change.id in changes.trying, name, maximum)
        if why_not:
            words = "Change {id} (ec2rl history) settles no line: {why_not}"
            why_not = say(words, id=change.id, why_not=why_not)
        elif step is not None and step.log_end is not None and step.log_end >= log_end:
            best, log_end = change, step.log_end
    steps.sort(key=lambda step: step.log_end or 0)
    unread = changes.unread or _missing(changes.made, here)
    if unread:  # what it would tell may be a limit as large, or a raise that was taken back
        best, log_end = None, -1
    return Settling(name, best, log_end, maximum or 0, tuple(steps), why_not, unread)


def _missing(made: Sequence[Transaction], here: Sequence[Transaction]) -> tuple[Unreadable, ...]:
    """What lacks among the records of this boot: a number, from the one before the first of them.

    The one before, of another boot, shows that the first is the first.
    """
    known = {change.id for change in made}
    for number in range(max(here[0].id - 1, 1), here[-1].id) if here else ():
        if number not in known:
            words = f"the record of change {number} is not there"
            return (Unreadable(f"{FOLDER}/{number}.json", Why.PARTIAL, words),)
    return ()


def _step(change: Transaction, key: str) -> Step | None:
    """What a change tells of the limit, None for nothing."""
    for item in change.items:
        if isinstance(item, SysctlItem) and item.key == key and " " not in item.before + item.after:
            before, after = int(item.before), int(item.after)
            # Whoever took it back had the limit of before again.
            after = after if change.state is State.APPLIED else max(before, after)
            return Step(item.log_end, before, after)
    return None


def _steps(change: Transaction, step: Step | None, key: str) -> list[Step]:
    """A change, and its way back, where the log's stamp of both is known."""
    if step is None or change.state is not State.UNDONE:
        return [step] if step else []
    item = next(i for i in change.items if isinstance(i, SysctlItem) and i.key == key)
    if item.log_end is None or item.log_back is None:
        return [step]
    before, after = int(item.before), int(item.after)
    return [Step(item.log_end, before, after), Step(item.log_back, after, before)]


def _why_not(
    change: Transaction, step: Step | None, trying: bool, name: str, maximum: int | None
) -> Statement | None:
    """Why a change does not settle what the log said before it, None if it does."""
    if step is None or step.after <= step.before:
        return say("it did not raise {limit}", limit=name)
    if change.state is not State.APPLIED:
        return say("it is {state}", state=change.state.value)
    if trying:
        return say("it is on trial; to let it stay: {keep}", keep=Command(f"keep {change.id}"))
    if maximum is None:
        return say("{limit} could not be read, so it may not be in force", limit=name)
    if maximum < step.after:
        words = "{limit} is {maximum} by {now}, and it had set {set}"
        return say(words, limit=name, maximum=maximum, set=step.after)
    if step.before > ROOM * maximum:
        words = "from {before} to {maximum}: what was too much would fill {room:%} of it"
        return say(words, before=step.before, maximum=maximum, room=ROOM)
    if step.log_end is None:
        return say("its record does not tell where the kernel's log ended then")
    return None
