"""The names of disks and of their partitions."""

from __future__ import annotations

import pytest

from ec2rl.facts.block_devices import disk_of


@pytest.mark.parametrize(
    ("device", "disk"),
    [
        ("nvme0n1p1", "nvme0n1"),
        ("nvme1n12", "nvme1n12"),
        ("mmcblk0p2", "mmcblk0"),
        ("md127", "md127"),
        ("md127p1", "md127"),
        ("sdaa15", "sdaa"),
        ("sdp1", "sdp"),
        ("xvdf", "xvdf"),
        ("dm-3", "dm-3"),
        ("loop0", "loop0"),
        ("", ""),
    ],
)
def test_the_disk_of_a_device(device: str, disk: str) -> None:
    assert disk_of(device) == disk
