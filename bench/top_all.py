"""What `conntrack top`, `whatif`, `list --netns=all` cost among many tables, by `conntrack -L`.

    sudo python3 bench/top_all.py [NAMESPACES [ENTRIES]]

One namespace has ENTRIES (100000), NAMESPACES (100) others have 50 each; all are made for it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from support import fill  # noqa: E402

ROUNDS, FEW = 5, 50


def spent(words: list[str]) -> float:
    """Seconds of the processor that a command takes, the median of some rounds."""
    took = []
    for _ in range(ROUNDS):
        before = os.times()
        subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        after = os.times()
        user = after.children_user - before.children_user
        took.append(user + after.children_system - before.children_system)
    return sorted(took)[ROUNDS // 2]


def main() -> None:
    """Fill, look, compare."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    entries = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    large = f"ec2rl-bench-{os.getpid()}"
    small = [f"{large}-{one}" for one in range(number)]
    top = [str(ROOT / "ec2rl"), "conntrack", "top"]
    with ExitStack() as stack:
        for name in (large, *small):
            stack.enter_context(fill.namespace(name))
            stack.callback(fill.flush, name)
        fill.fill(large, fill.mixture(entries, lasting=86400))
        one = spent([*top, f"--netns={large}"])
        sample = spent([*top, f"--netns={large}", "--sample=500"])
        for name in small:
            fill.fill(name, fill.mixture(FEW, lasting=86400))
        every = spent([*top, "--netns=all"])
        alone = spent([*top, f"--netns={small[0]}", "--sample=500"])
        whatif = spent([*top[:-1], "whatif", "--netns=all"])
        listed = spent([*top[:-1], "list", "--netns=all", "--dport=65000"])
        rival = spent(["ip", "netns", "exec", large, "conntrack", "-L"])
    print(f"top of {entries} entries: {one:.2f} s; of a sample of 500: {sample:.2f} s")
    print(f"top --netns=all, {number} more tables of {FEW}: {every:.2f} s")
    print(f"a sample of 500 of one of these: {alone:.2f} s")
    print(f"whatif --netns=all: {whatif:.2f} s; list --netns=all --dport=...: {listed:.2f} s")
    print(f"conntrack -L of the large one: {rival:.2f} s")
    print(f"{every / one:.1f} x the large table alone")


if __name__ == "__main__":
    main()
