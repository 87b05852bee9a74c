"""`ec2rl conntrack ...` on real tables, in namespaces of their own."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ec2rl.conntrack.report.free_text import matching
from ec2rl.conntrack.table.entry import Entry
from ec2rl.conntrack.table.look import Listing, open_listing
from ec2rl.host import Door
from support import fill
from test_conntrack_commands import SOURCE, START, ec2rl

pytestmark = [pytest.mark.root, pytest.mark.kernel]

NAME, OTHER = f"ec2rl-cli-{os.getpid()}", f"ec2rl-cli2-{os.getpid()}"
DAY = 86400
ROWS = [
    *fill.mixture(1200, lasting=DAY),
    *(fill.Row("192.0.2.1", "192.0.2.2", 100 + i, 53, 17, 0, 0, DAY, 7, 5) for i in range(40)),
    *(fill.Row("192.0.2.1", "192.0.2.2", 100 + i, 53, 17, 0, 0, DAY, 7, 6) for i in range(40)),
    *(fill.Row("2001:db8::7", "2001:db8::8", 5, 1 + i, 6, 3, 6, DAY, 0, 65535) for i in range(40)),
    *(fill.Row("2001:db8::7", "2001:db8::9", 5, 1 + i, 132, 0, 6, DAY) for i in range(40)),
    *(fill.Row("192.0.2.1", "192.0.2.9", 1 + i, 7, 6, 3, 6, 400000 - 6000 * i) for i in range(40)),
]


@pytest.fixture(scope="module")
def both() -> Iterator[None]:
    if os.geteuid() or not shutil.which("ip"):
        pytest.skip("needs root and ip(8)")
    with fill.namespace(NAME), fill.namespace(OTHER):
        yield


@pytest.fixture
def tables(both: None) -> None:
    for name in (NAME, OTHER):
        fill.flush(name)
        fill.fill(name, ROWS)


@pytest.mark.more
def test_all_tables_are_bounded_and_what_is_left_out_is_told(both: None, tmp_path: Path) -> None:
    if int(Path("/proc/sys/net/netfilter/nf_conntrack_max").read_text()) < 262_144:
        pytest.skip("the limit has no room for this")
    names = [f"{NAME}-{number}" for number in range(30)]
    with ExitStack() as stack:
        for name in (OTHER, *names):
            if name != OTHER:
                stack.enter_context(fill.namespace(name))
            fill.flush(name)
            stack.callback(fill.flush, name)
            fill.fill(name, fill.mixture(200_000 if name == OTHER else 3, lasting=DAY))
        done = ec2rl("conntrack", "list", "--netns=all", "--dport=65000", "--json")
        told = json.loads(done.stdout)
        seen = json.loads(ec2rl("conntrack", "whatif", "--netns=all", "--json").stdout)
        words = ec2rl("conntrack", "whatif", "--netns=all").stdout
    assert (done.returncode, told["whole"]) == (3, False)
    assert re.search(r"Not looked into: \d+ more namespaces with \d+ entries", told["missing"][0])
    assert len(seen["left"]) > 10
    assert f"Not looked into: {len(seen['left'])} more namespaces" in words


def entries(name: str) -> Counter[tuple[object, ...]]:
    """Everything of each entry but the time it has left."""
    listing = open_listing(Door(f"/run/netns/{name}"))
    assert isinstance(listing, Listing), listing
    found = Counter(map(identity, listing))
    assert listing.gaps() == ()
    return found


def identity(entry: Entry) -> tuple[object, ...]:
    return (entry.original, entry.reply, entry.state, entry.mark, entry.zone, entry.id)


@pytest.mark.parametrize(
    ("filters", "meant"),
    [
        (["--unreplied"], lambda row: not row.status & fill.SEEN_REPLY),
        (["--src=2001:db8::/32"], lambda row: row.source.startswith("2001:db8:")),
        (["--src=2001:db8::7"], lambda row: row.source == "2001:db8::7"),
        (["--dst=192.0.2.2", "--protocol=udp", "--zone=5"], lambda row: row.zone == 5),
        (["--mark=7", "--zone=6"], lambda row: row.zone == 6),
        (["--protocol=sctp"], lambda row: row.protocol == 132),
        (["--protocol=icmp"], lambda row: row.protocol == 1),
        (["--protocol=icmpv6"], lambda row: row.protocol == 58),
        (["--state=TIME_WAIT,CLOSE_WAIT"], lambda row: row.protocol == 6 and row.state in (7, 5)),
        (["--src=203.0.113.1"], lambda row: False),
    ],
)
def test_free_deletes_what_it_counted_and_never_another(
    tables: None, filters: list[str], meant: object
) -> None:
    assert callable(meant)
    before, elsewhere = entries(NAME), entries(OTHER)
    chosen = sum(map(meant, ROWS))
    dry = ec2rl("conntrack", "free", f"--netns={NAME}", "--dry-run", *filters)
    assert f"{len(ROWS):,} entries, {matching(chosen)}" in dry.stdout
    assert entries(NAME) == before
    refused = ec2rl("conntrack", "free", f"--netns={NAME}", *filters)
    assert refused.returncode == (1 if chosen else 0)
    assert entries(NAME) == before

    listed = ec2rl("conntrack", "list", f"--netns={NAME}", "--json", *filters)
    ids = {entry["id"] for entry in json.loads(listed.stdout)["entries"]}
    done = ec2rl("conntrack", "free", f"--netns={NAME}", "--yes", "--json", *filters)
    facts = json.loads(done.stdout)
    after = entries(NAME)
    assert len(ids) == chosen
    assert {found[-1] for found in before - after} == ids
    assert not after - before
    assert entries(OTHER) == elsewhere
    assert facts["matched"] == facts["chosen"] == chosen
    if chosen:
        told = [facts[n] for n in ("deleted", "gone_by_themselves", "refused", "match_after")]
        assert told == [chosen, 0, [], 0]
        assert facts["count_after"] == len(ROWS) - chosen


def test_free_of_what_has_been_idle(tables: None) -> None:
    """Idle for 32,000 s and more: those with at most 400,000 s left of 432,000."""
    done = ec2rl(
        "conntrack", "free", f"--netns={NAME}", "--dst=192.0.2.9", "--idle-over=2d", "--yes"
    )
    deleted = sum(432000 - (400000 - 6000 * i) >= 2 * DAY for i in range(40))
    assert f"Deleted: {deleted} entries of {deleted}." in done.stdout
    left = [key for key in entries(NAME) if key[0].destination == bytes((192, 0, 2, 9))]  # type: ignore[attr-defined]
    assert len(left) == 40 - deleted


SESSION = """
import os, socket, subprocess, sys
ours = os.open(sys.argv[1], os.O_RDONLY)
sys.path.insert(0, sys.argv[3])
from support.fill import setns
setns(ours)
server = socket.create_server(("127.0.0.1", 0))
port = server.getsockname()[1]
client = socket.create_connection(("127.0.0.1", port))
other, _ = server.accept()
mapped = socket.socket(socket.AF_INET6)
mapped.connect(("::ffff:127.0.0.1", port))
words = ["conntrack", "free", "--src=127.0.0.0/8", "--yes", "--json"]
start = [sys.executable, "-I", "-S", "-c", sys.argv[4], sys.argv[2]]
done = subprocess.run([*start, *words], stdout=subprocess.PIPE)
sys.stdout.buffer.write(done.stdout)
client.send(b"x")
assert other.recv(1) == b"x"
"""


def test_free_keeps_the_connections_that_the_caller_hangs_on(both: None) -> None:
    """A process in the namespace holds two connections, and starts `free` for all of them."""
    if not shutil.which("nft"):
        pytest.skip("nft is not installed")
    fill.flush(NAME)
    with fill.inside(NAME):
        subprocess.run(
            [
                "nft",
                "add table t; add chain t c { type filter hook output priority 0; ct state new; }",
            ],
            check=True,
        )
    fill.fill(NAME, [fill.Row("127.0.0.1", "127.0.0.9", 1 + i, 80, 6, 3, 6, DAY) for i in range(5)])
    tests = str(Path(__file__).resolve().parent)
    words = [f"/run/netns/{NAME}", str(SOURCE), tests, START]
    done = subprocess.run(
        [sys.executable, "-c", SESSION, *words], check=True, stdout=subprocess.PIPE, timeout=60
    )
    facts = json.loads(done.stdout)
    assert [facts[name] for name in ("matched", "kept_for_sessions", "deleted")] == [7, 2, 5]


def test_top_and_its_owners_of_a_real_namespace(tables: None) -> None:
    done = ec2rl("conntrack", "top", f"--netns={NAME}", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    (table,) = json.loads(done.stdout)["tables"]
    assert [table[name] for name in ("count", "seen", "counted", "gaps")] == [len(ROWS)] * 3 + [[]]
    expected = Counter(row.source for row in ROWS)
    assert {row["key"]: row["entries"] for row in table["sources"]["rows"]} == {
        row["key"]: expected[row["key"]] for row in table["sources"]["rows"]
    }
    assert table["owners"] == [
        {
            "owner": "no process here",
            "entries": sum(row["entries"] for row in table["owners"]),
            "share": table["owners"][0]["share"],
        }
    ]


SPEAKER = """
import os, socket, sys, time
sys.path.insert(0, sys.argv[2])
from support.fill import setns
setns(os.open(sys.argv[1], os.O_RDONLY))
server = socket.create_server(("127.0.0.1", 7070))
kept = [socket.create_connection(("127.0.0.1", 7070)) for _ in range(30)]
with open("/proc/self/comm", "w") as file:
    file.write("hoarder")
print("ready", flush=True)
time.sleep(60)
"""


def test_the_process_behind_the_entries_is_named(both: None) -> None:
    if not shutil.which("nft"):
        pytest.skip("nft is not installed")
    fill.flush(NAME)
    with fill.inside(NAME):
        subprocess.run(
            [
                "nft",
                "add table t; add chain t c { type filter hook output priority 0; ct state new; }",
            ],
            check=True,
        )
    words = [f"/run/netns/{NAME}", str(Path(__file__).resolve().parent)]
    speaker = subprocess.Popen([sys.executable, "-c", SPEAKER, *words], stdout=subprocess.PIPE)
    try:
        assert speaker.stdout is not None
        assert speaker.stdout.readline() == b"ready\n"
        done = ec2rl("conntrack", "top", f"--netns={NAME}", "--by=owner")
        by_pid = ec2rl("conntrack", "top", f"--netns={speaker.pid}", "--by=owner")
    finally:
        speaker.kill()
        speaker.communicate()
    (row,) = [line for line in done.stdout.splitlines() if "hoarder" in line and "100%" in line]
    assert row.split()[-2:] == ["30", "100%"]
    assert row in by_pid.stdout


def test_what_if_and_size_and_namespaces_of_a_real_table(tables: None) -> None:
    answer = ec2rl(
        "conntrack", "whatif", f"--netns={NAME}", "tcp_timeout_established=172800", "--json"
    )
    (table,) = json.loads(answer.stdout)["tables"]
    (effect,) = table["timeouts"]
    idle = [432000 - (400000 - 6000 * i) for i in range(40)]
    gone = sum(seconds >= 172800 for seconds in idle)
    rest = [row for row in ROWS if row.protocol == 6 and row.state == 3 and row.timeout == DAY]
    assert abs(effect["gone_steady"] - gone - len(rest)) <= effect["uncertain"] + 1
    sized = ec2rl("conntrack", "size", f"--netns={NAME}", "--interval=1", "--json")
    (table,) = json.loads(sized.stdout)["tables"]
    assert table["recommended"]["max"] >= table["max"]
    assert table["need"]["entries"] >= len(ROWS)
    assert table["seconds_to_full"] is not None
    found = json.loads(ec2rl("conntrack", "namespaces", "--json").stdout)
    counts = {one["names"][0]: one["count"] for one in found["namespaces"] if one["names"]}
    assert counts[f"/run/netns/{NAME}"] == counts[f"/run/netns/{OTHER}"] == len(ROWS)


def test_a_large_table_is_told_from_a_sample_first(both: None) -> None:
    fill.flush(NAME)
    fill.fill(NAME, fill.mixture(61_000, lasting=DAY))
    text = ec2rl("conntrack", "top", f"--netns={NAME}", "--by=src", "--limit=3").stdout
    first, _, whole = text.partition("The whole table:\n")
    assert "in random order; bounds hold in 95 of 100 cases" in " ".join(first.split())
    assert "  between\n" in first
    assert "  between\n" not in whole
    (table,) = json.loads(
        ec2rl("conntrack", "top", f"--netns={NAME}", "--sample=5000", "--json").stdout
    )["tables"]
    assert 5000 <= table["seen"] < 6000
    assert table["sample"] is True
    truth = Counter(row.source for row in fill.mixture(61_000))
    inside = [
        row["estimate"]["low"] <= truth[row["key"]] <= row["estimate"]["high"]
        for row in table["sources"]["rows"]
    ]
    assert sum(inside) >= 4  # of five, and all five in 95 of 100 runs


def test_ctrl_c_gives_what_was_seen(both: None) -> None:
    fill.flush(NAME)
    fill.fill(NAME, fill.mixture(61_000, lasting=DAY))
    begin = time.monotonic()
    for attempt in range(60):
        running = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", START, str(SOURCE), "conntrack", "top",
             f"--netns={NAME}", "--by=state", "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(0.1 + 0.03 * attempt)
        running.send_signal(signal.SIGINT)
        out, _ = running.communicate(timeout=60)
        if running.returncode == 130 and out:
            break
    else:
        pytest.skip(f"never met the dump in {time.monotonic() - begin:.0f} s")
    (table,) = json.loads(out)["tables"]
    assert table["seen"] < 61_000
    assert table["gaps"] == [f"interrupted after {table['seen']:,} of 61,000 entries"]


def test_a_namespace_that_vanishes_is_said(both: None) -> None:
    name = f"ec2rl-cli3-{os.getpid()}"
    with fill.namespace(name):
        inode = os.stat(f"/run/netns/{name}").st_ino
        assert ec2rl("conntrack", "top", f"--netns={inode}").returncode == 0
    done = ec2rl("conntrack", "top", f"--netns={inode}")
    assert (done.returncode, done.stderr) == (
        3,
        f"ec2rl: netns {inode}: absent (no namespace has this number)\n",
    )


def test_without_the_right_to_look(tables: None) -> None:
    """As nobody: the missing capability is named, and nothing is deleted."""
    python = "/usr/bin/python3"
    if not os.access(python, os.X_OK):
        pytest.skip("nobody may not read this Python, and there is no other")
    start = "import os; os.setgid(65534); os.setuid(65534); " + START
    before = entries(NAME)
    for words in (["top"], ["list"], ["free", "--unreplied", "--yes"]):
        done = subprocess.run(
            [python, "-I", "-S", "-c", start, str(SOURCE), "conntrack", *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stdout) == (3, "")
        assert "denied (needs CAP_NET_ADMIN)" in done.stderr
    assert entries(NAME) == before
