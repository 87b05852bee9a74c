"""strace(1) as a hand that strikes at one system call."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from enum import Enum

from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HERE = os.path.dirname(os.path.abspath(__file__))
MARK = "access,faccessat,faccessat2"

# The interpreter's own housekeeping: nothing of ours is different before and after.
MEMORY = "brk mmap munmap mremap madvise mprotect futex rt_sigaction rt_sigprocmask exit_group"

# A kill at one of these leaves what a kill at the next other call leaves; an edit behind one of
# QUIET meets what it meets behind the call before it.
QUIET = "close fstatfs getegid geteuid getpid lseek uname"
LOOKING = f"{QUIET} fcntl fgetxattr flistxattr fstat getdents64 ioctl newfstatat pread64 read"

_LINE = re.compile(r"(?:\d+ +)?(\w+)\(")


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
    """A copy of the program, so that nobody's edit of the source changes what is counted."""

    def __init__(self, folder: str, source: str) -> None:
        self.source = os.path.join(folder, "source")
        self.log = os.path.join(folder, "strace")
        shutil.copytree(source, self.source, ignore=shutil.ignore_patterns("__pycache__"))
        os.mkdir(os.path.join(folder, "faults"))
        for name in ("victim.py", "scene.py"):
            shutil.copy(os.path.join(HERE, name), os.path.join(folder, "faults"))
        self.victim = os.path.join(folder, "faults", "victim.py")
        compiling = [sys.executable, "-m", "compileall", "-qq", folder]
        subprocess.run(compiling, check=False)

    def calls(self, root: str, proc: str, verb: str, *, always: Sequence[str] = ()) -> list[Call]:
        """Run a victim undisturbed, and list the system calls of its verb."""
        end = self._run(["-e", "trace=all", *always], root, proc, verb)
        if end.code is not Code.DONE:
            raise RuntimeError(f"{verb} does not even work undisturbed: {end.words}")
        counts: Counter[str] = Counter()
        calls, inside = [], False
        with open(self.log, errors="replace") as lines:
            for line in lines:
                match = _LINE.match(line)
                if not match:
                    continue
                counts[match[1]] += 1
                if "/the-verb-" in line:
                    inside = "begin" in line
                elif inside and match[1] not in MEMORY.split():
                    calls.append(Call(match[1], counts[match[1]]))
        return calls

    def strike(
        self, call: Call, blow: str, root: str, proc: str, verb: str, *, always: Sequence[str] = ()
    ) -> End:
        """Run a victim that is struck at one system call: `signal=KILL`, `error=EIO`."""
        inject = f"inject={call.name}:{blow}:when={call.nth}"
        trace = f"trace={call.name},renameat2,{MARK}"
        # A signal that is due at a seccomp stop is lost, an error is not; and it is much faster.
        fast = ["--seccomp-bpf"] if blow.startswith("error=") else []
        return self._run([*fast, "-e", trace, *always, "-e", inject], root, proc, verb)

    def stop(
        self, call: Call, meanwhile: Callable[[], None], root: str, proc: str, verb: str
    ) -> End:
        """Run a victim that is stopped behind one system call, and do something `meanwhile`."""
        inject = f"inject={call.name}:signal=STOP:when={call.nth}"
        command = self._command(["-e", f"trace={call.name},{MARK}", "-e", inject], root, proc, verb)
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
            pid = self._stopped(strace)
            if pid:
                meanwhile()
                os.kill(pid, signal.SIGCONT)
            words = strace.communicate(timeout=60)[1]
        return self._end(strace.returncode, words, "SIGSTOP")

    def _stopped(self, strace: subprocess.Popen[str]) -> int:
        while strace.poll() is None:
            with open(self.log, errors="replace") as file:
                match = re.search(r"^(\d+) +--- stopped by SIGSTOP", file.read(), re.MULTILINE)
            if match:
                return int(match[1])
            time.sleep(0.002)
        return 0

    def _command(self, options: Sequence[str], root: str, proc: str, verb: str) -> list[str]:
        with open(self.log, "w"):
            pass
        python = [sys.executable, "-I", "-S", "-B", self.victim, self.source, root, proc, verb]
        return ["strace", "-f", "-o", self.log, *options, *python]

    def _run(self, options: Sequence[str], root: str, proc: str, verb: str) -> End:
        command = self._command(options, root, proc, verb)
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
        return self._end(done.returncode, done.stderr, "SIGKILL|INJECTED")

    def _end(self, status: int, words: str, blow: str) -> End:
        with open(self.log, errors="replace") as file:
            text = file.read()
        begin = text.find("/the-verb-begins")
        struck = begin >= 0 and re.search(blow, text[begin:]) is not None
        codes = {0: Code.DONE, 3: Code.REFUSED, -signal.SIGKILL: Code.KILLED}
        return End(codes.get(status, Code.FAULT), words.strip(), struck)
