"""A power cut before each system call, on a real ext4 file system in a file.

The victim is killed, and the file under the file system is copied as it stands: what ext4 had not
yet written, the copy does not have.  The copy is mounted on a machine that has booted anew.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager

from ec2rl.fix.change import State
from ec2rl.fix.errors import FixError
from ec2rl.fix.transaction import history, recover, undo
from faults import scene
from faults.place import Case, Place
from faults.tracer import Code

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from faults.tracer import Call

MIB = 8


def power(place: Place, every: int) -> Iterator[Case]:
    """Cut the power before each system call of apply and of undo."""
    for verb in ("apply", "undo"):
        place.begin(verb)
        calls = place.calls(verb)
        disk = f"{place.folder}/{verb}.ext4"
        before = _format(place, disk, verb)
        for number, call in enumerate(calls[::every]):
            # A name of their own each: a mount namespace that somebody makes on this machine
            # meanwhile keeps the file system mounted, and its file must not be written over.
            live, dead = (f"{place.folder}/{verb}-{number}.{name}" for name in ("live", "dead"))
            shutil.copyfile(disk, live)
            fault = _cut(place, (live, dead), verb, call, before)
            os.unlink(live)
            os.unlink(dead)
            yield Case(f"power cut in {verb} at {call}", fault)


def _format(place: Place, disk: str, verb: str) -> scene.Picture:
    with open(disk, "wb") as file:
        file.truncate(MIB << 20)
    subprocess.run(["mkfs.ext4", "-q", "-b", "1024", disk], check=True)
    with _mounted(place, disk) as root:
        shutil.rmtree(place.proc, ignore_errors=True)
        place.scene.build(root, place.proc)
        before = place.scene.picture(root, place.proc)
        if verb == "undo":
            place.verb("apply", root)()
        # A mount namespace that has just ended, as that of a program has, may keep it mounted.
        subprocess.run(["sync", "-f", root], check=True)
    return before


@contextmanager
def _mounted(place: Place, disk: str) -> Iterator[str]:
    root = f"{place.folder}/mounted"
    os.makedirs(root, exist_ok=True)
    subprocess.run(["mount", "-o", "loop", disk, root], check=True)
    try:
        yield root
    finally:
        subprocess.run(["umount", root], check=True)


def _cut(place: Place, disks: tuple[str, str], verb: str, call: Call, before: scene.Picture) -> str:
    live, dead = disks
    with _mounted(place, live) as root:
        _boot(place, root, "first")
        end = place.bench.strike(call, "signal=KILL", place.verb(verb, root))
        shutil.copyfile(live, dead)
    if end.code is not Code.KILLED or not end.struck:
        return f"was not killed: {end}"
    with _mounted(place, dead) as root:
        _boot(place, root, "second")
        machine = place.scene.machine(root, place.proc)
        try:
            past = history(machine=machine)
            if any(change.unfinished for change in past) and not machine.interrupted():
                return "nobody would have called recover"
            recover(machine=machine)
            past = history(machine=machine)
            applied = bool(past and past[-1].state is State.APPLIED)
            files = {
                key: v for key, v in place.scene.picture(root, place.proc).items() if key[0] == "/"
            }
            want = place.after if applied else before
            if files != {key: image for key, image in want.items() if key[0] == "/"}:
                return f"half-way after recover: {files}"
            if past:
                undo(1, machine=machine)
        except FixError as error:
            return f"{type(error).__name__}: {error} {error.notes}"
        seen = place.scene.picture(root, place.proc)
        return "" if seen == before else f"not as before after undo: {seen}"


def _boot(place: Place, root: str, name: str) -> None:
    """Boot as systemd-sysctl does: what the file says is set."""
    place.scene.boot(place.proc, name)
    with open(root + scene.FILE) as file:
        if file.read() == scene.NEW_TEXT:
            with open(scene.setting(place.proc, scene.MAX), "w") as value:
                value.write("524288\n")
    # What was applied in the first boot to the rest of the kernel's settings:
    if name == "first" and os.path.exists(root + scene.NEW):
        place.scene.set_by_hand(place.proc)
