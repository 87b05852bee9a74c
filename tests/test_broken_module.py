"""A module whose file cannot be loaded is one result, and keeps no other from its work."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.more

HERE = Path(__file__).parent.parent
BROKEN = {
    "syntax": ("def x(:\n", "SyntaxError: "),
    "import": ("import nosuchthing\n", "ModuleNotFoundError: No module named 'nosuchthing'"),
    "nothing": ("", "AttributeError: "),
    "exit": ("raise SystemExit(0)\n", "SystemExit: 0"),
}


@pytest.fixture(params=BROKEN)
def broken(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """A copy of the program with one such file, and what is said of it."""
    shutil.copy(HERE / "ec2rl", tmp_path)
    shutil.copytree(
        HERE / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
    )
    text, error = BROKEN[request.param]
    file = tmp_path / "src/ec2rl/modules/zzbroken.py"
    file.write_text(text)
    return tmp_path / "ec2rl", f"{file}: {error}"


def said(program: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(program), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.sampled(4)
def test_it_is_its_own_result_and_all_others_run(broken: tuple[Path, str]) -> None:
    program, why = broken
    only = "--only-modules=zzbroken,neighbourfull,conntrackfull"
    done = said(program, "run", "--no-save", "--json", "--interval=0", only)
    results = {one["module"]: one for one in json.loads(done.stdout)["results"]}
    assert set(results) == {"conntrackfull", "neighbourfull", "zzbroken"}
    one = results["zzbroken"]
    assert (one["status"], one["verdict"]) == ("UNKNOWN", "CRASHED")
    assert one["summary"].startswith(f"fault of ec2rl itself: cannot load {why}")
    assert not any("CRASHED" in results[name]["verdict"] for name in set(results) - {"zzbroken"})
    listed = said(program, "list", "--only-domains=net")
    assert listed.returncode == 0
    assert f"cannot be loaded: {why}" in listed.stdout
    assert "\nneighbourfull " in listed.stdout
    assert "oomkiller" not in listed.stdout


@pytest.mark.sampled(4)
def test_who_does_not_ask_for_it_does_not_load_it(broken: tuple[Path, str]) -> None:
    program, why = broken
    mark = program.parent / "loaded"
    file = program.parent / "src/ec2rl/modules/zzbroken.py"
    file.write_text(f"open({str(mark)!r}, 'w')\n{file.read_text()}")
    run = ("run", "--no-save", "--interval=0")
    for words in (
        (*run, "--only-modules=neighbourfull"),
        (*run, "--no=zzbroken"),
        ("fix", "neighbourfull", "--dry-run"),
        ("fix", "neighbourfull", "--dry-run", "--set=gc_thresh3=1000000"),
    ):
        assert "zzbroken" not in (done := said(program, *words)).stdout + done.stderr
        assert done.returncode in (0, 1, 3)
        assert not mark.exists(), words
    asked = said(program, "fix", "zzbroken", "--dry-run")
    assert why in asked.stderr
    assert mark.exists() or "SyntaxError" in why  # of which no line runs
