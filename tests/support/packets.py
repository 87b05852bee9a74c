"""Real packets on loopback, and a rule of our own that has the kernel track them."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_RULE = "table inet hadv { chain c { type filter hook output priority 0; ct state new counter; }; }"


@contextmanager
def tracking(netns: str) -> Iterator[None]:
    """A rule that asks for a packet's state, in a namespace ("": ours); removed afterwards."""
    at = ("ip", "netns", "exec", netns) if netns else ()
    subprocess.run([*at, "nft", _RULE], check=True)
    try:
        yield
    finally:
        subprocess.run([*at, "nft", "delete table inet hadv"], check=True)


def send(count: int) -> int:
    """Send UDP packets on loopback, each a new flow; how many the kernel refused."""
    refused = 0
    for number in range(count):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            try:
                sender.sendto(b"x", ("127.0.0.1", 20000 + number))
            except PermissionError:
                refused += 1
    return refused


def let_the_kernel_log() -> None:
    """Wait until the lines of what was lost before no longer hold back those of what comes.

    net_ratelimit lets `message_burst` lines of all namespaces pass in `message_cost` seconds.
    """
    time.sleep(int(Path("/proc/sys/net/core/message_cost").read_text()) + 1)
