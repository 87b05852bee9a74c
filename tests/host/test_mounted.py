"""The root of another machine: its files, through its own links, and nothing from outside."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Callable

import pytest

from ec2rl.conntrack.queries.counters import ConntrackCounters
from ec2rl.host import Door, Phrase, Search
from ec2rl.host.chroot_fs import NotRegularError, OutsideError, Root, openat2, walk
from ec2rl.host.mounted import MountedHost
from ec2rl.host.queries.ethtool import EthtoolStatistics
from ec2rl.model import Evidence, Unreadable, Why

Find = Callable[[int, str, bool], int]


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    root = tmp_path / "volume"
    for folder in ("etc/sysctl.d", "var/log", "proc", "dev", "run"):
        (root / folder).mkdir(parents=True)
    (root / "etc/hostname").write_text("theirs\n")
    (tmp_path / "secret").write_text("ours\n")
    return root


@pytest.fixture(params=[openat2, walk], ids=["openat2", "walk"])
def root(request: pytest.FixtureRequest, volume: Path) -> Root:
    found = Root(str(volume))
    found._find = request.param
    return found


def text(root: Root, path: str) -> str:
    with open(root.open(path), encoding="utf-8") as file:
        return file.read()


@pytest.mark.parametrize(
    "target",
    [
        "/etc/hostname",
        "../../etc/hostname",
        "../../../../../../etc/hostname",
        "/../etc/./hostname",
        "//etc//hostname",
    ],
)
def test_links_mean_what_they_mean_to_that_machine(root: Root, volume: Path, target: str) -> None:
    (volume / "var/log/messages").symlink_to(target)
    assert text(root, "/var/log/messages") == "theirs\n"


def test_a_folder_that_is_a_link(root: Root, volume: Path) -> None:
    (volume / "srv").symlink_to("/etc")
    (volume / "again").symlink_to("srv/../srv")
    assert text(root, "/srv/hostname") == "theirs\n"
    assert text(root, "/again/hostname") == "theirs\n"
    assert root.names("/again") == root.names("/etc")


@pytest.mark.parametrize("up", ["../secret", "/../secret", "../../../secret"])
def test_no_way_leads_out(root: Root, volume: Path, up: str) -> None:
    (volume / "link").symlink_to(up)
    (volume / "var/log/deep").symlink_to(f"../..{'/..' * 40}{volume.parent}/secret")
    for path in ("/link", "/var/log/deep", up, f"{volume.parent}/secret"):
        with pytest.raises(FileNotFoundError):
            root.open(path)


def test_loops_and_endless_links_are_refused(root: Root, volume: Path) -> None:
    (volume / "a").symlink_to("b")
    (volume / "b").symlink_to("a")
    (volume / "self").symlink_to("self/" * 500)
    for path in ("/a", "/b/x", "/self"):
        with pytest.raises(OSError, match=r"[Ll]evels|symbolic|File name too long"):
            root.open(path)


def test_only_regular_files_are_opened(root: Root, volume: Path) -> None:
    os.mkfifo(volume / "var/log/messages")
    with socket.socket(socket.AF_UNIX) as bound:
        here = os.getcwd()
        os.chdir(volume)
        try:
            bound.bind("socket")
        finally:
            os.chdir(here)
        for path in ("/var/log/messages", "/socket", "/etc", "/"):
            with pytest.raises(NotRegularError):
                root.open(path)


@pytest.mark.root
def test_devices_are_not_opened(root: Root, volume: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to make a device")
    os.mknod(volume / "var/log/messages", 0o20666, os.makedev(1, 5))  # /dev/zero
    with pytest.raises(NotRegularError):
        root.open("/var/log/messages")


@pytest.mark.parametrize("path", ["/proc/version", "/sys/kernel", "/dev/null", "/run/x", "proc/x"])
def test_what_a_running_system_shows_is_not_collected(root: Root, path: str) -> None:
    with pytest.raises(OutsideError):
        root.open(path)


def test_a_link_to_what_our_own_kernel_shows_is_not_followed(root: Root, volume: Path) -> None:
    (volume / "proc/version").write_text("as if /proc were mounted here\n")
    (volume / "var/log/messages").symlink_to("/proc/version")
    (volume / "var/log/up").symlink_to("../../proc")
    for path in ("/var/log/messages", "/var/log/up/version"):
        with pytest.raises(OutsideError):
            root.open(path)


@pytest.mark.root
def test_magic_links_are_not_followed() -> None:
    found = Root("/")
    for path in ("/proc/self/root/etc/passwd", "/../proc/1/root/etc/passwd"):
        with pytest.raises((OutsideError, PermissionError)):
            found.open(path)
    found.close()


def test_a_link_tells_its_target(root: Root, volume: Path) -> None:
    (volume / "etc/sysctl.d/50-x.conf").symlink_to("/dev/null")
    assert root.link("/etc/sysctl.d/50-x.conf") == "/dev/null"
    assert root.link("/etc/hostname") is None
    with pytest.raises(FileNotFoundError):
        root.link("/etc/none")


def test_a_host_of_files(volume: Path) -> None:
    (volume / "etc/sysctl.d/mask.conf").symlink_to("/dev/null")
    (volume / "etc/sysctl.d/x.conf").write_text("a = 1\n")
    host = MountedHost(str(volume))
    assert host.name == f"the volume at {volume}"
    assert host.read("/etc/hostname") == Evidence("/etc/hostname", "theirs\n")
    assert host.names("/etc/sysctl.d") == ("mask.conf", "x.conf")
    assert host.link("/etc/sysctl.d/mask.conf") == "/dev/null"
    assert host.link("/etc/hostname") == Unreadable(
        "/etc/hostname", Why.ABSENT, "not a symbolic link"
    )
    assert host.read("/etc/none") == Unreadable("/etc/none", Why.ABSENT)
    assert host.inode("/etc/hostname") == (volume / "etc/hostname").stat().st_ino


def test_what_only_a_running_machine_can_tell_is_not_collected(volume: Path) -> None:
    host = MountedHost(str(volume))
    inside = host.within(Door("/run/netns/a")).later(1)
    answers = {
        host.read("/dev/kmsg"),
        host.read("/proc/sys/net/netfilter/nf_conntrack_count"),
        host.names("/proc"),
        host.link("/proc/self/ns/net"),
        host.inode("/proc/self"),
        host.read("/proc/sys/kernel/random/boot_id"),
        host.query(EthtoolStatistics("eth0")),
        inside.query(ConntrackCounters()),
        *host.search(["/proc/kmsg", "dmesg"], [Phrase(b"x")]),
    }
    assert {answer.why for answer in answers if isinstance(answer, Unreadable)} == {
        Why.NOT_COLLECTED
    }
    assert all(isinstance(answer, Unreadable) for answer in answers)


def test_who_wrote_a_file_is_not_told_by_a_volume(volume: Path) -> None:
    path = "/var/lib/ec2rl/changes/1.json"
    (volume / path[1:]).parent.mkdir(parents=True)
    (volume / path[1:]).write_text("{}")
    host = MountedHost(str(volume))
    assert host.names("/var/lib/ec2rl/changes") == ("1.json",)
    words = "who wrote it cannot be told on a volume"
    assert host.read_own(path) == Unreadable(path, Why.FAILED, words)


def test_logs_are_searched_and_one_that_cannot_be_is_named(volume: Path) -> None:
    log = volume / "var/log"
    (log / "messages").write_text("a\nit is full\n")
    os.utime(log / "messages", (1790000000, 1790000000))
    os.mkfifo(log / "messages-1")
    host = MountedHost(str(volume))
    good, fifo = host.search(["/var/log/messages", "/var/log/messages-1"], [Phrase(b"full")])
    assert isinstance(good, Search)
    assert (good.path, [line.text for line in good.lines]) == ("/var/log/messages", ["it is full"])
    assert fifo == Unreadable("/var/log/messages-1", Why.FAILED, "not a regular file")


def test_it_was_recorded_when_its_last_log_was_written(volume: Path) -> None:
    log = volume / "var/log"
    for name, when in (("a", 1790000000), ("b", 1790000100), ("c", 1780000000)):
        (log / name).write_text("")
        os.utime(log / name, (when, when))
    host = MountedHost(str(volume))
    assert host.recorded == 1790000100
    assert host.clock().now == 1790000100
    assert host.clock().uptime is None


def test_the_last_boot_is_the_one_that_the_newest_journal_bears(volume: Path) -> None:
    folder = volume / "var/log/journal" / ("a" * 32)
    folder.mkdir(parents=True)
    for name, boot, when in (("system.journal", b"\x22", 2e9), ("system@1.journal", b"\x11", 1e9)):
        (folder / name).write_bytes(b"LPKSHHRH".ljust(56, b"\0") + boot * 16)
        os.utime(folder / name, (when, when))
    boot_id = MountedHost(str(volume)).read("/proc/sys/kernel/random/boot_id")
    path = f"/var/log/journal/{'a' * 32}/system.journal"
    assert boot_id == Evidence(path, "22" * 16 + "\n")


def test_a_journal_that_leads_out_is_named_and_not_read(volume: Path) -> None:
    outside = volume.parent / "outside"
    outside.mkdir()
    (outside / "system.journal").write_bytes(b"LPKSHHRH" + bytes(300))
    folder = volume / "var/log/journal" / ("a" * 32)
    folder.mkdir(parents=True)
    (folder / "system.journal").symlink_to(outside / "system.journal")
    os.mkfifo(folder / "user-1.journal")
    (volume / "var/log/journal" / ("b" * 32)).symlink_to(outside)
    found = MountedHost(str(volume)).journal([Phrase(b"full")])
    assert not isinstance(found, Unreadable)
    assert found.files == ()
    assert sorted(gap.rpartition("/")[2] for gap in found.gaps) == [
        "system.journal: absent",
        "user-1.journal: failed (not a regular file)",
    ]
