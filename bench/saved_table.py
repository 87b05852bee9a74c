"""The census of a saved table against 16 counts of one of its columns by awk, sort and uniq.

`python bench/saved_table.py [ENTRIES]` (awk, sort, uniq, gzip); the default is 200000.  CPU time of
each command and all that it starts, in turn, round by round; a ratio is the median of the rounds'
own ratios, so that a machine that is busy with other things slows both.  The rival counts one
column; the census counts all that `ec2rl conntrack top` tells, and is to take at most three times
as long.  A gzip of the table is measured against `gzip -dc` in front of the same.  One table has
nearly as many pairs of addresses as entries, the other few.
"""

from __future__ import annotations

import gzip
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 11
_COUNT = "awk '{print $6}' %s | sort | uniq -c"


def lines(entries: int, networks: int, clients: int) -> Iterator[str]:
    """A busy NAT gateway: mostly TCP in several states, some UDP, some of it never answered."""
    chance = random.Random(1)
    states = ["ESTABLISHED"] * 55 + ["TIME_WAIT"] * 25 + ["CLOSE_WAIT"] * 5 + ["FIN_WAIT"] * 3
    for _ in range(entries):
        client = f"10.0.{chance.randrange(networks)}.{chance.randrange(1, clients)}"
        server = f"198.51.100.{chance.randrange(1, 60)}"
        port, kind = chance.randrange(1024, 65536), chance.random()
        protocol, left, service, flag = "tcp      6", chance.randrange(86400), 443, "[ASSURED] "
        state = f"{chance.choice(states)} " if kind < 0.85 else ""
        if not state:
            protocol, left, service, flag = "udp      17", chance.randrange(30), 53, ""
        unanswered = "[UNREPLIED] " if kind > 0.95 else ""
        yield (
            f"ipv4     2 {protocol} {left} {state}src={client} dst={server} sport={port} "
            f"dport={service} {unanswered}src={server} dst={client} sport={service} dport={port} "
            f"{flag}mark=0 use=1\n"
        )


def taken(command: str) -> float:
    """Seconds of CPU that a shell's command takes."""
    before = os.times()
    subprocess.run(["sh", "-c", command], stdout=subprocess.DEVNULL, check=True)
    after = os.times()
    return sum(after[2:4]) - sum(before[2:4])


def main() -> None:
    """Write a table, measure, and print the ratios."""
    entries = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    with tempfile.TemporaryDirectory() as folder:
        top = f"{ROOT / 'ec2rl'} conntrack top --file="
        pairs = {}
        for what, networks, clients in (("many pairs", 16, 255), ("few pairs", 1, 60)):
            table = Path(folder, what.replace(" ", "-"))
            table.write_text("".join(lines(entries, networks, clients)))
            packed = Path(f"{table}.gz")
            packed.write_bytes(gzip.compress(table.read_bytes(), 6))
            pairs[what] = _COUNT % table, f"{top}{table}"
            pairs[f"{what}, gzip"] = f"gzip -dc {packed} | {_COUNT % ''}", f"{top}{packed}"
        rounds: dict[str, list[tuple[float, float]]] = {what: [] for what in pairs}
        for _ in range(ROUNDS):
            for what, (rival, ours) in pairs.items():
                rounds[what].append((taken(rival), taken(ours)))
    for what, found in rounds.items():
        ratio = median(ours / rival for rival, ours in found)
        rival, ours = (median(each) for each in zip(*found))
        print(f"{entries:,} entries, {what}: census {ours:.3f} s, one column {rival:.3f} s")
        print(f"    {ratio:.2f} x")


if __name__ == "__main__":
    main()
