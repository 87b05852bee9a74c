"""Every hostile root: what is sound in it is read, and nothing that is not in it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from ec2rl.facts.kernel_log import read_kernel_log
from ec2rl.facts.log import KernelLog
from ec2rl.facts.zone import zone
from ec2rl.host import Phrase
from ec2rl.host.chroot_fs import Root, openat2, walk
from ec2rl.host.mounted import MountedHost
from hostile.volumes import FULL, SENTINEL, build

pytestmark = pytest.mark.slow

PHRASES = (Phrase(b"conntrack: "),)
MESSAGE = "nf_conntrack: nf_conntrack: table full, dropping packet"
# In these the folder of the sound log is itself what leads elsewhere.
NO_SOUND_LOG = {"empty", *(f"folder-to-{place}" for place in ("ours", "root", "proc", "dev"))}


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    if os.geteuid() != 0:
        pytest.skip("needs root to make devices")
    return build(tmp_path_factory.mktemp("volumes") / "all")


def looked_at(root: Path) -> tuple[KernelLog, str]:
    """The log, and everything that was seen, as text."""
    host = MountedHost(str(root))
    log = read_kernel_log(host, PHRASES)
    others = [
        *(host.read(path) for path in ("/etc/sysctl.conf", "/etc/localtime", "/etc/hostname")),
        *(host.names(path) for path in ("/etc", "/var/log", "/var/log/journal", "/run")),
        *(host.read(path) for path in ("/proc/self/environ", "/dev/kmsg", "/../outside/secret")),
    ]
    return log, f"{log} {others} {zone(host)} {host.clock()}"


@pytest.mark.root
def test_there_are_sixty(roots: dict[str, Path]) -> None:
    assert len(roots) >= 60


@pytest.mark.root
def test_nothing_from_outside_and_all_that_is_sound(roots: dict[str, Path]) -> None:
    for name, root in roots.items():
        log, seen = looked_at(root)
        assert SENTINEL not in seen, name
        messages = {line.message for line in log.lines if "/var/log/kern.log" in line.sources}
        gone = name in NO_SOUND_LOG or name == "folder-to-itself"
        assert messages == (set() if gone else {MESSAGE}), name
    assert not os.path.exists("/tmp/it-was-run")


@pytest.mark.root
def test_what_was_not_sound_is_named(roots: dict[str, Path]) -> None:
    told = {}
    for name in ("fifo-var/log/messages", "zero-var/log/messages", "loop", "proc-var/log/messages"):
        log, _ = looked_at(roots[name])
        told[name] = [str(one.unreadable) for one in log.sources if "messages" in one.name]
    assert told == {
        "fifo-var/log/messages": ["/var/log/messages: failed (not a regular file)"],
        "zero-var/log/messages": ["/var/log/messages: failed (not a regular file)"],
        "loop": ["/var/log/messages: failed (Too many levels of symbolic links)"],
        "proc-var/log/messages": ["/var/log/messages: absent"],
    }


@pytest.mark.parametrize("find", [openat2, walk])
def test_nothing_from_outside_while_somebody_swaps(tmp_path: Path, find: object) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "messages").write_text(SENTINEL)
    log = tmp_path / "root/var/log"
    log.mkdir(parents=True)
    (log / "messages").write_text(FULL)
    away = tmp_path / "root/var/away"
    trap = tmp_path / "root/var/trap"
    trap.symlink_to(outside)
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            os.rename(log, away)
            os.rename(trap, log)
            os.rename(log, trap)
            os.rename(away, log)

    root = Root(str(tmp_path / "root"))
    root._find = find  # type: ignore[assignment]
    swapper = threading.Thread(target=swap)
    swapper.start()
    read = []
    try:
        for _ in range(2000):
            try:
                with open(root.open("/var/log/messages"), encoding="utf-8") as file:
                    read.append(file.read())
            except OSError:
                continue
    finally:
        stop.set()
        swapper.join()
        root.close()
    assert set(read) <= {FULL}
