"""A machine that is changed through the command line: this one, in mounts of its own.

Everything below /etc, /boot and /var/lib is new, the kernel's settings of connection tracking and
one below /sys are files, and there is one diagnostic more, whose fix makes every kind of change.
`Desk` works in a process of its own, which `apart` starts.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import pkgutil
import resource
import shutil
import subprocess
import sys
import tempfile
import time

import ec2rl
import ec2rl.modules
from ec2rl.cli import main
from ec2rl.fix.change import State
from ec2rl.fix.machine import Machine
from ec2rl.fix.transaction import apply, history, trials
from ec2rl.invocation import CALLED
from ec2rl.record import record
from ec2rl.remedies import SetSysctl
from faults import every_kind, everykind, scene
from faults.place import UNTIL, Case

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from faults.place import Place

FIX = ("fix", "conntrackfull", "--set=max=524288", "--set=tcp_timeout_established=100000", "--yes")
ALL = ("fix", "everykind", "--yes")
UNDO = ("undo", "1", "--yes")

FILE = "/etc/sysctl.d/99-zz-ec2rl-conntrack.conf"
OLD_TEXT = (
    "# Written by ec2rl: `ec2rl history` says when, `ec2rl undo` takes it back.\n"
    "net.netfilter.nf_conntrack_max = 262144\n"
)
BUCKETS = "net.netfilter.nf_conntrack_buckets"
SETTINGS = {
    **scene.BEFORE,
    BUCKETS: "262144\n",
    "net.netfilter.nf_conntrack_count": "0\n",
    every_kind.SCHEDULER: "mq-deadline\n",
}
PROC = "/proc/sys"
MODULES = os.path.dirname(ec2rl.modules.__file__)
TOPS = ("/etc", "/boot", "/var/lib")
EVERY = every_kind.EveryKind()
MACHINE = Machine()

VERBS: dict[str, dict[str, tuple[str, ...]]] = {
    "files": {
        "keep": ("keep", "1"),
        "the end of a trial": ("keep",),
        "undo": ("undo", "--yes"),
        "undo, a folder made": ("undo", "--yes"),
        "recover, half made": UNDO,
        "recover, half undone": ("keep",),
        "fix": FIX,
        "fix, a folder missing": FIX,
    },
    "every kind": {
        "undo, every kind": ("undo", "--yes"),
        "recover, half made of every kind": UNDO,
        "recover, half undone of every kind": ("keep",),
        "fix, every kind": ALL,
    },
}
"""What is typed, by the name of the scene, and by what it is typed on."""


@record(frozen=True)
class End:
    """How a command ended: its exit status (or minus a signal), and all that it said."""

    status: int
    words: str


def apart(cases: Callable[[], Iterator[Case]]) -> Iterator[Case]:
    """Give the cases that are tried in a process with mounts of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reading)
            _mounts()
            with open(writing, "w", buffering=1) as pipe:
                pipe.writelines(json.dumps([c.name, c.fault]) + "\n" for c in cases())
            status = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writing)
    with open(reading) as pipe:
        for line in pipe:
            yield Case(*json.loads(line))
    if os.waitpid(child, 0)[1] != 0:
        yield Case("all of them", "the harness itself did not come to its end")


def _mounts() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    new_namespace, private = 0x00020000, 0x4000 | 1 << 18
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(MODULES, copy, dirs_exist_ok=True)
        todo = [libc.unshare(new_namespace), libc.mount(b"none", b"/", None, private, None)]
        todo += [
            libc.mount(b"none", folder.encode(), b"tmpfs", 0, b"mode=755")
            for folder in (*TOPS, f"{PROC}/net/netfilter", "/sys/block", MODULES)
        ]
        if any(todo):
            raise OSError(ctypes.get_errno(), "cannot have mounts of its own")
        shutil.copytree(copy, MODULES, dirs_exist_ok=True)
    shutil.copy(everykind.__file__, MODULES)
    os.makedirs(os.path.dirname(every_kind.SCHEDULER))


class Desk:
    """Where one command after the other is run, each in a fork of this process."""

    def __init__(self, place: Place) -> None:
        folder = place.folder
        self.verbs = VERBS[place.scene.name]
        self.said = f"{folder}/said"
        self._settings: dict[str, dict[str, str]] = {}
        self.pictures: dict[str, tuple[scene.Picture, scene.Picture]] = {}
        self.start: tuple[scene.Picture, State] = {}, State.UNDONE
        for module in pkgutil.walk_packages(ec2rl.__path__, "ec2rl."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)  # once, and not in each fork
        for number, verb in enumerate(self.verbs):
            self._new(verb)
            before = picture()
            self._change(verb)
            self.pictures[verb] = before, picture()
            if verb.startswith("fix"):
                self._new(verb)
            elif verb.startswith("recover"):
                _half(State.APPLYING if "made" in verb else State.UNDOING, "every" in verb)
            for top in TOPS:
                os.makedirs(f"{folder}/{number}{top}")
                subprocess.run(["cp", "-a", f"{top}/.", f"{folder}/{number}{top}"], check=True)
            self._settings[verb] = settings()

    def begin(self, verb: str) -> None:
        """Make the machine anew, ready for a verb."""
        saved = f"{os.path.dirname(self.said)}/{list(self.verbs).index(verb)}"
        _empty()
        for top in TOPS:
            # Owners and attributes as well, which shutil does not copy.
            subprocess.run(["cp", "-a", f"{saved}{top}/.", top], check=True)
        set_to(self._settings[verb])
        past = history(machine=MACHINE)
        self.start = picture(), past[-1].state if past else State.UNDONE

    def _new(self, verb: str) -> None:
        _empty()
        if "every" in verb:
            EVERY.files("")
        elif "folder" not in verb:
            os.mkdir("/etc/sysctl.d")
            with open(FILE, "w") as file:
                file.write(OLD_TEXT)
        set_to(SETTINGS)

    def _change(self, verb: str) -> None:
        if "trial" in verb or "keep" in verb:
            change = SetSysctl(scene.MAX, "524288", "262144")
            until = UNTIL if "keep" in verb else 1.0
            apply([change], machine=MACHINE, why="fix conntrackfull", until=until)
            return
        end = self.run(ALL if "every" in verb else FIX)
        assert end.status == 0, end.words

    def run(self, words: tuple[str, ...], before: Callable[[], object] = lambda: None) -> End:
        """Run a command; `before` is called in its process, right before it begins."""

        def command() -> None:
            time.sleep = _no_time_passes
            before()
            os._exit(main(list(words)))

        return self._ended(command)

    def program(self, code: str, *words: str, most: int = 1024) -> End:
        """Run a new Python that does `code`, with so many descriptors at most."""

        def program() -> None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
            os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", code, *words])

        return self._ended(program)

    def _ended(self, work: Callable[[], object]) -> End:
        child = os.fork()
        if child == 0:
            try:
                os.environ[CALLED] = "./ec2rl"
                fd = os.open(self.said, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
                for stream in (1, 2):
                    os.dup2(fd, stream)
                os.closerange(3, 256)
                work()
            except BaseException as error:
                os.write(2, f"traceback: {error!r}".encode())
            finally:
                os._exit(99)
        status = os.waitpid(child, 0)[1]
        code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        with open(self.said, errors="replace") as file:
            return End(code, file.read())

    def judge(self, verb: str, end: End) -> str:
        """Say what is not as it must be after a command, and after the one that it told to type."""
        before, after = self.pictures[verb]
        seen = picture()
        past = history(machine=MACHINE)
        state = past[-1].state if past else State.UNDONE
        half = seen not in (before, after) or state not in (State.APPLIED, State.UNDONE)
        as_found = (seen, state) == self.start and end.status != 0
        if half and not as_found and "./ec2rl undo 1" not in end.words:
            return f"neither settled nor told: {state}, {seen}, {end}"
        if not half and (state is State.APPLIED) != (seen == after):
            return f"the journal is wrong: {state}, {seen}, {end}"
        lie = self._lie(seen, before, after, end) or _trial(verb, state, end)
        if lie:
            return f"{lie}: {state}, {seen}, {end}"
        again = self.run(UNDO)
        if again.status != (0 if past else 1):
            return f"what is to be typed fails: {again}, after {end}"
        left = os.path.lexists(f"{MACHINE.state}/unfinished") or trials(machine=MACHINE)
        if picture() != before or left:
            return f"not as before after undo: {picture()}, {again}, after {end}"
        return ""

    def _lie(
        self, seen: scene.Picture, before: scene.Picture, after: scene.Picture, end: End
    ) -> str:
        """What a command has said, and is not so."""
        true = {
            "nothing was changed": self.start[0],
            "all is as before": before,
            " is applied": after,
            "is undone now": before,
            "Took back": before,
        }
        for words, meant in true.items():
            if words == "nothing was changed" and "had been interrupted" in end.words:
                continue  # the line before it has told what was
            if words in end.words and seen != meant:
                return f"it is a lie that {words!r}"
        return ""


def _trial(verb: str, state: State, end: End) -> str:
    """What is wrong with a trial: one that ends without a word, or never."""
    if verb == "keep" and state is State.APPLIED and not trials(machine=MACHINE):
        return "" if "kept" in end.words or "is applied" in end.words else "no trial, not told"
    return ""


def _empty() -> None:
    for top in TOPS:
        for name in os.listdir(top):
            path = f"{top}/{name}"
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.remove(path)


def _half(state: State, every: bool) -> None:
    """Leave what a kill in the midst leaves: some of several are moved."""
    from ec2rl.fix.journal import locked
    from ec2rl.record import replace

    with locked(MACHINE, "a crash") as journal:
        journal.save(replace(history(machine=MACHINE)[-1], state=state))
    if every:
        os.rename(every_kind.OFF, every_kind.CONF)
        set_to({every_kind.SCHEDULER: SETTINGS[every_kind.SCHEDULER]})
    else:
        set_to({scene.IDLE: SETTINGS[scene.IDLE]})


def _no_time_passes(seconds: float) -> None:
    """What is lost each second is told after some; no case is about that."""


def settings() -> dict[str, str]:
    values = {}
    for key in SETTINGS:
        with open(_path(key)) as file:
            values[key] = file.read()
    return values


def set_to(values: dict[str, str]) -> None:
    for key, value in values.items():
        with open(_path(key), "w") as file:
            file.write(value)


def _path(key: str) -> str:
    return key if key.startswith("/") else scene.setting(PROC, key)


def picture() -> scene.Picture:
    """See all that a change may touch."""
    return {**every_kind.images(""), **settings()}
