"""`ec2rl conntrack ... --record` and `--replay`: the same answers from what was looked at."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from conntrack.test_top_recorded import CASE
from ec2rl.host.recording import inert, sections
from support import fill
from test_conntrack_commands import ec2rl

pytestmark = pytest.mark.more

LOOKS, TOP = CASE.split("-- expect --\n")
TIMEOUTS = """\
-- /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established --
432000
-- /proc/sys/net/netfilter/nf_conntrack_udp_timeout --
30
"""
ENTRIES = sections(CASE)[1]["conntrack -L"].strip().split("\n")


@pytest.fixture
def recording(tmp_path: Path) -> str:
    path = tmp_path / "top.case"
    path.write_text(inert(f"{LOOKS}{TIMEOUTS}-- expect --\n"))
    return str(path)


def head(recording: str) -> str:
    return f"the recording {recording}, as recorded on 2026-11-24 02:00:00 +0000"


def test_top_is_that_of_the_machine_and_says_whose_it_is(recording: str) -> None:
    done = ec2rl("conntrack", "top", f"--replay={recording}")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{head(recording)}:\n\n{TOP}\n"
    answer = json.loads(ec2rl("conntrack", "top", f"--replay={recording}", "--json").stdout)
    assert answer["recorded"] == {"name": f"the recording {recording}", "time": 1795485600.0}
    assert answer["tables"][0]["count"] == 4


def test_list_gives_the_entries_alone_and_filters_them(recording: str) -> None:
    done = ec2rl("conntrack", "list", f"--replay={recording}")
    assert (done.returncode, done.stdout.strip().split("\n")) == (0, ENTRIES)
    assert done.stderr == f"ec2rl: {head(recording)}\n"
    done = ec2rl("conntrack", "list", "--unreplied", "--json", f"--replay={recording}")
    answer = json.loads(done.stdout)
    assert [one["original"]["destination"] for one in answer["entries"]] == ["192.0.2.1"]
    assert (answer["whole"], answer["missing"]) == (True, [])
    assert answer["recorded"]["time"] == 1795485600.0


def test_what_was_not_recorded_of_a_table_is_said(recording: str) -> None:
    text = Path(recording).read_text()
    Path(recording).write_text(text.replace("_count --\n# 4\n", "_count --\n# 9\n"))
    done = ec2rl("conntrack", "list", f"--replay={recording}")
    assert done.stderr.endswith("this network namespace: 4 of 9 entries were recorded\n")


def test_whatif_and_size_answer_from_the_same(recording: str) -> None:
    done = ec2rl("conntrack", "whatif", "udp_timeout=10", f"--replay={recording}")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{head(recording)}:\n\nthis network namespace: 4 of 16 entries" in done.stdout
    assert "udp_timeout " in done.stdout
    done = ec2rl("conntrack", "size", f"--replay={recording}")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Recommended:  as it is: max 16, buckets 1,024\n" in done.stdout
    assert "Full in:      unknown: that takes two looks" in done.stdout


def test_a_size_that_was_too_small_gives_no_command_for_this_machine(recording: str) -> None:
    text = Path(recording).read_text()
    Path(recording).write_text(text.replace("_max --\n# 16\n", "_max --\n# 4\n"))
    done = ec2rl("conntrack", "size", f"--replay={recording}")
    assert re.search(r"net\.netfilter\.nf_conntrack_max=\d+ \(it was 4\)\n", done.stdout)
    assert "ec2rl fix" not in done.stdout


def test_who_is_behind_connections_that_nobody_asked_about_is_not_made_up(recording: str) -> None:
    done = ec2rl("conntrack", "top", "--by=owner", f"--replay={recording}")
    assert done.returncode == 3
    assert "no process here" not in done.stdout
    said = "ec2rl: this network namespace: who is behind its connections was not recorded\n"
    assert done.stderr == said


def test_a_recording_that_is_cut_is_told(recording: str) -> None:
    text = Path(recording).read_text()
    Path(recording).write_text(text[: text.index("# ipv4     2 udp") + 30])
    done = ec2rl("conntrack", "list", f"--replay={recording}")
    assert done.returncode == 3
    assert done.stdout.strip().split("\n") == ENTRIES[:3]
    assert "3 of 4 entries were recorded" in done.stderr
    assert "Not whole: the recording is cut; what is missing may have stood there" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("top", "--replay=a", "--file=b"),
            "--file, --sysctl: a table by itself: not",
        ),
        (
            ("list", "--record=a", "--file=b"),
            "--file, --sysctl: a table by itself: not",
        ),
        (("size", "--replay=a", "--record=b"), "--record is of this machine: not with --replay"),
        (("top", "--mask"), "--mask is about what --record writes"),
        (("whatif", "--replay=/nonexistent"), "--replay=/nonexistent: No such file"),
        (("top", "--record=/nonexistent/x"), "--record=/nonexistent/x: No such file"),
        (("free", "--unreplied", "--replay=a"), "free deletes from a table of this machine, and"),
    ],
)
def test_what_makes_no_sense(words: tuple[str, ...], said: str) -> None:
    done = ec2rl("conntrack", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"ec2rl: {said}")


def test_what_is_no_recording(tmp_path: Path) -> None:
    path = tmp_path / "no"
    path.write_text("-- a --\n-- a --\n")
    done = ec2rl("conntrack", "top", f"--replay={path}")
    assert done.returncode == 2
    assert done.stderr.startswith(f"ec2rl: --replay={path}: not a recording: line 2: a second")


FREEING = (
    "to free entries now see: ./ec2rl help conntrack free",
    "what frees entries now is conntrack free, on that machine",
)


@pytest.mark.root
@pytest.mark.kernel
def test_what_is_recorded_of_the_kernel_gives_the_same_answers(tmp_path: Path) -> None:
    if os.geteuid() or not shutil.which("ip"):
        pytest.skip("needs root and ip(8)")
    name = f"ec2rl-replay-{os.getpid()}"
    commands = {
        "top": ("top", f"--netns={name}"),
        "list": ("list", f"--netns={name}"),
        "size": ("size", f"--netns={name}", "--interval=1"),
        "whatif": ("whatif", f"--netns={name}"),
        "namespaces": ("namespaces",),
    }
    seen = {}
    with fill.namespace(name):
        fill.fill(name, fill.mixture(1200, lasting=86400))
        for which, words in commands.items():
            seen[which] = ec2rl("conntrack", *words, f"--record={tmp_path}/{which}")
        masked = ec2rl("conntrack", "top", f"--netns={name}", f"--record={tmp_path}/m", "--mask")
    assert os.stat(tmp_path / "top").st_mode & 0o777 == 0o600
    for which, words in commands.items():
        again = ec2rl("conntrack", *words, f"--replay={tmp_path}/{which}")
        first = seen[which]
        assert again.returncode == first.returncode, again.stderr
        told = again.stdout.partition(":\n\n")[2] if which != "list" else again.stdout
        if which == "size":  # the command for the machine itself is left out
            first_lines = [x for x in first.stdout.split("\n") if "ec2rl fix" not in x]
            assert told == "\n".join(first_lines).replace(" (now ", " (it was ")
            assert "two looks, 1." in told
        elif which == "whatif":  # of what frees entries that machine alone has the command
            here, there = FREEING
            live, as_told = (" ".join(text.split()) for text in (first.stdout, told))
            assert here in live
            assert as_told == live.replace(here, there)
        else:
            assert told == first.stdout
    assert "1,200" in seen["top"].stdout
    assert masked.stdout
    text = (tmp_path / "m").read_text()
    assert name not in text
