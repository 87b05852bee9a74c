"""A real hung task: a program writes to a frozen file system of its own, and the kernel tells."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ec2rl.catalogue import load
from ec2rl.diagnosis.observations import Observations
from ec2rl.diagnosis.wait_channels import FROZEN
from ec2rl.host.live import LiveHost
from ec2rl.model import Unreadable, Verdict
from ec2rl.module import diagnose
from ec2rl.report.wording import details

pytestmark = [pytest.mark.kernel, pytest.mark.slow]

SETTINGS = Path("/proc/sys/kernel")
TIMEOUT, WARNINGS = SETTINGS / "hung_task_timeout_secs", SETTINGS / "hung_task_warnings"
# In a mount namespace of its own; at the end of its input, so with the test, it thaws all.
FREEZE = """
mount -o loop "$1" "$2" && fsfreeze --freeze "$2" || exit 1
touch "$2/file" &
echo $!
read -r end
fsfreeze --unfreeze "$2"
wait
umount "$2"
"""


@pytest.fixture
def told() -> Iterator[None]:
    """The kernel tells of hung tasks after 2 s, until the test ends."""
    if os.geteuid() != 0:
        pytest.skip("needs root, for a mount of its own")
    if not TIMEOUT.exists():
        pytest.skip("the kernel does not look for hung tasks (CONFIG_DETECT_HUNG_TASK)")
    before = [(setting, setting.read_text()) for setting in (TIMEOUT, WARNINGS)]
    try:
        WARNINGS.write_text("10")
        TIMEOUT.write_text("2")
        yield
    finally:
        for setting, text in before:
            setting.write_text(text)


@pytest.fixture
def hung(told: None, tmp_path: Path) -> Iterator[int]:
    """The pid of a task that waits for a frozen file system."""
    image, folder = tmp_path / "image", tmp_path / "mounted"
    missing = [tool for tool in ("unshare", "mkfs.ext4", "fsfreeze") if not shutil.which(tool)]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    argv = ["unshare", "--mount", "sh", "-c", FREEZE, "sh", str(image), str(folder)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        said = holder.stdout.readline()
        if not said:
            pytest.skip("no file system can be mounted and frozen here")
        yield int(said)
        holder.stdin.close()
        assert holder.wait(30) == 0


def test_a_real_hung_task_is_told_with_what_it_waits_for(hung: int) -> None:
    if isinstance(LiveHost().read("/dev/kmsg"), Unreadable):
        pytest.skip("the kernel's log cannot be read")
    module = load("hungtasks")
    seen, finding = None, None
    for _ in range(60):
        found = diagnose(module, LiveHost())
        seen = found.seen
        assert isinstance(seen, Observations)
        ours = [one for one in seen.events.this_boot if one.detail.pid == hung]
        if ours:
            finding = found.finding
            break
        time.sleep(0.5)
    assert finding is not None, "the kernel has told of it within 30 s"
    assert ours[0].detail.wait is FROZEN
    assert "mnt_want_write" in ours[0].trace.frames
    assert finding.verdict is Verdict.PROBLEM
    assert any("fsfreeze --unfreeze" in line for line in details(finding))
