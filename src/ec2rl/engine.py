"""Choose diagnostics, run them side by side, and turn every fault into a verdict.

Each diagnostic runs in a process of its own, forked from this one: what hangs can be killed, what
crashes takes nobody along, what grows meets its own limit.  The kernel's log is read once, by one
more such process, where several diagnostics need it.  This is the one place that catches broadly.
"""

from __future__ import annotations

import marshal
import select
import time

from ec2rl.facts.kernel_log import read_kernel_log
from ec2rl.facts.log import KernelLog, LogSource
from ec2rl.host import Host
from ec2rl.host.caching import CachingHost
from ec2rl.model import Finding, Statement, Unreadable, Verdict, Why, pack, say, unpack
from ec2rl.module import Module, Options, bounded, diagnose
from ec2rl.process import ENDINGS, Limits, LostError, TooLongError, Worker, work_here
from ec2rl.record import record, replace
from ec2rl.report.wording import text

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Sequence
    from typing import Any, Callable

    from ec2rl.host.caching import Observation
    from ec2rl.model import Value
else:
    import _signal as signal  # `signal` takes 3 ms to make enumerations of these

_ANSWER_LIMIT = 8 << 20
"""Bytes that one diagnostic may say; the facts of 10,000 namespaces are 5 MiB."""

_LOOKS_LIMIT = 64 << 20
"""Bytes where the looks are told as well: a recording of a large kernel log."""

_LOG_SECONDS = 60.0
"""How long the reading of the log may take, at most three quarters of the whole run."""

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


@record(frozen=True)
class Result:
    """One diagnostic's finding, and what it took; `memory` is what it looked at, if asked for."""

    module: Module
    finding: Finding
    seconds: float
    by_hand: tuple[Statement | str, ...] = ()
    memory: dict[str, Observation] | None = None


@record(frozen=True)
class Plan:
    """How to run: seconds in all, processes at once, what the user asked, whether to record."""

    options: Options
    deadline: float = 120.0
    concurrency: int = 10
    recording: bool = False
    debug: bool = False


class Runner:
    """Diagnostics at work: `start` them, do something else meanwhile, and `finish`.

    A job is a module, or None: the reading of the log for all of them.
    """

    def __init__(self, modules: Sequence[Module], host: Host, plan: Plan) -> None:
        self.host = host
        self.plan = plan
        self.modules = tuple(modules)
        self.waiting: list[Module | None] = list(modules)
        self.working: dict[int, tuple[Module | None, Worker]] = {}
        self.results: dict[str, Result] = {}
        self.end = time.monotonic() + plan.deadline
        self.poll = select.poll()
        readers = [module for module in modules if module.phrases]
        self.phrases = tuple({p: None for module in readers for p in module.phrases})
        self.log: KernelLog | None = None
        self.log_memory: dict[str, Observation] = {}
        self.shared = len(readers) > 1
        if self.shared:
            self.waiting.insert(0, None)
        self.interrupted = False

    def start(self) -> None:
        """Start as many as may start at once; from here to the end of `finish` signals wait.

        They are let in only where we wait: between a fork and the note of it a signal would leave
        a process behind, or have two processes go on as the one that prints.
        """
        self.mask = signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)
        try:
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
            while self.waiting or self.working:
                self._wait(progress)
                if time.monotonic() >= self.end:
                    self._give_up("not finished within the deadline of the run")
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
        self._give_up("interrupted")

    def _give_up(self, why: Value) -> None:
        """End all that is still at work; what was to be judged is UNKNOWN, and says why."""
        for fd in list(self.working):
            self._stop(fd, why)
        self.waiting.clear()
        for module in self.modules:
            self.results.setdefault(module.name, Result(module, _unknown(why), 0.0))

    def _start_waiting(self) -> None:
        """Start what may start: slots are for those that are quick, hangs give theirs up."""
        for job in list(self.waiting):
            if job and job.phrases and self.shared and self.log is None:
                continue
            quick = sum(worker.seconds < _SLOT_SECONDS for _, worker in self.working.values())
            if quick >= self.plan.concurrency:
                return
            self.waiting.remove(job)
            self._start(job)

    def _start(self, job: Module | None) -> None:
        limit = job.seconds if job else min(_LOG_SECONDS, self.plan.deadline * 0.75)
        most = _LOOKS_LIMIT if job is None or self.plan.recording else _ANSWER_LIMIT
        others = [worker for _, worker in self.working.values()]
        try:
            limits = Limits(limit, debug=self.plan.debug)
            worker = Worker(lambda: self._work(job), limits, most, others)
        except OSError:
            # No memory, no descriptor, or too many processes: then here, with nothing between us
            # and its faults.
            self._start_here(job, limit)
            return
        self.working[worker.pipe] = job, worker
        self.poll.register(worker.pipe, select.POLLIN | select.POLLHUP)

    def _start_here(self, job: Module | None, limit: float) -> None:
        began = time.monotonic()
        limit = max(0.01, min(limit, self.end - began))
        try:
            said = work_here(lambda: self._work(job, here=True), limit, self.mask)
        except TooLongError:
            self._fail(job, _too_long(limit), limit)
            return
        self._take(job, said, time.monotonic() - began)

    def _work(self, job: Module | None, here: bool = False) -> bytes:
        """What a process says at its end, as bytes."""
        try:
            return marshal.dumps(self._diagnose(job) if job else self._read_log())
        except BaseException as error:  # a fault of our own: told, with its traceback
            if here and isinstance(error, (KeyboardInterrupt, TooLongError)):
                raise
            import traceback

            return marshal.dumps(traceback.format_exc()[-20000:])

    def _read_log(self) -> tuple[bytes, None]:
        host = CachingHost(self.host)
        options = self.plan.options
        log = read_kernel_log(host, self.phrases, options.since, options.strict)
        return _pickled((log, host.memory if self.plan.recording else {})), None

    def _diagnose(self, module: Module) -> tuple[bytes, Any]:
        host = CachingHost(self.host)
        found = diagnose(module, host, self.plan.options, self.log)
        said = pack(bounded(found.finding, found.by_hand))
        return _pickled(host.memory) if self.plan.recording else b"", said

    def _wait(self, progress: Callable[[Sequence[str], float], None] | None) -> None:
        """Wait for words, an end, or the next limit, and see to it."""
        now = time.monotonic()
        limits = [worker.started + worker.limits.seconds for _, worker in self.working.values()]
        until = min([self.end, now + 0.5 if self.waiting else now + 1.0, *limits])
        for fd, _ in self._listen(max(0, until - now) * 1000 + 1):
            self._receive(fd)
        for fd, (_, worker) in list(self.working.items()):
            if worker.seconds > worker.limits.seconds:
                self._stop(fd, _too_long(worker.limits.seconds))
        if progress and self.working:
            slowest = max(worker.seconds for _, worker in self.working.values())
            if slowest > 1:
                jobs = [job for job, _ in self.working.values()]
                progress([job.name if job else "the kernel's log" for job in jobs], slowest)

    def _listen(self, milliseconds: float) -> list[tuple[int, int]]:
        signal.pthread_sigmask(signal.SIG_SETMASK, self.mask)
        try:
            return self.poll.poll(milliseconds)
        finally:
            signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)

    def _receive(self, fd: int) -> None:
        job, worker = self.working[fd]
        try:
            said = worker.receive()
        except LostError as lost:
            self._forget(fd)
            self._fail(job, str(lost), worker.seconds, crashed=True)
            return
        if said is not None:
            self._forget(fd)
            self._take(job, said, worker.seconds)

    def _stop(self, fd: int, why: Value) -> None:
        job, worker = self._forget(fd)
        if worker.end() is None:
            why = say("{why} (it is still stuck in the kernel)", why=why)
        self._fail(job, why, worker.seconds)

    def _forget(self, fd: int) -> tuple[Module | None, Worker]:
        self.poll.unregister(fd)
        return self.working.pop(fd)

    def _take(self, job: Module | None, said: bytes, seconds: float) -> None:
        """Understand what a job has said."""
        try:
            values = marshal.loads(said)  # noqa: S302 - our own process's words
            if isinstance(values, str):
                last = values.strip().rpartition("\n")[2]
                why = say("fault of ec2rl itself: {error}", error=last)
                self._fail(job, why, seconds, crashed=True, traceback=values)
                return
            records, packed = values
            if job is None:
                self.log, self.log_memory = _unpickled(records)
                return
            finding, by_hand = unpack(packed)
            memory = {**self.log_memory, **(_unpickled(records) if records else {})}
        except Exception:  # something else got into its pipe
            self._fail(job, "its answer cannot be understood", seconds, crashed=True)
            return
        self.results[job.name] = Result(job, finding, seconds, by_hand, memory)

    def _fail(
        self,
        job: Module | None,
        why: Value,
        seconds: float,
        crashed: bool = False,
        traceback: str = "",
    ) -> None:
        if job is None:
            lost = Unreadable("kernel log", Why.FAILED, text(say("{why}", why=why)))
            self.log = KernelLog((), LogSource("dmesg", lost))
            return
        finding = Finding(Verdict.CRASHED, say("{why}", why=why)) if crashed else _unknown(why)
        if traceback:
            finding = replace(finding, facts={"traceback": traceback})
        self.results[job.name] = Result(job, finding, seconds)


def _too_long(limit: float) -> Statement:
    return say("took longer than {seconds} s: stopped", seconds=round(limit))


def _unknown(why: Value) -> Finding:
    return Finding(Verdict.UNKNOWN, say("Could not be judged: {why}", why=why))


# What a process says is small and plain, and `marshal` is built in; only where the log or a
# recording is handed over, `pickle` is worth its import. Both read our own processes' words alone.


def _pickled(records: object) -> bytes:
    import pickle

    return pickle.dumps(records)


def _unpickled(said: bytes) -> Any:
    import pickle

    return pickle.loads(said)  # noqa: S301
