"""Choose diagnostics, run them side by side, and turn every fault into a verdict.

Each diagnostic runs in a process of its own, forked from this one: what hangs can be killed, what
crashes takes nobody along, what grows meets its own limit.  The kernel's log is read once, by one
more such process, where several diagnostics need it.  This is the one place that catches broadly.
"""

from __future__ import annotations

import os
import select
import time

from ec2rl.facts.kernel_log import KernelLog, LogSource, read_kernel_log
from ec2rl.host import Host
from ec2rl.host.remember import Remember
from ec2rl.model import Finding, Unreadable, Verdict, Why, pack, unpack
from ec2rl.module import Module, Options
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Sequence
    from typing import Any, Callable

    from ec2rl.host.remember import Look
else:
    import _signal as signal  # `signal` takes 3 ms to make enumerations of these

_ANSWER_LIMIT = 8 << 20
"""Bytes that one diagnostic may say; the facts of 10,000 namespaces are 5 MiB."""

_LOOKS_LIMIT = 64 << 20
"""Bytes where the looks are told as well: a recording of a large kernel log."""

_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_MEMORY = 1 << 30
"""Bytes of address space for one diagnostic; they need a tenth of it."""

_SLOT_SECONDS = 2.0
"""A diagnostic that takes longer than this no longer keeps others from starting."""

_ORDER = (
    Verdict.PROBLEM,
    Verdict.WARNING,
    Verdict.CRASHED,
    Verdict.UNKNOWN,
    Verdict.OK,
    Verdict.NOT_APPLICABLE,
)

_DETAILS, _WORDS = 200, 2000
"""How many lines, and how many characters in each, a finding may show."""


@record(frozen=True)
class Result:
    """One diagnostic's finding, and what it took; `memory` is what it looked at, if asked for."""

    module: Module
    finding: Finding
    seconds: float
    by_hand: tuple[str, ...] = ()
    memory: dict[str, Look] | None = None


@record(frozen=True)
class Plan:
    """How to run: seconds in all, processes at once, what the user asked, whether to record."""

    options: Options
    deadline: float = 120.0
    concurrency: int = 10
    recording: bool = False
    debug: bool = False


class _Job:
    """One process at work: a diagnostic, or (without one) the reading of the log."""

    def __init__(self, module: Module | None, limit: float) -> None:
        self.module = module
        self.limit = limit
        self.started = time.monotonic()
        self.pid = 0
        self.pipe = -1
        self.said = bytearray()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started


class Race:
    """Diagnostics at work: `start` them, do something else meanwhile, and `finish`."""

    def __init__(
        self,
        modules: Sequence[Module],
        host: Host,
        plan: Plan,
    ) -> None:
        self.host = host
        self.plan = plan
        self.results: dict[str, Result] = {}
        self.end = time.monotonic() + plan.deadline
        self.jobs: dict[int, _Job] = {}
        self.poll = select.poll()
        self.log: KernelLog | None = None
        self.log_memory: dict[str, Look] = {}
        readers = [module for module in modules if module.phrases]
        self.shared = len(readers) > 1
        self.waiting = list(modules)
        self.modules = tuple(modules)
        self.interrupted = False
        self.phrases = tuple({p: None for module in readers for p in module.phrases})

    def start(self) -> None:
        """Start as many as may start at once; from here to the end of `finish` signals wait.

        They are let in only where we wait: between a fork and the note of it a signal would leave
        a process behind, or have two processes go on as the one that prints.
        """
        self.mask = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDINGS)
        try:
            if self.shared:
                self._start(_Job(None, min(60.0, self.plan.deadline * 0.75)))
            self._start_waiting()
        except KeyboardInterrupt:
            self._interrupt()

    def finish(
        self, progress: Callable[[Sequence[str], float], None] | None = None
    ) -> tuple[list[Result], bool]:
        """Run to the end, or to the deadline.

        The results in a fixed order, failures first, and whether a signal cut it short; `progress`
        is told, about once a second, who is still at work and for how long.
        """
        try:
            while self.waiting or self.jobs:
                self._wait(progress)
                if time.monotonic() >= self.end:
                    self.give_up("not finished within the deadline of the run")
                self._start_waiting()
        except KeyboardInterrupt:
            self._interrupt()
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, self.mask)
        except KeyboardInterrupt:
            self.interrupted = True
        results = sorted(
            self.results.values(), key=lambda r: (_ORDER.index(r.finding.verdict), r.module.name)
        )
        return results, self.interrupted

    def _interrupt(self) -> None:
        self.interrupted = True
        self.give_up("interrupted")

    def _start_waiting(self) -> None:
        """Start what may start: slots are for those that are quick, hangs give theirs up."""
        for module in list(self.waiting):
            if module.phrases and self.shared and self.log is None:
                continue
            quick = sum(job.seconds < _SLOT_SECONDS for job in self.jobs.values())
            if quick >= self.plan.concurrency:
                return
            self.waiting.remove(module)
            self._start(_Job(module, module.seconds))

    def _start(self, job: _Job) -> None:
        try:
            job.pipe, write = os.pipe()
        except OSError:  # no descriptor is left
            self._work_here(job)
            return
        try:
            job.pid = _fork()
        except OSError:
            # No memory, or too many processes: then here, with nothing between us and its faults.
            os.close(job.pipe)
            os.close(write)
            self._work_here(job)
            return
        if job.pid == 0:
            self._be_child(job, write)
        os.close(write)
        try:
            os.setpgid(job.pid, job.pid)
        except OSError:
            pass  # it has done so itself, or has ended
        os.set_blocking(job.pipe, False)
        self.jobs[job.pipe] = job
        self.poll.register(job.pipe, select.POLLIN | select.POLLHUP)

    def _be_child(self, job: _Job, write: int) -> None:
        """Work, say it, and end: nothing that happens in here comes back to the caller."""
        status = 1
        try:
            for other in self.jobs:
                os.close(other)  # what the others say is not ours to take
            _confine(job.limit, self.plan.debug)
            answer = self._work(job)
            with open(write, "wb", buffering=1 << 20) as pipe:
                pipe.write(len(answer).to_bytes(8, "big") + answer)
            status = 0
        finally:
            os._exit(status)

    def _work_here(self, job: _Job) -> None:
        """Work in this very process; all that is left against a hang is the alarm."""
        before = signal.signal(signal.SIGALRM, _time_out)
        signal.pthread_sigmask(signal.SIG_SETMASK, self.mask)
        limit = max(0.01, min(job.limit, self.end - time.monotonic()))
        signal.setitimer(signal.ITIMER_REAL, limit)
        try:
            said = self._work(job, here=True)
        except _TooLongError:
            self._fail(job, f"took longer than {limit:.0f} s: stopped", Verdict.UNKNOWN)
            return
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
            signal.pthread_sigmask(signal.SIG_BLOCK, _ENDINGS)
        self._finish(job, said)

    def _work(self, job: _Job, here: bool = False) -> bytes:
        """What a process says at its end, as bytes."""
        try:
            return _dump(self._read_log() if job.module is None else self._diagnose(job.module))
        except BaseException as error:  # a fault of our own: told, with its traceback
            if here and isinstance(error, (KeyboardInterrupt, _TooLongError)):
                raise
            import traceback

            return _dump(traceback.format_exc()[-20000:])

    def _read_log(self) -> tuple[object, ...]:
        host = Remember(self.host)
        log = read_kernel_log(host, self.phrases, self.plan.options.since)
        return _pickle((log, host.memory if self.plan.recording else {})), None

    def _diagnose(self, module: Module) -> tuple[object, ...]:
        host = Remember(self.host)
        log = self.log
        if not module.phrases:  # a log that hangs is not to hang who does not ask for it
            log = KernelLog((), (), None, whole_boot=False)
        elif log is None:
            log = read_kernel_log(host, module.phrases, self.plan.options.since)
        seen = module.read(host, log, self.plan.options)
        by_hand = module.by_hand(seen)
        if not _texts(by_hand):
            raise TypeError("by_hand gives no tuple of lines")
        said = pack((_bounded(module.judge(seen)), by_hand))
        return _pickle(host.memory) if self.plan.recording else b"", said

    def _wait(self, progress: Callable[[Sequence[str], float], None] | None) -> None:
        """Wait for words, an end, or the next limit, and see to it."""
        now = time.monotonic()
        limits = [job.started + job.limit for job in self.jobs.values()]
        until = min([self.end, now + 0.5 if self.waiting else now + 1.0, *limits])
        for fd, _ in self._listen(max(0, until - now) * 1000 + 1):
            self._hear(self.jobs[fd])
        for job in list(self.jobs.values()):
            if job.seconds > job.limit:
                self._stop(job, f"took longer than {job.limit:.0f} s: stopped")
        if progress and self.jobs:
            slowest = max(job.seconds for job in self.jobs.values())
            if slowest > 1:
                progress([_name(job) for job in self.jobs.values()], slowest)

    def _listen(self, milliseconds: float) -> list[tuple[int, int]]:
        signal.pthread_sigmask(signal.SIG_SETMASK, self.mask)
        try:
            return self.poll.poll(milliseconds)
        finally:
            signal.pthread_sigmask(signal.SIG_BLOCK, _ENDINGS)

    def _hear(self, job: _Job) -> None:
        try:
            chunk = os.read(job.pipe, 1 << 20)
        except BlockingIOError:
            return
        job.said += chunk
        looks = job.module is None or self.plan.recording
        limit = _LOOKS_LIMIT if looks else _ANSWER_LIMIT
        if len(job.said) > limit:
            self._stop(job, f"said more than {limit >> 20} MiB: stopped")
        elif len(job.said) >= 8 and len(job.said) - 8 >= int.from_bytes(job.said[:8], "big"):
            # Not at the end of the file: a process that it left behind may keep the pipe open.
            self._forget(job)
            self._finish(job, bytes(job.said[8:]))
        elif not chunk:
            self._fail(job, _death(self._forget(job)))

    def _stop(self, job: _Job, why: str) -> None:
        status = self._forget(job)
        stuck = " (it is still stuck in the kernel)" if status is None else ""
        self._fail(job, why + stuck, Verdict.UNKNOWN)

    def _forget(self, job: _Job) -> int | None:
        """End a process and all that it started; its status, None if it will not die."""
        self.poll.unregister(job.pipe)
        del self.jobs[job.pipe]
        status = _kill(job.pid)
        _kill_strays(job.pipe)
        os.close(job.pipe)
        return status

    def give_up(self, why: str) -> None:
        """End all that is still at work; what was to be judged is UNKNOWN, and says why."""
        for job in list(self.jobs.values()):
            self._stop(job, why)
        self.waiting.clear()
        for module in self.modules:
            self.results.setdefault(module.name, Result(module, _unknown(why), 0.0))

    def _finish(self, job: _Job, said: bytes) -> None:
        try:
            values = _load(said)
            if isinstance(values, str):
                why = "fault of ec2rl itself: " + values.strip().rpartition("\n")[2]
                self._fail(job, why, None, values)
                return
            pickled, packed = values
            if job.module is None:
                self.log, self.log_memory = _unpickle(pickled)
                return
            finding, by_hand = unpack(packed)
            memory = {**self.log_memory, **(_unpickle(pickled) if pickled else {})}
        except Exception:  # something else got into its pipe
            self._fail(job, "its answer cannot be understood")
            return
        self.results[job.module.name] = Result(job.module, finding, job.seconds, by_hand, memory)

    def _fail(
        self, job: _Job, why: str, verdict: Verdict | None = None, traceback: str = ""
    ) -> None:
        if job.module is None:
            lost = Unreadable("kernel log", Why.FAILED, why)
            self.log = KernelLog((), (LogSource("dmesg", lost),), None, whole_boot=False)
            return
        finding = _unknown(why) if verdict else Finding(Verdict.CRASHED, why[:_WORDS])
        if traceback:
            finding = replace(finding, facts={"traceback": traceback})
        self.results[job.module.name] = Result(job.module, finding, job.seconds)


# What a process says is small and plain, and `marshal` is built in; only where the log or a
# recording is handed over, `pickle` is worth its import. Both read our own processes' words alone.


def _dump(values: Any) -> bytes:
    import marshal

    return marshal.dumps(values)


def _load(said: bytes) -> Any:
    import marshal

    return marshal.loads(said)  # noqa: S302


def _pickle(values: object) -> bytes:
    import pickle

    return pickle.dumps(values)


def _unpickle(said: bytes) -> Any:
    import pickle

    return pickle.loads(said)  # noqa: S301


def _unknown(why: str) -> Finding:
    return Finding(Verdict.UNKNOWN, f"Could not be judged: {why}")


def _name(job: _Job) -> str:
    return "the kernel's log" if job.module is None else job.module.name


def _fork() -> int:
    """Fork; once more a moment later where the machine is short of something."""
    try:
        return os.fork()
    except OSError:
        time.sleep(0.1)
        return os.fork()


def _confine(limit: float, debug: bool) -> None:
    """Bound this process: its own group, no terminal, an end by alarm even if we are gone."""
    import resource

    os.setpgid(0, 0)
    for number in (*_ENDINGS, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDINGS)
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
    for _ in range(40):
        reaped, status = os.waitpid(pid, os.WNOHANG)
        if reaped:
            return status
        time.sleep(0.005)
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


class _TooLongError(BaseException):
    """The alarm of work in our own process; not to be taken for a failed look."""


def _time_out(*_: object) -> None:
    raise _TooLongError


def _death(status: int | None) -> str:
    if status is not None and os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return f"ended by signal {number} ({signal.strsignal(number)})"
    return "ended without an answer"


def _bounded(finding: Finding) -> Finding:
    """Cut a finding to what a person can read; TypeError for one that no report could show."""
    if not (
        isinstance(finding, Finding)
        and isinstance(finding.verdict, Verdict)
        and isinstance(finding.summary, str)
        and _texts(finding.details)
        and all(isinstance(e.source, str) and isinstance(e.text, str) for e in finding.evidence)
        and _plain(finding.facts)
    ):
        raise TypeError("the judge gives no finding that can be reported")
    details = finding.details[:_DETAILS]
    if len(finding.details) > _DETAILS:
        details += (f"{len(finding.details) - _DETAILS} more lines",)
    return replace(
        finding,
        summary=finding.summary[:_WORDS],
        details=tuple(line[:_WORDS] for line in details),
    )


def _texts(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(text, str) for text in value)


def _plain(value: object, depth: int = 20) -> bool:
    """Whether JSON can hold it."""
    if isinstance(value, dict):
        return depth > 0 and all(
            isinstance(key, str) and _plain(item, depth - 1) for key, item in value.items()
        )
    if isinstance(value, (list, tuple)):
        return depth > 0 and all(_plain(item, depth - 1) for item in value)
    if isinstance(value, float):
        return value - value == 0  # neither infinite nor no number
    if isinstance(value, int):
        return value.bit_length() <= 1024
    return value is None or isinstance(value, str)
