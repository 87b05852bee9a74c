"""A real OOM kill, in a small memory cgroup of its own, seen by the diagnosis."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ec2rl.catalogue import load
from ec2rl.diagnosis.events import message
from ec2rl.diagnosis.observations import Observations
from ec2rl.host.live import LiveHost
from ec2rl.model import Unreadable, Verdict
from ec2rl.module import diagnose
from ec2rl.report.wording import details, summary, text

pytestmark = pytest.mark.kernel

NAME = f"ec2rl_test_oom_{os.getpid()}"
LIMIT = 24 << 20
VICTIM = """
import sys
open(sys.argv[1], "w").write("0")
held = []
while True:
    held.append(bytearray(b"x") * (1 << 20))
"""


@pytest.fixture
def cgroup() -> Iterator[Path]:
    """A memory cgroup of 24 MiB, of whichever version this machine has."""
    if os.geteuid() != 0:
        pytest.skip("needs root, for a cgroup of its own")
    first, second = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")
    if (first / "memory.limit_in_bytes").exists():
        folder, limits = first / NAME, ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")
    elif "memory" in _read(second / "cgroup.subtree_control"):
        folder, limits = second / NAME, ("memory.max", "memory.swap.max")
    else:
        pytest.skip("no memory controller of cgroup v1 or v2 is at hand")
    folder.mkdir()
    try:
        (folder / limits[0]).write_text(str(LIMIT))
        if (folder / limits[1]).exists():
            (folder / limits[1]).write_text("0" if "swap.max" in limits[1] else str(LIMIT))
        yield folder
    finally:
        for _ in range(100):
            try:
                folder.rmdir()
                break
            except OSError:  # the victim is not reaped yet
                time.sleep(0.05)


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def test_a_real_kill_is_told_with_its_cgroup(cgroup: Path) -> None:
    if isinstance(LiveHost().read("/dev/kmsg"), Unreadable):
        pytest.skip("the kernel's log cannot be read")
    module = load("oomkiller")
    victim = subprocess.Popen([sys.executable, "-IS", "-c", VICTIM, str(cgroup / "cgroup.procs")])
    assert victim.wait(60) == -9

    found = diagnose(module, LiveHost())
    seen, finding = found.seen, found.finding

    assert isinstance(seen, Observations)
    ours = [event for event in seen.events.this_boot if event.detail.kill.pid == victim.pid]
    assert len(ours) == 1
    words = text(message(ours[0]))
    assert f"cgroup /{NAME} was at its limit of 24 MiB" in words
    assert " MiB, was killed: " in words
    assert ours[0].trace.frames, "the trace of who asked"
    assert finding.verdict is Verdict.PROBLEM
    assert summary(finding).startswith("oom-killer invocations found. ")
    assert "A cgroup met its own limit" in " ".join(details(finding))
