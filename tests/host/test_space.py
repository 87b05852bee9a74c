"""Room of file systems: asked apart, so that one that hangs holds nobody."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ec2rl.facts.space import FileSystem, parse_space
from ec2rl.host.live import LiveHost
from ec2rl.host.mounted import MountedHost
from ec2rl.host.queries.deleted_files import DeletedFiles
from ec2rl.host.queries.space import Space, ask_all
from ec2rl.model import Evidence, Unreadable, Why

MOUNTS = [
    ("/", b"/", "/dev/vda1", "ext4"),
    ("/data", b"/data", "/dev/vdb", "xfs"),
    ("/srv", b"/srv", "/dev/vdc", "xfs"),
]


def numbers(folder: bytes) -> os.statvfs_result:
    if folder == b"/data":
        time.sleep(60)
    if folder == b"/srv":
        raise PermissionError(13, "Permission denied")
    return os.statvfs_result((4096, 4096, 1000, 500, 400, 64, 32, 32, 0, 255))


@pytest.mark.more
def test_one_that_hangs_is_told_and_the_others_answer() -> None:
    began = time.monotonic()
    told = parse_space(ask_all(MOUNTS, numbers))
    assert time.monotonic() - began < 30
    assert told == (
        FileSystem("/", "/dev/vda1", "ext4", 4096000, 2048000, 1638400, 64, 32),
        FileSystem("/data", "/dev/vdb", "xfs", fault="no answer"),
        FileSystem("/srv", "/dev/vdc", "xfs", fault="Permission denied"),
    )


def test_this_machine_answers() -> None:
    found = LiveHost().query(Space())
    assert isinstance(found, Evidence)
    for one in parse_space(found.text):
        assert one.fault or one.size > 0


def test_a_folder_is_no_file_system(tmp_path: Path) -> None:
    found = MountedHost(str(tmp_path)).query(Space())
    assert isinstance(found, Unreadable)
    assert found.why is Why.ABSENT


def test_a_share_is_that_of_df() -> None:
    one = FileSystem("/", "/dev/vda", "ext4", size=1000, free=300, available=200)
    assert round(one.used, 3) == 0.778
    assert not one.lacks_room
    assert FileSystem("/", "/dev/vda", "ext4", size=1000, free=50).lacks_room


def test_a_deleted_file_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a\tb"
    with path.open("wb") as file:
        file.write(os.urandom(2 << 20))
        file.flush()
        os.fsync(file.fileno())
        path.unlink()
        found = LiveHost().query(DeletedFiles())
    assert isinstance(found, Evidence)
    (line,) = [one for one in found.text.split("\n") if "a\\x09b" in one]
    size, _, pid, *_ = line.split("\t")
    assert int(size) >= 2 << 20
    assert int(pid) == os.getpid()
