"""A machine's time zone, and what could pass for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from ec2rl.facts.zone import is_zone, our_zone, zone
from ec2rl.host.mounted import MountedHost


@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        ("CET-1CEST,M3.5.0,M10.5.0/3", "CET-1CEST,M3.5.0,M10.5.0/3"),
        ("UTC0", "UTC0"),
        ("<-03>3", "<-03>3"),
        ("../../secret", ""),
        (":/etc/shadow", ""),
        ("Europe/Berlin", ""),
        ("CET-1CEST,../../x,M1", ""),
        ("", ""),
    ],
)
def test_the_zone_is_that_machines_own(tmp_path: Path, tail: str, expected: str) -> None:
    zones = tmp_path / "usr/share/zoneinfo"
    zones.mkdir(parents=True)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/localtime").symlink_to("/usr/share/zoneinfo/Here")
    (zones / "Here").write_bytes(b"TZif2" + bytes(99) + f"\n{tail}\n".encode())
    assert zone(MountedHost(str(tmp_path))) == expected


def test_a_machine_that_says_nothing_of_it(tmp_path: Path) -> None:
    assert zone(MountedHost(str(tmp_path))) == ""


def test_our_own_is_one() -> None:
    assert is_zone(our_zone())
