"""A door is opened, and what stands behind it is looked at, before anybody goes in."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from ec2rl.conntrack.delete import DeletionBatch, free
from ec2rl.conntrack.queries.entries import ConntrackEntries
from ec2rl.conntrack.table.look import open_listing, take_census
from ec2rl.host import Door
from ec2rl.host.live import LiveHost
from ec2rl.host.netns import held
from ec2rl.model import Unreadable, Why
from support import fill

ONE, TWO = f"ec2rl-door1-{os.getpid()}", f"ec2rl-door2-{os.getpid()}"

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(not shutil.which("ip"), reason="needs ip(8)"),
]


@pytest.fixture
def door() -> Iterator[Door]:
    """The name of one namespace, with its number; there is another one."""
    with fill.namespace(ONE) as path, fill.namespace(TWO):
        yield Door(path, os.stat(path).st_ino)


@pytest.mark.parametrize(
    ("over", "said"),
    [
        (f"/run/netns/{TWO}", "another namespace stands there"),
        ("/dev/null", "not a network namespace"),
        ("/etc/hostname", "not a network namespace"),
    ],
)
def test_what_lies_over_a_name_by_now_is_not_entered(door: Door, over: str, said: str) -> None:
    subprocess.run(["mount", "--bind", over, door.path], check=True)
    try:
        looks = (
            LiveHost().within(door).read("/proc/net/stat/nf_conntrack"),
            LiveHost().within(door).query(ConntrackEntries(10)),
            take_census(door),
            open_listing(door),
            free(DeletionBatch(), door),
        )
    finally:
        subprocess.run(["umount", door.path], check=True)
    assert [look.detail for look in looks if isinstance(look, Unreadable)] == [said] * len(looks)


def test_the_next_door_is_tried(door: Door) -> None:
    wrong = (Door("/nowhere", door.inode), Door("/proc/self/ns/net", door.inode))
    with held((*wrong, door)) as found:
        assert found is not None
        assert found.path == door.path


def test_no_other_kind_of_namespace_is_entered() -> None:
    found = LiveHost().within(Door("/proc/self/ns/mnt")).read("/proc/net/stat/nf_conntrack")
    assert isinstance(found, Unreadable)
    assert (found.why, found.detail) == (Why.FAILED, "not a network namespace")


def test_what_is_held_stays_whatever_its_name_leads_to(door: Door) -> None:
    """Its name is deleted, and another namespace may get the name; the number stays taken."""
    fill.fill(ONE, [fill.Row("198.18.0.1", "192.0.2.1", 1, 443, 6, 3, 6, 600)])
    with held([door]) as found:
        subprocess.run(["mount", "--bind", f"/run/netns/{TWO}", door.path], check=True)
        try:
            seen = take_census(found)
        finally:
            subprocess.run(["umount", door.path], check=True)
    assert not isinstance(seen, Unreadable)
    assert seen.total == 1
