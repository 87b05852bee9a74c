"""A sosreport's folder that is moved, swapped or emptied while it is read is not whole."""

from __future__ import annotations

import os
import shutil
import time
from functools import partial
from pathlib import Path
from typing import Callable

import pytest

from ec2rl.host.chroot_fs import Root
from ec2rl.host.sos_folder import FolderMembers
from host.test_sos import COMMON, MESSAGE
from hostile.changing import judged as verdict_of
from hostile.changing import meanwhile, start
from test_offline import EC2RL, QUIET, WHOLE, judged

LINE = f"Sep 21 14:15:00 host kernel: [  100.000000] {MESSAGE}\n"


def unpacked(folder: Path, name: str = "report", dmesg: str = WHOLE, log: str = LINE) -> Path:
    """A report, of long ago, so that no stamp of it is of now."""
    files = {**COMMON, "sos_commands/kernel/dmesg": dmesg, "var/log/messages": log}
    for path, text in files.items():
        place = folder / name / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(str(text))
    time.sleep(0.02)  # beyond a tick of the clock that the kernel stamps with
    return folder / name


def swapped(place: str) -> Callable[[Path, Path], None]:
    def swap(report: Path, clean: Path) -> None:
        (report / place).rename(report.parent / "away")
        (clean / place).rename(report / place)

    return swap


def there_and_back(report: Path, clean: Path) -> None:
    swapped("sos_commands/kernel")(report, clean)
    (report / "sos_commands/kernel").rename(clean / "back")
    (report.parent / "away").rename(report / "sos_commands/kernel")


def by_a_link(report: Path, clean: Path) -> None:
    (report / "var").rename(report / "away")
    (report / "var").symlink_to(clean / "var")


def by_a_link_within(report: Path, clean: Path) -> None:
    (report / "sos_commands/kernel").rename(report / "sos_commands/away")
    (clean / "sos_commands/kernel").rename(report / "sos_commands/clean")
    (report / "sos_commands/kernel").symlink_to("clean")


CHANGES: dict[str, Callable[[Path, Path], object]] = {
    "a folder": swapped("sos_commands/kernel"),
    "a top folder": swapped("var"),
    "and back": there_and_back,
    "by a link": by_a_link,
    "by a link within": by_a_link_within,
    "moved away": lambda report, _: (report / "var").rename(report.parent / "away"),
    "moved within": lambda report, _: (report / "var").rename(report / "away"),
    "removed": lambda report, _: shutil.rmtree(report / "var"),
    "a file removed": lambda report, _: (report / "sos_commands/kernel/dmesg").unlink(),
    "a file that came": lambda report, _: (report / "var/log/syslog").write_text("x\n"),
    "a top that came": lambda report, _: (report / "run").mkdir(),
}


@pytest.mark.parametrize("moment", [0, 1, 3, 5])
@pytest.mark.parametrize("what", CHANGES)
def test_what_befalls_a_folder(tmp_path: Path, what: str, moment: int) -> None:
    """After some members were read, whichever these are."""
    report = unpacked(tmp_path)
    clean = unpacked(tmp_path, "clean", QUIET, "x\n")
    root = Root(str(report), ours=())
    members = FolderMembers(root, [])
    for number, _ in enumerate(members):
        if number == moment:
            CHANGES[what](report, clean)
    root.close()
    assert members.changes
    assert members.missed == []


@pytest.mark.parametrize("what", CHANGES)
def test_what_befell_it_before_it_was_listed(tmp_path: Path, what: str) -> None:
    """Of what is there no more nothing is found: its folder tells that it was changed."""
    report = unpacked(tmp_path)
    clean = unpacked(tmp_path, "clean", QUIET, "x\n")
    root = Root(str(report), ours=())
    members = FolderMembers(root, [])
    time.sleep(0.02)
    CHANGES[what](report, clean)
    list(members)
    root.close()
    assert members.changes


def test_what_is_no_change(tmp_path: Path) -> None:
    """Others read it, and something changes beside it."""
    report = unpacked(tmp_path)
    root = Root(str(report), ours=())
    members = FolderMembers(root, [])
    for _ in members:
        list(report.rglob("*"))
        (report / "var/log/messages").read_text()
        (tmp_path / "other").write_text("x")
    root.close()
    assert (members.changes, members.missed) == ([], [])


@pytest.mark.parametrize("what", ["a folder", "a top folder", "by a link", "a file removed"])
@pytest.mark.more
def test_no_success_of_a_folder_that_was_swapped(tmp_path: Path, what: str) -> None:
    """The program is stopped in a large log, before it comes to what would tell."""
    for number in range(5):
        folder = tmp_path / f"{number}/x"
        has_line = what in ("a top folder", "by a link")  # those of the logs
        report = unpacked(folder, dmesg=QUIET if has_line else WHOLE, log=LINE if has_line else "x")
        clean = unpacked(folder, "clean", QUIET, "x\n")
        large = report / "sos_commands/a/journalctl_--no-pager"
        large.parent.mkdir()
        large.write_bytes(b"Sep 21 14:15:00 host x: y\n" * (1 << 21))
        time.sleep(0.02)
        process = start(EC2RL, [f"--sos={report}"])
        change = CHANGES[what]
        size = large.stat().st_size
        if meanwhile(process, large, size, size // 4, partial(change, report, clean)):
            break
        process.communicate()
        shutil.rmtree(folder)
    assert verdict_of(process) != "OK"


@pytest.mark.more
def test_a_log_of_a_folder_that_cannot_be_read(tmp_path: Path) -> None:
    """Something else stands there than a file; a setting's may."""
    report = unpacked(tmp_path, dmesg=QUIET, log="x\n")
    assert judged(tmp_path, f"--sos={report}")["verdict"] == "OK"
    (report / "var/log/messages").unlink()
    os.mkfifo(report / "var/log/messages")
    found = judged(tmp_path, f"--sos={report}")
    assert found["verdict"] == "UNKNOWN"
    assert "not all of the folder could be read" in found["summary"]
    (report / "var/log/messages").unlink()
    (report / "etc/sysctl.d").mkdir()
    os.mkfifo(report / "etc/sysctl.d/a.conf")
    assert judged(tmp_path, f"--sos={report}")["verdict"] == "OK"
