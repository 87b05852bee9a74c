"""A process that ends a trial in time, whatever becomes of the session that began it.

The journal holds the end of each trial (`apply`, `until`), so that the next start of this program
does what this process could not.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from ec2rl.fix.errors import FixError
from ec2rl.fix.machine import Machine
from ec2rl.fix.transaction import end_trials, recover

_AGAIN = 5.0
"""Seconds until it tries again where something is in its way: another change, a full disk."""

_PATIENCE = 3600.0

_ROOT_CGROUPS = ("/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/systemd/cgroup.procs")


def watch(machine: Machine, until: float) -> int:
    """Start the process, before the change is made: it takes back what is on trial by then.

    Its process number; it goes by itself if there is no trial left when it looks.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.setsid()
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        watcher = os.fork()
        if watcher == 0:
            _alone(machine, until)
        os.write(writing, str(watcher).encode())
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        watcher = int(pipe.read())
    os.waitpid(child, 0)
    return watcher


def _alone(machine: Machine, until: float) -> None:
    try:
        null = os.open("/dev/null", os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        os.closerange(3, 256)
        _leave_the_session()
        end = time.monotonic() + until - time.time()
        time.sleep(max(0.0, end - time.monotonic()))
        # By the clock that nobody sets: the wall clock may say another time by now.
        while not _ended(machine, max(until, time.time())) and time.monotonic() < end + _PATIENCE:
            time.sleep(_AGAIN)
    finally:
        os._exit(0)


def _ended(machine: Machine, now: float) -> bool:
    try:
        recover(machine=machine)
        end_trials(now, machine=machine)
    except FixError:
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
