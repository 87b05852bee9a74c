"""An exception that nobody expected, in the midst of a change: it comes to its end all the same."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager, suppress

import pytest

from ec2rl.commands.changed import why_not
from ec2rl.fix.change import Found, State, Transaction
from ec2rl.fix.errors import Conflict, FixError, Refused
from ec2rl.fix.execute import things_of, transit
from ec2rl.fix.journal import locked
from ec2rl.fix.kinds.kind import Kind
from ec2rl.fix.kinds.sysctl import Sysctl
from ec2rl.fix.machine import Machine
from ec2rl.fix.precheck import precheck
from ec2rl.fix.prepare import held, stop_if_asked
from ec2rl.fix.transaction import apply, history, recover, trials, undo
from ec2rl.fix.trial import watch
from ec2rl.record import replace
from fix.apart import NEWNS, apart
from fix.small import CHANGES, MAX, NEW, picture
from support import lacking

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Nobodys(BaseException):
    """Of no class that anybody could have expected."""


EXCEPTIONS = (
    KeyboardInterrupt(),
    SystemExit(1),
    Nobodys(),
    MemoryError(),
    RecursionError("too deep"),
    ImportError("No module named '_ctypes'"),
    AttributeError("no such attribute"),
    UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed"),
)


class Bomb(Sysctl):
    """A kernel setting on which something is raised: at `move`, at `discard`, at `rescue`."""

    def __init__(self, setting: Sysctl, where: str, error: BaseException) -> None:
        super().__init__(setting.item, setting.at)
        self._where, self._error = where, error

    def move(self, to: Found) -> None:
        super().move(to)
        self._strike("move")

    def discard(self) -> str:
        self._strike("discard")
        return ""

    def rescue(self) -> str:
        self._strike("rescue")
        return ""

    def _strike(self, where: str) -> None:
        if where == self._where:
            if where != "rescue":
                self._where = ""  # once
            raise self._error


def struck(machine: Machine, where: str, error: BaseException) -> State:
    """Apply the changes, and let `error` be raised; how the record stands then."""
    with locked(machine, "a test") as journal, ExitStack() as stack:
        change = Transaction(
            1, State.APPLYING, "", time.time(), machine.boot(), "", precheck(CHANGES, machine)
        )
        things = [
            Bomb(thing, where, error) if isinstance(thing, Sysctl) else thing
            for thing in things_of(change, machine, stack)
        ]
        with pytest.raises(type(error)):
            transit(journal, change, things, Found.AFTER, State.APPLIED)
    return history(machine=machine)[0].state


@pytest.mark.parametrize("where", ["move", "discard"])
@pytest.mark.parametrize("error", EXCEPTIONS, ids=lambda error: type(error).__name__)
def test_all_is_put_back(machine: Machine, where: str, error: BaseException) -> None:
    seen = picture(machine)
    assert struck(machine, where, error) is State.UNDONE
    assert picture(machine) == seen
    assert not machine.interrupted()


@pytest.mark.parametrize("error", EXCEPTIONS, ids=lambda error: type(error).__name__)
def test_what_cannot_be_put_back_does_not_keep_the_others(
    machine: Machine, error: BaseException
) -> None:
    before = picture(machine)
    with locked(machine, "a test") as journal, ExitStack() as stack:
        change = Transaction(
            1, State.APPLYING, "", time.time(), machine.boot(), "", precheck(CHANGES, machine)
        )
        things = things_of(change, machine, stack)
        assert isinstance(things[0], Sysctl)
        broken = Bomb(things[0], "rescue", error)
        # The last file fails as somebody has put another in its place.
        os.makedirs(os.path.dirname(machine.root + NEW), exist_ok=True)
        with open(machine.root + NEW, "w") as file:
            file.write("theirs\n")
        with pytest.raises(Exception, match="changed by somebody else"):
            transit(journal, change, [broken, *things[1:]], Found.AFTER, State.APPLIED)
    now = picture(machine)
    assert {name for name in before if now[name] != before[name]} == {os.path.basename(MAX_FILE)}
    assert history(machine=machine)[0].state is State.APPLYING
    recover(machine=machine)
    os.unlink(machine.root + NEW)
    assert picture(machine) == before


class NoWayBack(list[Kind]):
    """Targets that can be moved, and not asked again in the other direction."""

    def __reversed__(self) -> Iterator[Kind]:
        raise OSError(errno.EIO, "Input/output error")


@pytest.mark.parametrize("error", [OSError(errno.EIO, "no"), Refused("no"), Conflict("no")])
def test_a_way_back_that_is_struck_is_never_said_to_be_whole(
    machine: Machine, error: Exception
) -> None:
    before = picture(machine)
    change = Transaction(
        1, State.APPLYING, "", time.time(), machine.boot(), "", precheck(CHANGES, machine)
    )
    with locked(machine, "a test") as journal, ExitStack() as stack:
        things = things_of(change, machine, stack)
        assert isinstance(things[0], Sysctl)
        held_back = NoWayBack([Bomb(things[0], "move", error), *things[1:]])
        with pytest.raises(FixError) as raised:
            transit(journal, change, held_back, Found.AFTER, State.APPLIED)
    assert not raised.value.whole
    assert any("the way back was cut short" in note for note in raised.value.notes)
    assert "sudo ./ec2rl undo 1" in "\n".join(why_not(raised.value, machine))
    recover(machine=machine)
    assert picture(machine) == before


MAX_FILE = MAX.replace(".", "/")


@contextmanager
def interrupted() -> Iterator[None]:
    """Have a SIGINT waiting, which comes at the end."""
    with suppress(KeyboardInterrupt):
        with held():
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)
            yield
        pytest.fail("no signal came")


def test_a_signal_waits_until_the_change_is_over_and_has_it_taken_back(machine: Machine) -> None:
    seen = picture(machine)
    with interrupted():
        with pytest.raises(KeyboardInterrupt):
            apply(CHANGES, machine=machine, why="", until=time.time() + 60)
        assert history(machine=machine)[0].state is State.UNDONE
        assert trials(machine=machine) == {}
    assert picture(machine) == seen


def test_a_signal_does_not_keep_a_recovery_from_its_end(machine: Machine) -> None:
    seen = picture(machine)
    change = replace(apply(CHANGES, machine=machine, why=""), state=State.UNDOING)
    with locked(machine, "a crash") as journal:
        journal.save(change)
    with interrupted():
        assert [change.state for change in recover(machine=machine)] == [State.UNDONE]
    assert picture(machine) == seen


def test_a_signal_that_is_ignored_asks_for_nothing() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with held():
            os.kill(os.getpid(), signal.SIGHUP)
            stop_if_asked()
    finally:
        signal.signal(signal.SIGHUP, before)


def ec2rl(without: str, *words: str) -> tuple[int, str]:
    """Run a command with a Python that lacks a module; its status and what it told."""
    done = lacking.ec2rl([without], *words)
    return done.returncode, done.stderr


UNTOUCHED = "ec2rl: nothing was changed"
NO_CTYPES = "No module named '_ctypes'"
NO_FCNTL = f"{UNTOUCHED}: no change is begun: No module named 'fcntl'\n"
NO_FCNTL_AT_ALL = (
    f"{UNTOUCHED}\n"
    "ec2rl: this Python lacks something: No module named 'fcntl'; "
    "install python3 (python3-minimal is not enough), or name another by EC2RL_PYTHON\n"
)
LACKS = {
    # It takes ctypes to look at a volume safely, too.
    "_ctypes": (
        69,
        f"{UNTOUCHED}\n"
        f"ec2rl: this Python lacks something: conntrackfull: ImportError: {NO_CTYPES}; "
        "install python3 (python3-minimal is not enough), or name another by EC2RL_PYTHON\n",
        f"{UNTOUCHED}: no file is touched: ctypes of this Python cannot be loaded ({NO_CTYPES}), "
        "and without it an edit of somebody else could be lost; name another: "
        "EC2RL_PYTHON=/path/to/python3\n",
    ),
    # Nor does it without, which is looked for before it is planned.
    "fcntl": (69, NO_FCNTL_AT_ALL, NO_FCNTL.replace("nothing was", "nothing of change 1 was")),
}


@pytest.mark.root
@pytest.mark.parametrize("without", LACKS)
@pytest.mark.more
def test_what_a_python_lacks_is_said_before_anything_is_touched(
    machine: Machine, without: str
) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to change a volume")
    status, no_fix, no_undo = LACKS[without]
    root = f"--root={machine.root}"
    seen = picture(machine)
    fix = ("fix", "conntrackfull", "--set=max=524288", "--yes", root)
    assert ec2rl(without, *fix) == (status, no_fix)
    assert (picture(machine), history(machine=machine)) == (seen, ())
    assert ec2rl("nothing", *fix) == (0, "")
    assert ec2rl(without, "undo", "--yes", root) == (1, no_undo)
    assert [change.state for change in history(machine=machine)] == [State.APPLIED]
    assert ec2rl("nothing", "undo", "--yes", root) == (0, "")
    assert picture(machine) == seen


def test_kernel_settings_alone_are_changed_without_ctypes(machine: Machine) -> None:
    sys.modules.pop("ctypes", None)
    change = apply(CHANGES[2:], machine=machine, why="")
    undo(change.id, machine=machine)
    assert "ctypes" not in sys.modules


@pytest.mark.root
def test_without_room_for_its_descriptors_no_change_is_begun(machine: Machine) -> None:
    def cramped() -> str:
        seen = picture(machine)
        said: set[str] = set()
        most_of_all = resource.getrlimit(resource.RLIMIT_NOFILE)
        lowest = len(os.listdir("/proc/self/fd"))
        for most in range(lowest, lowest + 40):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most_of_all[1]))
            try:
                apply(CHANGES, machine=machine, why="")
                return str(sorted(said))
            except FixError as error:
                said.add(str(error))
            resource.setrlimit(resource.RLIMIT_NOFILE, most_of_all)
            assert (picture(machine), history(machine=machine)) == (seen, ())
        return "never done"

    assert "'no change is begun: Too many open files'" in apart(0, cramped)


@pytest.mark.root
def test_a_trial_that_nobody_would_end_is_not_begun(machine: Machine, tmp_path: Path) -> None:
    """No /dev/null for the process that would."""

    def bare() -> str:
        subprocess.run(["mount", "-t", "tmpfs", "none", "/dev"], check=True)
        try:
            watch(machine, time.time() + 5)
        except Refused as error:
            return str(error)
        return "it watches"

    assert apart(NEWNS, bare) == "the process that is to end the trial did not come to be"
