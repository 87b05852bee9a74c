"""Choose diagnostics, run them side by side, and turn every fault into a verdict.

A diagnostic runs in a process forked from this one: what hangs can be killed, what crashes takes
nobody along, what grows meets its own limit.  Where all is well, one process answers for all of
them, one after the other; whatever is slow, or fails, is left to a process of its own
(docs/decisions/0023-one-process-where-all-is-well.md).  The kernel's log is read once, where
several need it.
"""

from __future__ import annotations

import select
import time

from ec2rl.facts.log import KernelLog, LogSource
from ec2rl.host import Host
from ec2rl.job import TOGETHER_SECONDS, Work, name_of, understood
from ec2rl.model import Finding, Statement, Unreadable, Verdict, Why, say, unpack
from ec2rl.module import Module, Options
from ec2rl.process import ENDINGS, Limits, LostError, TooLongError, Worker, work_here
from ec2rl.record import record, replace
from ec2rl.report.wording import text

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Mapping, Sequence
    from typing import Callable

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

    A worker has some jobs (job.py) to do one after the other: its first is at work.
    """

    def __init__(self, modules: Sequence[Module], host: Host, plan: Plan) -> None:
        self.plan = plan
        self.modules = tuple(modules)
        self.waiting: list[Module | None] = list(modules)
        self.working: dict[int, tuple[list[Module | None], Worker]] = {}
        self.together: Worker | None = None
        self.results: dict[str, Result] = {}
        self.end = time.monotonic() + plan.deadline
        self.poll = select.poll()
        readers = [module for module in modules if module.phrases]
        phrases = tuple({p: None for module in readers for p in module.phrases})
        self.work = Work(host, plan.options, phrases, plan.recording)
        self.packed_log: object = None
        self.log_memory: Mapping[str, Observation] = {}
        self.shared = len(readers) > 1
        if self.shared:
            # Nobody who does not need the log is to wait for it.
            self.waiting = [*(one for one in modules if not one.phrases), None, *readers]
        self.interrupted = False

    def start(self) -> None:
        """Start as many as may start at once; from here to the end of `finish` signals wait.

        They are let in only where we wait: between a fork and the note of it a signal would leave
        a process behind, or have two processes go on as the one that prints.
        """
        self.mask = signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)
        try:
            if len(self.modules) > 1:
                jobs, self.waiting = self.waiting, []
                self._start(jobs)
            self._start_waiting()
        except KeyboardInterrupt:
            self._interrupt()

    def finish(
        self, progress: Callable[[Sequence[str], float], None] | None = None
    ) -> tuple[list[Result], bool]:
        """Run to the end, or to the deadline.

        The results in a fixed order, failures first and by rank, and whether a signal cut it
        short; `progress` is told, about once a second, who is still at work and for how long.
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
            self.results.values(),
            key=lambda r: (_ORDER.index(r.finding.verdict), r.module.rank, r.module.name),
        )
        return results, self.interrupted

    def _interrupt(self) -> None:
        self.interrupted = True
        self._give_up("interrupted")

    def _give_up(self, why: Value) -> None:
        """End all that is still at work; what was to be judged is UNKNOWN, and says why."""
        for fd in list(self.working):
            self._receive(fd)  # what is finished counts
        for fd in list(self.working):
            self._stop(fd, why)
        self.waiting.clear()
        for module in self.modules:
            self.results.setdefault(module.name, Result(module, _unknown(why), 0.0))

    def _start_waiting(self) -> None:
        """Start what may start: slots are for those that are quick, hangs give theirs up."""
        for job in list(self.waiting):
            if job and job.phrases and self.shared and not (self.work.log or self.packed_log):
                continue
            quick = sum(worker.seconds < _SLOT_SECONDS for _, worker in self.working.values())
            if quick >= self.plan.concurrency:
                return
            self.waiting.remove(job)
            self._start([job])

    def _start(self, jobs: list[Module | None]) -> None:
        if self.work.log is None and self.packed_log is not None:
            self.work.log = unpack(self.packed_log)
        most = _LOOKS_LIMIT if None in jobs or self.plan.recording else _ANSWER_LIMIT
        others = [worker for _, worker in self.working.values()]
        todo = tuple(jobs)
        try:
            limits = Limits(sum(map(self._limit, jobs)), debug=self.plan.debug)
            worker = Worker(lambda: self.work.answers(todo), limits, most, others)
        except OSError:
            # No memory, no descriptor, or too many processes: then here, with nothing between us
            # and its faults.
            for job in jobs:
                self._start_here(job, self._limit(job))
            return
        if len(jobs) > 1:
            self.together = worker
        self.working[worker.pipe] = jobs, worker
        self.poll.register(worker.pipe, select.POLLIN | select.POLLHUP)

    def _limit(self, job: Module | None) -> float:
        return job.seconds if job else min(_LOG_SECONDS, self.plan.deadline * 0.75)

    def _start_here(self, job: Module | None, limit: float) -> None:
        began = time.monotonic()
        limit = max(0.01, min(limit, self.end - began))
        try:
            said = work_here(lambda: self.work.answer_or_fault(job, here=True), limit, self.mask)
        except TooLongError:
            self._fail(job, _too_long(limit), limit)
            return
        if not self._take(job, said):
            self._fail_to_understand(job, time.monotonic() - began)

    def _wait(self, progress: Callable[[Sequence[str], float], None] | None) -> None:
        """Wait for words, an end, or the next limit, and see to it."""
        now = time.monotonic()
        limits = [worker.started + self._patience(jobs) for jobs, worker in self.working.values()]
        until = min([self.end, now + 0.5 if self.waiting else now + 1.0, *limits])
        for fd, _ in self._listen(max(0, until - now) * 1000 + 1):
            self._receive(fd)
        for fd, (jobs, worker) in list(self.working.items()):
            if worker.seconds > self._limit(jobs[0]):
                self._stop(fd, _too_long(self._limit(jobs[0])))
            elif worker.seconds > self._patience(jobs):
                self._let_go(jobs)
        if progress and self.working:
            slowest = max(worker.seconds for _, worker in self.working.values())
            if slowest > 1:
                progress([name_of(jobs[0]) for jobs, _ in self.working.values()], slowest)

    def _patience(self, jobs: list[Module | None]) -> float:
        """How long a worker may take for its first job; all others wait for the log anyway."""
        alone = len(jobs) == 1 or jobs[0] is None
        return self._limit(jobs[0]) if alone else min(TOGETHER_SECONDS, self._limit(jobs[0]))

    def _let_go(self, jobs: list[Module | None]) -> None:
        """Leave a worker its first job; the others get workers of their own."""
        self.waiting += jobs[1:]
        del jobs[1:]

    def _listen(self, milliseconds: float) -> list[tuple[int, int]]:
        signal.pthread_sigmask(signal.SIG_SETMASK, self.mask)
        try:
            return self.poll.poll(milliseconds)
        finally:
            signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)

    def _receive(self, fd: int) -> None:
        jobs, worker = self.working[fd]
        try:
            answers = worker.receive()
        except LostError as lost:
            self._forget(fd)
            if worker is self.together:
                self.waiting += jobs  # each by itself: then it is known whose fault it is
            else:
                self._fail(jobs[0], str(lost), worker.seconds, crashed=True)
            return
        for said in answers:
            understood = self._take(jobs[0], said)
            if understood:
                del jobs[0]
                worker.started = time.monotonic()
            elif worker is not self.together:
                self._fail_to_understand(jobs.pop(0), worker.seconds)
            if not jobs or not understood:
                self._forget(fd)
                worker.end()
                self.waiting += jobs
                return

    def _stop(self, fd: int, why: Value) -> None:
        jobs, worker = self._forget(fd)
        self._let_go(jobs)
        if worker.end() is None:
            why = say("{why} (it is still stuck in the kernel)", why=why)
        self._fail(jobs[0], why, worker.seconds)

    def _forget(self, fd: int) -> tuple[list[Module | None], Worker]:
        self.poll.unregister(fd)
        return self.working.pop(fd)

    def _take(self, job: Module | None, said: bytes) -> bool:
        """Take what a job has said; whether that could be understood, as an answer of this one."""
        answer = understood(job, said)
        if answer is None:
            return False
        if answer.traceback:
            last = answer.traceback.strip().rpartition("\n")[2]
            why = say("fault of ec2rl itself: {error}", error=last)
            self._fail(job, why, answer.seconds, crashed=True, traceback=answer.traceback)
        elif job is None:
            self.packed_log, self.log_memory = answer.log, answer.memory
        elif answer.finding is not None:
            memory = {**self.log_memory, **answer.memory}
            found = Result(job, answer.finding, answer.seconds, answer.by_hand, memory)
            self.results[job.name] = found
        return True

    def _fail_to_understand(self, job: Module | None, seconds: float) -> None:
        self._fail(job, "its answer cannot be understood", seconds, crashed=True)

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
            self.work.log = KernelLog((), LogSource("dmesg", lost))
            return
        finding = Finding(Verdict.CRASHED, say("{why}", why=why)) if crashed else _unknown(why)
        if traceback:
            finding = replace(finding, facts={"traceback": traceback})
        self.results[job.name] = Result(job, finding, seconds)


def _too_long(limit: float) -> Statement:
    return say("took longer than {seconds} s: stopped", seconds=round(limit))


def _unknown(why: Value) -> Finding:
    return Finding(Verdict.UNKNOWN, say("Could not be judged: {why}", why=why))
