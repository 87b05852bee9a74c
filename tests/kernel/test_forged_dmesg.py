"""A user has the kernel print a line of ours: what each reader of its log makes of it."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from ec2rl.facts.kernel_log import read_kernel_log
from ec2rl.facts.trust import Grade
from ec2rl.host import Phrase
from ec2rl.host.live import LiveHost
from ec2rl.host.recording import RecordedHost
from ec2rl.host.saved_logs import open_logs

pytestmark = [pytest.mark.kernel, pytest.mark.root]

PROGRAM = str(Path(__file__).resolve().parents[2] / "ec2rl")
PHRASES = (Phrase(b"Kernel panic - not syncing: ", after=100),)
READERS = {
    "dmesg": ["dmesg"],
    "dmesg of syslog(2)": ["dmesg", "--syslog"],
    "dmesg -S -x": ["dmesg", "--syslog", "-x"],
    "dmesg -r": ["dmesg", "-r"],
    "busybox": ["busybox", "dmesg"],
}
CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 1 << 14, 1 << 18


def mount(kind: bytes, options: bytes) -> None:
    """A mount that fails, in a mount namespace of its own; the kernel tells of its options."""
    child = os.fork()
    if not child:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.unshare(CLONE_NEWNS)
        libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None)
        os._exit(libc.mount(b"none", b"/tmp", kind, 0, options) == 0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "it should have failed"


def forge(message: str, how: str) -> None:
    line = message.encode()
    if how == "overlayfs":
        escaped = line.replace(b":", rb"\:").replace(b",", rb"\,")
        mount(b"overlay", b"lowerdir=a\n" + escaped + b"\nb")
    else:
        mount(how.encode(), b"q\n" + line + b"\nb=1")


@pytest.mark.parametrize("how", ["overlayfs", "tmpfs", "proc"])
def test_what_a_user_has_the_kernel_print_counts_for_no_reader(how: str, tmp_path: Path) -> None:
    message = f"Kernel panic - not syncing: of {how} {os.getpid()} {time.monotonic_ns()}"
    forge(message, how)
    texts = {name: output(command) for name, command in READERS.items()}
    if f"] {message}\n" not in texts["dmesg of syslog(2)"]:
        pytest.skip(f"this kernel does not print that of {how}")
    for name, text in texts.items():
        path = tmp_path / "dmesg.txt"
        path.write_text(text, encoding="utf-8")
        host = open_logs([str(path)], PHRASES)
        assert isinstance(host, RecordedHost)
        found = read_kernel_log(host, PHRASES).lines
        grades = [line.grade for line in found if line.message == message]
        assert grades in ([], [Grade.FORGED]), name
    live = read_kernel_log(LiveHost(), PHRASES).lines
    assert [line.grade for line in live if line.message == message and line.trusted] == []


def test_a_saved_log_with_a_forged_line_is_no_failure_on_the_command_line(tmp_path: Path) -> None:
    message = f"Kernel panic - not syncing: of a mount {os.getpid()} {time.monotonic_ns()}"
    forge(message, "overlayfs")
    for name in ("dmesg of syslog(2)", "busybox"):
        lines = output(READERS[name]).split("\n")
        if not any(line.endswith(f"] {message}") for line in lines):
            pytest.skip("this kernel does not print it")
        at = max(number for number, line in enumerate(lines) if line.endswith(f"] {message}"))
        record = lines[at - 1 : at + 2]
        assert "overlayfs: failed to resolve 'a" in record[0]
        path = tmp_path / "dmesg.txt"
        path.write_text("\n".join(["[    0.000000] Linux version 6.1.0", *record]) + "\n")
        done = subprocess.run(
            [PROGRAM, "run", "--only-modules=kernelpanic", "--json", f"--log={path}",
             f"--output-dir={tmp_path}"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        (result,) = json.loads(done.stdout)["results"]
        # Nobody collected what dead kernels left.
        assert (result["verdict"], done.returncode) == ("UNKNOWN", 3), name
        told = "Not the kernel's: 1 line that someone wrote in its name, the first in dmesg: "
        assert any(line.startswith(told) for line in result["details"])


def output(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, check=True)
    except FileNotFoundError:
        pytest.skip(f"no {command[0]} here")
    return done.stdout.decode("utf-8", "backslashreplace")
