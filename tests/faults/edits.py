"""Somebody else's edit, right behind each system call: it must still be there in the end."""

from __future__ import annotations

import os

from ec2rl.fix.errors import FixError
from ec2rl.fix.transaction import history, recover, undo
from faults import scene
from faults.place import Case, Place
from faults.tracer import QUIET, Call, Code

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Way = tuple[str, Callable[[Place, str], Callable[[], None]], str]

MARK = "# theirs\n"
BESIDE = os.path.dirname(scene.NEW) + "/theirs.conf"
VALUE = "393216\n"


def _append(place: Place, target: str) -> Callable[[], None]:
    def edit() -> None:
        os.makedirs(os.path.dirname(place.root + target), exist_ok=True)
        with open(place.root + target, "a") as file:
            file.write(MARK)

    return edit


def _replace(place: Place, target: str) -> Callable[[], None]:
    def edit() -> None:
        new = f"{place.root}{target}.edited"
        os.makedirs(os.path.dirname(new), exist_ok=True)
        with open(new, "w") as file:
            file.write(MARK)
        os.rename(new, place.root + target)

    return edit


def _write_late(place: Place, target: str) -> Callable[[], None]:
    """Open the file before anything happens, and write into it later."""
    fd = os.open(place.root + target, os.O_WRONLY | os.O_APPEND)

    def edit() -> None:
        os.write(fd, MARK.encode())
        os.close(fd)

    return edit


def _set(place: Place, target: str) -> Callable[[], None]:
    def edit() -> None:
        with open(scene.setting(place.proc, target), "w") as file:
            file.write(VALUE)

    return edit


WAYS: tuple[Way, ...] = (
    ("append to", _append, scene.FILE),
    ("replace", _replace, scene.FILE),
    ("write late to", _write_late, scene.FILE),
    ("append to", _append, scene.NEW),
    ("replace", _replace, scene.NEW),
    ("append to", _append, BESIDE),
    ("set", _set, scene.MAX),
)


def edits(place: Place, every: int) -> Iterator[Case]:
    """Edit a target in seven ways while apply or undo is stopped, then let it go on."""
    for verb in ("apply", "undo"):
        cases = [(way, calls, n) for way in WAYS for calls, n in _places(place, verb, way)]
        for (words, make, target), calls, n in cases[::every]:
            place.begin(verb)
            edit = make(place, target)
            end = place.bench.stop(calls[n], edit, place.verb(verb))
            fault = "" if end.code in (Code.DONE, Code.REFUSED) and end.struck else str(end)
            yield Case(f"{words} {target}, {verb} at {calls[n]}", fault or _judge(place, target))


def _places(place: Place, verb: str, way: Way) -> Iterator[tuple[list[Call], int]]:
    """List where to stop; a file held open makes for a refusal, and for other system calls."""
    _, make, target = way
    place.begin(verb)
    edit = make(place, target) if make is _write_late else None
    calls = place.calls(verb)
    if edit:
        edit()
    for n, call in enumerate(calls):
        if call.name not in QUIET.split() and not (target == scene.MAX and _in_window(calls, n)):
            yield calls, n


def _in_window(calls: list[Call], n: int) -> bool:
    """Tell the two places, documented in sysctl.py, where the kernel offers no way to be sure."""
    names = [call.name for call in calls]
    return names[n : n + 2] == ["pread64", "write"] or names[n : n + 2] == ["write", "pread64"]


def _judge(place: Place, target: str) -> str:
    machine = scene.machine(place.root, place.proc)
    try:
        recover(machine=machine)
        if history(machine=machine):
            undo(1, machine=machine, partial=True)
    except FixError as error:
        return f"{type(error).__name__}: {error} {error.notes}"
    seen = scene.picture(place.root, place.proc)
    theirs = seen.pop(target, None)
    whole = theirs == VALUE if target == scene.MAX else theirs is not None and _kept(theirs[0])
    if not whole:
        return f"the edit is lost: {theirs!r}, {sorted(seen)}"
    rest = {name: image for name, image in place.before.items() if name != target}
    if target[0] == "/":  # a folder that they use stays
        rest.setdefault(os.path.dirname(target), "0o40755")
    return "" if seen == rest else f"the others are not as before: {seen}"


def _kept(text: bytes | str) -> bool:
    assert isinstance(text, bytes)
    known = {scene.OLD_TEXT, scene.NEW_TEXT, "nf_conntrack\n", ""}
    return text.decode().endswith(MARK) and text.decode()[: -len(MARK)] in known
