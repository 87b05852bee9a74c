"""Each table under its own name, while processes move and names are bound anew."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support import fill
from test_conntrack_commands import ec2rl

TESTS = str(Path(__file__).resolve().parent.parent)
DAY = 86400
ONE, TWO = f"ec2rl-names1-{os.getpid()}", f"ec2rl-names2-{os.getpid()}"
ROWS = {
    ONE: [fill.Row("198.18.0.1", "192.0.2.1", 1000 + i, 443, 6, 3, 6, DAY) for i in range(7)],
    TWO: [fill.Row("198.18.0.2", "203.0.113.1", 1000 + i, 443, 6, 3, 6, DAY) for i in range(11)],
}
SERVERS = {ONE: "192.0.2.1", TWO: "203.0.113.1"}

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(not shutil.which("ip"), reason="needs ip(8)"),
]

STARTED = """
import ctypes, os, sys, time
sys.path.insert(0, sys.argv[1])
from support.fill import setns
one, two = (os.open(path, os.O_RDONLY) for path in sys.argv[2:4])
setns(one)
print("ready", flush=True)
"""
MOVING = """
enter = ctypes.CDLL(None).setns
while True:
    for there in (one, two) * 5000:
        enter(there, 0x40000000)
"""
"""Moves between the namespaces as fast as it can; it has the lowest number in both."""
STAYING = "time.sleep(3600)"
BINDING = """
setns(two)
libc = ctypes.CDLL(None)
def bind(source):
    libc.mount(source, sys.argv[2].encode(), None, 4096, None)
while True:
    bind(b"/proc/self/fd/%d" % two)
    libc.umount2(sys.argv[2].encode(), 2)
    bind(b"/dev/null")
    libc.umount2(sys.argv[2].encode(), 2)
"""
"""Binds the first one's name to the second, to something that is none, and back."""


@contextmanager
def process(what: str, one: str = ONE, two: str = TWO) -> Iterator[None]:
    words = [TESTS, f"/run/netns/{one}", f"/run/netns/{two}"]
    child = subprocess.Popen([sys.executable, "-c", STARTED + what, *words], stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        yield
    finally:
        child.kill()
        child.communicate()


@pytest.fixture
def numbers() -> Iterator[dict[int, str]]:
    """Two namespaces with a table each; their names by their numbers."""
    with fill.namespace(ONE), fill.namespace(TWO):
        for name, rows in ROWS.items():
            fill.fill(name, rows)
        before = {name: _over(name) for name in ROWS}
        yield {os.stat(f"/run/netns/{name}").st_ino: name for name in ROWS}
        for name in ROWS:  # who binds a name anew is killed at any moment
            for _ in range(_over(name) - before[name]):
                subprocess.run(["umount", f"/run/netns/{name}"], check=True)


def _over(name: str) -> int:
    """How many mounts lie at the name of a namespace."""
    return Path("/proc/self/mountinfo").read_text().count(f" /run/netns/{name} ")


@pytest.fixture
def moving(numbers: dict[int, str]) -> Iterator[dict[int, str]]:
    """One process moves between both, and one that came later stays in each."""
    with process(MOVING), process(STAYING), process(STAYING, TWO, ONE):
        yield numbers


@pytest.fixture
def nameless(moving: dict[int, str]) -> Iterator[dict[int, str]]:
    """As before, and no name leads there: something else lies over each."""
    paths = [f"/run/netns/{name}" for name in ROWS]
    for path in paths:
        subprocess.run(["mount", "--bind", "/dev/null", path], check=True)
    yield moving
    for path in paths:
        subprocess.run(["umount", path], check=True)


TIMES = 34
"""Of each command; three of them are a hundred looks."""


def told(words: tuple[str, ...], numbers: dict[int, str]) -> list[str]:
    """What is wrong in what each look at either table says of it; a reason is not wrong."""
    wrong, seen = [], 0
    for attempt in range(TIMES):
        number = list(numbers)[attempt % 2]
        done = ec2rl("conntrack", *words, f"--netns={number}", "--json")
        found = json.loads(done.stdout) if done.stdout else {}
        text = json.dumps(found)
        other = next(SERVERS[name] for one, name in numbers.items() if one != number)
        if done.returncode not in (0, 3) or other in text:
            wrong.append(f"{number}: {done.returncode} {text} {done.stderr}")
        seen += SERVERS[numbers[number]] in text
    assert seen > TIMES // 3, "hardly anything could be seen"
    return wrong


LOOKS = [("top",), ("list",), ("free", "--src=198.18.0.0/15", "--dry-run")]


@pytest.mark.parametrize("words", LOOKS, ids=lambda words: words[0])
def test_a_process_that_moves_shows_nothing_of_another(
    moving: dict[int, str], words: tuple[str, ...]
) -> None:
    assert told(words, moving) == []


@pytest.mark.parametrize("words", LOOKS, ids=lambda words: words[0])
def test_nor_where_no_name_leads_to_it(nameless: dict[int, str], words: tuple[str, ...]) -> None:
    assert told(words, nameless) == []


def test_free_deletes_where_it_counted(moving: dict[int, str]) -> None:
    """All entries of one namespace each time, and never one of the other."""
    number = next(one for one, name in moving.items() if name == TWO)
    for _ in range(TIMES):
        for name, rows in ROWS.items():
            fill.flush(name)
            fill.fill(name, rows)
        words = ("--src=198.18.0.0/15", "--yes", "--json")
        done = ec2rl("conntrack", "free", f"--netns={number}", *words)
        assert (done.returncode, json.loads(done.stdout)["deleted"]) == (0, len(ROWS[TWO]))
        assert [count(name) for name in ROWS] == [len(ROWS[ONE]), 0]


def count(name: str) -> int:
    with fill.inside(name), open("/proc/sys/net/netfilter/nf_conntrack_count") as file:
        return int(file.read())


def test_counts_of_all_namespaces_while_a_process_moves(moving: dict[int, str]) -> None:
    expected = {number: len(ROWS[name]) for number, name in moving.items()}
    for _ in range(TIMES):
        found = json.loads(ec2rl("conntrack", "namespaces", "--json").stdout)["namespaces"]
        counts = {one["inode"]: one["count"] for one in found if one["inode"] in moving}
        assert counts == expected


@pytest.mark.parametrize("words", LOOKS, ids=lambda words: words[0])
def test_a_name_that_is_bound_anew_all_the_time(
    numbers: dict[int, str], words: tuple[str, ...]
) -> None:
    """By its number, while its name stands for the other, for a device, and for it."""
    with process(BINDING):
        assert told(words, numbers) == []


def test_what_is_told_of_a_name_is_of_the_namespace_that_is_told(numbers: dict[int, str]) -> None:
    with process(BINDING):
        for _ in range(TIMES):
            done = ec2rl("conntrack", "top", f"--netns={ONE}", "--json")
            for table in json.loads(done.stdout)["tables"] if done.stdout else []:
                servers = {row["key"] for row in table.get("destinations", {}).get("rows", [])}
                assert servers in (set(), {SERVERS[numbers[table["inode"]]]})


@pytest.mark.parametrize("said", ["name", "PID", "number"])
def test_free_takes_no_namespace_where_two_can_be_meant(
    numbers: dict[int, str], tmp_path: Path, said: str
) -> None:
    """Another's bound file of the same name; a name that is a PID's, or a namespace's, number."""
    sleeping = ["ip", "netns", "exec", TWO, "sleep", "600"]
    with subprocess.Popen(sleeping) as child:
        try:
            two = os.stat(f"/run/netns/{TWO}").st_ino
            name = {"name": TWO, "PID": str(child.pid), "number": str(two)}[said]
            path = tmp_path / name
            path.touch()
            subprocess.run(["mount", "--bind", f"/run/netns/{ONE}", path], check=True)
            try:
                done = ec2rl("conntrack", "free", f"--netns={name}", "--protocol=tcp", "--yes")
            finally:
                subprocess.run(["umount", path], check=True)
        finally:
            child.kill()
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(f"ec2rl: netns {name}: failed (more than one namespace")
    assert all(str(number) in done.stderr for number in numbers)
    assert [count(name) for name in ROWS] == [len(ROWS[ONE]), len(ROWS[TWO])]
