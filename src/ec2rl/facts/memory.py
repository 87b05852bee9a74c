"""How much memory a machine has to give, from /proc/meminfo."""

from __future__ import annotations

from ec2rl.host import Host
from ec2rl.model import Evidence


def available(host: Host) -> int | None:
    """Bytes that can still be had without swapping (MemAvailable), else all there are."""
    text = host.read("/proc/meminfo")
    found = {}
    for line in text.text.splitlines() if isinstance(text, Evidence) else ():
        words = line.split()
        if len(words) > 1 and words[1].isdecimal():
            found[words[0]] = int(words[1][:15]) << 10
    return found.get("MemAvailable:", found.get("MemTotal:"))
