"""Lines of /etc/fstab: what each means for the next boot; the oracle has what few ever write."""

from __future__ import annotations

import time

import pytest

from ec2rl.facts.fstab import MOST, Entry, parse_fstab
from ec2rl.facts.unit_names import unit_name, unit_path


def only(text: str) -> Entry:
    (entry,) = parse_fstab(text).entries
    return entry


@pytest.mark.parametrize(
    ("line", "target", "stops"),
    [
        ("UUID=a / ext4 defaults 0 1", "local-fs.target", True),
        ("UUID=a / ext4 noauto,nofail 0 1", "local-fs.target", True),  # both mean nothing there
        ("UUID=a /data ext4 defaults 0 2", "local-fs.target", True),
        ("UUID=a /data ext4 defaults,nofail 0 2", "local-fs.target", False),
        ("UUID=a /data ext4 nofail,fail 0 2", "local-fs.target", True),
        ("UUID=a /data ext4 noauto 0 2", "", False),
        ("UUID=a /data ext4 x-systemd.automount 0 2", "", False),
        ("UUID=a /data ext4 x-systemd.wanted-by=a.service 0 2", "", False),
        ("/dev/sdb /data", "local-fs.target", True),
        ("fs-1:/ /efs efs tls 0 0", "local-fs.target", True),
        ("fs-1:/ /efs efs _netdev,tls 0 0", "remote-fs.target", False),
        ("host:/a /nfs nfs4 defaults 0 0", "remote-fs.target", False),
        ("UUID=a none swap sw 0 0", "swap.target", False),
        ("/a /b none bind 0 0", "local-fs.target", True),
        ("tmpfs /dev/shm tmpfs size=1g 0 0", "", False),
        ("UUID=a", "", False),
        ("UUID=a none ext4 defaults 0 0", "", False),
    ],
)
def test_what_a_boot_does_with_a_line(line: str, target: str, stops: bool) -> None:
    entry = only(line)
    assert (entry.target, entry.stops_boot) == (target, stops)


def test_escapes_quotes_and_ends() -> None:
    found = parse_fstab(
        '# a comment\n\nLABEL="two words"\t/a\n'
        "LABEL=two\\040words /x\\040y\\134 ext4 defaults,a\\,b 0 2\r\n"
        "/dev/sdc /c ext4 defaults\r\n"
        "/dev/sdd /d ext4 defaults 0 2UUID=e /e ext4"
    ).entries
    assert [(one.number, one.where) for one in found] == [
        (3, 'words"'),
        (4, "/x y\\"),
        (5, "/c"),
        (6, "/d"),
    ]
    assert found[1].device == "/dev/disk/by-label/two\\x20words"
    assert found[1].options == ("defaults", "a,b")
    assert (found[1].passno, found[1].rest) == (2, "")
    assert found[2].options == ("defaults\r",)
    assert found[3].rest == "UUID=e /e ext4"
    assert unit_name("/x y\\", ".mount") == "x\\x20y\\x5c.mount"
    assert unit_path("dev-disk-by\\x2duuid-a\\x2db.device") == "/dev/disk/by-uuid/a-b"


def test_a_second_line_of_a_mount_point_is_named() -> None:
    found = parse_fstab("/dev/sda /data\n/dev/sdb /data/ xfs\n/dev/sdc /else\n").doubled()
    assert [(first.number, second.number) for first, second in found] == [(1, 2)]


@pytest.mark.parametrize(
    "text",
    [
        "/dev/sda /a ext4\n" * 1_000_000,
        "/dev/sda /a ext4 " + "a," * 5_000_000,
        "\n" * 10_000_000,
        " \t" * 5_000_000,
        "\0" * 10_000_000,
        "\\0\\040" * 2_000_000,
        "#" * 10_000_000,
    ],
    ids=["lines", "options", "newlines", "blanks", "nuls", "escapes", "comment"],
)
def test_a_huge_file_is_bounded(text: str) -> None:
    before = time.process_time()
    found = parse_fstab(text)
    assert time.process_time() - before < 1.5
    assert len(found.entries) <= MOST
    assert bool(found.lost) is (text.count("\n") > MOST or "\0" in text)
