"""The run folder: nobody else can write to it, read it or put another in its place."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ec2rl.caller import Rights
from ec2rl.report.saved import RunFolder, UnsafeFolderError, open_private, open_run_folder

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534


def needs_root() -> None:
    if os.geteuid():
        pytest.skip("needs root to give folders to another user")


def plain(base: Path) -> Path:
    base.mkdir(mode=0o700)
    return base


def missing(base: Path) -> Path:
    return base / "a" / "b"


def readable(base: Path) -> Path:
    base.mkdir()
    base.chmod(0o755)
    return base


def in_sticky(base: Path) -> Path:
    base.mkdir()
    base.chmod(0o1777)
    return base / "new"


def sticky_itself(base: Path) -> Path:
    base.mkdir()
    base.chmod(0o1777)
    return base


def open_to_all(base: Path) -> Path:
    base.mkdir()
    base.chmod(0o777)
    return base


def open_above(base: Path) -> Path:
    base.mkdir()
    base.chmod(0o777)
    (base / "in").mkdir(mode=0o700)
    return base / "in"


def open_to_group(base: Path) -> Path:
    base.mkdir()
    base.chmod(0o770)
    return base / "new"


def link(base: Path) -> Path:
    base.with_suffix(".real").mkdir(mode=0o700)
    base.symlink_to(base.with_suffix(".real"))
    return base


def link_above(base: Path) -> Path:
    return link(base) / "new"


def link_to_nothing(base: Path) -> Path:
    base.symlink_to("/nonexistent/folder")
    return base


def a_fifo(base: Path) -> Path:
    os.mkfifo(base)
    return base


def a_file(base: Path) -> Path:
    base.write_text("")
    return base / "new"


def anothers(base: Path) -> Path:
    base.mkdir(mode=0o700)
    os.chown(base, NOBODY, NOBODY)
    return base


def anothers_above(base: Path) -> Path:
    return anothers(base) / "new"


def climbing(base: Path) -> Path:
    base.mkdir(mode=0o700)
    return base / ".." / "elsewhere"


REFUSED = [sticky_itself, open_to_all, open_above, open_to_group, link, link_above,
           link_to_nothing, a_fifo, a_file, anothers, anothers_above, climbing]  # fmt: skip
ACCEPTED = [plain, missing, readable, in_sticky]


def test_runs_of_the_same_microsecond_have_the_next_one(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    folders = [open_run_folder(str(tmp_path), 0.999999) for _ in range(3)]
    names = [folder.path.rpartition("/")[2] for folder in folders]
    assert names == [f"1970-01-01T00_00_0{end}" for end in ("0.999999", "1.000000", "1.000001")]


@pytest.mark.parametrize("layout", ACCEPTED, ids=lambda layout: str(layout.__name__))
def test_safe_layouts_are_taken(layout: Callable[[Path], Path], tmp_path: Path) -> None:
    base = layout(tmp_path / "out")
    folder = open_run_folder(str(base), 0.25)
    folder.write("report.txt", "words \udcff\n")
    folder.folder("inside").write("x", "")
    made = Path(folder.path)
    assert made.name == "1970-01-01T00_00_00.250000"
    assert made.parent == base
    assert [(p.name, p.stat().st_mode & 0o7777) for p in sorted(made.rglob("*"))] == [
        ("inside", 0o700),
        ("x", 0o600),
        ("report.txt", 0o600),
    ]
    assert made.stat().st_mode & 0o7777 == 0o700
    assert (made / "report.txt").read_text() == "words \\udcff\n"
    with pytest.raises(FileExistsError):
        folder.write("report.txt", "again")


@pytest.mark.parametrize("layout", REFUSED, ids=lambda layout: str(layout.__name__))
def test_unsafe_layouts_are_refused(layout: Callable[[Path], Path], tmp_path: Path) -> None:
    if "anothers" in layout.__name__:
        needs_root()
    base = layout(tmp_path / "out")
    before = sorted(map(str, tmp_path.rglob("*")))
    with pytest.raises(UnsafeFolderError):
        open_private(str(base))
    assert sorted(map(str, tmp_path.rglob("*"))) == before


@pytest.mark.parametrize("path", ["", "relative", "./x", "/tmp/\0x", "/tmp/../etc"])
def test_odd_paths_are_refused(path: str) -> None:
    with pytest.raises(UnsafeFolderError):
        open_private(path)


def run(*options: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-S", str(ROOT / "src/ec2rl/__main__.py"), "run",
         "--only-modules=conntrackfull", "--interval=0", *options],
        capture_output=True, text=True, timeout=120, check=False, **more,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("layout", REFUSED, ids=lambda layout: str(layout.__name__))
def test_an_unsafe_output_dir_is_a_mistake(layout: Callable[[Path], Path], tmp_path: Path) -> None:
    if "anothers" in layout.__name__:
        needs_root()
    base = layout(tmp_path / "out")
    done = run(f"--output-dir={base}")
    if layout is climbing:  # taken for what it means, before anything is opened
        assert done.returncode != 2
        return
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("ec2rl: --output-dir: ")


@pytest.mark.root
def test_a_folder_on_the_way_need_not_be_one_that_may_be_listed(tmp_path: Path) -> None:
    """As /home on many machines: anybody may go through it, nobody but root may list it."""
    needs_root()
    for above in (tmp_path, *list(tmp_path.parents)[:-2]):
        above.chmod(0o711)
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    done = subprocess.run(
        ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", str(ROOT / "ec2rl"),
         "run", "--only-modules=conntrackfull", "--interval=0"],
        env={"XDG_STATE_HOME": str(home / "state")}, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    if "ec2rl" not in done.stdout + done.stderr:
        pytest.skip(f"another user cannot start it from here: {done.stderr}")
    assert "not saved" not in done.stdout + done.stderr
    assert len(list(home.glob("state/ec2rl/*/report.json"))) == 1


def test_a_relative_output_dir_of_a_folder_that_is_gone_is_a_mistake(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    command = [sys.executable, "-I", "-S", str(ROOT / "src/ec2rl/__main__.py"), "run"]
    done = subprocess.run(
        ["sh", "-c", 'rmdir "$PWD"; exec "$@"', "sh", *command, "--output-dir=here"],
        cwd=gone, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("ec2rl: --output-dir: the folder you are in is gone")


ATTACKER = """
import os, sys, itertools
os.setgroups([]); os.setgid(65534); os.setuid(65534)
base, evil = sys.argv[1:]
for turn in itertools.count():
    for name in ("out", *[n for n in os.listdir(base)]):
        path = os.path.join(base, name)
        for attack in (lambda: os.symlink(evil, path), lambda: os.mkdir(path, 0o777),
                       lambda: os.rename(path, path + ".away"),
                       lambda: os.link("/etc/passwd", path),
                       lambda: os.symlink(evil, os.path.join(path, "report.txt"))):
            try:
                attack()
            except OSError:
                pass
        try:
            os.unlink(path) if os.path.islink(path) else os.rmdir(path)
        except OSError:
            pass
"""


@pytest.mark.root
@pytest.mark.slow
def test_a_folder_is_not_swapped_by_a_user_who_tries_all_the_time(tmp_path: Path) -> None:
    needs_root()
    for above in (tmp_path, *list(tmp_path.parents)[:-1]):
        if above != Path("/tmp"):
            above.chmod(0o755)
    base, evil = tmp_path / "shared", tmp_path / "evil"
    for folder, mode in ((base, 0o1777), (evil, 0o777)):
        folder.mkdir()
        folder.chmod(mode)
    attacker = subprocess.Popen([sys.executable, "-c", ATTACKER, str(base), str(evil)])
    written = refused = 0
    try:
        for turn in range(200):
            try:
                opened = open_run_folder(str(base / "out"), time.time())
                inside = opened.folder("mod_out")
                opened.write("report.txt", "secret")
                inside.write("x.log", "secret")
                found = os.fstat(opened.fd)
                assert (found.st_uid, found.st_mode & 0o7777) == (0, 0o700)
                os.close(inside.fd)
                os.close(opened.fd)
                written += 1
            except OSError:
                refused += 1
            if turn % 20 == 19 and not (base / "out").is_symlink():
                subprocess.run(["rm", "-rf", str(base / "out")], check=False)
            # The attacker's own are there, through a link of his own.
            assert [p for p in evil.iterdir() if p.lstat().st_uid != NOBODY] == []
    finally:
        attacker.kill()
        attacker.wait()
    assert written + refused == 200
    ours = [path for path in tmp_path.rglob("report.txt") if path.lstat().st_uid == 0]
    assert all(path.is_file() and not path.is_symlink() for path in ours)
    assert all(path.parent.stat().st_mode & 0o7777 == 0o700 for path in ours)
    assert all(path.parent.stat().st_uid == 0 for path in ours)


def in_namespace(prepare: str, base: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run in a mount namespace of our own, after some mounts."""
    needs_root()
    program = [sys.executable, "-I", "-S", str(ROOT / "src/ec2rl/__main__.py"), "run",
               "--only-modules=conntrackfull", "--interval=0", f"--output-dir={base}"]  # fmt: skip
    script = f'set -e\n{prepare}\nshift\nexec "$@"\n'
    return subprocess.run(
        ["unshare", "-m", "--propagation=private", "sh", "-c", script, "sh", str(base),
         *program, *options],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


DISKS = {
    "full": 'mount -t tmpfs -o size=64k,mode=700 t "$1"; '
    'dd if=/dev/zero of="$1/full" bs=1k count=999 2>/dev/null || true',
    "no inodes": 'mount -t tmpfs -o size=1m,nr_inodes=4,mode=700 t "$1"',
    "nearly full": 'mount -t tmpfs -o size=64k,mode=700 t "$1"; '
    'dd if=/dev/zero of="$1/full" bs=1k count=58 2>/dev/null || true',
    "read-only": 'mount --bind "$1" "$1"; mount -o remount,ro,bind "$1"',
}


@pytest.mark.root
@pytest.mark.parametrize("disk", DISKS)
@pytest.mark.parametrize("options", [(), ("--exit-zero",), ("--json",)])
@pytest.mark.sampled(5)
def test_a_disk_that_takes_nothing_loses_no_verdict(
    disk: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    base = tmp_path / "out"
    base.mkdir(mode=0o700)
    done = in_namespace(DISKS[disk], base, *options)
    assert done.returncode in ((4,) if options == ("--exit-zero",) else (1, 3, 4)), done.stderr
    assert "conntrackfull" in done.stdout
    assert "] " in done.stdout or '"status"' in done.stdout
    assert "ec2rl: results not saved: " in done.stderr


class FailingFolder(RunFolder):
    """A folder whose N-th call fails."""

    def __init__(self, inner: RunFolder, left: list[int]) -> None:
        super().__init__(inner.path, inner.fd)
        self.inner, self.left = inner, left

    def _count(self) -> None:
        self.left[0] -= 1
        if self.left[0] == 0:
            raise OSError(28, "No space left on device")

    def write(self, name: str, text: str) -> None:
        self._count()
        self.inner.write(name, text)

    def folder(self, name: str) -> RunFolder:
        self._count()
        return FailingFolder(self.inner.folder(name), self.left)


def test_each_call_that_fails_is_told(tmp_path: Path) -> None:
    from ec2rl.catalogue import load
    from ec2rl.commands.reporting import save
    from ec2rl.engine import Result
    from ec2rl.model import Finding, Verdict, say

    tmp_path.chmod(0o700)
    found = [Result(load("conntrackfull"), Finding(Verdict.OK, say("x")), 0.0)]
    told = []
    for number in range(1, 8):
        folder = FailingFolder(open_run_folder(str(tmp_path), float(number)), [number])
        told.append(bool(save(folder, Rights({}), [found], "text", "{}")))
    assert told == [True] * 5 + [False] * 2
