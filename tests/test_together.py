"""One process answers for all modules while all is well; what is not gets one of its own."""

from __future__ import annotations

import marshal
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ec2rl.engine import Plan, Result, Runner
from ec2rl.facts.log import KernelLog
from ec2rl.host import Host, Phrase
from ec2rl.host.recording import RecordedHost
from ec2rl.model import Finding, Verdict, say
from ec2rl.module import Module, Options
from ec2rl.report.wording import summary

KMSG = {"clock": "now=2026-11-24T02:00:00Z uptime=9", "/dev/kmsg": "4,0,0,-;table full"}


def asked(place: Path, name: str, act: Callable[[], object] = lambda: None) -> Module:
    """A module that notes in a file which process it is asked in, and then does something."""

    def read(host: Host, log: KernelLog, options: Options) -> object:
        with (place / name).open("a") as file:
            file.write(f"{os.getpid()}\n")
        act()
        return log

    def judge(log: KernelLog) -> Finding:
        return Finding(Verdict.OK, say("{n:line}", n=len(log.lines)))

    return Module(name, "", "os", (Phrase(b"table full"),), read, judge, "", lambda _: ())


def processes(place: Path, name: str) -> list[str]:
    return (place / name).read_text().split()


def run(*modules: Module) -> dict[str, Result]:
    runner = Runner(modules, RecordedHost(KMSG), Plan(Options(), 20.0))
    runner.start()
    results, interrupted = runner.finish()
    assert not interrupted
    return {result.module.name: result for result in results}


def test_one_process_reads_the_log_and_answers_for_all(tmp_path: Path) -> None:
    found = run(*(asked(tmp_path, name) for name in "abc"))
    assert [summary(one.finding) for one in found.values()] == ["1 line"] * 3
    assert len({*processes(tmp_path, "a"), *processes(tmp_path, "b")}) == 1
    assert processes(tmp_path, "a") == processes(tmp_path, "c")


@pytest.mark.more
def test_who_is_slow_goes_on_and_nobody_waits_for_it(tmp_path: Path) -> None:
    slow = asked(tmp_path, "a", lambda: time.sleep(2))
    quick = asked(tmp_path, "b", lambda: (tmp_path / "b-at").write_text(str(time.monotonic())))
    began = time.monotonic()
    found = run(slow, quick)
    assert [one.finding.verdict for one in found.values()] == [Verdict.OK] * 2
    assert float((tmp_path / "b-at").read_text()) - began < 1.9
    assert len(processes(tmp_path, "a")) == 1
    assert processes(tmp_path, "a") != processes(tmp_path, "b")


def ends() -> None:
    os._exit(0)


def raises() -> None:
    raise MemoryError


def open_descriptors() -> set[int]:
    return {int(name) for name in os.listdir("/proc/self/fd")}


OURS = open_descriptors()


def lies() -> None:
    """Answer in the name of another, by every descriptor that the engine has opened."""
    words = marshal.dumps(("c", 0.0, (b"", None)))
    for fd in open_descriptors() - OURS:
        try:
            os.write(fd, len(words).to_bytes(8, "big") + words)
        except OSError:
            continue


@pytest.mark.parametrize(
    ("act", "verdict", "why"),
    [
        (ends, Verdict.CRASHED, "ended without an answer"),
        (raises, Verdict.CRASHED, "fault of ec2rl itself: MemoryError"),
        (lies, Verdict.CRASHED, "its answer cannot be understood"),
    ],
    ids=["ends", "raises", "lies"],
)
def test_a_fault_is_its_own(
    tmp_path: Path, act: Callable[[], object], verdict: Verdict, why: str
) -> None:
    """It is asked again by itself; who has answered is not, and the next ones are not hurt."""
    found = run(asked(tmp_path, "a"), asked(tmp_path, "b", act), asked(tmp_path, "c"))
    assert (found["b"].finding.verdict, summary(found["b"].finding)) == (verdict, why)
    for name in "ac":
        assert (found[name].finding.verdict, summary(found[name].finding)) == (Verdict.OK, "1 line")
    first, again = processes(tmp_path, "b")
    assert processes(tmp_path, "a") == [first]
    assert processes(tmp_path, "c") not in ([first], [again])
