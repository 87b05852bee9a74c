"""strace(1) as a hand that strikes at one system call."""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
import time
import traceback
from collections import Counter
from enum import Enum

from ec2rl.fix.errors import FixError
from ec2rl.fix.machine import close
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BEGIN = "/the-verb-begins"
END = "/the-verb-ends"
MARK = "access,faccessat,faccessat2"

# The interpreter's own housekeeping: nothing of ours is different before and after.
MEMORY = "brk mmap munmap mremap madvise mprotect futex rt_sigaction rt_sigprocmask exit_group"

# A kill at one of these leaves what a kill at the next other call leaves; an edit behind one of
# QUIET meets what it meets behind the call before it.
QUIET = "close fstatfs getegid geteuid getpid lseek uname"
LOOKING = f"{QUIET} fcntl fgetxattr flistxattr fstat getdents64 ioctl newfstatat pread64 read"

_LINE = re.compile(r"(\w+)\(")


class Code(Enum):
    """How a victim ended."""

    DONE = 0
    REFUSED = 3
    KILLED = -signal.SIGKILL
    FAULT = 1


@record(frozen=True)
class Call:
    """One system call of a victim: the `nth` of its name since the process began."""

    name: str
    nth: int

    def __str__(self) -> str:
        return f"{self.name} #{self.nth}"


@record(frozen=True)
class End:
    """The end of a victim: what it said, and whether the blow fell inside of the verb."""

    code: Code
    words: str
    struck: bool


def missing() -> str:
    """Say what the harness lacks here, "" if nothing."""
    if os.geteuid() != 0:
        return "the fault harness needs root"
    return "" if shutil.which("strace") else "the fault harness needs strace"


class Bench:
    """Where victims are struck: forks of this process, that strace attaches to."""

    def __init__(self, folder: str) -> None:
        self.log = os.path.join(folder, "strace")

    def calls(self, verb: Callable[[], object], *, always: Sequence[str] = ()) -> list[Call]:
        """Run a victim undisturbed, and list the system calls of its verb."""
        end = self._run(["-e", "trace=all", *always], verb)
        if end.code not in (Code.DONE, Code.REFUSED):
            raise RuntimeError(f"the verb does not even work undisturbed: {end.words}")
        counts: Counter[str] = Counter()
        calls, inside = [], False
        with open(self.log, errors="replace") as lines:
            for line in lines:
                match = _LINE.match(line)
                if not match:
                    continue
                counts[match[1]] += 1
                if BEGIN in line or END in line:
                    inside = BEGIN in line
                elif inside and match[1] not in MEMORY.split():
                    calls.append(Call(match[1], counts[match[1]]))
        return calls

    def strike(
        self, call: Call, blow: str, verb: Callable[[], object], *, always: Sequence[str] = ()
    ) -> End:
        """Run a victim that is struck at one system call: `signal=KILL`, `error=EIO`."""
        inject = f"inject={call.name}:{blow}:when={call.nth}"
        trace = f"trace={call.name},renameat2,{MARK}"
        return self._run(["-e", trace, *always, "-e", inject], verb)

    def stop(self, call: Call, meanwhile: Callable[[], None], verb: Callable[[], object]) -> End:
        """Run a victim that is stopped behind one system call, and do something `meanwhile`."""
        inject = f"inject={call.name}:signal=STOP:when={call.nth}"
        victim = _Victim(["-o", self.log, "-e", f"trace={call.name},{MARK}", "-e", inject], verb)
        if self._stopped(victim):
            try:
                meanwhile()
            finally:
                os.kill(victim.pid, signal.SIGCONT)
        return self._end(*victim.end(), "stopped by SIGSTOP")

    def _stopped(self, victim: _Victim) -> bool:
        while victim.strace.poll() is None:
            with open(self.log, errors="replace") as file:
                if "--- stopped by SIGSTOP" in file.read():
                    return True
            time.sleep(0.001)
        return False

    def _run(self, options: Sequence[str], verb: Callable[[], object]) -> End:
        victim = _Victim(["-o", self.log, *options], verb)
        return self._end(*victim.end(), "SIGKILL|INJECTED")

    def _end(self, status: int, words: str, blow: str) -> End:
        with open(self.log, errors="replace") as file:
            text = file.read()
        begin = text.find(BEGIN)
        struck = begin >= 0 and re.search(blow, text[begin:]) is not None
        codes = {0: Code.DONE, 3: Code.REFUSED, -signal.SIGKILL: Code.KILLED}
        return End(codes.get(status, Code.FAULT), words.strip(), struck)


class _Victim:
    """A fork of this process that waits at a gate until strace has attached to it."""

    def __init__(self, options: Sequence[str], verb: Callable[[], object]) -> None:
        gate, opener = os.pipe()
        self.words, words = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            _run(verb, gate, words)
        os.close(gate)
        os.close(words)
        os.read(self.words, 1)
        command = ["strace", "-p", str(self.pid), *options]
        self.strace = subprocess.Popen(command, stderr=subprocess.PIPE)
        assert self.strace.stderr
        if b"attached" not in self.strace.stderr.readline():
            raise RuntimeError("strace cannot attach to a process of ours")
        os.close(opener)

    def end(self) -> tuple[int, str]:
        """Wait for the end, and give the exit status (or minus the signal) and the last words."""
        status = os.waitpid(self.pid, 0)[1]
        with self.strace:
            pass
        with open(self.words, errors="replace") as pipe:
            words = pipe.read()
        code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        return code, words


def _run(verb: Callable[[], object], gate: int, words: int) -> None:
    """Be the victim: 0 done, 3 a FixError, anything else is a fault of the program."""
    # Nothing of ours stays open in it, such as the file that an editor in a case has open.
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) not in (gate, words):
            close(int(name))
    poll = select.poll()
    poll.register(gate)
    os.write(words, b"!")
    poll.poll()
    status, last = 0, ""
    os.access(BEGIN, os.F_OK)
    try:
        verb()
    except FixError as error:
        status, last = 3, f"{type(error).__name__}: {error}"
    except BaseException:
        status, last = 1, traceback.format_exc()
    os.access(END, os.F_OK)
    os.write(words, last.encode("utf-8", "replace")[:60_000])
    os._exit(status)
