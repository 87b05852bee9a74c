"""A subject that is whole in a package of its own: named nowhere else, and found by its files."""

from __future__ import annotations

import ast
import io
import shutil
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from ec2rl import slices

pytestmark = pytest.mark.more

SOURCE = Path(slices.__file__).parent

DATA = {
    "forms/mend.py": "how the kernel's lines begin",
    "facts/trust.py": "whole lines of the kernel",
    "host/mask.py": "the names of a sosreport's files",
    "commands/changed.py": "records of before schema 3 are this module's",
    "fix/kinds/sysctl.py": "records of before schema 4 do not tell this parameter",
    "commands/help.py": "examples of what to type",
}
"""Files that have the word in a string as data: of evidence, of old records, for people."""


def named(word: str, text: str) -> Iterator[tuple[int, bool]]:
    """Where a source has a word, in a name or in a string that is no docstring (True)."""
    docs = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    strings = (tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING))
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        line = token.start[0]
        if word in token.string.lower():
            if token.type == tokenize.NAME:
                yield line, False
            elif token.type in strings and line not in docs:
                yield line, True


@pytest.mark.parametrize("subject", slices.names("commands"))
def test_only_its_package_and_its_module_name_a_subject(subject: str) -> None:
    found = []
    for path in SOURCE.rglob("*.py"):
        where = path.relative_to(SOURCE).as_posix()
        if where.startswith((f"{subject}/", f"modules/{subject}")):
            continue
        for line, is_string in named(subject, path.read_text(encoding="utf-8")):
            if not (is_string and where in DATA):
                found.append(f"{where}:{line}")
    assert found == []


@pytest.mark.parametrize(
    ("code", "places"),
    [
        ("import a.conntrack", [(1, False)]),
        ("def read_conntrack():\n    pass", [(1, False)]),
        ("x = 1\ny = 'net.nf_conntrack_max'", [(2, True)]),
        ("y = f'{x} conntrack'", [(1, True)]),
        ('"""Of conntrack,\n\nand conntrack."""', []),
        ("class A:\n    x = 1\n    'Of conntrack.'\n", []),
        ("x = 1  # as conntrack does", []),
    ],
)
def test_what_names_it(code: str, places: list[tuple[int, bool]]) -> None:
    assert list(named("conntrack", code)) == places


PARTS = {
    "commands/__init__.py": """
from ec2rl.arguments import Command
COMMANDS = {"show": Command("show the widgets", "", {}, "0 shown")}
""",
    "commands/show.py": """
def command(said, terminal):
    terminal.out("no widget\\n")
    return 7
""",
    "saved_evidence.py": """
from ec2rl.arguments import Option
from ec2rl.model import Unreadable, Why
OPTION = Option("FILE", "read saved widgets", many=True)
NOUN, KEY, TEXTS, STREAMS, KERNELS, NEEDS = "box", "widget -l", "widget_-v", "widget_-l", (), ()

def kinds():
    return ()

def open_named(paths):
    return Unreadable(paths[0], Why.FAILED, "no widget is in it")
""",
    "__init__.py": "",
}


def test_one_more_subject_is_one_more_folder(tmp_path: Path) -> None:
    shutil.copytree(SOURCE, tmp_path / "ec2rl", ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in PARTS.items():
        file = tmp_path / "ec2rl/widget" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def ec2rl(*words: str) -> subprocess.CompletedProcess[str]:
        main = str(tmp_path / "ec2rl/__main__.py")
        command = [sys.executable, "-I", "-S", main, *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    shown = ec2rl("widget", "show")
    assert (shown.returncode, shown.stdout) == (7, "no widget\n")
    assert "    widget show " in ec2rl("help").stdout
    assert "--widget=FILE" in ec2rl("help", "run").stdout
    saved = tmp_path / "saved"
    saved.write_text("x")
    judged = ec2rl("run", "--no-save", "--only-modules=kernelbug", f"--widget={saved}")
    assert f"Could not be judged: {saved}: failed (no widget is in it)" in judged.stdout
    two = ec2rl("run", f"--widget={saved}", f"--replay={saved}")
    assert (two.returncode, "whose box is it?" in two.stderr) == (2, True)
