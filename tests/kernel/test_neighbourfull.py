"""`neighbourfull` and its fix, on the running kernel: its own counters, lines and thresholds.

The thresholds are those of the whole host: they are small for seconds, and put back whatever
happens. Files below /etc and /var/lib are in a mount namespace of its own.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ec2rl.diagnosis.limited_tables import Counts
from ec2rl.modules.neighbourfull import parse_counts
from support.fill import inside, namespace
from support.packets import let_the_kernel_log

LAUNCHER = Path(__file__).parent.parent.parent / "ec2rl"
FOLDER = Path("/proc/sys/net/ipv4/neigh/default")
STAT = Path("/proc/net/stat/arp_cache")
NETNS = "ec2rl-neighbours"
SMALL = (40, 50, 60)

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(not STAT.exists(), reason="needs the host's own network namespace"),
]

HIDE = """
for folder in /etc/sysctl.d /var/lib; do mount -t tmpfs -o mode=755 none "$folder" || exit 99; done
"""

SENDER = """
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
end, n = time.time() + 60, 0
while time.time() < end:
    n += 1
    s.sendto(b"x", (f"10.99.{n >> 8}.{n & 255}", 9))
    time.sleep(0.05)
"""


def thresholds() -> tuple[int, ...]:
    return tuple(int((FOLDER / f"gc_thresh{n}").read_text()) for n in (1, 2, 3))


def set_thresholds(values: tuple[int, ...]) -> None:
    for number, value in enumerate(values, 1):
        (FOLDER / f"gc_thresh{number}").write_text(str(value))


def refused() -> int:
    counts = parse_counts(STAT.read_text())
    assert isinstance(counts, Counts)
    assert counts.refused is not None
    return counts.refused


@contextmanager
def attached() -> Iterator[None]:
    """A namespace of our own on a network where nobody answers."""
    with namespace(NETNS):
        for words in (
            ("link", "add", "near", "type", "veth", "peer", "name", "far"),
            ("link", "set", "near", "up"),
            ("link", "set", "far", "up"),
            ("addr", "add", "10.99.255.1/16", "dev", "near"),
        ):
            subprocess.run(["ip", "-n", NETNS, *words], check=True)
        yield


@contextmanager
def small_table() -> Iterator[None]:
    before = thresholds()
    try:
        set_thresholds(SMALL)
        yield
    finally:
        set_thresholds(before)


def send(count: int) -> None:
    """One datagram to each of so many neighbours."""
    with inside(NETNS), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for number in range(count):
            sender.sendto(b"x", (f"10.99.{100 + (number >> 8)}.{number & 255}", 9))


def run(*options: str) -> dict[str, Any]:
    done = subprocess.run(
        [LAUNCHER, "run", "--only-modules=neighbourfull", "--json", "--no-save", *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout, done.stderr
    (result,) = json.loads(done.stdout)["results"]
    assert isinstance(result, dict)
    return result


def test_what_the_kernel_refuses_is_told_by_its_counter_and_its_log() -> None:
    let_the_kernel_log()
    since = f"--since=@{time.time() - 1:.6f}"
    before = refused()
    with attached():
        with small_table():
            send(300)
            result = run(since)
        lost = refused() - before
    assert 200 <= lost <= 300
    assert result["verdict"] == "PROBLEM"
    table = result["tables"][0]
    assert (table["table"], table["gc_thresh3"], table["refused"]) == (
        "arp_cache",
        60,
        before + lost,
    )
    assert table["entries"] >= 60
    assert 1 <= result["this_boot"]["count"] <= 10, "the kernel's rate limit"


def test_a_full_table_is_mended_the_lines_are_past_and_the_mending_is_undone() -> None:
    state = "echo STATE $(cat /proc/sys/net/ipv4/neigh/default/gc_thresh?) $(ls /etc/sysctl.d)\n"
    told = "ec2rl run -v --only-modules=neighbourfull --no-save; echo RC $?\n"
    let_the_kernel_log()
    with attached(), small_table():
        send(100)
        before = refused()
        sender = subprocess.Popen(["ip", "netns", "exec", NETNS, "/usr/bin/python3", "-c", SENDER])
        try:
            end = time.monotonic() + 30
            while refused() < before + 5 and time.monotonic() < end:
                time.sleep(0.1)
            said = script(
                "ec2rl fix neighbourfull --yes; echo RC $?\n" + state + f"kill {sender.pid}\n"
                + told + "ec2rl undo --yes; echo RC $?\n" + state + told
            )  # fmt: skip
        finally:
            sender.kill()
            sender.wait()
        assert thresholds() == SMALL
    helped = r"^It helped: new neighbours refused ([\d.]+)/s before, 0/s after\.$"
    assert re.search(helped, said, re.MULTILINE), said
    states = re.findall(r"^STATE (.*)$", said, re.MULTILINE)
    assert states == ["160 200 240 99-zz-ec2rl-neighbour.conf", "40 50 60"], said
    _, after, _, again = re.split(r"^RC \d\n", said, flags=re.MULTILINE)[:4]
    assert "none since: it raised gc_thresh3 of IPv4, which is 240 now" in after, said
    assert "[FAILURE]" not in after, said
    assert "[FAILURE] Neighbour table overflows found" in again, "60 again: they may come again"


def test_a_trial_is_kept_by_the_module_that_it_was_of() -> None:
    with small_table():
        said = script(
            "ec2rl fix neighbourfull --set gc_thresh3=480 --try=30 --yes > /dev/null\n"
            "ec2rl keep 1; ec2rl undo --yes > /dev/null; ec2rl history\n"
        )
        assert thresholds() == SMALL, said
    assert re.search(r"fix neighbourfull --persist-only --set .*gc_thresh3=480", said), said
    assert "undone  fix neighbourfull" in said


def script(text: str) -> str:
    """Run a shell script on a machine of its own, with `ec2rl` as a word; what it printed."""
    done = subprocess.run(
        ["unshare", "-m", "--propagation", "private", "sh", "-c", HIDE + text],
        capture_output=True,
        text=True,
        timeout=120,
        env={"PATH": f"{LAUNCHER.parent}:/usr/sbin:/usr/bin:/sbin:/bin", "TZ": "UTC"},
        check=False,
    )
    return done.stdout + done.stderr
