"""A process that ends a trial in time, whatever becomes of the session that began it.

The journal holds the end of each trial (`apply`, `until`), so that the next start of this program
does what this process could not.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from ec2rl.fix.errors import Refused
from ec2rl.fix.execute import words
from ec2rl.fix.machine import Machine
from ec2rl.fix.prepare import held, prepare
from ec2rl.fix.transaction import end_trials, recover

_AGAIN = 5.0
"""Seconds until it tries again where something is in its way: another change, a full disk."""

_PATIENCE = 3600.0

_ROOT_CGROUPS = ("/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/systemd/cgroup.procs")


def watch(machine: Machine, until: float) -> int:
    """Start the process, before the change is made: it takes back what is on trial by then.

    Its process number; it goes by itself if there is no trial left when it looks.  Refused where
    it does not come to be.
    """
    try:
        reading, writing = os.pipe()
        with held(), open(reading, "rb") as pipe:
            child = os.fork()
            if child == 0:
                _child(machine, until, writing)
            os.close(writing)
            said = pipe.read()
            os.waitpid(child, 0)
    except OSError as error:
        raise Refused(f"no process to end the trial: {words(error)}") from error
    if not said:
        raise Refused("the process that is to end the trial did not come to be")
    return int(said)


def _child(machine: Machine, until: float, writing: int) -> None:
    """Be the one between, which leaves the watcher to itself; nothing of this returns."""
    try:
        os.setsid()
        if os.fork() == 0:
            _alone(machine, until, writing)
    finally:
        os._exit(0)


def _alone(machine: Machine, until: float, writing: int) -> None:
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    _leave_the_session()
    prepare()
    end = time.monotonic() + until - time.time()
    os.write(writing, str(os.getpid()).encode())
    os.close(writing)
    os.closerange(3, 256)
    time.sleep(max(0.0, end - time.monotonic()))
    # By the clock that nobody sets: the wall clock may say another time by now.
    while not _ended(machine, max(until, time.time())) and time.monotonic() < end + _PATIENCE:
        time.sleep(_AGAIN)


def _ended(machine: Machine, now: float) -> bool:
    try:
        recover(machine=machine)
        end_trials(now, machine=machine)
    except Exception:  # whatever is in its way: it is tried again
        return False
    return True


def _leave_the_session() -> None:
    """Go to the root of the control groups: logind may kill what is left in a session's own."""
    for path in _ROOT_CGROUPS:
        with suppress(OSError):
            fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.write(fd, b"0")
            finally:
                os.close(fd)
