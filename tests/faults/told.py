"""`conntrack free` and `run --remediate` as a person calls them, struck at any of their moments.

A moment is a system call of the command's own process; a blow is SIGKILL, SIGINT or SIGTERM.
What is said and what was done must be one: nothing is half told, and nothing is deleted that was
not counted.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from ec2rl.conntrack.table.look import Listing, open_listing
from ec2rl.fix.change import State
from ec2rl.fix.errors import FixError
from ec2rl.fix.machine import Machine
from ec2rl.fix.transaction import history, recover, undo
from ec2rl.host import Door
from ec2rl.record import record
from faults.place import Case, Place
from faults.tracer import MEMORY, Call
from support import fill, packets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOMENTS = 200
BLOWS = ("KILL", "INT", "TERM")
SOURCE = Path(__file__).resolve().parent.parent.parent / "src"
_START = (
    "import sys; sys.path.insert(0, sys.argv.pop(1))\n"
    "from ec2rl.__main__ import start; sys.exit(start())"
)
_LINE = re.compile(r"(\w+)\((.*)")
_ROOM = "/proc/sys/net/netfilter/nf_conntrack_"


@record(frozen=True)
class Said:
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str


class Commands:
    """Runs one command line again and again, each time struck at another moment."""

    def __init__(self, folder: str, words: Sequence[str], wrap: Sequence[str] = ()) -> None:
        self._log = f"{folder}/strace"
        self._wrap = wrap
        self._command = [sys.executable, "-I", "-S", "-c", _START, str(SOURCE), *words]

    def moments(self) -> list[Call]:
        """The system calls of an undisturbed run, from when it can be told to end."""
        self._run("-e", "trace=all")
        counts: Counter[str] = Counter()
        calls, begun = [], False
        with open(self._log, errors="replace") as lines:
            for line in lines:
                match = _LINE.match(line)
                if match is None:
                    continue
                counts[match[1]] += 1
                begun = begun or (match[1] == "rt_sigaction" and match[2].startswith("SIGTERM"))
                if begun and match[1] not in MEMORY.split():
                    calls.append(Call(match[1], counts[match[1]]))
        return calls

    def strike(self, call: Call, blow: str) -> Said:
        inject = f"inject={call.name}:signal={blow}:when={call.nth}"
        return self._run("-e", f"trace={call.name}", "-e", inject)

    def _run(self, *options: str) -> Said:
        strace = ["strace", "-o", self._log, *options]
        done = subprocess.run(
            [*self._wrap, *strace, *self._command],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)


def spread(calls: Sequence[Call], every: int) -> Iterator[tuple[Call, str]]:
    """Some moments, evenly, with each of the blows; of these each N-th."""
    step = max(1, len(calls) // MOMENTS)
    cases = [(call, blow) for call in calls[::step][:MOMENTS] for blow in BLOWS]
    yield from cases[::every]


NETNS = f"ec2rl-faults-{os.getpid()}"
MEANT = [fill.Row("198.18.0.1", "192.0.2.1", 1 + i, 443, 6, 3, 6, 86400) for i in range(700)]
OTHERS = [fill.Row("198.18.0.1", "203.0.113.1", 1 + i, 443, 6, 3, 6, 86400) for i in range(90)]


def free(place: Place, every: int) -> Iterator[Case]:
    """Strike `conntrack free` while it counts, shows, deletes and tells."""
    with fill.namespace(NETNS):
        for form in ((), ("--json",)):
            words = ("conntrack", "free", f"--netns={NETNS}", "--dst=192.0.2.1", "--yes", *form)
            commands = Commands(place.folder, words)
            _filled()
            calls = commands.moments()
            for call, blow in list(spread(calls, every))[bool(form) :: 2]:
                before = _filled()
                said = commands.strike(call, blow)
                after = _entries()
                fault = _judge_free(before, after, said, blow, bool(form))
                yield Case(f"SIG{blow} to free{' --json' * bool(form)} at {call}", fault)


def _filled() -> dict[int, bytes]:
    fill.flush(NETNS)
    fill.fill(NETNS, (*MEANT, *OTHERS))
    return _entries()


def _entries() -> dict[int, bytes]:
    """The destination of each entry by its id; read again where the hash was resized meanwhile."""
    door = Door(f"/run/netns/{NETNS}")
    while True:
        listing = open_listing(door)
        assert isinstance(listing, Listing), listing
        found = {entry.id: entry.original.destination for entry in listing if entry.id is not None}
        with fill.inside(NETNS), open(_ROOM + "count") as file:
            if int(file.read()) == len(found):
                return found


def _judge_free(
    before: dict[int, bytes], after: dict[int, bytes], said: Said, blow: str, as_json: bool
) -> str:
    gone = before.keys() - after.keys()
    if after.keys() - before.keys() or any(before[one] != bytes((192, 0, 2, 1)) for one in gone):
        return "it touched what was not meant"
    try:
        told = _deleted(said.out, as_json)
    except ValueError:
        return f"half told: {said.out!r}"
    if gone and not as_json and f"{len(MEANT)} entries would be deleted" not in said.out:
        return f"deleted {len(gone)} before it had told the count: {said.out!r}"
    if told is not None and told != len(gone):
        return f"told {told} deleted, and {len(gone)} are gone"
    if blow != "KILL" and told is None and gone:
        return f"{len(gone)} are gone, and nothing is told: {said}"
    return ""


def _deleted(out: str, as_json: bool) -> int | None:
    """How many it says it has deleted, None for nothing; ValueError for half of its words."""
    if not out:
        return None
    if as_json:
        number: int | None = json.loads(out)["deleted"]
        return number
    if not out.endswith("\n"):
        raise ValueError(out)
    found = re.search(r"^Deleted: (\d+) entr(?:y|ies) of (\d+)\.$", out, re.MULTILINE)
    return None if found is None else int(found[1])


BEFORE = {"max": "262144\n", "buckets": "262144\n"}
_LAID = """
for name in max buckets; do mount --bind {0}/proc/net/netfilter/nf_conntrack_$name \
    /proc/sys/net/netfilter/nf_conntrack_$name || exit 99; done
for folder in /etc/sysctl.d /etc/modules-load.d /etc/modprobe.d /var/lib; do
    mount --bind {0}/root$folder $folder || exit 99; done
exec "$@"
"""


def remediate(place: Place, every: int) -> Iterator[Case]:
    """Strike `run --remediate` while it looks, changes, looks again and tells.

    The kernel's limits and the machine's settings are files that lie over the real ones.
    """
    machine = f"{place.folder}/told"
    laid = ["unshare", "-m", "--propagation", "private", "sh", "-c", _LAID.format(machine), "sh"]
    words = ("run", "--only-modules=conntrackfull", "--remediate", "--output-dir", place.folder)
    commands = Commands(place.folder, (*words, "--interval=0"), laid)
    _let_it_fail()
    before = _laid(machine)
    calls = commands.moments()
    after = _picture(machine)
    if after == before:
        raise RuntimeError("run --remediate does not change a thing here")
    for call, blow in spread(calls, every):
        _laid(machine)
        said = commands.strike(call, blow)
        fault = _judge_run(machine, before, after, said, blow)
        yield Case(f"SIG{blow} to run --remediate at {call}", fault)


def _let_it_fail() -> None:
    """Have the kernel say that a table is full: that of a namespace, for a moment."""
    with open(_ROOM + "max") as file:
        most = int(file.read())
    rows = (
        fill.Row(f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}", "192.0.2.1", 5000, 443, 6, 3, 6, 600)
        for i in range(most)
    )
    with fill.namespace(NETNS):
        with suppress(OSError):  # it is full already, where somebody has lowered the limit
            fill.fill(NETNS, rows)
        packets.let_the_kernel_log()
        with packets.tracking(NETNS), fill.inside(NETNS):
            packets.send(5)
    time.sleep(1)  # until that namespace is gone


def _machine(folder: str) -> Machine:
    return Machine(root=f"{folder}/root", sysctls=f"{folder}/proc", modules=f"{folder}/module")


def _laid(folder: str) -> dict[str, str]:
    """The machine before: its limits and its settings."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("sysctl.d", "modules-load.d", "modprobe.d"):
        os.makedirs(f"{folder}/root/etc/{name}")
    for path in (f"{folder}/root/var/lib", f"{folder}/proc/net/netfilter"):
        os.makedirs(path)
    os.makedirs(f"{folder}/proc/kernel/random")
    shutil.copy("/proc/sys/kernel/random/boot_id", f"{folder}/proc/kernel/random/boot_id")
    for name, text in BEFORE.items():
        Path(f"{folder}/proc/net/netfilter/nf_conntrack_{name}").write_text(text)
    return _picture(folder)


def _picture(folder: str) -> dict[str, str]:
    files = [path for path in Path(folder, "root/etc").rglob("*") if path.is_file()]
    files += Path(folder, "proc/net/netfilter").iterdir()
    return {str(path.relative_to(folder)): path.read_text() for path in files}


def _judge_run(
    folder: str, before: dict[str, str], after: dict[str, str], said: Said, blow: str
) -> str:
    now, machine = _picture(folder), _machine(folder)
    fixed = "[FIXED]" in said.out
    if fixed and now != after:
        return f"told as fixed, and it is not: {now}"
    if blow != "KILL":
        if now not in (before, after):
            return f"half-way after a signal: {now}"
        told = fixed or re.search(r"to take it back: (sudo )?\S+ undo 1", said.err)
        if now == after and not told:
            return f"changed, and not told: {said}"
        quiet = "nothing was changed" in said.err or "[FAILURE]" in said.out
        # What was not judged is not mended either, and both are told.
        quiet = quiet or ("interrupted: " in said.err and "[UNKNOWN]" in said.out)
        # Nothing had begun: Python itself may be struck before it has our first line.
        quiet = quiet or not (said.out or said.err) or said.err.startswith("Fatal Python error: ")
        began = ", in start\n" in said.err
        quiet = quiet or (said.err.endswith("\nKeyboardInterrupt\n") and not began)
        if now == before and not (quiet or "all is as before change 1" in said.err):
            return f"not changed, and not told: {said}"
    try:
        recover(machine=machine)
        now, past = _picture(folder), history(machine=machine)
        if now not in (before, after):
            return f"half-way after recover: {now}"
        if bool(past and past[-1].state is State.APPLIED) != (now == after):
            return f"the journal is wrong about it: {past}"
        if past:
            undo(1, machine=machine)
    except FixError as error:
        return f"{type(error).__name__}: {error} {error.notes}"
    return "" if _picture(folder) == before else "not as before after undo"
