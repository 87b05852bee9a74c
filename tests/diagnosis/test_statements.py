"""What a finding says is values: each statement has words in both tenses, and no code reads them.

Of all cases of all modules, and of the source outside `report/`.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import ec2rl
from ec2rl.catalogue import load
from ec2rl.host.recording import RecordedHost, sections
from ec2rl.model import TENSED, Finding, Statement, Tense, pack, places, unpack
from ec2rl.module import Options, bounded, diagnose
from ec2rl.report.wording import text
from support.cases import CASES

SOURCE = Path(ec2rl.__file__).parent
STRINGS = {"conntrackfull"}
"""Modules that still say something in plain text: none may come to them."""
SAID = {"summary", "details", "notes", "advice", "proof", "doubt", "counted", "suspected"}
"""Fields that hold statements."""
READERS = {"partition", "rpartition", "split", "startswith", "endswith", "find", "index", "replace"}


def found(path: Path) -> Finding:
    host = RecordedHost(sections(path.read_text(encoding="utf-8"))[1])
    return diagnose(load(path.parent.name), host, Options()).finding


def statements(value: object) -> list[Statement]:
    """Every statement in a value, those in statements too."""
    if isinstance(value, Statement):
        return [value, *(one for part in value.values.values() for one in statements(part))]
    parts: list[object] = []
    if isinstance(value, dict):
        parts = list(value.values())
    elif isinstance(value, (list, tuple)):
        parts = list(value)
    return [one for part in parts for one in statements(part)]


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_statement_has_words_in_both_tenses(path: Path) -> None:
    finding = found(path)
    said = (finding.summary, *finding.details)
    assert path.parent.name in STRINGS or all(isinstance(one, Statement) for one in said)
    for one in statements((*said, finding.facts)):
        assert places(one.template) <= one.values.keys() | TENSED.keys()
        for tense in Tense:
            words = text(one, tense)
            assert words
            assert "None" not in words
    assert unpack(pack(bounded(finding, ()))) == (finding, ())


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_no_place_is_filled_in_vain(path: Path) -> None:
    """A value that no words show is one that somebody meant to say."""
    for one in statements((found(path).summary, *found(path).details)):
        shown: set[str] = {name for name, value in one.values.items() if _is_something(value)}
        assert shown <= places(one.template), one


def _is_something(value: object) -> bool:
    return value not in (None, "", 0)


def test_no_code_reads_what_a_finding_says() -> None:
    """Nothing outside report/ takes a statement's words apart, or looks for some in them."""
    wrong = [
        f"{path.relative_to(SOURCE)}:{node.lineno}: {ast.unparse(node)}"
        for path in sorted(SOURCE.rglob("*.py"))
        if path.parent.name != "report"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.expr) and reads(node)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "code",
    [
        "'host' in event.detail.message()",
        "message(event).template.startswith('x')",
        "finding.summary.partition(': ')[2]",
        "re.search('x', text(seen.proof))",
        "re.sub('now', 'then', finding.summary)",
        "any('x' in line for line in finding.details)",
    ],
)
def test_such_code_is_found(code: str) -> None:
    assert any(reads(node) for node in ast.walk(ast.parse(code)) if isinstance(node, ast.expr))


def reads(node: ast.expr) -> bool:
    """Whether an expression is one that takes the words of a statement apart."""
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.In, ast.NotIn)):
        return says(node.comparators[0])
    if isinstance(node, (ast.GeneratorExp, ast.ListComp, ast.SetComp)):
        # `"x" in line for line in finding.details`
        names = {
            one.target.id
            for one in node.generators
            if isinstance(one.target, ast.Name) and says(one.iter)
        }
        return any(
            isinstance(part, ast.Compare)
            and isinstance(part.ops[0], (ast.In, ast.NotIn))
            and isinstance(part.comparators[0], ast.Name)
            and part.comparators[0].id in names
            for part in ast.walk(node)
        )
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    called = node.func
    if isinstance(called.value, ast.Name) and called.value.id == "re":
        return any(map(says, node.args))
    return called.attr in READERS and says(called.value)


def says(node: ast.expr) -> bool:
    """Whether an expression is a statement, its template, or its words."""
    if isinstance(node, ast.Attribute):
        return node.attr in SAID or node.attr == "template"
    if isinstance(node, ast.Call):
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        return name in ("message", "summary", "details") or any(map(says, node.args))
    return isinstance(node, ast.Subscript) and says(node.value)
