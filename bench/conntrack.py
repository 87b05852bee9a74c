"""The whole `ec2rl conntrack` process: many namespaces, and a sample of a large table.

`python bench/conntrack.py [NAMESPACES [ENTRIES]]` (root, ip); the default is 500 and 1000000.  It
makes and deletes namespaces of its own, and raises nf_conntrack_max while it fills one.  Each
command runs in turn with a bare Python; figures are medians, ratios those of the rounds.
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

ROUNDS = 9
PYTHON = os.path.realpath("/usr/bin/python3")


def seconds(argv: list[str]) -> float:
    begin = time.perf_counter()
    subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begin


def measure(name: str, *words: str) -> None:
    """Print what `ec2rl conntrack WORDS` takes."""
    bare = [PYTHON, "-I", "-S", "-c", "pass"]
    whole = [str(ROOT / "ec2rl"), "conntrack", *words]
    os.environ["EC2RL_PYTHON"] = PYTHON
    seconds(whole)
    rounds = [(seconds(bare), seconds(whole)) for _ in range(ROUNDS)]
    took, ratio = median(whole for _, whole in rounds), median(b / a for a, b in rounds)
    print(f"{name:40} {took:7.3f} s  {ratio:6.1f} x `python3 -I -S -c pass`", flush=True)


def many(count: int) -> None:
    """Namespaces that only files hold, as containers' runtimes and `ip netns` make them."""
    fill.keep_private()
    names = [f"ec2rl-bench-{os.getpid()}-{i}" for i in range(count)]
    batch = "".join(f"netns add {name}\n" for name in names)
    subprocess.run(["ip", "-batch", "-"], input=batch, text=True, check=True)
    try:
        measure(f"namespaces, {count} of them", "namespaces")
    finally:
        batch = "".join(f"netns del {name}\n" for name in names)
        subprocess.run(["ip", "-batch", "-"], input=batch, text=True, check=True)


def large(entries: int) -> None:
    name = f"ec2rl-bench-{os.getpid()}"
    with fill.namespace(name):
        with fill.room_for(entries + 1000):
            fill.fill(name, fill.mixture(entries, lasting=86400))
        where = f"--netns={name}"
        measure(f"top --sample=20000 of {entries}", "top", "--sample=20000", "--by=src", where)
        measure(f"top of {entries}", "top", "--by=src", "--json", where)


if __name__ == "__main__":
    sizes = [int(word) for word in sys.argv[1:]]
    many(sizes[0] if sizes else 500)
    large(sizes[1] if len(sizes) > 1 else 1_000_000)
