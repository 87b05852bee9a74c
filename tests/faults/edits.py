"""Somebody else's edit, right behind each system call: it must still be there in the end."""

from __future__ import annotations

import os

from ec2rl.fix.errors import FixError
from ec2rl.fix.transaction import history, recover, undo
from ec2rl.record import record
from faults import every_kind, scene
from faults.place import Case, Place
from faults.tracer import QUIET, Call, Code

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Union

    Observations = Union[tuple[bytes, int, int, int, tuple[tuple[str, bytes], ...]], str, None]

MARK = "# theirs\n"
BESIDE = os.path.dirname(scene.NEW) + "/theirs.conf"
VALUE = "393216\n"
CHOICE = "kyber-at-al\n"
TEMP = "/boot/.ec2rl-1-initrd.img.tmp"


@record(frozen=True)
class Way:
    """One edit: `make` prepares it, `kept` says whether it is still there in the end.

    `extra` are names that may be there as well then; at a call that `window` begins with, the
    kernel offers no way to be sure.
    """

    words: str
    make: Callable[[Place, str], Callable[[], None]]
    target: str
    kept: Callable[[Observations], bool]
    window: tuple[tuple[str, ...], ...] = ()
    extra: tuple[str, ...] = ()


def _append(place: Place, target: str) -> Callable[[], None]:
    def edit() -> None:
        os.makedirs(os.path.dirname(place.root + target), exist_ok=True)
        with open(place.root + target, "a") as file:
            file.write(MARK)

    return edit


def _prepend(place: Place, target: str) -> Callable[[], None]:
    def edit() -> None:
        with open(place.root + target, "r+b") as file:
            text = file.read()
            file.seek(0)
            file.write(MARK.encode() + text)

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
    """Open the file before anything happens, and write into it later; or make it, if it is gone."""
    if not os.path.exists(place.root + target):
        return _append(place, target)
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


def _choose(place: Place, target: str) -> Callable[[], None]:
    def edit() -> None:
        with open(place.proc + every_kind.SCHEDULER, "w") as file:
            file.write(CHOICE)

    return edit


def _chmod(place: Place, target: str) -> Callable[[], None]:
    return lambda: os.chmod(place.root + target, 0o604)


def _relink(place: Place, target: str) -> Callable[[], None]:
    def edit() -> None:
        os.symlink("theirs", f"{place.root}{target}.edited")
        os.rename(f"{place.root}{target}.edited", place.root + target)

    return edit


def _marked(*known: str) -> Callable[[Observations], bool]:
    """Their mark is behind a text of ours, or all there is."""
    texts = [text.encode("latin-1") + MARK.encode() for text in (*known, "")]
    return lambda seen: isinstance(seen, tuple) and seen[0] in texts


_OF_FILE = _marked(scene.OLD_TEXT, scene.NEW_TEXT, "nf_conntrack\n")
_OF_FSTAB = _marked(every_kind.FSTAB_TEXT, every_kind.FSTAB_AFTER)
_OF_GONE = _marked(every_kind.GONE_TEXT)
_VALUE = (("pread64", "write"), ("write", "pread64"))
_RIGHTS = (("newfstatat", "fchown"), ("fstat", "fchown"), ("fchown", "fchmod"))
_BEFORE_FSTAB = MARK.encode() + every_kind.FSTAB_TEXT.encode("latin-1")
_BEFORE_CONF = (every_kind.OFF,)

WAYS = {
    "files": (
        Way("append to", _append, scene.FILE, _OF_FILE),
        Way("replace", _replace, scene.FILE, _OF_FILE),
        Way("write late to", _write_late, scene.FILE, _OF_FILE),
        Way("append to", _append, scene.NEW, _OF_FILE),
        Way("replace", _replace, scene.NEW, _OF_FILE),
        Way("append to", _append, BESIDE, _OF_FILE),
        Way("set", _set, scene.MAX, lambda seen: seen == VALUE, _VALUE),
    ),
    "every kind": (
        Way("append to", _append, every_kind.FSTAB, _OF_FSTAB),
        Way(
            "put before",
            _prepend,
            every_kind.FSTAB,
            lambda seen: isinstance(seen, tuple) and seen[0] == _BEFORE_FSTAB,
        ),
        Way("replace", _replace, every_kind.FSTAB, _OF_FSTAB),
        Way("write late to", _write_late, every_kind.FSTAB, _OF_FSTAB),
        Way("append to", _append, every_kind.GONE, _OF_GONE),
        Way("make anew", _replace, every_kind.GONE, _OF_GONE),
        Way("write late to", _write_late, every_kind.GONE, _OF_GONE),
        Way(
            "chmod",
            _chmod,
            every_kind.KEY,
            lambda seen: isinstance(seen, tuple) and seen[:2] == (b"secret\n", 0o100604),
            _RIGHTS,
        ),
        Way(
            "make anew",
            _replace,
            every_kind.CONF,
            _marked(),
            extra=_BEFORE_CONF,
        ),
        Way("relink", _relink, every_kind.LINK, lambda seen: seen == "link to theirs, 0"),
        Way("relink", _relink, every_kind.OLD_LINK, lambda seen: seen == "link to theirs, 0"),
        Way("replace", _replace, every_kind.IMAGE, _marked(), extra=(TEMP,)),
        Way("choose", _choose, "scheduler", lambda seen: seen == CHOICE, _VALUE),
    ),
}


def edits(place: Place, every: int) -> Iterator[Case]:
    """Edit a target in several ways while apply or undo is stopped, then let it go on."""
    for verb in ("apply", "undo"):
        ways = WAYS[place.scene.name]
        cases = [(way, calls, n) for way in ways for calls, n in _places(place, verb, way)]
        for way, calls, n in cases[::every]:
            place.begin(verb)
            edit = way.make(place, way.target)
            end = place.bench.stop(calls[n], edit, place.verb(verb))
            fault = "" if end.code in (Code.DONE, Code.REFUSED) and end.struck else str(end)
            yield Case(
                f"{way.words} {way.target}, {verb} at {calls[n]}", fault or _judge(place, way)
            )


def _places(place: Place, verb: str, way: Way) -> Iterator[tuple[list[Call], int]]:
    """List where to stop; a file held open makes for a refusal, and for other system calls."""
    place.begin(verb)
    edit = way.make(place, way.target) if way.make is _write_late else None
    calls = place.calls(verb)
    if edit:
        edit()
    for n, call in enumerate(calls):
        # The two places, documented in value.py and rights.py, where the kernel has no way.
        window = tuple(call.name for call in calls[n : n + 2]) in way.window
        if call.name not in QUIET.split() and not window:
            yield calls, n


def _judge(place: Place, way: Way) -> str:
    machine = place.scene.machine(place.root, place.proc)
    try:
        recover(machine=machine)
        if history(machine=machine):
            undo(1, machine=machine, partial=True)
    except FixError as error:
        return f"{type(error).__name__}: {error} {error.notes}"
    seen = dict(place.picture())
    theirs = seen.pop(way.target, None)
    if not way.kept(theirs):
        return f"the edit is lost: {theirs!r}, {sorted(seen)}"
    rest = {name: image for name, image in place.before.items() if name != way.target}
    for name in way.extra:
        rest.pop(name, None)
        seen.pop(name, None)
    folder = os.path.dirname(way.target)
    if folder in seen:  # one that they use stays
        rest.setdefault(folder, "0o40755")
    if seen == rest:
        return ""
    other = {n: seen.get(n) for n in seen.keys() | rest.keys() if seen.get(n) != rest.get(n)}
    return f"the others are not as before: {other}"
