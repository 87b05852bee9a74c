"""Old runs make room for new ones; nothing else is ever removed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ec2rl.report.pruned import prune
from ec2rl.report.saved import RunFolder, UnsafeFolderError, open_run_folder

EC2RL = Path(__file__).resolve().parents[2] / "src/ec2rl/__main__.py"


def saved(base: Path, when: float, size: int = 10, *, at_work: bool = False) -> RunFolder:
    """A run as `ec2rl run` saves it."""
    folder = open_run_folder(str(base), when)
    folder.write("report.txt", "x" * size)
    folder.write("report.json", "{}")
    outputs = folder.folder("mod_out")
    for name in ("run", "run-2"):
        outputs.folder(name).write("conntrackfull.log", "x")
    if folder.lock is not None and not at_work:
        os.close(folder.lock)
    return folder


@pytest.fixture
def base(tmp_path: Path) -> Path:
    base = tmp_path / "ec2rl"
    base.mkdir(mode=0o700)
    return base


def whens(base: Path) -> list[int]:
    """The seconds of the runs that are there."""
    return sorted(int(path.name[17:19]) for path in base.glob("1970-*"))


def test_the_last_runs_are_kept_and_the_oldest_go_first(base: Path) -> None:
    runs = [saved(base, float(second)) for second in range(12)]
    assert prune(runs[-1], runs=5) == (7, [])
    assert whens(base) == [7, 8, 9, 10, 11]
    assert prune(runs[-1], runs=5) == (0, [])


def test_in_so_many_bytes(base: Path) -> None:
    runs = [saved(base, float(second), 100_000) for second in range(8)]
    assert prune(runs[-1], runs=50, room=390_000) == (4, [])
    assert whens(base) == [4, 5, 6, 7]


def test_this_run_stays_however_large_and_whatever_the_clock_says(base: Path) -> None:
    runs = [saved(base, float(second), 100_000) for second in range(4)]
    assert prune(runs[0], runs=1, room=0) == (3, [])
    assert whens(base) == [0]


def a_note(run: Path) -> None:
    (run / "my notes.txt").write_text("keep me")


def a_file_deep_inside(run: Path) -> None:
    (run / "mod_out/run/core").write_text("keep me")


def a_folder(run: Path) -> None:
    (run / "mod_out/mine").mkdir()


def a_link(run: Path) -> None:
    (run / "mod_out/run-3").symlink_to("/etc")


def a_link_for_a_report(run: Path) -> None:
    (run / "report.json").unlink()
    (run / "report.json").symlink_to("/etc/passwd")


def a_file_of_another(run: Path) -> None:
    if os.geteuid():
        pytest.skip("needs root to give a file to another user")
    os.chown(run / "report.txt", 65534, 65534)


@pytest.mark.parametrize(
    "change",
    [a_note, a_file_deep_inside, a_folder, a_link, a_link_for_a_report, a_file_of_another],
)
def test_a_run_that_somebody_has_put_something_into_stays(
    change: Callable[[Path], None], base: Path
) -> None:
    runs = [saved(base, float(second)) for second in range(4)]
    change(Path(runs[1].path))
    before = sorted(Path(runs[1].path).rglob("*"))
    assert prune(runs[-1], runs=1) == (2, [])
    assert whens(base) == [1, 3]
    assert sorted(Path(runs[1].path).rglob("*")) == before


@pytest.mark.parametrize(
    "name",
    ["changes", "1970-01-01", "1970-01-01T00_00_00.000000-", "notes.txt", "lost+found",
     "1970-01-01T00_00_00.000000-1.old", "x1970-01-01T00_00_00.000000-1"],
)  # fmt: skip
def test_what_is_no_run_stays(name: str, base: Path) -> None:
    """Above all the journal of changes, which undo needs."""
    (base / name).mkdir()
    (base / name / "report.txt").write_text("x")
    runs = [saved(base, float(second)) for second in range(3)]
    assert prune(runs[-1], runs=1) == (2, [])
    assert (base / name / "report.txt").exists()


def test_a_link_by_the_name_of_a_run_is_not_followed(base: Path, tmp_path: Path) -> None:
    away = tmp_path / "away"
    away.mkdir()
    (away / "report.txt").write_text("keep me")
    (base / "1970-01-01T00_00_00.000000-1").symlink_to(away)
    runs = [saved(base, float(second)) for second in range(3)]
    assert prune(runs[-1], runs=1) == (2, [])
    assert (away / "report.txt").exists()


def test_a_folder_that_others_can_change_is_left_alone(base: Path) -> None:
    runs = [saved(base, float(second)) for second in range(3)]
    base.chmod(0o777)
    with pytest.raises(UnsafeFolderError):
        prune(runs[-1], runs=1)
    assert whens(base) == [0, 1, 2]


@pytest.mark.root
def test_what_is_mounted_in_a_run_stays(base: Path) -> None:
    if os.geteuid():
        pytest.skip("needs root to mount")
    runs = [saved(base, float(second)) for second in range(3)]
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from ec2rl.report.saved import RunFolder; "
        "from ec2rl.report.pruned import prune; print(prune(RunFolder(sys.argv[2], -1), 1))"
    )
    script = 'mount -t tmpfs t "$1/mod_out/run" && shift && exec "$@"'
    done = subprocess.run(
        ["unshare", "-m", "--propagation=private", "sh", "-c", script, "sh", runs[0].path,
         sys.executable, "-c", program, str(EC2RL.parents[1]), runs[-1].path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("(1, [])\n", "")
    assert whens(base) == [0, 2]


def test_a_run_at_work_keeps_its_folder_full_or_still_empty(base: Path) -> None:
    slow = [
        open_run_folder(str(base), 0.0),
        saved(base, 1.0, at_work=True),
        saved(base, 2.0, 10**6, at_work=True),
    ]
    runs = [saved(base, float(second)) for second in range(3, 7)]
    assert prune(runs[-1], runs=2) == (2, [])
    assert whens(base) == [0, 1, 2, 5, 6]
    assert prune(runs[-1], runs=2, room=0) == (1, [])
    for folder in slow:
        folder.write("late.txt", "its folder is still there")
        os.unlink(f"{folder.path}/late.txt")
        assert folder.lock is not None
        os.close(folder.lock)
    assert prune(runs[-1], runs=1) == (3, [])
    assert whens(base) == [6]


@pytest.mark.root
@pytest.mark.parametrize(
    ("obstacle", "why"),
    [
        ('mount --bind "$1" "$1"', "Device or resource busy"),
        ('mount -t tmpfs -o ro t "$1" && mount --bind "$1" "$1"', "Device or resource busy"),
        ('chattr +i "$1"', "Operation not permitted"),
        ('chattr +a "$1"', "Operation not permitted"),
    ],
)
def test_a_run_that_cannot_be_removed_is_told_and_the_others_go(
    obstacle: str, why: str, base: Path
) -> None:
    if os.geteuid():
        pytest.skip("needs root to mount")
    runs = [saved(base, float(second)) for second in range(5)]
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from ec2rl.report.saved import RunFolder; "
        "from ec2rl.report.pruned import prune; print(prune(RunFolder(sys.argv[2], -1), 1))"
    )
    script = f'{obstacle} || exit 77; stuck="$1"; shift; "$@"; chattr -ia "$stuck" 2>/dev/null; :'
    done = subprocess.run(
        ["unshare", "-m", "--propagation=private", "sh", "-c", script, "sh", runs[2].path,
         sys.executable, "-c", program, str(EC2RL.parents[1]), runs[-1].path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode == 77:
        pytest.skip(f"not on this file system: {done.stderr}")
    name = runs[2].path.rpartition("/")[2]
    assert (done.stdout, done.stderr) == (f"(3, ['{name}: {why}'])\n", "")
    assert whens(base) == [2, 4]


def run(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """In a mount namespace where the state folder is `home`."""
    script = 'mkdir -p /var/lib/ec2rl && mount --bind "$1" /var/lib/ec2rl && shift && exec "$@"'
    return subprocess.run(
        ["unshare", "-m", "--propagation=private", "sh", "-c", script, "sh", str(home),
         sys.executable, "-I", "-S", str(EC2RL), "run", "--interval=0",
         "--only-modules=xennetrocket", *words],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.root
@pytest.mark.more
def test_a_run_says_what_it_removed_and_never_removes_a_change(base: Path) -> None:
    if os.geteuid():
        pytest.skip("needs root for a mount namespace")
    (base / "changes").mkdir(mode=0o700)
    (base / "changes/1.json").write_text("{}")
    for second in range(53):
        saved(base, float(second))
    done = run(base)
    said = "old runs removed: the last 50 are kept, in 256 MiB (--output-dir keeps all)\n"
    assert done.stderr == f"ec2rl: 4 {said}"
    assert (len(whens(base)), whens(base)[0]) == (49, 4)
    assert run(base, "--no-save").stderr == ""
    assert run(base).stderr == "ec2rl: 1 old run" + said[len("old runs") :]
    assert len(list(base.iterdir())) == 51
    assert (base / "changes/1.json").exists()
    chosen = base.parent / "chosen"
    chosen.mkdir(mode=0o700)
    for second in range(55):
        saved(chosen, float(second))
    assert run(base, f"--output-dir={chosen}").stderr == ""
    assert len(list(chosen.iterdir())) == 56


@pytest.mark.root
def test_a_run_says_what_it_could_not_remove(base: Path) -> None:
    if os.geteuid():
        pytest.skip("needs root for a mount namespace")
    runs = [saved(base, float(second)) for second in range(52)]
    if subprocess.run(["chattr", "+i", runs[0].path], check=False, capture_output=True).returncode:
        pytest.skip("not on this file system")
    try:
        said = run(base).stderr
    finally:
        subprocess.run(["chattr", "-i", runs[0].path], check=True)
    assert said.startswith("ec2rl: 2 old runs removed: ")
    name = runs[0].path.rpartition("/")[2]
    told = f"ec2rl: old runs that could not be removed: {name}: Operation not permitted\n"
    assert said.endswith(told)


@pytest.mark.root
@pytest.mark.parametrize("words", [(), ("--json",), ("--log=/dev/stdin",)])
def test_no_save_writes_nothing(words: tuple[str, ...], base: Path) -> None:
    if os.geteuid():
        pytest.skip("needs root for a mount namespace")
    done = run(base, "--no-save", *words)
    assert "not saved" not in done.stderr
    assert done.returncode in (0, 1, 3)
    assert list(base.iterdir()) == []
    if not words:
        assert "The output logs are located in:\n(not saved)\n" in done.stdout


@pytest.mark.parametrize("other", ["--record=x", "--output-dir=x", "--remediate"])
def test_no_save_and_what_writes(other: str, tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-S", str(EC2RL), "run", "--no-save", other]
    for more in ([], ["--log=/etc/hostname"]):
        done = subprocess.run(
            [*command, *more], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout, list(tmp_path.iterdir())) == (2, "", [])
        if other != "--remediate":
            option = other.partition("=")[0]
            assert f"--no-save cannot be combined with {option}: it writes nothing\n" in done.stderr
