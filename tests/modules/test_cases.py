"""Every case of every module: one machine and its whole expected report per text file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ec2rl.catalogue import load, names, page
from ec2rl.facts.kernel_log import read_kernel_log
from ec2rl.facts.log import LOG_FOLDER
from ec2rl.host import BOOT_ID
from ec2rl.host.fake import FakeHost, sections
from ec2rl.model import Finding, Unreadable
from ec2rl.module import Options

CASES = sorted(Path(__file__).parent.glob("*/*.case"))
HEADINGS = [
    "What it means",
    "What is read",
    "How it is judged",
    "How to fix it",
    "Is the fix safe?",
    "By hand",
    "Further reading",
]


def told(name: str, finding: Finding) -> str:
    lines = [f"{finding.verdict.name} {name}: {finding.summary}"]
    return "\n".join(lines + [f"-- {detail}" for detail in finding.details])


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_case(path: Path) -> None:
    title, looks = sections(path.read_text(encoding="utf-8"))
    expected = looks.pop("expect").strip()
    module = load(path.parent.name)
    host = FakeHost(looks)
    log = read_kernel_log(host, module.phrases, None)
    seen = module.read(host, log, Options())
    assert title
    assert told(module.name, module.judge(seen)) == expected
    assert all(isinstance(line, str) for line in module.by_hand(seen))


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


class Watched(FakeHost):
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
            host = Watched(looks)
            module.read(host, read_kernel_log(host, module.phrases, None), Options())
            looked |= host.seen
    section = page(name).partition("## What is read")[2].partition("## ")[0]
    named = {word for word in re.findall(r"`([^`]+)`", section) if word[0] == "/" or "." in word}
    paths = {word if word[0] == "/" else f"/proc/sys/{word.replace('.', '/')}" for word in named}
    patterns = [re.compile(re.sub("[A-Z]+", "[^/]+", path) + "(/.*)?") for path in paths]
    told = {path for path in looked if any(p.fullmatch(path) for p in patterns)}
    unasked = [p.pattern for p in patterns if not any(p.fullmatch(path) for path in looked)]
    assert looked - told - {"clock", "journal", BOOT_ID, LOG_FOLDER} == set()
    assert [pattern for pattern in unasked if LOG_FOLDER not in pattern] == []


def test_there_are_no_cases_of_modules_that_are_gone() -> None:
    assert {path.parent.name for path in CASES} <= set(names())
