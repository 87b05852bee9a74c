"""Where the kernel's text is all that may be read: the whole is told, or that it is a part."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

from support import fill
from test_conntrack_commands import SOURCE, START

NAME = f"ec2rl-parts-{os.getpid()}"
DAY = 86400
MANY = 61_000
"""More than a first answer is given for."""
BUSY = 35_400
FEW = 5
"""A text goes on in a chain of the hash by counting, and other namespaces' entries are in it."""

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(not shutil.which("setpriv"), reason="needs setpriv(1) of util-linux"),
]


@pytest.fixture(scope="module")
def table() -> Iterator[None]:
    """35,400 entries of one client, and 25,600 of as many others: first come those."""
    rows = [
        fill.Row(source, "192.0.2.1", 5000, 443, 6, 3, 6, DAY)
        for source in fill.sources(MANY - BUSY)
    ]
    rows += [fill.Row("203.0.113.5", "192.0.2.1", 1024 + i, 443, 6, 3, 6, DAY) for i in range(BUSY)]
    with fill.namespace(NAME):
        fill.fill(NAME, rows)
        yield


BARE = [
    *("ip", "netns", "exec", NAME, "setpriv"),
    *("--bounding-set=-net_admin", "--inh-caps=-net_admin", sys.executable, "-I", "-S", "-c"),
]
"""Root in the namespace without CAP_NET_ADMIN, as in a container of docker's."""


def denied(*words: str) -> subprocess.CompletedProcess[str]:
    command = [*BARE, START, str(SOURCE), "conntrack", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_top_without_the_right_to_dump_is_of_the_whole_table(table: None) -> None:
    done = denied("top", "--by=src", "--limit=2")
    first, found, whole = done.stdout.partition("The whole table:\n")
    assert done.returncode == 0, done.stderr
    assert found
    words = " ".join(first.split())
    assert "Seen: 20,000 of 61,000 entries (33%), in random order; bounds hold in 95" in words
    rows = (line.replace(",", "").split() for line in first.splitlines())
    (row,) = [row for row in rows if row[:1] == ["203.0.113.5"]]
    assert int(row[-3]) <= BUSY <= int(row[-1])
    rows = (line.replace(",", "").split() for line in whole.splitlines())
    (row,) = [row for row in rows if row[:1] == ["203.0.113.5"]]
    assert abs(int(row[1]) - BUSY) <= FEW


def test_a_sample_of_the_text_has_bounds_that_hold(table: None) -> None:
    done = denied("top", "--sample=5000", "--json")
    (seen,) = json.loads(done.stdout)["tables"]
    told = [seen[name] for name in ("seen", "counted", "whole", "sample")]
    assert told == [5000, seen["counted"], False, True]
    assert abs(seen["counted"] - MANY) <= FEW
    row = seen["sources"]["rows"][0]
    assert row["key"] == "203.0.113.5"
    assert row["estimate"]["low"] <= BUSY <= row["estimate"]["high"]


def test_what_if_size_and_list_are_of_the_whole_table(table: None) -> None:
    (seen,) = json.loads(denied("whatif", "--json").stdout)["tables"]
    assert seen["whole"] is True
    assert abs(seen["entries_today"] - MANY) <= FEW
    (seen,) = json.loads(denied("size", "--interval=0", "--json").stdout)["tables"]
    assert seen["whole"] is True
    assert abs(seen["seen"] - MANY) <= FEW
    listed = json.loads(denied("list", "--src=203.0.113.5", "--json").stdout)
    assert listed["whole"] is True
    assert abs(len(listed["entries"]) - BUSY) <= FEW


def test_free_deletes_nothing_that_it_cannot_name(table: None) -> None:
    done = denied("free", "--src=203.0.113.5", "--yes")
    said = "ec2rl: the entries could only be read as text: deleting needs CAP_NET_ADMIN\n"
    assert (done.returncode, done.stdout, done.stderr) == (3, "", said)


def test_the_sample_of_a_run_is_drawn_from_all_of_the_text(table: None) -> None:
    """The share of one client in 4,000 entries is that in the table, within the bounds."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "from ec2rl.host.live import LiveHost;"
        "from ec2rl.conntrack.queries.entries import ConntrackEntries;"
        "print(LiveHost().query(ConntrackEntries(4000)).text.count('src=203.0.113.5 '))"
    )
    done = subprocess.run([*BARE, code, str(SOURCE)], capture_output=True, text=True, check=True)
    assert abs(int(done.stdout) / 4000 - BUSY / MANY) < 0.03
