"""Fifty modules that misbehave, for the engine; run as a program it puts them beside two good ones.

`python -I tests/support/misbehaving.py good|all|few|polite|orphans [SECONDS]` prints the results as
JSON, with one deadline for all; the exit status is 130, 143 or 129 where a signal ended it.
"""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from ec2rl.engine import Plan, Runner
from ec2rl.host.recording import RecordedHost
from ec2rl.model import Evidence, Finding, Verdict, say
from ec2rl.module import Module, Options
from ec2rl.report.wording import details, lines, summary

MARK = "ec2rl-misbehaving"
"""What the processes that stay behind would be called (comm has 15 characters)."""

GOOD = Finding(Verdict.OK, say("All is well."), (say("a detail"),), (Evidence("/etc/x", "words"),))


def sleep_forever() -> None:
    while True:
        time.sleep(3600)


def busy() -> None:
    while True:
        pass


def deaf() -> None:
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            continue
    sleep_forever()


def children(session: bool, wait: bool) -> None:
    """Leave children behind that hold the pipe."""
    for _ in range(3):
        if os.fork() == 0:
            if session:
                os.setsid()
            deaf()
    if wait:
        sleep_forever()


def grandchild() -> None:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            deaf()
        os._exit(0)
    os.wait()


def flood(*fds: int) -> None:
    chunk = b"x" * (1 << 20)
    for _ in range(4096):
        for fd in fds:
            os.write(fd, chunk)


def every_descriptor(words: bytes) -> None:
    for fd in range(3, 256):
        try:
            os.write(fd, words)
        except OSError:
            continue


def take_from_others() -> None:
    for fd in range(3, 256):
        try:
            os.set_blocking(fd, False)
            os.read(fd, 1 << 20)
        except OSError:
            continue


def recurse(depth: int = 0) -> int:
    return recurse(depth + 1) + 1


def fill_memory() -> None:
    kept = []
    while True:
        kept.append(bytearray(64 << 20))


def raising(error: BaseException) -> Callable[[], None]:
    def fault() -> None:
        raise error

    return fault


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise ValueError("no words for it")


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def found(**fields: Any) -> Finding:
    return Finding(**{"verdict": Verdict.OK, "summary": say("odd"), **fields})


READS: dict[str, Callable[[], object]] = {
    "sleeps": sleep_forever,
    "busy": busy,
    "regex": lambda: re.match(r"(a+)+$", "a" * 64 + "b"),
    "exits": lambda: os._exit(0),
    "exits-7": lambda: os._exit(7),
    "kills-itself": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "stops-itself": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "segfault": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "aborts": os.abort,
    "kills-its-group": lambda: os.killpg(0, signal.SIGKILL),
    "deaf": deaf,
    "children": lambda: children(session=False, wait=False),
    "children-and-waits": lambda: children(session=False, wait=True),
    "sessions": lambda: children(session=True, wait=False),
    "sessions-and-waits": lambda: children(session=True, wait=True),
    "grandchild": grandchild,
    "prints-4-gb": lambda: flood(1, 2),
    "writes-zeros": lambda: every_descriptor(bytes(64)),
    "writes-garbage": lambda: every_descriptor(b"\x08" + bytes(7) + b"\xffgarbage" * 9),
    "writes-a-lie": lambda: every_descriptor(b"\xff" * 64),
    "takes-from-others": take_from_others,
    "closes-all": lambda: os.closerange(0, 256),
    "changes-folder": lambda: os.chdir("/proc"),
    "changes-user": lambda: os.setuid(65534) if os.geteuid() == 0 else None,
    "no-files": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0)),
    "no-time": lambda: resource.setrlimit(resource.RLIMIT_CPU, (0, 0)),
    "fills-memory": fill_memory,
    "recursion": recurse,
    "system-exit": raising(SystemExit(0)),
    "keyboard-interrupt": raising(KeyboardInterrupt()),
    "recursion-error": raising(RecursionError("x" * 10**6)),
    "memory-error": raising(MemoryError()),
    "generator-exit": raising(GeneratorExit()),
    "stop-iteration": raising(StopIteration()),
    "time-out": raising(TimeoutError()),
    "unprintable": raising(UnprintableError()),
    "surrogates-in-error": raising(ValueError("\udcff\x1b[2J")),
}
JUDGES: dict[str, Callable[[], object]] = {
    "judge-hangs": sleep_forever,
    "none": lambda: None,
    "a-word": lambda: "OK",
    "a-class": lambda: Finding,
    "huge-summary": lambda: found(summary=say("{x}", x="x" * (9 << 20))),
    "huge-facts": lambda: found(facts={"x": "y" * (70 << 20)}),
    "many-details": lambda: found(details=(say("{x}", x="x" * 5000),) * 5000),
    "number-for-words": lambda: found(summary=7),
    "text-for-a-statement": lambda: found(summary="odd"),
    "texts-for-statements": lambda: found(details=("odd",)),
    "word-for-verdict": lambda: found(verdict="SUCCESS"),
    "text-for-details": lambda: found(details="abc"),
    "no-number": lambda: found(facts={"x": float("nan")}),
    "bytes-in-facts": lambda: found(facts={"x": b"y"}),
    "deep-facts": lambda: found(facts={"x": deep(500)}),
    "huge-number": lambda: found(facts={"x": 10**5000}),
    "renames-itself": lambda: found(facts={"module": "good", "status": "FAILURE"}),
    "surrogates": lambda: found(summary=say("\udcff\x1b[2J"), details=(say("\u202e\r"),)),
    "evidence-of-none": lambda: found(evidence=(Evidence("x", None),)),  # type: ignore[arg-type]
}


def named(name: str, read: Callable[[], object], judge: Callable[[], object]) -> Module:
    def look(*_: object) -> object:
        Path("/proc/self/comm").write_text(MARK)
        return read()

    return Module(
        name=name,
        title="",
        domain="os",
        phrases=(),
        read=look,
        judge=lambda _: judge(),  # type: ignore[arg-type, return-value]
        needs="",
        by_hand=lambda _: (),
        seconds=1.5,
    )


def modules(which: str) -> list[Module]:
    good = [named(name, lambda: None, lambda: GOOD) for name in ("good", "zealous")]
    bad = [named(name, read, lambda: GOOD) for name, read in READS.items()]
    bad += [named(name, lambda: None, judge) for name, judge in JUDGES.items()]
    by_hand = named("by-hand-of-none", lambda: None, lambda: GOOD)
    by_hand.__dict__["by_hand"] = lambda _: None
    if which == "few":
        return [*good, *bad[:2], bad[10]]
    if which == "orphans":
        return [*good, *bad[:2], bad[10], bad[list(READS).index("children-and-waits")]]
    if which == "polite":
        return [*good, *bad[:2]]
    return [*bad, by_hand, *good] if which == "all" else good


def main(which: str, deadline: str = "60") -> int:
    caught: list[int] = []

    def interrupt(number: int, _: object) -> None:
        caught.append(number)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    runner = Runner(
        modules(which), RecordedHost({}), Plan(Options(), float(deadline), recording=False)
    )
    print("started", file=sys.stderr, flush=True)
    runner.start()
    results, interrupted = runner.finish()
    words = [
        [r.module.name, r.finding.verdict.name, summary(r.finding), details(r.finding),
         lines(r.by_hand)]
        for r in results
    ]  # fmt: skip
    print(json.dumps(words))
    return 128 + caught[0] if interrupted else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
