"""The kinds of faults that strike inside of the program, through the command line."""

from __future__ import annotations

import inspect
import os
import signal
import time
from collections import Counter

import ec2rl
from ec2rl.fix.journal import Journal
from ec2rl.record import record
from faults.desk import Desk, apart
from faults.place import Case
from faults.strokes import Steps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from faults.place import Place

    Blow = Callable[[], None]


class Nobodys(BaseException):
    """Of no class that anybody could have expected."""


EXCEPTIONS: tuple[BaseException, ...] = (
    KeyboardInterrupt(),
    SystemExit(1),
    Nobodys(),
    MemoryError("no memory"),
    RecursionError("too deep"),
    ImportError("no such module"),
    AttributeError("no such attribute"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "not UTF-8"),
    OSError(5, "Input/output error"),  # behind system calls alone: it comes from nothing else
)
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
OFTEN = 10
"""Times that a line is met in one verb, each of which is struck."""
DESCRIPTORS = 24
"""More than a command has open at once."""

# Run ec2rl, and log what it imports and what it does with the journal, or refuse one import.
HOOK = """
import os, sys
blocked, log = sys.argv[1], os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
def hook(event, arguments):
    if event == "import":
        if arguments[0] == blocked:
            raise ImportError(f"No module named {blocked!r}")
        os.write(log, f"import {arguments[0]}\\n".encode())
    elif event == "os.rename" and arguments[0] == "draft":
        os.write(log, b"journal\\n")
sys.addaudithook(hook)
path = sys.argv[3]
sys.path.append(sys.argv[4])
del sys.argv[1:5]
with open(path) as file:
    code = compile(file.read(), path, "exec")
exec(code, {"__name__": "__main__", "__file__": path, "__package__": ""})
"""
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
"""Where the diagnostic that changes everything finds what it changes."""

MAIN = os.path.join(os.path.dirname(ec2rl.__file__), "__main__.py")


def raises(place: Place, every: int) -> Iterator[Case]:
    """Raise an exception before each line and behind each system call of each verb.

    At the first time that a line is met, each exception; later one of them, another each time, and
    of a line that is met often in one verb, not each time.
    """

    def cases(desk: Desk, log: str) -> Iterator[Stroke]:
        met: set[str] = set()
        for verb in desk.verbs:
            for way in ("lines", "calls"):
                for nth, where in _thinned(_places(desk, log, verb, way)):
                    new = f"{way} {where}" not in met
                    met.add(f"{way} {where}")
                    for error in _chosen(way, where, nth, new):
                        steps = Steps(log, nth, _raiser(error))
                        yield Stroke(f"{error!r} at {where}", verb, steps, way)

    return _struck(place, cases, every)


def commits(place: Place) -> Iterator[Case]:
    """Raise right behind each rename that makes a record count: what is done is done."""
    source, first = inspect.getsourcelines(Journal.publish)
    renames = [f"journal.py:{n}" for n, line in enumerate(source, first) if "os.rename(" in line]

    def cases(desk: Desk, log: str) -> Iterator[Stroke]:
        for verb in desk.verbs:
            for nth, where in enumerate(_places(desk, log, verb, "calls"), 1):
                for error in (KeyboardInterrupt(), OSError(5, "Input/output error")):
                    if where in renames:
                        yield Stroke(f"{error!r}", verb, Steps(log, nth, _raiser(error)), "calls")

    return _struck(place, cases, 1)


def _chosen(way: str, where: str, nth: int, new: bool) -> tuple[BaseException, ...]:
    errors = EXCEPTIONS if way == "calls" else EXCEPTIONS[:-1]
    if new:
        return errors
    # Each part of each path is a step of machine.py.
    return () if where.startswith("machine.py") else (errors[nth % len(errors)],)


def _thinned(places: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Give the steps by their numbers; of a line that came often, in one verb, each tenth."""
    times: Counter[str] = Counter()
    for nth, where in enumerate(places, 1):
        times[where] += 1
        if times[where] <= OFTEN or times[where] % 10 == 0:
            yield nth, where


def twice(place: Place, every: int) -> Iterator[Case]:
    """Raise where all is done but for the record, and once more at each line of putting it back."""

    error = OSError(5, "Input/output error")

    def cases(desk: Desk, log: str) -> Iterator[Stroke]:
        for verb in desk.verbs:
            if not verb.startswith(("fix", "undo")):
                continue
            calls = _places(desk, log, verb, "calls")
            last = max(n for n, where in enumerate(calls, 1) if where.startswith("exchange.py"))
            again = Steps(f"{log}-again", 0, lambda: None)
            _run(desk, verb, Steps(log, last, _then(again, error)), "calls")
            for nth, where in enumerate(again.places(), 1):
                strange = EXCEPTIONS[nth % (len(EXCEPTIONS) - 1)]
                second = Steps(again.log, nth, _raiser(strange))
                steps = Steps(log, last, _then(second, error))
                yield Stroke(f"once more at {where}", verb, steps, "calls")

    return _struck(place, cases, every)


def signals(place: Place, every: int) -> Iterator[Case]:
    """Send a signal that ends a command before each line, or SIGINT again and again."""

    def cases(desk: Desk, log: str) -> Iterator[Stroke]:
        for verb in desk.verbs:
            for nth, where in _thinned(_places(desk, log, verb, "lines")):
                if where.startswith("machine.py") and nth % 10:
                    continue
                number = SIGNALS[nth % len(SIGNALS)]
                steps = Steps(log, nth, _sender(number))
                yield Stroke(f"{number.name} at {where}", verb, steps, "lines")
                if nth % 10 == 0:
                    steps = Steps(log, nth, _hammer)
                    yield Stroke(f"SIGINT for ever from {where}", verb, steps, "lines")

    return _struck(place, cases, every)


@record(frozen=True)
class Stroke:
    """What to strike, and when: `way` is what is a step."""

    name: str
    verb: str
    steps: Steps
    way: str


def _struck(
    place: Place, strokes: Callable[[Desk, str], Iterator[Stroke]], every: int
) -> Iterator[Case]:
    def cases() -> Iterator[Case]:
        desk = Desk(place)
        for number, one in enumerate(strokes(desk, f"{place.folder}/steps")):
            if number % every == 0:
                yield Case(f"{one.verb}: {one.name}", _run(desk, one.verb, one.steps, one.way))

    return apart(cases)


def _run(desk: Desk, verb: str, steps: Steps, way: str) -> str:
    desk.begin(verb)
    return desk.judge(verb, desk.run(desk.verbs[verb], getattr(steps, way)))


def _places(desk: Desk, log: str, verb: str, way: str) -> list[str]:
    steps = Steps(log, 0, lambda: None)
    fault = _run(desk, verb, steps, way)
    if fault:
        raise RuntimeError(f"{verb} does not even work undisturbed: {fault}")
    return steps.places()


def _raiser(error: BaseException) -> Blow:
    def blow() -> None:
        raise error

    return blow


def _then(again: Steps, error: BaseException) -> Blow:
    def blow() -> None:
        again.lines()
        raise error

    return blow


def _sender(number: signal.Signals) -> Blow:
    return lambda: os.kill(os.getpid(), number)


def _hammer() -> None:
    """Have a process send SIGINT to this one until it is gone."""
    victim = os.pidfd_open(os.getpid())
    if os.fork() == 0:
        try:
            # A file that it held open for writing would be one that somebody else is writing.
            os.closerange(0, victim)
            os.closerange(victim + 1, 1024)
            while True:
                signal.pidfd_send_signal(victim, signal.SIGINT)
                time.sleep(0.0005)
        finally:
            os._exit(0)


def imports(place: Place, every: int) -> Iterator[Case]:
    """Let each import of each verb fail; none is tried while the journal is open."""
    return apart(lambda: _imports(Desk(place), f"{place.folder}/imported", every))


def _imports(desk: Desk, log: str, every: int) -> Iterator[Case]:
    for verb, words in desk.verbs.items():
        desk.begin(verb)
        open(log, "w").close()
        fault = desk.judge(verb, desk.program(HOOK, "", log, MAIN, TESTS, *words))
        with open(log) as file:
            lines = file.read().splitlines()
        marks = [n for n, line in enumerate(lines) if line == "journal"]
        late = [line for line in lines[marks[0] : marks[-1]] if line != "journal"] if marks else []
        yield Case(f"{verb}: imports in the midst", fault or " ".join(late))
        names = sorted({line.split()[1] for line in lines if line != "journal"})
        for name in names[::every]:
            desk.begin(verb)
            end = desk.program(HOOK, name, "/dev/null", MAIN, TESTS, *words)
            yield Case(f"{verb} without {name}", desk.judge(verb, end))


def descriptors(place: Place, every: int) -> Iterator[Case]:
    """Run each verb with too few descriptors, one more each time."""
    return apart(lambda: _descriptors(Desk(place), every))


def _descriptors(desk: Desk, every: int) -> Iterator[Case]:
    for verb, words in desk.verbs.items():
        for most in range(4, DESCRIPTORS, every):
            desk.begin(verb)
            end = desk.program(HOOK, "", "/dev/null", MAIN, TESTS, *words, most=most)
            yield Case(f"{verb} with {most} descriptors", desk.judge(verb, end))
