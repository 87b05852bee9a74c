"""python3-minimal: what can work works, and what cannot says which Python to install."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from ec2rl.conntrack.queries.counters import ConntrackCounters
from ec2rl.host import Door
from ec2rl.host.journal.payload import UnknownFormatError, _zstd_of_system
from ec2rl.host.live import LiveHost
from ec2rl.host.netns import NetnsHost
from ec2rl.model import Unreadable, Why
from ec2rl.report.difference import every_line
from support.cases import CASES
from support.lacking import ec2rl

DEBIAN = ("resource", "json", "_json", "difflib", "shlex", "ctypes", "_ctypes", "lzma", "bz2")
"""What python3.11-minimal of Debian 12 lacks of what is imported anywhere; 11 and 13 lack less."""

INSTALL = "; install python3 (python3-minimal is not enough), or name another by EC2RL_PYTHON\n"
NO_FILE = "no file is touched: ctypes of this Python cannot be loaded (No module named 'ctypes')"
FULL = next(
    path for path in CASES if path.parent.name == "conntrackfull" and path.stem == "losing_many"
)


@pytest.mark.parametrize(
    "line",
    [
        "version", "help", "list", "list --json", "software-check", "bug-report",
        "explain oomkiller", "conntrack namespaces", "boot vm.swappiness",
        "history", "fix neighbourfull --dry-run", "run --no-save --since=today --interval=0",
    ],
)  # fmt: skip
@pytest.mark.more
def test_what_can_work_works(line: str) -> None:
    done = ec2rl(DEBIAN, *line.split())
    assert done.returncode in (0, 1, 3)  # this machine may be well or not
    assert done.stdout
    assert "fault" not in done.stderr
    said = (done.stderr + done.stdout).replace(NO_FILE, "")  # of a host that has something to mend
    assert "No module named" not in said


@pytest.mark.more
def test_a_recording_is_judged(tmp_path: Path) -> None:
    whole, small = (
        ec2rl(without, "run", "--no-save", "--json", "--only-modules=conntrackfull",
              f"--replay={FULL}")
        for without in ((), DEBIAN)
    )  # fmt: skip
    assert (small.returncode, small.stderr) == (whole.returncode, whole.stderr)
    mine, theirs = (json.loads(done.stdout)["results"] for done in (small, whole))
    for one in (*mine, *theirs):
        del one["seconds"]
    assert mine == theirs


@pytest.mark.parametrize("line", ["run --no-save README.md", "run --no-save --root=/etc"])
def test_what_cannot_work_says_what_to_install(line: str) -> None:
    done = ec2rl(DEBIAN, *line.split())
    assert done.returncode == 69
    assert done.stderr.startswith("ec2rl: this Python lacks something: No module named '")
    assert done.stderr.endswith(INSTALL)


def test_a_typing_error_is_told_without_a_suggestion() -> None:
    done = ec2rl(DEBIAN, "rum")
    assert done.returncode == 2
    assert "unknown subcommand 'rum': known are run, list, " in done.stderr


def test_without_difflib_a_plan_shows_every_line() -> None:
    assert every_line(["a\n", "b\n"], ["b\n"]) == ["@@ -1,2 +1 @@\n", "-a\n", "-b\n", "+b\n"]
    assert every_line([], ["b\n"]) == ["@@ -0,0 +1 @@\n", "+b\n"]


@pytest.fixture
def no_ctypes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ctypes", None)
    monkeypatch.delattr(os, "setns", raising=False)


@pytest.mark.usefixtures("no_ctypes")
def test_a_namespace_that_cannot_be_entered_is_told_as_such() -> None:
    away = NetnsHost(Door("/proc/self/ns/net", None), LiveHost())
    for look in (
        away.read("/proc/net/dev"),
        away.names("/proc/sys/net"),
        away.query(ConntrackCounters()),
    ):
        assert isinstance(look, Unreadable)
        assert look.why is Why.FAILED
        assert look.detail == "this Python has no ctypes, and enters no namespace: install python3"


@pytest.mark.usefixtures("no_ctypes")
def test_a_payload_that_cannot_be_unpacked_says_what_is_lacking() -> None:
    with pytest.raises(UnknownFormatError, match="has no ctypes: install python3"):
        _zstd_of_system()
