"""A test or a bench that is killed leaves no network namespace behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import sys, time
sys.path.insert(0, sys.argv[1])
from support.fill import namespace
with namespace("ec2rl-left"):
    time.sleep(60)
"""
PROGRAMS = {
    "a test": ["-c", HOLD, str(ROOT / "tests")],
    "bench/conntrack.py": [str(ROOT / "bench/conntrack.py"), "200", "1000"],
    "bench/full_table.py": [str(ROOT / "bench/full_table.py")],
    "bench/table.py": [str(ROOT / "bench/table.py"), "1000"],
}


def left(pid: int) -> list[str]:
    """The namespaces that have a name of the programs above: others come and go."""
    folder = Path("/run/netns")
    names = [path.name for path in folder.iterdir()] if folder.exists() else []
    return [name for name in names if name in ("ec2rl-left", "hadv-bench") or str(pid) in name]


def mounts(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/mountinfo").read_text()
    except OSError:
        return ""


@pytest.mark.kernel
@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_namespace_ends_with_whoever_made_it(program: str, number: int) -> None:
    if os.geteuid():
        pytest.skip("needs root for network namespaces")
    limits = [Path("/proc/sys/net/netfilter") / name for name in ("nf_conntrack_max",)]
    settings = [limit.read_text() for limit in limits if limit.exists()]
    running = subprocess.Popen(
        [sys.executable, *PROGRAMS[program]], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    until = time.monotonic() + 20
    names = rf" /run/netns/(?:ec2rl-left|hadv-bench|ec2rl-bench-{running.pid})"
    while not re.search(names, mounts(running.pid)):
        if running.poll() is not None or time.monotonic() > until:
            _, said = running.communicate()
            pytest.skip(f"it ended by itself: {said.decode()[-300:]}")
        time.sleep(0.001)
    running.send_signal(number)
    running.communicate()
    assert running.returncode == -number
    assert left(running.pid) == []
    for limit, setting in zip(limits, settings):  # it may have been raised to make room
        if limit.read_text() != setting:
            limit.write_text(setting)
