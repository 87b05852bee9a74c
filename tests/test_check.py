"""`./check`: what it says of itself and of a wrong command line, and what a case may hold."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ec2rl.host.recording import CaseError
from support.cases import CASES, answered

ROOT = Path(__file__).resolve().parents[1]


def check(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run it in a folder that holds nothing else; it must have made nothing there."""
    shutil.copy(ROOT / "check", folder)
    done = subprocess.run(
        [str(folder / "check"), *words], capture_output=True, text=True, timeout=30, check=False
    )
    assert [path.name for path in folder.iterdir()] == ["check"]
    return done


@pytest.mark.parametrize("word", ["--help", "-h"])
def test_help_says_what_there_is_and_starts_nothing(tmp_path: Path, word: str) -> None:
    done = check(tmp_path, word)
    assert (done.returncode, done.stderr) == (0, "")
    for option in ("./check --quick", "./check MODULE", "./check --accept", "./check --help"):
        assert option in done.stdout


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (("--quik",), "--quik"),
        (("quick",), "quick"),
        (("",), ""),
        (("--quick", "neighbourfull"), "neighbourfull"),
        (("--accept", "--all"), "--all"),
        (("--accept", "neighbourfull", "--quick"), "--quick"),
    ],
)
def test_a_wrong_option_is_said_and_starts_nothing(
    tmp_path: Path, words: tuple[str, ...], wrong: str
) -> None:
    done = check(tmp_path, *words)
    told = f"check: unknown argument '{wrong}'; see ./check --help\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", told)


@pytest.mark.root
def test_without_a_python_that_has_venv_the_command_to_type_is_said(tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("needs root for a mount namespace")
    tmp_path.chmod(0o755)
    for folder in (tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    shutil.copy(ROOT / "check", tmp_path)
    (tmp_path / "plain").write_text("")
    hide = 'for f in /usr/bin/python3* /usr/local/bin/python3*; do [ -e "$f" ] && '
    hide += 'mount --bind plain "$(readlink -f "$f")"; done; '
    user = "exec setpriv --reuid=65534 --regid=65534 --clear-groups "
    done = subprocess.run(
        ["unshare", "-m", "--propagation=private", "sh", "-c", f"{hide}{user} ./check --quick"],
        cwd=tmp_path, env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/nonexistent"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    first, *rest = done.stderr.splitlines()
    assert first == "check: no Python 3.9 or newer with venv was found"
    if shutil.which("apt-get"):
        assert rest == ["check: type: sudo apt-get install -y python3-venv"]


CASE = next(path for path in CASES if path.parent.name == "kernelbug" and path.stem == "quiet")


@pytest.mark.parametrize(
    ("section", "why"),
    [
        ("-- clok --", "unknown section -- clok --"),
        ("-- expected --", "unknown section -- expected --"),
        ("-- proc/meminfo --", "unknown section -- proc/meminfo --"),
        ("-- later: conntrack -X --", "unknown section -- later: conntrack -X --"),
        ("-- plan --", "unknown section -- plan --"),
        ("-- clock --", "a second section 'clock'"),
    ],
)
def test_a_case_with_an_unknown_section_is_an_error(section: str, why: str) -> None:
    text = CASE.read_text(encoding="utf-8")
    assert answered(text, "kernelbug") == text
    first, mark, rest = text.partition("-- expect --\n")
    with pytest.raises(CaseError) as refused:
        answered(f"{first}{section}\nx\n{mark}{rest}", "kernelbug")
    assert why in str(refused.value)


def test_a_plan_without_the_value_of_today_is_an_error() -> None:
    own = "/proc/sys/net/ipv4/neigh/default/gc_thresh3"
    path = next(p for p in CASES if p.parent.name == "neighbourfull" and p.stem == "nearly_full")
    text = path.read_text(encoding="utf-8")
    before, mark, rest = text.partition(f"-- {own} --\n")
    assert mark
    with pytest.raises(CaseError, match=f"the case lacks -- {own} --: today's value"):
        answered(before + "-- /dev/null --\n" + rest, "neighbourfull")


@pytest.mark.parametrize("section", ["-- plan --", "-- state --", "-- after --"])
def test_an_unknown_answer_is_an_error(section: str) -> None:
    text = CASE.read_text(encoding="utf-8")
    with pytest.raises(CaseError):
        answered(f"{text}{section}\nx\n", "kernelbug")
