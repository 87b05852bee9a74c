"""Running a program that builds an artefact: in a time, alone with all that it starts, and bounded.

It has mounts and process numbers of its own, so that its end is the end of all that it started, and
ends with us.  On a volume it is the volume's program: it sees nothing but the volume, has no
network, reaches no device and no setting of the kernel, and has of root's rights those to files
alone (capabilities(7)).
"""

from __future__ import annotations

import os
import select
import time
from contextlib import suppress

from ec2rl.fix.errors import Refused
from ec2rl.fix.machine import Machine, close
from ec2rl.fix.mounts import volumes_own
from ec2rl.fix.prepare import libc, stop_if_asked
from ec2rl.lifeline import Lifeline

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from ctypes import CDLL
    from typing import NoReturn

    Place = tuple[int, str]
else:
    import _signal as signal  # `signal` takes 3 ms to make enumerations of these

_TOLD = 400
"""Characters of its last words that are told."""

_DYING = 5.0
"""Seconds that those that were killed may take to be gone."""

# linux/sched.h, linux/mount.h, linux/fcntl.h, linux/prctl.h
_NEWNS, _NEWIPC, _NEWPID, _NEWNET = 0x20000, 0x8000000, 0x20000000, 0x40000000
_READ_ONLY, _NOSUID, _NOEXEC, _BIND, _REC, _PRIVATE = 1, 2, 8, 1 << 12, 1 << 14, 1 << 18
_ONLY_NAMED = os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC
_MOUNT_SETATTR, _ATTR_NOSUID_NODEV = 442, 0x2 | 0x4
_EMPTY_PATH_RECURSIVE = 0x1000 | 0x8000
_PDEATHSIG, _CAPBSET_READ, _CAPBSET_DROP, _NO_NEW_PRIVS = 1, 23, 24, 38

_FILE_RIGHTS = frozenset((0, 1, 2, 3, 4, 6, 7, 31))
"""CAP_CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID, SETGID, SETUID, SETFCAP."""

_DEVICES = (("null", 3), ("zero", 5), ("full", 7), ("random", 8), ("urandom", 9))
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "HOME": "/root"}


def run(machine: Machine, program: tuple[str, ...], seconds: float, most: int, place: Place) -> str:
    """Run a program with its whole path; why it failed, "" if it did not.

    `place` is the folder that it writes to, open, and its path.  It writes no file of more than
    `most` bytes.  KeyboardInterrupt where a signal waits meanwhile.
    """
    calls = libc()
    line = Lifeline()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            os.setpgid(0, 0)
            line.hang()
            _start(calls, machine, program, most, writing, place)
        except BaseException as error:
            os.write(writing, f"it cannot be started: {error}".encode("utf-8", "replace"))
        finally:
            os._exit(127)
    words, late = b"", True
    try:
        os.close(writing)
        line.hold()
        words, late = _heard(reading, seconds)
    finally:
        if late:
            for kill in (os.killpg, os.kill):
                with suppress(OSError):
                    kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        if late:
            _gone(reading)
        close(reading)
        line.close()
    if late:
        return f"{program[0]} took longer than {seconds:g} s"
    if status == 0:
        return ""
    how = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else "status "
    how += "" if os.WIFSIGNALED(status) else str(os.WEXITSTATUS(status))
    told = words.decode("utf-8", "backslashreplace").strip()[-_TOLD:]
    return f"{program[0]} ended with {how}: {told!a}"


def _heard(reading: int, seconds: float) -> tuple[bytes, bool]:
    """Hear its last words, until it and all that it started are gone, or the time is over."""
    words, end = b"", time.monotonic() + seconds
    poll = select.poll()
    poll.register(reading)
    while time.monotonic() < end:
        stop_if_asked()
        if poll.poll(1000):
            more = os.read(reading, 1 << 16)
            if not more:
                return words, False
            words = (words + more)[-4 * _TOLD :]
    return words, True


def _gone(reading: int) -> None:
    """Wait until the last of those that were killed is gone, and can write no more."""
    poll, end = select.poll(), time.monotonic() + _DYING
    poll.register(reading)
    while time.monotonic() < end and not (poll.poll(200) and not os.read(reading, 1 << 16)):
        pass


def _start(
    calls: CDLL, machine: Machine, program: tuple[str, ...], most: int, out: int, place: Place
) -> None:
    """Be the one between: pid 1 of the program's own space ends with it, and ends all in it."""
    apart = _NEWNS | _NEWPID | (0 if machine.runs else _NEWNET | _NEWIPC)
    _must(calls.unshare(apart), "unshare")
    child = os.fork()
    if child == 0:
        _be(calls, machine, program, most, out, place)
    os.close(out)
    _end_with(child)


def _end_with(child: int) -> NoReturn:
    """Wait for a child and whoever is left to us, and end as the child did."""
    pid = status = 0
    while pid != child:
        pid, status = os.wait()
    os._exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))


def _be(
    calls: CDLL, machine: Machine, program: tuple[str, ...], most: int, out: int, place: Place
) -> None:
    """Become the program; nothing of this returns."""
    import resource  # python3-minimal has none; history needs it not

    try:
        calls.prctl(_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        _must(calls.mount(b"none", b"/", None, _REC | _PRIVATE, None), "mount /")
        null = os.open("/dev/null", os.O_RDONLY)
        if not machine.runs:
            _enter(calls, machine, place)
        _mount(calls, b"proc", b"/proc", 0 if machine.runs else _READ_ONLY)
        os.chdir("/")
        os.umask(0o077)
        for what, limit in ((resource.RLIMIT_FSIZE, most), (resource.RLIMIT_CORE, 0)):
            hard = resource.getrlimit(what)[1]
            limit = limit if hard < 0 else min(limit, hard)
            resource.setrlimit(what, (limit, limit))
        if not machine.runs:
            _lose_rights(calls)
        for fd, number in ((null, 0), (out, 1), (out, 2)):
            os.dup2(fd, number)
        out = 2
        os.closerange(3, 1024)
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        child = os.fork()
        if child != 0:  # the first of a space of process numbers is spared signals, and reaps
            _end_with(child)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.execve(program[0], program, _ENVIRONMENT)  # noqa: S606 - there is no shell
    except BaseException as error:
        with suppress(OSError):
            os.write(out, f"it cannot be started: {error}".encode("utf-8", "replace"))
    finally:
        os._exit(127)


def _enter(calls: CDLL, machine: Machine, place: Place) -> None:
    """See the volume alone, and no devices but those that harm nobody (Linux 5.12 and newer).

    What somebody has mounted below it stays out, but disks that are mounted nowhere else.
    """
    import ctypes

    bare = machine.open()
    disks = volumes_own(os.readlink(f"/proc/self/fd/{bare}"))
    here = f"/proc/self/fd/{bare}".encode()
    _must(calls.mount(here, here, None, _BIND, None), "bind the volume")
    for fd, path in disks:
        onto = os.open(path, _ONLY_NAMED)  # as it is without what was mounted there
        source, target = (f"/proc/self/fd/{one}".encode() for one in (fd, onto))
        _must(calls.mount(source, target, None, _BIND, None), f"bind {path}")
    root = machine.open()  # as it is mounted now
    wanted = (ctypes.c_uint64 * 4)(_ATTR_NOSUID_NODEV)
    size = ctypes.c_size_t(ctypes.sizeof(wanted))
    call = ctypes.c_long(_MOUNT_SETATTR)
    done = calls.syscall(call, root, b"", _EMPTY_PATH_RECURSIVE, ctypes.byref(wanted), size)
    _must(done, "mount_setattr")
    os.fchdir(root)
    os.chroot(".")
    os.chdir("/")
    fd, path = place
    if not (os.path.isdir(path) and os.path.samestat(os.stat(path), os.fstat(fd))):
        raise Refused(f"{path} is not the volume's own disk, but mounted there")
    if _mount(calls, b"tmpfs", b"/dev", 0, b"mode=755,size=1m"):
        for name, minor in _DEVICES:
            os.mknod(f"/dev/{name}", 0o020666, os.makedev(1, minor))
            os.chmod(f"/dev/{name}", 0o666)  # noqa: S103 - as these devices are


def _mount(calls: CDLL, kind: bytes, place: bytes, flags: int, options: bytes = b"") -> bool:
    """Mount on a folder of the program's own mounts; False where there is none, or a link."""
    if not os.path.isdir(place) or os.path.islink(place):
        return False
    done = calls.mount(b"none", place, kind, flags | _NOSUID | _NOEXEC, options)
    _must(done, f"mount {place.decode()}")
    return True


def _lose_rights(calls: CDLL) -> None:
    """Keep of root's rights those to files: execve(2) gives no other back."""
    for right in range(64):
        if right not in _FILE_RIGHTS and calls.prctl(_CAPBSET_READ, right, 0, 0, 0) == 1:
            _must(calls.prctl(_CAPBSET_DROP, right, 0, 0, 0), "prctl")
    _must(calls.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")


def _must(done: int, what: str) -> None:
    import ctypes

    if done != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
