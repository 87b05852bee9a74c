"""Files that reading would change are refused, by whatever name and option they come."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.more

EC2RL = Path(__file__).resolve().parents[2] / "src/ec2rl/__main__.py"
REFUSED = "nothing is stored in it: it is empty, or the kernel's own to be read"
LOG = "[    0.000000] Linux version 6.1.0\n[    1.000000] x\n"


def run(*words: str, before: str = "true", **more: Any) -> subprocess.CompletedProcess[str]:
    """`ec2rl run`, in a mount namespace after `before` where that is something."""
    command = [sys.executable, "-I", "-S", str(EC2RL), "run", "--no-save", "--json",
               "--only-modules=conntrackfull", *words]  # fmt: skip
    if before != "true":
        apart = ["unshare", "-m", "--propagation=private", "sh", "-c", f'{before} && exec "$@"']
        command = [*apart, "sh", *command]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False, **more)


def summary(done: subprocess.CompletedProcess[str]) -> str:
    said: str = json.loads(done.stdout)["results"][0]["summary"] if done.stdout else done.stderr
    return said


@pytest.mark.parametrize("option", ["log", "conntrack", "sos", "replay"])
@pytest.mark.parametrize(
    "name", ["/proc/version", "/proc/self/status", "/sys/kernel/notes", "link"]
)
@pytest.mark.sampled(3)
def test_a_file_of_the_kernels_is_no_evidence_that_was_saved(
    option: str, name: str, tmp_path: Path
) -> None:
    if name == "link":
        (tmp_path / "link").symlink_to("/proc/version")
        name = str(tmp_path / "link")
    done = run(f"--{option}={name}")
    assert done.returncode == (2 if option == "replay" else 3)
    assert REFUSED in summary(done)


def test_nor_is_one_on_standard_input() -> None:
    with open("/proc/version", "rb") as file:
        done = run("--log=-", stdin=file)
    assert done.returncode == 3
    assert REFUSED in summary(done)


@pytest.mark.root
@pytest.mark.parametrize("option", ["log", "conntrack", "sos", "replay"])
@pytest.mark.parametrize(
    ("before", "name"),
    [
        ("true", "/proc/kmsg"),
        ("mount -t tracefs t /mnt", "/mnt/trace_pipe"),
        ("mount -t debugfs d /mnt", "/mnt/sched/debug"),
        ("mount -t proc p /mnt", "/mnt/kmsg"),
        ("mount -t sysfs s /mnt", "/mnt/kernel/uevent_seqnum"),
    ],
)
@pytest.mark.sampled(3)
def test_a_log_is_not_taken_from_its_reader(option: str, before: str, name: str) -> None:
    """Before: it hung, and what it read was gone for everybody else."""
    if os.geteuid():
        pytest.skip("needs root to mount")
    there = subprocess.run(
        ["unshare", "-m", "sh", "-c", f"{before} && test -e {name}"],
        capture_output=True,
        check=False,
    )
    if there.returncode:
        pytest.skip(f"this kernel has no {name}")
    assert REFUSED in summary(run(f"--{option}={name}", before=before))


def test_what_people_save_is_taken_as_before(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(LOG)
    (tmp_path / "empty").write_text("")
    (tmp_path / "link").symlink_to("log")
    for name in ("log", "link"):
        assert summary(run(f"--log={tmp_path / name}")).startswith("No conntrack table full")
    assert "nothing is stored" not in summary(run(f"--log={tmp_path / 'empty'}"))
    with open(tmp_path / "log", "rb") as file:
        assert summary(run("--log=-", stdin=file)).startswith("No conntrack table full")
    ends = os.pipe()
    os.write(ends[1], LOG.encode())
    os.close(ends[1])
    with open(ends[0], "rb") as pipe:
        found = summary(run("--log=/dev/stdin", stdin=pipe))
    assert found.startswith("No conntrack table full")


@pytest.mark.root
def test_a_file_system_without_a_bound_holds_logs(tmp_path: Path) -> None:
    """A rescue system runs in one."""
    if os.geteuid():
        pytest.skip("needs root to mount")
    (tmp_path / "log").write_text(LOG)
    for kind in ("ramfs", "tmpfs -o size=0"):
        before = f"mount -t {kind} none /mnt && cp {tmp_path}/log /mnt/log"
        assert summary(run("--log=/mnt/log", before=before)).startswith("No conntrack table full")


@pytest.mark.parametrize("name", ["/proc/net/nf_conntrack", "/proc/self/net/nf_conntrack"])
def test_the_table_of_this_machine_can_be_named(name: str) -> None:
    if not os.access(name, os.R_OK):
        pytest.skip(f"no {name} to read")
    assert REFUSED not in summary(run(f"--conntrack={name}"))
