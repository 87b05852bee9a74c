"""The kinds of faults: each yields its cases, one by one, with what was wrong in the end."""

from __future__ import annotations

import shutil
import subprocess

from faults import edits, inside, power, told
from faults.place import Case, Place, judge, judge_now
from faults.tracer import LOOKING, Call, Code

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from faults.scene import Scene

ERRNOS = ("ENOSPC", "EIO", "EROFS", "ENOMEM", "EINTR")

# As on a file system that has neither RENAME_NOREPLACE nor RENAME_EXCHANGE.
PLAIN_RENAME = ("-e", "inject=renameat2:error=EINVAL")


def kills(place: Place, every: int, always: Sequence[str] = ()) -> Iterator[Case]:
    """Kill apply and undo before each of their system calls."""
    for verb in ("apply", "undo"):
        place.begin(verb)
        calls = place.calls(verb, always)
        for call in calls[::every]:
            if always and call.name == "renameat2":
                continue
            place.begin(verb)
            end = place.strike(call, "signal=KILL", verb, always)
            fault = "" if end.code is Code.KILLED and end.struck else f"was not killed: {end}"
            yield Case(f"kill {verb} at {call}", fault or judge(place))


def plain(place: Place, every: int) -> Iterator[Case]:
    """Kill apply and undo on a file system that cannot exchange files."""
    plain = Place(place.folder, place.scene.without_exchange())
    yield from kills(plain, every, PLAIN_RENAME)


def doubles(place: Place, every: int) -> Iterator[Case]:
    """Kill recover before each call that does something, in each state that a kill has left."""
    saved = f"{place.folder}/saved"
    count = 0
    few = max(1, every // 10)
    for verb in ("apply", "undo"):
        seen: list[object] = []
        place.begin(verb)
        for first in place.calls(verb)[::few]:
            place.begin(verb)
            place.strike(first, "signal=KILL", verb)
            state = (place.picture(), place.unfinished())
            if state in seen or not state[1]:
                continue
            seen.append(state)
            shutil.rmtree(saved, ignore_errors=True)
            subprocess.run(["cp", "-a", place.machine, saved], check=True)
            for call in place.calls("recover"):
                if call.name in LOOKING.split():
                    continue
                count += 1
                if count % (every // few):
                    continue
                shutil.rmtree(place.machine)
                subprocess.run(["cp", "-a", saved, place.machine], check=True)
                end = place.strike(call, "signal=KILL", "recover")
                fault = "" if end.code is Code.KILLED and end.struck else f"was not killed: {end}"
                name = f"kill {verb} at {first}, then recover at {call}"
                yield Case(name, fault or judge(place))


def errors(place: Place, every: int) -> Iterator[Case]:
    """Let each system call of apply and undo fail, in five ways."""
    for verb in ("apply", "undo"):
        place.begin(verb)
        cases = [(call, errno) for call in _fallible(place.calls(verb)) for errno in ERRNOS]
        for call, errno in cases[::every]:
            place.begin(verb)
            end = place.strike(call, f"error={errno}", verb)
            done = (end.code is Code.DONE) == (verb == "apply")
            fault = "" if end.code in (Code.DONE, Code.REFUSED) and end.struck else str(end)
            fault = fault or judge_now(place, done) or judge(place)
            yield Case(f"{errno} in {verb} at {call}", fault)


def recoveries(place: Place, every: int) -> Iterator[Case]:
    """Let each system call of recover fail, in five ways, after a kill in the midst of apply."""
    place.begin("apply")
    first = [call for call in place.calls("apply") if call.name == "renameat2"][2]

    def crash() -> None:
        place.begin("apply")
        place.strike(first, "signal=KILL", "apply")

    crash()
    cases = [(call, errno) for call in _fallible(place.calls("recover")) for errno in ERRNOS]
    for call, errno in cases[::every]:
        crash()
        end = place.strike(call, f"error={errno}", "recover")
        fault = "" if end.code in (Code.DONE, Code.REFUSED) and end.struck else str(end)
        yield Case(f"{errno} in recover at {call}", fault or judge(place))


def _fallible(calls: list[Call]) -> list[Call]:
    return [call for call in calls if call.name not in ("getegid", "geteuid", "getpid")]


OF_ONE_SCENE = ("free", "remediate")
"""What is not struck in each scene."""

KINDS: dict[str, Callable[[Place, int], Iterator[Case]]] = {
    "kills": kills,
    "plain": plain,
    "doubles": doubles,
    "errors": errors,
    "recoveries": recoveries,
    "edits": edits.edits,
    "power": power.power,
    "raises": inside.raises,
    "twice": inside.twice,
    "signals": inside.signals,
    "imports": inside.imports,
    "descriptors": inside.descriptors,
    "free": told.free,
    "remediate": told.remediate,
}


def each(chosen: Sequence[str], scenes: Sequence[Scene]) -> Iterator[tuple[str, Scene]]:
    """Give each kind of faults, in each scene where that makes a difference."""
    for name in chosen:
        yield from ((name, one) for one in (scenes[:1] if name in OF_ONE_SCENE else scenes))
