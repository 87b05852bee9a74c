"""What keeps ec2rl from starting ends with 70 and one line: 1 means that it found a failure."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
QUIET = "[    0.000000] Linux version 6.1.0\n[    9.000000] x\n"


def start(root: Path, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-S", str(root / "src/ec2rl/__main__.py"), *words]
    if "stderr" not in more:
        more["stderr"] = subprocess.PIPE
    return subprocess.run(
        command, stdout=more.pop("stdout", subprocess.PIPE), text=True, timeout=60, check=False,
        **more,
    )  # fmt: skip


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_link_to_itself(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "empty": lambda path: path.write_text(""),
    "zeros": lambda path: path.write_bytes(bytes(4096)),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:100]),
    "a folder": a_folder,
    "a link to itself": a_link_to_itself,
    "ends": lambda path: path.write_text("raise SystemExit(1)\n"),
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=ignore)
    shutil.copy(ROOT / "ec2rl", tmp_path / "ec2rl")
    return tmp_path


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["cli.py", "terminal.py", "commands/version.py"])
@pytest.mark.sampled(3)
def test_a_damaged_copy(name: str, damage: str, copy: Path) -> None:
    DAMAGES[damage](copy / "src/ec2rl" / name)
    done = start(copy, "version")
    assert (done.returncode, done.stdout) == (70, "")
    assert done.stderr.startswith("ec2rl: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [("version",), ("run", "--no-save"), ("fix", "--dry-run", "x")])
def test_nothing_is_left_beside_the_program(words: tuple[str, ...], copy: Path) -> None:
    before = sorted(copy.rglob("*"))
    start(copy, *words)
    assert sorted(copy.rglob("*")) == before


@pytest.mark.root
@pytest.mark.parametrize(("room", "left"), [("200m", True), ("32m", False)])
def test_a_run_that_saves_leaves_bytecode_where_there_is_room(
    room: str, left: bool, copy: Path
) -> None:
    """Of a file that the disk had no room for, Python could not start again."""
    if os.geteuid():
        pytest.skip("needs root for a mount namespace")
    place = copy / "disk"
    place.mkdir()
    program = f"{sys.executable} -I -S {place}/src/ec2rl/__main__.py"
    script = (
        f"mount -t tmpfs -o size={room} t {place} && cp -a {copy}/src {place} && "
        f"{program} run --output-dir={copy}/out --only-modules=kernelbug >/dev/null; "
        f"find {place} -name '*.pyc' | wc -l"
    )
    done = subprocess.run(
        ["unshare", "-m", "--propagation=private", "sh", "-c", script],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert (int(done.stdout) > 0) is left
    assert done.stderr == ""


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("place", ["/dev/full", "closed", "a pipe without a reader"])
def test_a_fault_that_nobody_can_be_told_of(stream: str, place: str, copy: Path) -> None:
    (copy / "src/ec2rl/cli.py").write_text("1 / 0\n")
    number = {"stdout": 1, "stderr": 2}[stream]
    if place == "closed":
        done = start(copy, "version", preexec_fn=lambda: os.close(number))
    else:
        reading, writing = os.pipe() if place != "/dev/full" else (-1, os.open(place, os.O_WRONLY))
        if reading >= 0:
            os.close(reading)
        done = start(copy, "version", **{stream: writing})
        os.close(writing)
    assert done.returncode == 70


def test_debug_tells_all_of_a_fault_and_ends_alike(copy: Path) -> None:
    (copy / "src/ec2rl/commands/list.py").write_text("def command(*_): 1 / 0\n")
    done = start(copy, "list")
    told = (
        "ec2rl: fault of ec2rl itself: ZeroDivisionError: division by zero; see: ./ec2rl bug-report"
    )
    assert (done.returncode, done.stderr) == (70, told + "\n")
    (copy / "src/ec2rl/commands/explain.py").write_text("def command(*_): 1 / 0\n")
    done = start(copy, "explain", "--debug", "conntrackfull")
    assert done.returncode == 70
    assert done.stderr.startswith("ec2rl: Traceback ")
    assert done.stderr.endswith(told + "\n")


@pytest.mark.parametrize("megabytes", [11, 12, 13, 14, 15, 16, 18, 20, 24, 32])
@pytest.mark.parametrize("words", [("version",), ("run", "--no-save", "--log=")])
@pytest.mark.sampled(3)
def test_in_little_memory(words: tuple[str, ...], megabytes: int, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(QUIET)
    words = tuple(f"{word}{log}" if word.endswith("=") else word for word in words)
    done = subprocess.run(
        [str(ROOT / "ec2rl"), *words], capture_output=True, text=True, timeout=60, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20,) * 2),
        env={"EC2RL_PYTHON": os.path.realpath(sys.executable)},
    )  # fmt: skip
    assert done.returncode in (0, 3, 70), done
    assert "Traceback" not in done.stderr
    if done.returncode == 70:
        assert done.stderr.startswith("ec2rl: ")
        assert done.stderr.count("\n") == 1
    if megabytes < 16:
        assert done.returncode == 70


@pytest.mark.parametrize("most", [4, 5, 7, 10, 16])
@pytest.mark.parametrize("limit", ["RLIMIT_NOFILE", "RLIMIT_FSIZE"])
@pytest.mark.more
def test_with_few_descriptors_or_short_files(limit: str, most: int, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(QUIET)
    number = getattr(resource, limit)
    for words in (("version",), ("list",), ("run", "--no-save", f"--log={log}")):
        done = start(ROOT, *words, preexec_fn=lambda: resource.setrlimit(number, (most, most)))
        assert done.returncode in (0, 3, 70), done
        assert "Traceback" not in done.stderr
        assert done.stderr.count("\n") <= 1


@pytest.mark.root
@pytest.mark.parametrize("words", [("version",), ("list",), ("run", "--no-save"), ("help",)])
@pytest.mark.sampled(3)
def test_a_python_without_half_of_its_library(words: tuple[str, ...]) -> None:
    """As where a package manager was interrupted: no module in C, or of a whole folder."""
    if os.geteuid():
        pytest.skip("needs root for a mount namespace")
    library = Path(sysconfig.get_path("stdlib"))
    for name in ("lib-dynload", "collections", "json"):
        command = [
            os.path.realpath(sys.executable),
            "-I",
            "-S",
            str(ROOT / "src/ec2rl/__main__.py"),
        ]
        done = subprocess.run(
            ["unshare", "-m", "--propagation=private", "sh", "-c",
             'mount -t tmpfs t "$1" && shift && exec "$@"', "sh", str(library / name), *command,
             *words],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        if done.returncode not in (0, 1, 3):
            assert done.returncode in (69, 70), done
            assert done.stderr.count("\n") == 1
        if done.returncode == 1:
            assert "[FAILURE]" in done.stdout
