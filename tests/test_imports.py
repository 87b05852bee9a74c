"""No circle of imports, inside packages neither, be the import in a function; and none too many."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parents[1] / "src"
MODULES = SRC.parent / "tests/modules"


def modules(root: Path) -> dict[str, str]:
    """The text of every module below a folder, by its name."""
    found = {}
    for path in root.rglob("*.py"):
        name = ".".join(path.relative_to(root).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path.read_text(encoding="utf-8")
    return found


def imported(node: ast.AST, known: Mapping[str, str]) -> Iterator[str]:
    """The modules that a program imports at any time, but for what is for the type checker."""
    if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
        children: list[ast.stmt] = node.orelse
        for child in children:
            yield from imported(child, known)
        return
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name in known)
    if isinstance(node, ast.ImportFrom) and node.module:
        for alias in node.names:
            inner = f"{node.module}.{alias.name}"
            yield inner if inner in known else node.module
    for child in ast.iter_child_nodes(node):  # type: ignore[assignment]
        yield from imported(child, known)


def circle(texts: Mapping[str, str]) -> list[str]:
    """The modules of one circle, from one to itself; [] where there is none."""
    graph = {
        name: {one for one in imported(ast.parse(text), texts) if one in texts and one != name}
        for name, text in texts.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found
    return []


@pytest.mark.more
def test_there_is_no_circle() -> None:
    texts = modules(SRC)
    assert "ec2rl.cli" in texts
    assert circle(texts) == []


@pytest.mark.parametrize(
    "text",
    [
        "import a.b",
        "from a import b",
        "from a.b import name",
        "def function():\n    from a.b import name",
        "if TYPE_CHECKING:\n    pass\nelse:\n    from a.b import name",
    ],
)
def test_a_circle_is_found(text: str) -> None:
    texts = {"a": "", "a.b": "from a.c import d", "a.c": text}
    assert sorted(set(circle(texts))) == ["a.b", "a.c"]


def test_what_only_the_type_checker_sees_is_no_import() -> None:
    texts = {"a": "from b import c", "b": "if TYPE_CHECKING:\n    from a import d\n"}
    assert circle(texts) == []


RUN = """
import sys
sys.path.insert(0, sys.argv[1])
import ec2rl.commands.run, ec2rl.subcommand, ec2rl.report.json_report, ec2rl.report.formats.json
import ec2rl.report.pruned, ec2rl.report.way_in, ec2rl.host.search, ec2rl.host.journal.search
from ec2rl.catalogue import load, names
for name in names():
    load(name)
print(*sys.modules)
"""
MOUNT = "22 1 259:1 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p1 rw"
SLOW = {
    *("argparse", "collections", "contextlib", "ctypes", "dataclasses", "enum", "functools"),
    *("inspect", "json", "pathlib", "pickle", "re", "signal", "socket", "subprocess", "typing"),
}
"""Each of these takes 2 to 20 ms to be imported, where Python itself starts in 12."""

QUIET = """
import sys
sys.path.insert(0, sys.argv[1])
from ec2rl.catalogue import load, names
from ec2rl.host.caching import CachingHost
from ec2rl.host.recording import RecordedHost, sections
from ec2rl.module import diagnose
from ec2rl.report.text import result
found = []
for name in names():
    with open(f"{sys.argv[2]}/{name}/quiet.case") as file:
        looks = sections(file.read())[1]
    looks.setdefault("/proc/self/mountinfo", sys.argv[3])
    if "/dev/kmsg" in looks:  # what a machine itself has shown, not what a screen has
        host = CachingHost(RecordedHost(looks))
        host.clock()  # it is kept: to read a recorded one takes `re`
        found.append((load(name), host))
sys.modules.update(dict.fromkeys(sys.argv[4:]))  # who imports one gets an ImportError
for module, host in found:
    print(result(module.name, diagnose(module, host).finding))
"""


def test_what_a_healthy_run_loads_starts_fast() -> None:
    """With every module, text logs and a journal, on a host where nothing is found."""
    command = [sys.executable, "-I", "-S", "-c", RUN, str(SRC)]
    loaded = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "ec2rl.engine" in loaded.split()
    assert SLOW.intersection(loaded.split()) == set()


@pytest.mark.more
def test_who_finds_nothing_loads_nothing_slow() -> None:
    command = [sys.executable, "-I", "-S", "-c", QUIET, str(SRC), str(MODULES), MOUNT, *SLOW]
    subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
