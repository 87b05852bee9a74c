"""What a finding says is values, in all cases of all modules, and no code reads its words."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import ec2rl
from ec2rl.catalogue import load
from ec2rl.host.recording import RecordedHost, sections
from ec2rl.model import Role, Statement
from ec2rl.module import Options, diagnose
from support.cases import CASES

SOURCE = Path(ec2rl.__file__).parent
SAID = {
    *("summary", "details", "notes", "advice", "proof", "doubt", "counted", "suspected"),
    *("headline", "gap", "gaps", "detail", "because", "note", "caveat"),
}
"""Fields that hold statements, or a reason in words."""
READERS = {
    *("partition", "rpartition", "split", "startswith", "endswith", "find", "index", "replace"),
    *("removeprefix", "removesuffix", "lower", "casefold"),
}


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_is_said_is_statements_alone(path: Path) -> None:
    host = RecordedHost(sections(path.read_text(encoding="utf-8"))[1])
    found = diagnose(load(path.parent.name), host, Options())
    said = (found.finding.summary, *found.finding.details)
    assert all(isinstance(one, Statement) for one in said)
    steps = [one for one in found.finding.details if one.template.startswith("Next: ")]
    assert all(one.role in (Role.NEXT, Role.PAGE) for one in steps)  # such are told once for all


@pytest.mark.more
def test_no_code_reads_what_a_finding_says() -> None:
    """Nothing takes the words of a statement or a reason apart, or looks for some in them."""
    wrong = [
        f"{path.relative_to(SOURCE)}:{node.lineno}: {ast.unparse(node)}"
        for path in sorted(SOURCE.rglob("*.py"))
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
        "any(gap.startswith('leak') for gap in seen.gaps)",
        "'no time' in found.gap",
        "error.detail == 'no process has this number'",
        "setting.because.endswith('decide')",
    ],
)
def test_such_code_is_found(code: str) -> None:
    assert any(reads(node) for node in ast.walk(ast.parse(code)) if isinstance(node, ast.expr))


def reads(node: ast.expr) -> bool:
    """Whether an expression is one that takes the words of a statement apart."""
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.In, ast.NotIn)):
        return says(node.comparators[0])
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.Eq, ast.NotEq)):
        words = node.comparators[0]
        return says(node.left) and isinstance(words, ast.Constant) and bool(words.value)
    if isinstance(node, (ast.GeneratorExp, ast.ListComp, ast.SetComp)):
        # `"x" in line for line in finding.details`
        names = {
            one.target.id
            for one in node.generators
            if isinstance(one.target, ast.Name) and says(one.iter)
        }
        return any(_reads_one_of(part, names) for part in ast.walk(node))
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    called = node.func
    if isinstance(called.value, ast.Name) and called.value.id == "re":
        return any(map(says, node.args))
    return called.attr in READERS and says(called.value)


def _reads_one_of(node: ast.AST, names: set[str]) -> bool:
    """Whether something is looked for in a variable of these names, or it is taken apart."""
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.In, ast.NotIn)):
        text = node.comparators[0]
    elif isinstance(node, ast.Attribute) and node.attr in READERS:
        text = node.value
    else:
        return False
    return isinstance(text, ast.Name) and text.id in names


def says(node: ast.expr) -> bool:
    """Whether an expression is a statement, its template, or its words."""
    if isinstance(node, ast.Attribute):
        return node.attr in SAID or node.attr == "template"
    if isinstance(node, ast.Call):
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        return name in ("message", "summary", "details") or any(map(says, node.args))
    return isinstance(node, ast.Subscript) and says(node.value)
