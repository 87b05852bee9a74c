"""Reading what a stranger made in a process of its own, without rights and with bounds."""

from __future__ import annotations

import os
import select
import signal
import time
from contextlib import suppress
from importlib import import_module

from ec2rl.host.lifeline import Lifeline
from ec2rl.model import Unreadable, Why

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

_NOBODY = 65534
_MEMORY = 512 << 20
"""Bytes of address space beyond what there is at the fork; a tenth of it is used."""

_ANSWER = 48 << 20

# Whoever has no rights may not be able to read the files of these.
_NEEDED = (
    *("bz2", "compression.zstd", "ctypes", "json", "lzma", "mmap", "random", "re", "select"),
    *("base64", "datetime", "fcntl", "signal", "subprocess", "threading", "zlib"),
    *(f"ec2rl.host.{name}" for name in ("ahead", "halves", "journal.search", "journal.program")),
    *(f"ec2rl.host.{name}" for name in ("recording", "saved_journal", "saved_table", "scan")),
    *(f"ec2rl.host.{name}" for name in ("search", "unpack")),
)


def apart(source: str, work: Callable[[], str], seconds: float, room: int = 0) -> str | Unreadable:
    """What `work` returns in a child that may no longer open what only root may open.

    The child writes no file larger than `room` bytes (none at all by default), lives for `seconds`
    at most, and nothing that it starts outlives it.
    """
    line = Lifeline()
    pipe, write = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(pipe)
            _confine(seconds, room)
            line.hang()
            with open(write, "wb", buffering=1 << 20) as end:
                end.write(work().encode("utf-8", "backslashreplace") + b"\n\0")
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    line.hold()
    said = bytearray()
    why = ""
    until = time.monotonic() + seconds
    try:
        poll = select.poll()
        poll.register(pipe)
        while not why:
            if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
                why = f"took longer than {seconds:.0f} s"
            chunk = b"" if why else os.read(pipe, 1 << 20)
            said += chunk
            if len(said) > _ANSWER:
                why = f"holds more than {_ANSWER >> 20} MiB of evidence"
            elif not chunk:
                break
    finally:
        os.close(pipe)
        with suppress(OSError):
            os.killpg(child, signal.SIGKILL)
        with suppress(OSError):
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        line.close()
    if not why and not said.endswith(b"\n\0"):
        why = f"its reader ended with status {status}"
    if why:
        return Unreadable(source, Why.FAILED, why)
    return said[:-2].decode("utf-8", "backslashreplace")


def _taken() -> int:
    """Bytes of address space that this process has."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def _confine(seconds: float, room: int) -> None:
    import resource

    os.setpgid(0, 0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds + 2)
    for name in _NEEDED:
        with suppress(ImportError):
            import_module(name)
    for what, most in (
        (resource.RLIMIT_AS, _MEMORY + _taken()),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, room),
    ):
        hard = resource.getrlimit(what)[1]
        most = most if hard < 0 else min(most, hard)
        resource.setrlimit(what, (most, most))
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    for fd in (1, 2):
        os.dup2(null, fd)
    if 0 in os.getresuid():
        os.seteuid(0)  # it may have lent itself the rights of whoever asked
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
