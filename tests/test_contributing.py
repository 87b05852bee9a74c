"""CONTRIBUTING and `./new-module`, followed in a temporary copy of the project."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ec2rl.commands import all_commands
from support.recipe import ROOT, copy_of_the_project, followed, said_by

pytestmark = pytest.mark.more

TITLE = 'The disk "sda" works'
WRITTEN = {
    "src/ec2rl/modules/diskbroken.py",
    "src/ec2rl/modules/diskbroken.md",
    "tests/modules/diskbroken/found.case",
    "tests/modules/diskbroken/quiet.case",
    "tests/modules/diskbroken/log_denied.case",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return copy_of_the_project(tmp_path)


def files(project: Path) -> set[str]:
    return {
        str(path.relative_to(project))
        for path in project.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def faults_of(project: Path, name: str) -> str:
    """What the tests of every module find, run in the copy for one that is new; "" for nothing."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly",
         "tests/modules/test_cases.py", "-k", name],
        cwd=project, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.stdout if done.returncode else ""


def test_a_new_module_passes_its_cases_at_once(project: Path) -> None:
    before = files(project)
    said = said_by(project, f"./new-module diskbroken --title '{TITLE}'")
    assert files(project) - before == WRITTEN
    assert {line[6:] for line in said.splitlines() if line.startswith("wrote ")} == WRITTEN
    accepted = said_by(project, "./check --accept diskbroken")
    assert accepted.startswith("still to be written: "), "a skeleton is not all that is wanted"
    assert accepted.endswith("every case says what its module says, as far as that is written\n")
    page = project / "src/ec2rl/modules/diskbroken.md"
    whole = page.read_text(encoding="utf-8")
    page.write_text(whole.replace("- `/dev/kmsg`", "- It"), encoding="utf-8")
    why = "`What is read` of diskbroken.md does not name: /dev/kmsg"
    assert why in faults_of(project, "diskbroken")
    page.write_text(whole, encoding="utf-8")
    verdicts = {
        path.stem: path.read_text().partition("-- expect --\n")[2].split()[0]
        for path in project.glob("tests/modules/diskbroken/*.case")
    }
    assert verdicts == {"found": "PROBLEM", "quiet": "OK", "log_denied": "UNKNOWN"}
    assert TITLE in said_by(project, "./ec2rl list")


def test_a_new_module_that_reads_a_file_passes_its_cases_at_once(project: Path) -> None:
    before = files(project)
    said_by(project, f"./new-module diskbroken --title '{TITLE}' --reads /proc/sys/vm/broken")
    cases = project / "tests/modules/diskbroken"
    assert len(files(project) - before) == len(WRITTEN)
    assert (
        (cases / "found.case")
        .read_text()
        .endswith(
            "-- /proc/sys/vm/broken --\n1\n-- expect --\n"
            "PROBLEM diskbroken: Failures of diskbroken found: 1 in /proc/sys/vm/broken\n"
            "-- What helps: TODO\n-- Next: sudo ./ec2rl explain diskbroken\n"
        )
    )
    for path in project.glob("src/ec2rl/modules/diskbroken.*"):
        path.write_text(path.read_text().replace("TODO", "Written"))
    assert said_by(project, "./check --accept diskbroken").endswith("\n1 file written\n")
    assert faults_of(project, "diskbroken") == ""


def test_a_new_module_is_as_every_module_is_to_be(project: Path) -> None:
    said_by(project, f"./new-module diskbroken --title '{TITLE}'")
    assert "are to be written, first: " in faults_of(project, "diskbroken")
    for path in project.glob("src/ec2rl/modules/diskbroken.*"):
        path.write_text(path.read_text().replace("TODO", "Written"))
    assert said_by(project, "./check --accept diskbroken").endswith("\n1 file written\n")
    assert faults_of(project, "diskbroken") == ""
    page = project / "src/ec2rl/modules/diskbroken.md"
    page.write_text(page.read_text().replace("diskbroken: failed on", "quite another phrase"))
    assert "AssertionError: quite another phrase" in faults_of(project, "diskbroken")


def test_a_module_without_a_page_is_explained_all_the_same(project: Path) -> None:
    said_by(project, "./new-module diskbroken && rm src/ec2rl/modules/diskbroken.md")
    said = said_by(project, "./ec2rl explain --page-only diskbroken; echo status $?")
    assert said == "diskbroken has no page: No such file or directory\nstatus 0\n"


def test_a_case_that_cannot_be_understood_keeps_no_other_from_being_written(project: Path) -> None:
    said_by(project, f"./new-module diskbroken --title '{TITLE}'")
    cases = project / "tests/modules/diskbroken"
    for name, old, new in (("found", "sda", "sdb"), ("log_denied", "-- clock", "-- clok")):
        case = cases / f"{name}.case"
        case.write_text(case.read_text().replace(old, new, 1))
    (cases / "bytes.case").write_bytes(b"\xff")
    said = said_by(project, "./check --accept diskbroken; echo status $?").splitlines()
    assert said[-4] == "1 file written"
    assert said[-3].startswith("accept: tests/modules/diskbroken/bytes.case: 'utf-8' codec")
    assert said[-2].startswith("accept: tests/modules/diskbroken/log_denied.case: unknown section")
    assert said[-1] == "status 1"


def test_a_recording_of_one_module_is_a_case_of_it(project: Path) -> None:
    said_by(project, f"./new-module diskbroken --title '{TITLE}'")
    cases = "tests/modules/diskbroken"
    said_by(
        project,
        f"./ec2rl run --only-modules=diskbroken --replay={cases}/found.case --output-dir=saved"
        f" --record=recorded; sed 's/^# //' recorded > {cases}/recorded.case",
    )
    assert said_by(project, "./check --accept diskbroken").endswith("\n1 file written\n")
    assert "PROBLEM diskbroken: " in (project / cases / "recorded.case").read_text()


def test_contributing_names_the_commands_that_have_every_form() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    told = text.partition("command that takes `--output=NAME`")[2].partition("\n`write`")[0]
    every = all_commands()
    with_forms = {name for name, command in every.items() if "output" in command.options}
    without = set(re.findall("all but `(.+?)`", told))
    assert without
    assert every.keys() - without == with_forms


REFUSED = [
    ("conntrackfull", "src/ec2rl/modules/conntrackfull.py is there already"),
    ("DiskBroken", "'DiskBroken' is no name"),
    ("disk-broken", "'disk-broken' is no name"),
    ("../broken", "'../broken' is no name"),
    ("class", "'class' is no name"),
    ("''", "'' is no name"),
    ("diskbroken --title ' '", "--title is one line of words"),
    ("diskbroken --titel x", "unrecognized arguments: --titel x"),
    ("diskbroken --reads /etc/passwd", "--reads is the path of a file below /proc or /sys"),
    ("diskbroken --reads '/proc/{name}'", "--reads is the path of a file below /proc or /sys"),
    ("", "required: NAME"),
]


def test_what_is_no_new_name_is_refused(project: Path) -> None:
    before = files(project)
    for words, why in REFUSED:
        said = said_by(project, f"./new-module {words}; echo status $?")
        assert why in said
        assert said.endswith("\nstatus 2\n")
    assert files(project) == before


def test_contributing_says_what_comes_of_it(project: Path) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert followed(text, project) == text, "./check --accept writes what is said today"
    for name in ("synfull", "rootfull"):
        assert faults_of(project, name) == ""
