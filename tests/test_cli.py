"""The command line, as somebody types it: words in, words and an exit status out."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2rl.arguments import UsageError, moment, parse, seconds
from ec2rl.catalogue import names
from ec2rl.commands import all_commands
from ec2rl.report.wording import summary
from support.examples import examples

COMMANDS = all_commands()

ROOT = Path(__file__).resolve().parents[1]
NOW = 1795485600.0  # 2026-11-24 02:00 UTC


def ec2rl(*words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-S", str(ROOT / "src/ec2rl/__main__.py"), *words],
        capture_output=True, text=True, errors="replace", timeout=120, check=False, **more,
    )  # fmt: skip


def run(folder: Path, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    folder.chmod(0o700)
    only = "--only-modules=conntrackfull"
    return ec2rl("run", only, "--interval=0", f"--output-dir={folder}", *words, **more)


@pytest.mark.parametrize(
    "mistake",
    [
        (["runn"], "unknown subcommand 'runn': did you mean run?", "ec2rl help"),
        (["diagnose"], "unknown subcommand 'diagnose': did you mean run?", "ec2rl help"),
        (["rollback", "3"], "unknown subcommand 'rollback': did you mean undo?", "ec2rl help"),
        (["run", "--format=json"], "unknown option of run '--format': did you mean --output?"),
        (["run", "--only-modulse=x"], "unknown option of run '--only-modulse': did you mean "
         "--only-modules?"),
        (["version", "--foo"], "unknown option of version '--foo': known are --output, --json"),
        (["run", "--only"], "option of run '--only' may be one of several: --only-modules, "
         "--only-domains, --only-classes"),
        (["h"], "subcommand 'h' may be one of several: help, history", "ec2rl help"),
        (["run", "-x"], "unknown option '-x': options begin with two dashes"),
        (["run", "x.log"], "x.log: No such file or directory"),
        (["run", "--root=/", "x"], "run takes no 'x' there: it stands alone, or behind --log"),
        (["run", "--json=1"], "--json takes no value"),
        (["run", "--deadline"], "--deadline needs a value: --deadline=TIME"),
        (["run", "--deadline="], "--deadline needs a value: --deadline=TIME"),
        (["run", "--deadline", "--json"], "--deadline needs a value: --deadline=TIME"),
        (["run", "--deadline=0"], "--deadline=0: not a number of seconds from 1 to 86,400"),
        (["run", "--interval=-1"], "--interval=-1: not a number of seconds from 0 to 30; write it "
         "as 30, 500ms, 90s, 5m, 1h30m or 2d"),
        (["run", "--interval=1m"], "--interval=1m: not a number of seconds from 0 to 30"),
        (["run", "--interval=5", "--deadline=8"],
         "--interval=5 leaves no time to look in --deadline=8"),
        (["run", "--concurrency=0"], "--concurrency=0: not a number from 1 to 100"),
        (["run", "--output=xml"], "--output=xml: one of text, json"),
        (["run", "--color=blue"], "--color=blue: one of auto, always, never"),
        (["run", "--fail-on=all"], "--fail-on=all: one of failure, warn"),
        (["run", "--only-modules=contrackfull"], "unknown module 'contrackfull': did you mean "
         "conntrackfull?", "ec2rl list"),
        (["run", "--no=contrackful"], "unknown module 'contrackful': did you mean conntrackfull?",
         "ec2rl list"),
        (["run", "--only-domains=nett"], "unknown domain 'nett': did you mean net?", "ec2rl list"),
        (["run", "--only-classes=diagnos"], "unknown class 'diagnos': did you mean diagnose?",
         "ec2rl list"),
        (["run", "--since=@99999999999"], "--since=@99999999999: that time is still to come"),
        (["run", "--until=@99999999999"], "--until=@99999999999: that time is still to come"),
        (["run", "--since=1h", "--until=2h"], "--until=2h: before --since=1h"),
        (["run", "--record=/nonexistent/x"], "--record=/nonexistent/x: No such file or directory"),
        (["help", "rnu"], "unknown subcommand or module 'rnu': did you mean run?", "ec2rl help"),
        (["explain"], "explain takes a module: sudo ./ec2rl explain MODULE", "ec2rl list"),
        (["undo", "x"], "undo x: not the number of a change", "ec2rl history"),
        (["keep", "x"], "keep takes the number of a change", "ec2rl history"),
        (["version", "\x1b[2J"], "version takes no '\\x1b[2J'"),
        (["conntrack", "top", "--by=x"], "--by=x: one of src, dst, service, pair, state, protocol, "
         "owner, zone, mark", "ec2rl help conntrack top"),
        (["conntrack", "tpo"], "unknown conntrack 'tpo': did you mean top?",
         "ec2rl help conntrack"),

    ],
)  # fmt: skip
def test_a_mistake_is_told_with_what_was_meant(mistake: tuple[Any, ...]) -> None:
    words, told, see = (*mistake, f"ec2rl help {mistake[0][0]}")[:3]
    done = ec2rl(*words)
    assert (done.returncode, done.stdout) == (2, "")
    root = "sudo " if see == "ec2rl history" else ""
    assert done.stderr == f"ec2rl: {told}\nec2rl: see: {root}./{see}\n"


def test_no_word_at_all() -> None:
    done = ec2rl()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("ec2rl: missing subcommand: one of run, ")


@pytest.mark.parametrize("name", ["fix", "undo", "keep", "conntrack free"])
def test_what_changes_a_machine_shows_first_and_can_be_told_not_to_ask(name: str) -> None:
    assert {"dry-run", "yes"} <= {*COMMANDS[name].options}


@pytest.mark.parametrize("name", [*COMMANDS, *names()])
@pytest.mark.sampled(5)
def test_there_is_help_for_everything(name: str) -> None:
    done = ec2rl("help", name)
    assert (done.returncode, done.stderr) == (0, "")
    assert name in done.stdout
    for option in COMMANDS[name].options if name in COMMANDS else ():
        assert f"--{option}" in done.stdout
    if name in COMMANDS:
        sections = [line.partition(": ")[0] for line in done.stdout.split("\n") if line[:1] > " "]
        assert sections == ["Usage", "Options:", "Exit status"]
        assert "Exit status: 0 " in done.stdout
        assert ec2rl(name, "--help").stdout == done.stdout


@pytest.mark.parametrize(
    ("short", "whole"),
    [
        (("-V",), ("version",)),
        (("hist",), ("history",)),
        (("li", "--js", "--only-d=net"), ("list", "--json", "--only-domains=net")),
        (("c", "na", "-h"), ("help", "conntrack namespaces")),
    ],
)
def test_what_begins_one_word_alone_is_taken_for_it(
    short: tuple[str, ...], whole: tuple[str, ...]
) -> None:
    done = ec2rl(*short)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.sub(r'"time": ".*"', "", done.stdout) == re.sub(
        r'"time": ".*"', "", ec2rl(*whole).stdout
    )


def test_evidence_is_named_behind_run() -> None:
    usage = ec2rl("help", "run").stdout.splitlines()
    assert usage[0] == "Usage: ec2rl run [FILE ...] [OPTIONS]"
    assert "FILE is told by its content" in usage[2]


def test_the_list_names_every_module_and_lists_intersect() -> None:
    rows = ec2rl("list").stdout.splitlines()[1:]
    assert [row.split()[0] for row in rows] == list(names())
    assert ec2rl("list", "--only-modules=conntrackfull", "--only-domains=net").returncode == 0
    told = json.loads(ec2rl("list", "--only-modules=conntrackfull", "--json").stdout)
    [one] = told["modules"]
    assert (one["name"], one["domain"], one["fix"]) == ("conntrackfull", "net", True)
    assert {"name": "max", "key": "net.netfilter.nf_conntrack_max"} in one["settings"]
    done = ec2rl("list", "--only-modules=conntrackfull", "--no=conntrackfull")
    assert (done.returncode, done.stdout) == (3, "No module is of all these kinds.\n")


def test_a_bug_report_names_no_host() -> None:
    done = ec2rl("bug-report")
    assert done.returncode == 0
    assert os.uname().release in done.stdout
    words = done.stdout.replace("/", " ").split()
    assert os.uname().nodename not in words


def test_the_exit_status_is_that_of_the_verdict(tmp_path: Path) -> None:
    done = run(tmp_path, "--json")
    status = json.loads(done.stdout)["results"][0]["status"]
    assert done.returncode == {"SUCCESS": 0, "WARN": 0, "FAILURE": 1, "UNKNOWN": 3}[status]
    assert run(tmp_path, "--exit-zero").returncode == 0
    if status == "WARN":
        assert run(tmp_path, "--fail-on=warn").returncode == 1
    nothing = run(tmp_path, "--no=conntrackfull")
    assert nothing.returncode == 3
    assert nothing.stderr == "ec2rl: no module is of all these kinds; see: ./ec2rl list\n"


@pytest.mark.more
def test_colour_and_the_form_of_the_output(tmp_path: Path) -> None:
    assert "\x1b[" not in run(tmp_path).stdout
    assert "\x1b[" in run(tmp_path, "--color=always").stdout
    assert "\x1b[" not in run(tmp_path, "--color=never").stdout
    assert json.loads(run(tmp_path, "--output=json").stdout)["schema_version"] == 1
    for saved in tmp_path.glob("*/report.txt"):
        assert "\x1b" not in saved.read_text()
    ascii_only = run(tmp_path, env={"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"})
    assert "[Diagnostic Results]" in ascii_only.stdout


@pytest.mark.parametrize("words", [("boot", "vm.swappiness"), ("conntrack", "boot")])
@pytest.mark.more
def test_every_answer_has_the_form_that_is_asked_for(words: tuple[str, ...]) -> None:
    forms = ("--json", "--output=json", "--output=text")
    told = [ec2rl(*words, form, "--root=/etc/skel").stdout for form in forms]
    first, second = map(json.loads, told[:2])
    assert {**first, "time": 0} == {**second, "time": 0}
    assert told[2] == ec2rl(*words, "--root=/etc/skel").stdout
    assert told[2][0] != "{"
    refused = ec2rl(*words, "--output=xml")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--output=xml: one of text, json" in refused.stderr


def test_a_reader_who_leaves_is_no_fault(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    tmp_path.chmod(0o700)
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(ROOT / "src/ec2rl/__main__.py"), "run", "--exit-zero",
         "--only-modules=conntrackfull", "--interval=0", f"--output-dir={tmp_path}"],
        stdout=write, stderr=subprocess.PIPE, timeout=60, check=False,
    )  # fmt: skip
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(list(tmp_path.glob("*/report.json"))) == 1


def test_a_full_standard_output_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(ROOT / "src/ec2rl/__main__.py"), "version"],
            stdout=full, stderr=subprocess.PIPE, timeout=60, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (
        4,
        b"ec2rl: results not shown: No space left on device\n",
    )


def test_a_recording_is_replayed_to_the_same_verdict(tmp_path: Path) -> None:
    from ec2rl.catalogue import load
    from ec2rl.host.recording import RecordedHost, sections
    from ec2rl.module import Options, diagnose

    case = tmp_path / "case.txt"
    done = run(tmp_path, "--json", f"--record={case}")
    (result,) = json.loads(done.stdout)["results"]
    host = RecordedHost(sections(case.read_bytes().decode())[1])
    finding = diagnose(load("conntrackfull"), host, Options(sample=0)).finding
    assert (finding.verdict.name, summary(finding)) == (result["verdict"], result["summary"])


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("now", NOW),
        ("2h", NOW - 7200),
        ("2h ago", NOW - 7200),
        ("today", NOW - 7200),
        ("yesterday", NOW - 93600),
        ("@1790000000", 1790000000.0),
        ("2026-11-24 01:00", NOW - 3600),
        ("2026-11-24T01:00:00Z", NOW - 3600),
        ("01:30", NOW - 1800),
    ],
)
def test_since_understands_a_time(text: str, when: float) -> None:
    assert moment("since", text, NOW) == when


@pytest.mark.parametrize("text", ["@nan", "@inf", "@1e999", "tomorrow", "03:00", "2027-01-01", "x"])
def test_since_refuses_what_is_no_time_of_the_past(text: str) -> None:
    with pytest.raises(UsageError):
        moment("since", text, NOW)


def test_an_hour_that_is_still_to_come_is_told_as_yesterday_s() -> None:
    with pytest.raises(UsageError, match=r"to come; yesterday's is --since='2026-11-23 23:00'$"):
        moment("since", "23:00", NOW)


@examples(2000)
@given(st.lists(st.text(max_size=12) | st.sampled_from(["run", "--json", "--", "--no", "="])))
@pytest.mark.more
def test_any_words_are_understood_or_refused(words: list[str]) -> None:
    for ask in (
        lambda: parse(words, COMMANDS),
        lambda: moment("since", "".join(words), NOW),
        lambda: seconds("deadline", "".join(words), 1, 9),
    ):
        try:
            ask()
        except UsageError:
            continue
