"""The engine beside modules that hang, crash, flood, lie and leave children behind."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ec2rl.engine import Plan, Runner
from ec2rl.facts.log import KernelLog
from ec2rl.host import Host, Phrase
from ec2rl.host.recording import RecordedHost
from ec2rl.model import Finding, Verdict, say
from ec2rl.module import Module, Options
from ec2rl.record import replace
from ec2rl.report.wording import summary
from support.misbehaving import GOOD, MARK, modules, named

ODD = ("none", "a-word", "text-for-a-statement", "texts-for-statements")
PROGRAM = str(Path(__file__).parent / "support/misbehaving.py")
GOOD_ROW = ["OK", "All is well.", ["a detail"], []]


def start(*arguments: str, **more: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-I", PROGRAM, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def orphans() -> list[str]:
    """Processes of misbehaving modules; each is given a moment to be gone."""
    for _ in range(100):
        left = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                text = stat.read_text()
            except OSError:
                continue
            name, _, rest = text.partition(" (")[2].rpartition(") ")
            if name == MARK[:15] and rest[0] != "Z":
                left.append(text)
        if not left:
            return []
        time.sleep(0.05)
    return left


@pytest.mark.slow
def test_fifty_misbehaving_modules_change_nothing_of_two_good_ones() -> None:
    program = start("all")
    out, err = program.communicate(timeout=120)
    assert (program.returncode, err) == (0, "started\n")
    rows = {name: rest for name, *rest in json.loads(out)}
    assert set(rows) == {module.name for module in modules("all")}
    assert len(rows) >= 52
    assert rows["good"] == rows["zealous"] == GOOD_ROW
    assert orphans() == []
    order = {"CRASHED": 0, "UNKNOWN": 1, "OK": 2}
    listed = [(order[verdict], name) for name, verdict, *_ in json.loads(out)]
    assert listed == sorted(listed)
    for hanging in ("sleeps", "busy", "regex", "deaf", "stops-itself", "judge-hangs"):
        assert rows[hanging][1] == "Could not be judged: took longer than 2 s: stopped"
    for odd in (*ODD, "no-number", "bytes-in-facts", "by-hand-of-none", "exits"):
        assert rows[odd][0] == "CRASHED"
    assert len(rows["huge-summary"][1]) == 2000
    assert rows["many-details"][2][-1] == "4800 more lines"
    assert max(len(row[1]) for row in rows.values()) <= 2000


def test_the_good_ones_alone() -> None:
    program = start("good")
    out, _ = program.communicate(timeout=60)
    assert json.loads(out) == [["good", *GOOD_ROW], ["zealous", *GOOD_ROW]]


@pytest.mark.more
def test_the_deadline_ends_what_is_left() -> None:
    sleeping = named("sleeps", lambda: time.sleep(3600), lambda: GOOD)
    slow = [replace(sleeping, name=f"sleeps-{i}", seconds=60.0) for i in range(20)]
    good = named("good", lambda: None, lambda: GOOD)
    runner = Runner([*slow, good], RecordedHost({}), Plan(Options(), 4.0, 30))
    runner.start()
    results, interrupted = runner.finish()
    assert not interrupted
    assert [(r.module.name, summary(r.finding)) for r in results] == [
        *sorted(
            (module.name, "Could not be judged: not finished within the deadline of the run")
            for module in slow
        ),
        ("good", "All is well."),
    ]
    assert orphans() == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_at_any_moment_keeps_what_is_finished(number: int, status: int) -> None:
    rng = random.Random(number)
    kept = 0
    for _ in range(12):
        program = start("few")
        assert program.stderr is not None
        assert program.stderr.readline() == "started\n"
        time.sleep(rng.uniform(0, 1.4))
        program.send_signal(number)
        out, err = program.communicate(timeout=60)
        assert (program.returncode, err) == (status, "")
        rows = {name: rest for name, *rest in json.loads(out)}
        assert set(rows) == {module.name for module in modules("few")}
        for name, row in rows.items():
            assert row == GOOD_ROW or row[:2] == ["UNKNOWN", "Could not be judged: interrupted"]
            kept += name == "good" and row == GOOD_ROW
        assert orphans() == []
    assert kept >= 6


@pytest.mark.more
def test_a_second_signal_does_not_lose_the_results() -> None:
    program = start("few")
    assert program.stderr is not None
    program.stderr.readline()
    time.sleep(0.8)
    program.send_signal(signal.SIGTERM)
    program.send_signal(signal.SIGTERM)
    out, _ = program.communicate(timeout=60)
    assert program.returncode == 143
    assert len(json.loads(out)) == len(modules("few"))
    assert orphans() == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGQUIT, signal.SIGUSR1, signal.SIGSEGV])
@pytest.mark.parametrize("moment", [0.0, 0.05, 0.6])
@pytest.mark.sampled(4)
def test_workers_and_what_they_started_end_with_the_tool(number: int, moment: float) -> None:
    program = start("orphans", "60")
    assert program.stderr is not None
    assert program.stderr.readline() == "started\n"
    time.sleep(moment)
    program.send_signal(number)
    program.communicate(timeout=60)
    assert program.returncode == -number
    assert orphans() == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGQUIT, signal.SIGUSR1])
@pytest.mark.more
def test_the_reader_of_a_saved_log_ends_with_the_tool(number: int, tmp_path: Path) -> None:
    """It waits for a pipe that somebody holds open."""
    os.mkfifo(tmp_path / "pipe")
    root = Path(__file__).resolve().parents[1]
    words = ["run", "--no-save", f"--log={tmp_path / 'pipe'}"]
    program = subprocess.Popen(
        [sys.executable, "-I", "-S", str(root / "src/ec2rl/__main__.py"), *words],
        stdout=subprocess.DEVNULL,
    )
    with (tmp_path / "pipe").open("w") as pipe:
        pipe.write("[    0.000000] Linux version 6.1.0\n")
        pipe.flush()
        children = Path(f"/proc/{program.pid}/task/{program.pid}/children")
        until = time.monotonic() + 10
        while not (reader := children.read_text().split()) and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.3)  # it has made ready by now
        program.send_signal(number)
        program.wait(60)
        (child,) = reader
        while Path(f"/proc/{child}").exists() and time.monotonic() < until:
            time.sleep(0.01)
        assert not Path(f"/proc/{child}").exists()


def test_a_module_that_ends_the_tool_is_an_interruption() -> None:
    def kill() -> None:
        time.sleep(0.2)  # on a busy machine both are at work at once
        os.kill(os.getppid(), signal.SIGINT)

    killer, good = named("killer", kill, lambda: GOOD), named("good", lambda: None, lambda: GOOD)
    runner = Runner([good, killer], RecordedHost({}), Plan(Options(), 30.0, 1))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        runner.start()
        results, interrupted = runner.finish()
    finally:
        signal.signal(signal.SIGINT, before)
    assert interrupted
    assert ("good", GOOD) in [(r.module.name, r.finding) for r in results]


@pytest.mark.slow
@pytest.mark.parametrize("error", ["EAGAIN", "ENOMEM"])
def test_where_nothing_can_be_forked_there_is_still_a_verdict(error: str) -> None:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("needs strace to make fork fail")
    program = subprocess.run(
        [strace, "-o", "/dev/null", "-e", "trace=clone,clone3,fork,vfork",
         "-e", f"inject=clone,clone3,fork,vfork:error={error}",
         sys.executable, "-I", PROGRAM, "polite", "20"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    if "started" not in program.stderr:
        pytest.skip(f"strace cannot trace here: {program.stderr[:200]}")
    rows = {name: rest for name, *rest in json.loads(program.stdout)}
    assert rows["good"] == rows["zealous"] == GOOD_ROW
    assert rows["sleeps"][1] == "Could not be judged: took longer than 2 s: stopped"
    assert rows["busy"][1] == "Could not be judged: took longer than 2 s: stopped"
    assert set(rows) == {module.name for module in modules("polite")}


def exhausted() -> list[int]:
    opened = []
    while True:
        try:
            opened.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            return opened


def test_where_no_descriptor_is_left_there_is_still_a_verdict() -> None:
    good = named("good", lambda: None, lambda: GOOD)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    runner = Runner([good], RecordedHost({}), Plan(Options(), 30.0))
    opened = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    try:
        opened += exhausted()
        runner.start()
        results, _ = runner.finish()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for fd in opened:
            os.close(fd)
    # Here or in the child, `comm` could not be opened either: a fault, told as one.
    assert [r.finding.verdict for r in results] == [Verdict.CRASHED]


PHRASE = (Phrase(b"table full"),)


def reader(name: str) -> Module:
    def read(host: Host, log: KernelLog, options: Options) -> object:
        return log

    def judge(log: KernelLog) -> Finding:
        source = log.ring
        verdict = Verdict.OK if source.unreadable is None else Verdict.UNKNOWN
        return Finding(verdict, say("{n:line}", n=len(log.lines)), facts={"lost": source.lost})

    return Module(name, "", "os", PHRASE, read, judge, "", lambda _: ())


class HangingHost(RecordedHost):
    def read(self, path: str):  # type: ignore[no-untyped-def]
        if path == "/dev/kmsg":
            time.sleep(3600)
        return super().read(path)


KMSG = {"clock": "now=2026-11-24T02:00:00Z uptime=9", "/dev/kmsg": "4,0,0,-;table full"}


@pytest.mark.parametrize("count", [1, 3])
def test_the_log_is_read_for_one_or_for_many(count: int) -> None:
    runner = Runner([reader(f"m{i}") for i in range(count)], RecordedHost(KMSG), Plan(Options()))
    runner.start()
    results, _ = runner.finish()
    expected = Finding(Verdict.OK, say("{n:line}", n=1), facts={"lost": 0})
    assert [r.finding for r in results] == [expected] * count


@pytest.mark.slow
def test_a_log_that_hangs_is_unknown_to_all_who_need_it_and_to_nobody_else() -> None:
    good = named("good", lambda: None, lambda: GOOD)
    runner = Runner([reader("a"), reader("b"), good], HangingHost(KMSG), Plan(Options(), 8.0))
    runner.start()
    results, _ = runner.finish()
    assert [(r.module.name, r.finding.verdict) for r in results] == [
        ("a", Verdict.UNKNOWN),
        ("b", Verdict.UNKNOWN),
        ("good", Verdict.OK),
    ]


def test_the_record_of_what_was_looked_at_is_handed_over() -> None:
    runner = Runner([reader("a"), reader("b")], RecordedHost(KMSG), Plan(Options(), recording=True))
    runner.start()
    results, _ = runner.finish()
    assert [sorted(r.memory or {}) for r in results] == [sorted(results[0].memory or {})] * 2
    assert "/dev/kmsg" in (results[0].memory or {})


@pytest.mark.more
def test_who_is_waited_for_is_told() -> None:
    told: list[tuple[list[str], bool]] = []
    runner = Runner(
        [named("sleeps", lambda: time.sleep(3600), lambda: GOOD)],
        RecordedHost({}),
        Plan(Options(), 2.5),
    )
    runner.start()
    runner.finish(lambda who, seconds: told.append((list(who), seconds > 1)))
    assert told
    assert set(map(str, told)) == {"(['sleeps'], True)"}
