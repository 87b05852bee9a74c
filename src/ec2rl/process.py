"""A child process that works for us: forked, confined, limited, heard, and killed.

Every process that is to end before we do is made here: a diagnostic, the reader of somebody's
archive, the receiver of a dump.  (What is to outlive us, fix/trial.py makes.)
"""

from __future__ import annotations

import os
import select
import time

from ec2rl.lifeline import Lifeline
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Iterable, Mapping
    from typing import Callable, TypeVar

    T = TypeVar("T")
else:
    import _signal as signal  # `signal` takes 3 ms to make enumerations of these

_PRLIMIT = "/usr/bin/prlimit"
try:
    import resource  # here, lest each child loads it for itself
except ImportError:  # python3-minimal; prlimit(1) does the same, at the cost of a process
    if not os.access(_PRLIMIT, os.X_OK):
        raise

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals by which a person or the system ends us."""

_GRACE = 5
"""Seconds after its time in which a child ends itself, where nobody is left to end it."""

_NOBODY = 65534


class LostError(Exception):
    """The process has not said, and will not say, what it was to say; the message tells why."""


class TooLongError(BaseException):
    """The alarm of work in our own process; not to be taken for a failed look."""


@record(frozen=True)
class Limits:
    """The bounds of a child.

    `seconds` is its time, `memory` bytes of address space beyond what there is at the fork,
    `written` bytes of the largest file that it may write (None for any size).  With
    `unprivileged` it has the rights of nobody, who may not be able to read the files of the
    modules that it `needs`: they are imported before.
    """

    seconds: float
    memory: int = 1 << 30  # a diagnostic needs a tenth of it
    written: int | None = None
    unprivileged: bool = False
    needs: tuple[str, ...] = ()
    debug: bool = False


class blocked:  # noqa: N801 - a context manager, used like a function
    """The signals of `ENDINGS` wait: between a fork and the note of it they would leave a child."""

    def __enter__(self) -> None:
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)

    def __exit__(self, *_: object) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)


class Child:
    """A process that does `work` and ends: within its limits, and no later than we do.

    `closed` are descriptors that are not its own.  OSError where no process or no descriptor can
    be had.  To be made with `ENDINGS` blocked.
    """

    def __init__(
        self, work: Callable[[], object], limits: Limits, closed: Iterable[int] = ()
    ) -> None:
        self.limits = limits
        self.started = time.monotonic()
        self._line = Lifeline()
        try:
            self.pid = _fork()
        except OSError:
            for end in self._line.ends:
                os.close(end)
            raise
        if self.pid == 0:
            _be_child(work, limits, closed, self._line)
        self._line.hold()
        try:
            os.setpgid(self.pid, self.pid)
        except OSError:
            pass  # it has done so itself, or has ended

    @property
    def held(self) -> int:
        """The descriptor that keeps it alive."""
        return self._line.held

    @property
    def seconds(self) -> float:
        """How long it has been at work."""
        return time.monotonic() - self.started

    def end(self) -> int | None:
        """End it and its group, once; its status, None if the kernel does not let go of it."""
        status = _kill(self.pid)
        self._line.close()
        return status


class Worker(Child):
    """A child that says the answers which its work gives, each at most `most` bytes, by `pipe`.

    `others` are workers whose words are not for this one.  `started` is set anew by whoever counts
    the time of each answer.
    """

    def __init__(
        self,
        work: Callable[[], Iterable[bytes]],
        limits: Limits,
        most: int,
        others: Iterable[Worker] = (),
    ) -> None:
        self.most = most
        self._said = bytearray()
        self.pipe, write = os.pipe()
        closed = [self.pipe, *(fd for other in others for fd in (other.pipe, other.held))]
        try:
            super().__init__(lambda: _say(write, work()), limits, closed)
        except OSError:
            os.close(self.pipe)
            raise
        finally:
            os.close(write)
        os.set_blocking(self.pipe, False)

    def receive(self) -> list[bytes]:
        """Take the answers that are whole by now; who has all of them ends it.

        LostError, and it is ended, where it said too much, or died.
        """
        try:
            chunk = os.read(self.pipe, 1 << 20)
        except BlockingIOError:
            return []
        if not chunk:
            raise LostError(_death(self.end()))
        said = self._said
        said += chunk
        answers = []
        # Not at the end of the file: a process that it left behind may keep the pipe open.
        while len(said) >= 8 and len(said) - 8 >= (size := int.from_bytes(said[:8], "big")):
            answers.append(bytes(said[8 : 8 + size]))
            del said[: 8 + size]
        if max(len(said), *map(len, answers), 0) > self.most:
            self.end()
            raise LostError(f"said more than {self.most >> 20} MiB: stopped")
        return answers

    def end(self) -> int | None:
        """End it and all that it started, once; its status, None if it is stuck in the kernel."""
        status = super().end()
        _kill_strays(self.pipe)
        os.close(self.pipe)
        return status


def run(work: Callable[[], bytes], limits: Limits, most: int) -> bytes:
    """Wait for the bytes, at most `most`, that `work` gives in a child.

    LostError where they do not come; OSError where no process can be had.
    """
    worker: Worker | None = None
    try:
        with blocked():
            worker = Worker(lambda: (work(),), limits, most)
        poll = select.poll()
        poll.register(worker.pipe, select.POLLIN)
        while poll.poll(max(0.0, limits.seconds - worker.seconds) * 1000):
            try:
                said = worker.receive()
            except LostError:
                worker = None
                raise
            if said:
                return said[0]
        raise LostError(f"took longer than {limits.seconds:g} s: stopped")
    finally:
        if worker is not None:
            worker.end()


def work_here(work: Callable[[], bytes], limit: float, mask: Iterable[int]) -> bytes:
    """Work in this very process; all that is left against a hang is the alarm: TooLongError.

    `mask` is what was blocked before `ENDINGS` were; they are let in meanwhile.
    """
    before = signal.signal(signal.SIGALRM, _time_out)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        return work()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)


def within(seconds: float, work: Callable[[], T]) -> T:
    """Do work here, in a time; LostError where it takes longer."""
    before = signal.signal(signal.SIGALRM, _time_out)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return work()
    except TooLongError:
        raise LostError(f"took longer than {seconds:g} s: stopped") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _time_out(*_: object) -> None:
    raise TooLongError


def _fork() -> int:
    """Fork; once more a moment later where the machine is short of something."""
    try:
        return os.fork()
    except OSError:
        time.sleep(0.1)
        return os.fork()


def _say(write: int, answers: Iterable[bytes]) -> None:
    with open(write, "wb", buffering=1 << 20) as pipe:
        for answer in answers:
            pipe.write(len(answer).to_bytes(8, "big") + answer)
            pipe.flush()


def _be_child(
    work: Callable[[], object], limits: Limits, closed: Iterable[int], line: Lifeline
) -> None:
    """Work, and end: nothing that happens in here comes back to the caller."""
    status = 1
    try:
        for fd in closed:
            os.close(fd)
        _confine(limits)
        line.hang()
        work()
        status = 0
    finally:
        os._exit(status)


def _confine(limits: Limits) -> None:
    """Bound this process: its own group, no terminal, an end by alarm even if we are gone."""
    os.setpgid(0, 0)
    for number in (*ENDINGS, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDINGS)
    signal.setitimer(signal.ITIMER_REAL, limits.seconds + _GRACE)
    for name in limits.needs:
        try:
            __import__(name)
        except ImportError:
            pass  # a module that this Python is built without
    bounds = {"AS": limits.memory + _memory_taken(), "CORE": 0}
    if limits.written is not None:
        bounds["FSIZE"] = limits.written
    (_bound if "resource" in globals() else _bound_by_program)(bounds)
    try:
        null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    except OSError:  # a rescue system may have an empty /dev
        null = os.pipe()[1]
    for fd in (0, 1) if limits.debug else (0, 1, 2):
        os.dup2(null, fd)
    if limits.unprivileged and 0 in os.getresuid():
        os.seteuid(0)  # it may have lent itself the rights of whoever asked
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)


def _bound(bounds: Mapping[str, int]) -> None:
    for name, most in bounds.items():
        what = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(what)[1]
        most = most if hard < 0 else min(most, hard)
        resource.setrlimit(what, (most, most))


def _bound_by_program(bounds: Mapping[str, int]) -> None:
    """The same by prlimit(1); OSError where it fails. Limits that are closer are kept."""
    rows = {"AS": "Max address space", "CORE": "Max core file size", "FSIZE": "Max file size"}
    words = [_PRLIMIT, f"--pid={os.getpid()}"]
    with open("/proc/self/limits", encoding="ascii") as file:
        told = file.read().split("\n")
    for name, most in bounds.items():
        hard = next(line[len(rows[name]) :].split()[1] for line in told if rows[name] in line)
        most = most if hard == "unlimited" else min(most, int(hard))
        words.append(f"--{name.lower()}={most}:{most}")
    if os.spawnv(os.P_WAIT, _PRLIMIT, words) != 0:  # noqa: S606 - words of ours alone
        raise OSError("prlimit failed")


def _memory_taken() -> int:
    """Bytes of address space that this process has; 0 where /proc does not say."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _kill(pid: int) -> int | None:
    """Kill a process and its group and reap it; None when the kernel does not let go of it."""
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, signal.SIGKILL)
        except OSError:
            pass  # it has ended already, or has no group yet
    pause = 0.0001
    while pause < 0.2:
        reaped, status = os.waitpid(pid, os.WNOHANG)
        if reaped:
            return status
        time.sleep(pause)
        pause *= 1.5
    return None


def _kill_strays(pipe: int) -> None:
    """Kill what left the group of its process (setsid) and still holds the pipe's other end."""
    end = select.poll()
    end.register(pipe, 0)
    for _ in range(3):
        if end.poll(50):  # hung up: nobody holds it
            return
        name = os.readlink(f"/proc/self/fd/{pipe}")
        for pid in filter(str.isdecimal, os.listdir("/proc")):
            try:
                for fd in os.scandir(f"/proc/{pid}/fd"):
                    writes = fd.stat(follow_symlinks=False).st_mode & 0o200
                    if writes and os.readlink(fd.path) == name:
                        os.kill(int(pid), signal.SIGKILL)
            except OSError:
                continue  # it has ended, or is not ours


def _death(status: int | None) -> str:
    if status is not None and os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return f"ended by signal {number} ({signal.strsignal(number)})"
    return "ended without an answer"
