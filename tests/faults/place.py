"""Where one case after the other happens, and the judge of each."""

from __future__ import annotations

import shutil

from ec2rl.fix.change import State
from ec2rl.fix.errors import FixError
from ec2rl.fix.transaction import apply, end_trials, history, recover, trials, undo
from ec2rl.record import record
from faults import scene
from faults.tracer import Bench, Call, End

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


UNTIL = 2e9
"""When the trial ends that every change of a case is on: not while it runs."""


@record(frozen=True)
class Case:
    """One case that was tried; `fault` is "" if all was well."""

    name: str
    fault: str


class Place:
    """A folder with a machine in it that is to be changed."""

    def __init__(self, folder: str, what: scene.Scene | None = None) -> None:
        self.folder = folder
        self.scene = what or scene.Scene()
        self.bench = Bench(folder)
        self.machine = f"{folder}/machine"
        self.root = f"{self.machine}/root"
        self.proc = f"{self.machine}/proc"
        self._build()
        self.before = self.picture()
        self.verb("apply")()
        self.after = self.picture()

    def _build(self) -> None:
        shutil.rmtree(self.machine, ignore_errors=True)
        self.scene.build(self.root, self.proc)

    def begin(self, verb: str) -> None:
        """Make the machine anew, ready for a verb."""
        self._build()
        if verb == "undo":
            self.verb("apply")()

    def verb(self, verb: str, root: str = "") -> Callable[[], object]:
        """Give what apply, undo or recover does to the machine."""
        machine = self.scene.machine(root or self.root, self.proc)
        changes = self.scene.changes(root or self.root)
        verbs: dict[str, Callable[[], object]] = {
            "apply": lambda: apply(changes, machine=machine, why="a case", until=UNTIL),
            "undo": lambda: undo(1, machine=machine),
            "recover": lambda: recover(machine=machine),
        }
        return verbs[verb]

    def picture(self) -> scene.Picture:
        return self.scene.picture(self.root, self.proc)

    def unfinished(self) -> tuple[State, ...]:
        past = history(machine=self.scene.machine(self.root, self.proc))
        return tuple(change.state for change in past if change.unfinished)

    def calls(self, verb: str, always: Sequence[str] = ()) -> list[Call]:
        """List the system calls of a verb, and leave the machine as the verb leaves it."""
        return self.bench.calls(self.verb(verb), always=always)

    def strike(self, call: Call, blow: str, verb: str, always: Sequence[str] = ()) -> End:
        return self.bench.strike(call, blow, self.verb(verb), always=always)


def judge_now(place: Place, done: bool) -> str:
    """Compare the machine with what the verb has said: all after if `done`, else all before."""
    seen = place.picture()
    return "" if seen == (place.after if done else place.before) else f"half-way: {seen}"


def judge(place: Place) -> str:
    """Recover and undo, and say what is not as it must be."""
    machine = place.scene.machine(place.root, place.proc)
    try:
        if place.unfinished() and not machine.interrupted():
            return "nobody would have called recover"
        recover(machine=machine)
        if machine.interrupted():
            return "recover would be called for ever"
        seen = place.picture()
        if seen not in (place.before, place.after):
            return f"half-way after recover: {seen}"
        past = history(machine=machine)
        if bool(past and past[-1].state is State.APPLIED) != (seen == place.after):
            return f"the journal is wrong about it: {past}"
        if past and past[-1].state is State.APPLIED and trials(machine=machine) != {1: UNTIL}:
            return "its trial would never end"
        end_trials(UNTIL, machine=machine)
        if trials(machine=machine):
            return "its trial is over, and still noted"
        if past:
            undo(1, machine=machine)
            undo(1, machine=machine)
    except FixError as error:
        return f"{type(error).__name__}: {error} {error.notes}"
    seen = place.picture()
    return "" if seen == place.before else f"not as before after undo: {seen}"
