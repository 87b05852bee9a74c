"""Every case of every module: one machine and its whole expected report per text file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ec2rl import modules
from ec2rl.catalogue import load, names, page
from ec2rl.facts.log import LOG_FOLDER
from ec2rl.host import BOOT_ID
from ec2rl.host.recording import RecordedHost, sections
from ec2rl.model import Unreadable
from ec2rl.module import diagnose
from support.cases import CASES, answered

HEADINGS = [
    "What it means",
    "What is read",
    "How it is judged",
    "How to fix it",
    "Is the fix safe?",
    "By hand",
    "Further reading",
]


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_case(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert sections(text)[0], "a case begins with a line that says what it is about"
    assert answered(text, path.parent.name) == text, "./check --accept writes what is said today"


@pytest.mark.parametrize("name", names())
def test_a_module_has_its_page_and_its_cases(name: str) -> None:
    module = load(name)
    verdicts = {
        case.read_text(encoding="utf-8").rpartition("-- expect --")[2].split()[0]
        for case in CASES
        if case.parent.name == name
    }
    assert module.name == name
    assert re.findall(r"^## (.+)$", page(name), re.MULTILINE) == HEADINGS
    assert page(name).startswith(f"# {name}\n")
    assert {"OK", "PROBLEM", "UNKNOWN"} <= verdicts, "a case that fires, one not, one cannot tell"


@pytest.mark.parametrize("name", names())
def test_nothing_of_a_module_is_still_to_be_written(name: str) -> None:
    code = Path(modules.__path__[0], f"{name}.py").read_text(encoding="utf-8")
    left = [line for line in (code + page(name)).splitlines() if "TODO" in line]
    assert not left, f"{len(left)} lines are to be written, first: {left[0].strip()}"


@pytest.mark.parametrize("name", names())
def test_what_is_looked_for_by_hand_stands_in_a_case(name: str) -> None:
    logs = "\n".join(
        sections(case.read_text(encoding="utf-8"))[1].get(log, "")
        for case in CASES
        for log in ("/dev/kmsg", "dmesg", "journal")
        if case.parent.name == name
    )
    by_hand = page(name).partition("## By hand")[2].partition("## ")[0]
    for pattern in re.findall(r"grep\b[^'|\n]* '([^']+)'", by_hand):
        assert re.search(pattern, logs, re.IGNORECASE), pattern


class Watched(RecordedHost):
    """A host of a case that keeps what was looked at."""

    def __init__(self, looks: dict[str, str]) -> None:
        super().__init__(looks)
        self.seen: set[str] = set()

    def _find(self, what: str) -> tuple[str, str | Unreadable]:
        self.seen.add(what.split(" ")[-1])
        return super()._find(what)


# conntrackfull looks into every namespace: its page tells of that in words.
@pytest.mark.parametrize("name", [name for name in names() if name != "conntrackfull"])
def test_a_page_names_what_is_read_and_nothing_else(name: str) -> None:
    module, looked = load(name), set()
    for case in CASES:
        if case.parent.name == name:
            looks = sections(case.read_text(encoding="utf-8"))[1]
            looks.pop("expect")
            if RecordedHost(looks).is_live:  # of evidence more is looked for: texts of that machine
                host = Watched(looks)
                diagnose(module, host)
                looked |= host.seen
    section = page(name).partition("## What is read")[2].partition("## ")[0]
    named = {word for word in re.findall(r"`([^`]+)`", section) if word[0] == "/" or "." in word}
    paths = {word if word[0] == "/" else f"/proc/sys/{word.replace('.', '/')}" for word in named}
    patterns = [re.compile(re.sub("[A-Z]+", "[^/]+", path) + "(/.*)?") for path in paths]
    told = {path for path in looked if any(p.fullmatch(path) for p in patterns)}
    unasked = [p.pattern for p in patterns if not any(p.fullmatch(path) for path in looked)]
    silent = sorted(looked - told - {"clock", "journal", BOOT_ID, LOG_FOLDER})
    assert not silent, f"`What is read` of {name}.md does not name: {', '.join(silent)}"
    idle = [pattern for pattern in unasked if LOG_FOLDER not in pattern]
    assert not idle, f"`What is read` of {name}.md names what no case has looked at: {idle}"


def test_there_are_no_cases_of_modules_that_are_gone() -> None:
    assert {path.parent.name for path in CASES} <= set(names())
