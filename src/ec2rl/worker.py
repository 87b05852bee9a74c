"""One process that works for us: forked, confined, heard, and ended with all that it started."""

from __future__ import annotations

import os
import select
import time

from ec2rl.host.lifeline import Lifeline

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Iterable
    from typing import Any, Callable
else:
    import _signal as signal  # `signal` takes 3 ms to make enumerations of these

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals by which a person or the system ends us."""

_MEMORY = 1 << 30
"""Bytes of address space for one process; a diagnostic needs a tenth of it."""


class LostError(Exception):
    """The process has not said, and will not say, what it was to say; the message tells why."""


class TooLongError(BaseException):
    """The alarm of work in our own process; not to be taken for a failed look."""


class Worker:
    """A child that does `work`, says the bytes which that gives, and ends.

    `limit` is its time in seconds, `most` how many bytes it may say; `pipe` can be polled for what
    it says.  OSError where no process or no descriptor can be had.  To be made with `ENDINGS`
    blocked: between the fork and the note of it a signal would leave a process behind.
    """

    def __init__(
        self,
        work: Callable[[], bytes],
        limit: float,
        most: int,
        others: Iterable[Worker] = (),
        debug: bool = False,
    ) -> None:
        self.limit = limit
        self.most = most
        self.started = time.monotonic()
        self._said = bytearray()
        self.pipe, write = os.pipe()
        made = [self.pipe, write]
        try:
            self._line = Lifeline()
            made += self._line.ends
            self.pid = _fork()
        except OSError:
            for fd in made:
                os.close(fd)
            raise
        if self.pid == 0:
            ours = [fd for other in others for fd in (other.pipe, other._line.held)]
            _be_child(work, write, ours, limit, debug, self._line)
        os.close(write)
        self._line.hold()
        try:
            os.setpgid(self.pid, self.pid)
        except OSError:
            pass  # it has done so itself, or has ended
        os.set_blocking(self.pipe, False)

    @property
    def seconds(self) -> float:
        """How long it has been at work."""
        return time.monotonic() - self.started

    def hear(self) -> bytes | None:
        """Take what it says: the whole of it, and then it is ended; None while there is more.

        LostError, and it is ended, where it said too much, or died.
        """
        try:
            chunk = os.read(self.pipe, 1 << 20)
        except BlockingIOError:
            return None
        self._said += chunk
        if len(self._said) > self.most:
            self.end()
            raise LostError(f"said more than {self.most >> 20} MiB: stopped")
        if len(self._said) >= 8 and len(self._said) - 8 >= int.from_bytes(self._said[:8], "big"):
            # Not at the end of the file: a process that it left behind may keep the pipe open.
            self.end()
            return bytes(self._said[8:])
        if not chunk:
            raise LostError(_death(self.end()))
        return None

    def end(self) -> int | None:
        """End it and all that it started; its status, None if the kernel does not let go of it."""
        status = _kill(self.pid)
        _kill_strays(self.pipe)
        os.close(self.pipe)
        self._line.close()
        return status


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


def _time_out(*_: object) -> None:
    raise TooLongError


def _fork() -> int:
    """Fork; once more a moment later where the machine is short of something."""
    try:
        return os.fork()
    except OSError:
        time.sleep(0.1)
        return os.fork()


def _be_child(
    work: Callable[[], bytes],
    write: int,
    others: list[int],
    limit: float,
    debug: bool,
    line: Lifeline,
) -> None:
    """Work, say it, and end: nothing that happens in here comes back to the caller."""
    status = 1
    try:
        for other in others:
            os.close(other)  # what the others say is not ours to take
        _confine(limit, debug)
        line.hang()
        answer = work()
        with open(write, "wb", buffering=1 << 20) as pipe:
            pipe.write(len(answer).to_bytes(8, "big") + answer)
        status = 0
    finally:
        os._exit(status)


def _confine(limit: float, debug: bool) -> None:
    """Bound this process: its own group, no terminal, an end by alarm even if we are gone."""
    import resource

    os.setpgid(0, 0)
    for number in (*ENDINGS, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDINGS)
    signal.setitimer(signal.ITIMER_REAL, limit + 5)
    for what, most in ((resource.RLIMIT_AS, _MEMORY), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(what)[1]
        resource.setrlimit(what, (most if hard < 0 else min(most, hard), hard))
    try:
        null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    except OSError:  # a rescue system may have an empty /dev
        null = os.pipe()[1]
    for fd in (0, 1) if debug else (0, 1, 2):
        os.dup2(null, fd)


def _kill(pid: int) -> int | None:
    """Kill a process and its group and reap it; None when the kernel does not let go of it."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except OSError:
        pass  # it has ended already
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


# What a process says is small and plain, and `marshal` is built in; only where the log or a
# recording is handed over, `pickle` is worth its import. Both read our own processes' words alone.


def dump(values: Any) -> bytes:
    """Plain values (tuples, text, numbers) as bytes."""
    import marshal

    return marshal.dumps(values)


def load(said: bytes) -> Any:
    """What `dump` was given."""
    import marshal

    return marshal.loads(said)  # noqa: S302


def dump_records(values: object) -> bytes:
    """Records of this program as bytes."""
    import pickle

    return pickle.dumps(values)


def load_records(said: bytes) -> Any:
    """What `dump_records` was given."""
    import pickle

    return pickle.loads(said)  # noqa: S301
