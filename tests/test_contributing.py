"""CONTRIBUTING and `./new-module`, followed in a temporary copy of the project."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.recipe import ROOT, copy_of_the_project, followed, said_by

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


def passes_its_cases(project: Path, name: str) -> None:
    """Have the tests of every module be run, in the copy, for one that is new."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly",
         "tests/modules/test_cases.py", "-k", name],
        cwd=project, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_a_new_module_passes_its_cases_at_once(project: Path) -> None:
    before = files(project)
    said = said_by(project, f"./new-module diskbroken --title '{TITLE}'")
    assert files(project) - before == WRITTEN
    assert {line[6:] for line in said.splitlines() if line.startswith("wrote ")} == WRITTEN
    accepted = said_by(project, "./check --accept diskbroken")
    assert accepted == "every case says what its module says\n"
    verdicts = {
        path.stem: path.read_text().partition("-- expect --\n")[2].split()[0]
        for path in project.glob("tests/modules/diskbroken/*.case")
    }
    assert verdicts == {"found": "PROBLEM", "quiet": "OK", "log_denied": "UNKNOWN"}
    assert TITLE in said_by(project, "./ec2rl list")


@pytest.mark.more
def test_a_new_module_is_as_every_module_is_to_be(project: Path) -> None:
    said_by(project, f"./new-module diskbroken --title '{TITLE}'")
    passes_its_cases(project, "diskbroken")


REFUSED = [
    ("conntrackfull", "src/ec2rl/modules/conntrackfull.py is there already"),
    ("DiskBroken", "'DiskBroken' is no name"),
    ("disk-broken", "'disk-broken' is no name"),
    ("../broken", "'../broken' is no name"),
    ("class", "'class' is no name"),
    ("''", "'' is no name"),
    ("diskbroken --title ' '", "--title is one line of words"),
    ("diskbroken --titel x", "unrecognized arguments: --titel x"),
    ("", "required: NAME"),
]


def test_what_is_no_new_name_is_refused(project: Path) -> None:
    before = files(project)
    for words, why in REFUSED:
        said = said_by(project, f"./new-module {words}; echo status $?")
        assert why in said
        assert said.endswith("\nstatus 2\n")
    assert files(project) == before


@pytest.mark.more
def test_contributing_says_what_comes_of_it(project: Path) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert followed(text, project) == text, "./check --accept writes what is said today"
    passes_its_cases(project, "synfull")
