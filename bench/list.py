"""`conntrack list` and `conntrack free --dry-run` against `conntrack -L` with the same filter.

`python bench/list.py [ENTRIES]` (root, ip, conntrack); the default is 250000.  It fills a network
namespace of its own, below the limit that is in force, and changes no setting.  All commands run in
turn, round by round; a ratio is the median of the rounds' own ratios, of time and of CPU time (of a
command and its children), so that a machine that is busy with other things slows both.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from support import fill  # noqa: E402

ROUNDS = 3
EXTENDED = "conntrack -L -o extended,id"
OURS = f"{ROOT / 'ec2rl'} conntrack"
PAIRS = (
    (EXTENDED, f"{OURS} list"),
    (f"{EXTENDED} -p udp", f"{OURS} list --protocol=udp"),
    (f"{EXTENDED} -p tcp --state TIME_WAIT", f"{OURS} list --state=TIME_WAIT"),
    (f"{EXTENDED} -f ipv6", f"{OURS} list --src=::/0"),
    ("conntrack -L -u UNREPLIED", f"{OURS} free --dry-run --unreplied"),
    ("conntrack -L -p udp", f"{OURS} free --dry-run --protocol=udp"),
)


def taken(command: str) -> tuple[float, float]:
    """Seconds, and seconds of CPU, that a shell's command takes."""
    before, began = os.times(), time.perf_counter()
    subprocess.run(["sh", "-c", f"{command} >/dev/null 2>&1"], check=True)
    after = os.times()
    return time.perf_counter() - began, sum(after[2:4]) - sum(before[2:4])


def main() -> None:
    """Fill a namespace, measure, and print the ratios."""
    entries = int(sys.argv[1]) if len(sys.argv) > 1 else 250_000
    name = f"ec2rl-bench-{os.getpid()}"
    with fill.namespace(name):
        fill.fill(name, fill.mixture(entries, lasting=86400))
        with fill.inside(name):
            rounds = [[(taken(rival), taken(ours)) for rival, ours in PAIRS] for _ in range(ROUNDS)]
    for (rival, ours), found in zip(PAIRS, zip(*rounds)):
        told = ours.replace(f"{ROOT}/", "./")
        time_of, cpu_of = (
            (
                median(mine[at] for _, mine in found),
                median(its[at] for its, _ in found),
                median(mine[at] / its[at] for its, mine in found),
            )
            for at in (0, 1)
        )
        print(f"{entries:,} entries: {told} against {rival}")
        for what, (mine, its, ratio) in (("time", time_of), ("CPU", cpu_of)):
            print(f"    {what} {mine:.2f} s and {its:.2f} s: {ratio:.2f} x")


if __name__ == "__main__":
    main()
