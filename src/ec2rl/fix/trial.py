"""A change on trial: it takes itself back unless somebody says that it may stay.

The trial is a file beside the change's record that holds its end.  A process of its own session
waits for that end, whatever becomes of the session that started it; if it dies too, the next start
of this program does its work.
"""

from __future__ import annotations

import os
import signal
import time

from ec2rl.fix.errors import FixError
from ec2rl.fix.machine import Machine, close, folder
from ec2rl.fix.transaction import undo

_PREFIX = "trial-"


def start_trial(machine: Machine, number: int, seconds: float) -> None:
    """Take a change back after so many seconds, unless `confirm` comes first."""
    # The wall clock, as a boot ends the trial as well: then nothing of it is left to take back.
    with folder(machine.root, machine.state, create=True) as fd:
        name = f"{_PREFIX}{number}"
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=fd)
        os.write(file, f"{time.time() + seconds:.3f}".encode())
        os.fsync(file)
        close(file)
        os.fsync(fd)
    if os.fork():
        os.wait()
        return
    os.setsid()
    for number_of in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number_of, signal.SIG_IGN)
    if os.fork():
        os._exit(0)
    _wait_and_end(machine, seconds)


def _wait_and_end(machine: Machine, seconds: float) -> None:
    try:
        null = os.open("/dev/null", os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        time.sleep(seconds)
        end_expired(machine)
    finally:
        os._exit(0)


def confirm(machine: Machine, number: int) -> bool:
    """Let a change stay; False when it is not on trial (any more)."""
    with folder(machine.root, machine.state) as fd:
        try:
            # Whoever takes the file away decides: the end of the trial does the same first.
            os.unlink(f"{_PREFIX}{number}", dir_fd=fd)
        except FileNotFoundError:
            return False
        os.fsync(fd)
        return True


def end_expired(machine: Machine) -> tuple[int, ...]:
    """Take back what was not confirmed in time; the numbers of the changes."""
    path = os.path.join(machine.root, machine.state.lstrip("/"))
    if not os.path.isdir(path):
        return ()
    ended = []
    with folder(machine.root, machine.state) as fd:
        for name in sorted(os.listdir(fd)):
            number = name[len(_PREFIX) :]
            if name.startswith(_PREFIX) and number.isdecimal() and _expired(fd, name):
                try:
                    undo(int(number), machine=machine)
                except FixError:
                    undo(int(number), machine=machine, partial=True)
                os.unlink(name, dir_fd=fd)
                ended.append(int(number))
    return tuple(ended)


def _expired(folder_fd: int, name: str) -> bool:
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder_fd)
    try:
        text = os.read(fd, 64)
    finally:
        close(fd)
    try:
        return float(text) <= time.time()
    except ValueError:
        return True  # torn by a crash while it was begun
