"""Settings are each network namespace's own: from another one nothing is judged, none closed."""

from __future__ import annotations

import os
import time

import pytest

from ec2rl.fix.change import State
from ec2rl.fix.errors import FixError
from ec2rl.fix.machine import Machine
from ec2rl.fix.transaction import apply, end_trials, foresee, recover, trials, undo
from ec2rl.remedies import SetSysctl, SetSysfs, WriteFile
from fix.apart import NEWNET, apart
from fix.records import sealed, setting_item, transaction
from fix.small import FILE, NEW_TEXT, OLD_TEXT, build

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.root

KEY = "net.ipv4.tcp_keepalive_probes"
WORDS = (
    "Refused: this is not the host's own network namespace, and settings are each namespace's own: "
    "run it there: sudo nsenter --net=/proc/1/ns/net ./ec2rl ..."
)


def changed(tmp_path: Path, state: str, trial: float | None = None) -> Machine:
    """A machine of this kernel, whose journal has a change from 9 (as in any new namespace)."""
    machine = Machine(root=build(str(tmp_path)).root)
    folder = machine.root + machine.state
    os.makedirs(folder, 0o700)
    for path in (folder, os.path.dirname(folder)):
        os.chmod(path, 0o700)
    record = transaction(1, [setting_item(KEY, "9", "8")], state=state, boot=machine.boot())
    files = {"1.json": sealed(record)}
    if state in ("applying", "undoing"):
        files["unfinished"] = b""
    if trial is not None:
        files["trial-1"] = repr(trial).encode()
    for name, raw in files.items():
        with open(f"{folder}/{name}", "wb") as file:
            file.write(raw)
        os.chmod(f"{folder}/{name}", 0o600)
    return machine


def journal(machine: Machine) -> dict[str, bytes]:
    folder = machine.root + machine.state
    seen = {}
    for name in sorted(set(os.listdir(folder)) - {"lock"}):
        with open(f"{folder}/{name}", "rb") as file:
            seen[name] = file.read()
    return seen


VERBS: dict[str, tuple[str, Callable[[Machine], object]]] = {
    "undo": ("applied", lambda machine: undo(1, machine=machine)),
    "undo --partial": ("applied", lambda machine: undo(1, machine=machine, partial=True)),
    "undo --dry-run": ("applied", lambda machine: undo(1, machine=machine, dry_run=True)),
    "what undo will find": ("applied", lambda machine: foresee(1, machine=machine)),
    "recover, half made": ("applying", lambda machine: recover(machine=machine)),
    "recover, half undone": ("undoing", lambda machine: recover(machine=machine)),
    "fix": (
        "undone",
        lambda machine: apply((SetSysctl(KEY, "8", "9"),), machine=machine, why=""),
    ),
}


@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_takes_another_namespace_for_the_host(tmp_path: Path, verb: str) -> None:
    state, do = VERBS[verb]
    machine = changed(tmp_path, state)
    before = journal(machine)

    def inside() -> str:
        try:
            do(machine)
        except FixError as error:
            return f"{type(error).__name__}: {error}"
        return "done"

    told = apart(NEWNET, inside)
    assert told.replace("change 1 cannot be recovered yet: ", "") == WORDS
    assert journal(machine) == before


def test_a_trial_that_is_over_is_not_ended_there(tmp_path: Path) -> None:
    machine = changed(tmp_path, State.APPLIED.value, trial=time.time() - 5)

    def inside() -> str:
        try:
            end_trials(time.time(), machine=machine)
        except FixError as error:
            return f"{type(error).__name__}: {error}"
        return "done"

    assert apart(NEWNET, inside) == WORDS
    assert list(trials(machine=machine)) == [1]


def test_files_are_the_same_from_every_network_namespace(tmp_path: Path) -> None:
    machine = Machine(root=build(str(tmp_path)).root)

    def inside() -> str:
        apply((WriteFile(FILE, NEW_TEXT, OLD_TEXT),), machine=machine, why="")
        undo(1, machine=machine)
        return "as before"

    assert apart(NEWNET, inside) == "as before"


def test_on_the_host_it_is_as_ever(tmp_path: Path) -> None:
    machine = changed(tmp_path, State.APPLIED.value)
    with open("/proc/sys/net/ipv4/tcp_keepalive_probes") as file:
        if file.read() != "9\n":
            pytest.skip("this machine has another value")
    undo(1, machine=machine)
    assert b'"state": "undone"' in journal(machine)["1.json"]


def test_a_device_of_another_namespace_is_not_written(tmp_path: Path) -> None:
    machine = Machine(root=build(str(tmp_path)).root)
    path = "/sys/class/net/lo/tx_queue_len"

    def inside() -> str:
        apply((SetSysfs(path, "600", "1000"),), machine=machine, why="")
        return "applied"

    assert apart(NEWNET, inside) == WORDS
    folder = machine.root + machine.state
    os.makedirs(folder, 0o700, exist_ok=True)
    for name in (folder, os.path.dirname(folder)):
        os.chmod(name, 0o700)
    item = {"kind": "sysfs", "path": path, "before": "1000", "asked": "600", "after": "600"}
    record = transaction(1, [item], boot=machine.boot(), schema=4, module="m")
    with open(f"{folder}/1.json", "wb") as file:
        file.write(sealed(record))
    os.chmod(f"{folder}/1.json", 0o600)
    assert apart(NEWNET, lambda: str(undo(1, machine=machine))) == WORDS
