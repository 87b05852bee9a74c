"""What is predicted of a table comes true, under real packets on the running kernel."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ec2rl.conntrack.size_policy import size_for
from ec2rl.conntrack.table.census import Census
from ec2rl.conntrack.table.look import take_census
from ec2rl.conntrack.table.sizing import need
from ec2rl.conntrack.table.timeouts import DEFAULTS
from ec2rl.conntrack.table.whatif import what_if
from ec2rl.host import Door
from support.fill import inside, namespace, room_for

LIMIT = Path("/proc/sys/net/netfilter/nf_conntrack_max")
NETNS = "ec2rl-predict"

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(not shutil.which("nft"), reason="needs nft (Debian: nftables)"),
    pytest.mark.skipif(not LIMIT.exists(), reason="nf_conntrack is not loaded"),
]

RULE = b"""
table inet ec2rl { chain out { type filter hook output priority 0; ct state new counter; }; }
"""

SENDER = """
import socket, sys, time
rate, end = int(sys.argv[1]), time.monotonic() + float(sys.argv[2])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
begun, sent = time.monotonic(), 0
while (now := time.monotonic()) < end:
    while sent < (now - begun) * rate:
        sent += 1
        try:  # each to another address of the loopback network: a flow of its own
            s.sendto(b"x", (f"127.{1 + (sent >> 16) % 250}.{sent >> 8 & 255}.{sent & 255}", 9))
        except OSError:
            pass
    if sent < (time.monotonic() - begun) * rate - rate // 10:
        begun = time.monotonic() - sent / rate  # too slow for that: no catching up
    time.sleep(0.005)
"""


@contextmanager
def load(rate: int, seconds: float) -> Iterator[None]:
    """So many new flows a second, from inside the namespace; it ends by itself."""
    command = ["ip", "netns", "exec", NETNS, "python3", "-c", SENDER, str(rate), str(seconds)]
    sender = subprocess.Popen(command)
    try:
        yield
    finally:
        sender.kill()
        sender.wait()


def setting(name: str, value: int | None = None) -> int:
    with inside(NETNS):
        path = Path(f"/proc/sys/net/netfilter/nf_conntrack_{name}")
        if value is not None:
            path.write_text(str(value))
        return int(path.read_text())


def look(timeout: int) -> Census:
    found = take_census(Door(f"/run/netns/{NETNS}"), {**DEFAULTS, "udp_timeout": timeout})
    assert isinstance(found, Census), found
    return found


def test_a_shorter_timeout_does_what_was_said_of_it() -> None:
    with namespace(NETNS):
        subprocess.run(["ip", "netns", "exec", NETNS, "nft", "-f", "-"], input=RULE, check=True)
        setting("udp_timeout", 12)
        with load(300, 60):
            time.sleep(16)  # steady: as many come as go
            before = look(12)
            [effect] = what_if(before, {"udp_timeout": 4}).effects
            setting("udp_timeout", 4)
            at_once = setting("count")
            time.sleep(14)  # those that were there keep the time that they had
            after = look(4).total
    assert before.total == pytest.approx(12 * 300, rel=0.15)
    assert effect.now == 0
    assert at_once == pytest.approx(before.total, rel=0.1), "nothing happens to what exists"
    # Ages are known to the second: one second's arrivals of twelve may be on either side.
    assert before.total - after == pytest.approx(effect.gone, abs=0.1 * before.total)


def test_the_recommended_size_holds_the_load_that_it_was_computed_from() -> None:
    limit = int(LIMIT.read_text())
    timeout = 20
    rate = limit // timeout * 13 // 10  # a steady state of 1.3 times the limit
    with namespace(NETNS):
        subprocess.run(["ip", "netns", "exec", NETNS, "nft", "-f", "-"], input=RULE, check=True)
        setting("udp_timeout", timeout)
        with load(rate, 75):
            time.sleep(8)
            young = look(timeout)  # half-way up, nothing has expired yet
            wanted = need(young)
            size = size_for(wanted.entries)
            with room_for(size.max):
                allowed = int(LIMIT.read_text())
                evicted = counter("early_drop")
                counts = []
                for _ in range(8):
                    time.sleep(timeout / 5)
                    counts.append(setting("count"))
                live = look(timeout).total
                lost = counter("drop"), counter("early_drop") - evicted
    achieved = max(counts) / timeout
    if achieved < rate * 0.8:
        pytest.skip(f"this machine makes {achieved:.0f} flows a second, not {rate}")
    assert max(counts) > limit, "without more room it would have been full"
    assert wanted.entries == pytest.approx(live, rel=0.25)
    assert size.max > max(counts)
    assert allowed > max(counts)
    assert lost == (0, 0)


def counter(name: str) -> int:
    with inside(NETNS):
        lines = Path("/proc/thread-self/net/stat/nf_conntrack").read_text().splitlines()
    place = lines[0].split().index(name)
    return sum(int(line.split()[place], 16) for line in lines[1:])
