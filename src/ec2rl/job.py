"""What a process that diagnoses does, and how it answers for its jobs.

A job is a module, or None: the reading of the kernel's log for all of them.  What a process says is
small and plain, and `marshal` is built in; only where a recording is handed over, `pickle` is worth
its import.  Both read our own processes' words alone.
"""

from __future__ import annotations

import marshal
import time

from ec2rl.facts.kernel_log import read_kernel_log
from ec2rl.host import Host
from ec2rl.host.caching import CachingHost
from ec2rl.model import pack, unpack
from ec2rl.module import Module, Options, bounded, diagnose
from ec2rl.process import TooLongError
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from ec2rl.facts.log import KernelLog
    from ec2rl.host import Phrase
    from ec2rl.host.caching import Observation
    from ec2rl.model import Finding, Statement

TOGETHER_SECONDS = 0.25
"""A diagnostic that takes longer than this no longer has others wait behind it."""

_TRACEBACK = 20_000
"""Characters of a traceback that are told, its last ones."""


@record(frozen=True)
class Answer:
    """What a process has said of a job: `traceback` of a fault of ours, else what it found.

    `memory` is what it looked at, where that is recorded; `log` is the packed log of a job that was
    to read it, `finding` and `by_hand` are a module's.
    """

    seconds: float
    traceback: str = ""
    memory: Mapping[str, Observation] = {}
    log: object = None
    finding: Finding | None = None
    by_hand: tuple[Statement | str, ...] = ()


class Work:
    """How jobs of one run are done; `log` is what was read for all of them, None before that."""

    def __init__(
        self, host: Host, options: Options, phrases: tuple[Phrase, ...], recording: bool
    ) -> None:
        self._host, self._options = host, options
        self._phrases, self._recording = phrases, recording
        self.log: KernelLog | None = None

    def answers(self, jobs: tuple[Module | None, ...]) -> Iterator[bytes]:
        """Yield an answer for each job; of several a fault ends the process, without."""
        for job in jobs:
            began = time.monotonic()
            yield self._answer(job) if len(jobs) > 1 else self.answer_or_fault(job)
            if job and time.monotonic() - began > TOGETHER_SECONDS:
                return  # nobody has waited for it

    def answer_or_fault(self, job: Module | None, here: bool = False) -> bytes:
        """Answer for a job, with the traceback of a fault of our own.

        What ends a job that is done `here`, in the process of the engine, is raised.
        """
        try:
            return self._answer(job)
        except BaseException as error:
            if here and isinstance(error, (KeyboardInterrupt, TooLongError)):
                raise
            import traceback

            return marshal.dumps((name_of(job), 0.0, traceback.format_exc()[-_TRACEBACK:]))

    def _answer(self, job: Module | None) -> bytes:
        began = time.monotonic()
        host = CachingHost(self._host)
        said = self._read_log(host) if job is None else self._diagnose(host, job)
        looks = _pickled(host.memory) if self._recording else b""
        return marshal.dumps((name_of(job), time.monotonic() - began, (looks, said)))

    def _read_log(self, host: Host) -> Any:
        options = self._options
        self.log = read_kernel_log(host, self._phrases, options.period, options.strict)
        return pack(self.log)

    def _diagnose(self, host: Host, module: Module) -> Any:
        found = diagnose(module, host, self._options, self.log)
        return pack(bounded(found.finding, found.by_hand))


def name_of(job: Module | None) -> str:
    """Name what a job is about."""
    return job.name if job else "the kernel's log"


def understood(job: Module | None, said: bytes) -> Answer | None:
    """Understand what was said as an answer of this job; None for whatever else it is."""
    try:
        name, seconds, values = marshal.loads(said)  # noqa: S302 - our own process's words
        if name != name_of(job):
            return None
        if isinstance(values, str):
            return Answer(seconds, traceback=values)
        looks, packed = values
        memory = _unpickled(looks) if looks else {}
        if job is None:
            return Answer(seconds, memory=memory, log=packed)
        finding, by_hand = unpack(packed)
    except Exception:  # something else got into its pipe
        return None
    return Answer(seconds, memory=memory, finding=finding, by_hand=by_hand)


def _pickled(records: object) -> bytes:
    import pickle

    return pickle.dumps(records)


def _unpickled(said: bytes) -> Any:
    import pickle

    return pickle.loads(said)  # noqa: S301
