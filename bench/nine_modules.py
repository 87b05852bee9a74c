"""All modules in one pass over the text logs, against grep, and against one module alone.

    python bench/nine_modules.py [--mib 1024] [--rounds 3]

Makes a log in a temporary folder, plain and with gzip (page cache warm).  Each round runs the
rivals one after the other; a line gives the medians of their wall times, the median of the rounds'
ratios, and the peak memory of the process that looks.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

SOURCE = Path(__file__).resolve().parents[1] / "src"
OURS = """
import os, resource, sys
sys.path.insert(0, sys.argv[1])
from ec2rl.catalogue import load, names
from ec2rl.host.search import search_files
chosen = sys.argv[3].split(",") if sys.argv[3] else names()
phrases = tuple({p: None for n in chosen for p in load(n).phrases if not p.recent})
if sys.argv[4] == "phrases":
    print(*(p.text.decode() for p in phrases), sep="\\n")
    sys.exit()
found, = search_files([(sys.argv[2], os.open(sys.argv[2], os.O_RDONLY))], phrases)
assert not found.gap, found.gap
print(found.hits, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)
"""
PROGRAMS = ("sshd", "systemd", "kubelet", "CRON", "dhclient", "audit", "nginx", "app", "containerd")
WORDS = (
    "session", "opened", "for", "user", "root", "by", "uid", "connection", "from", "port",
    "started", "stopped", "unit", "service", "request", "took", "ms", "error", "retry",
    "timeout", "of", "the", "process", "killed", "memory", "task", "info", "warning", "kernel",
    "blocked", "not", "work",
)  # fmt: skip
EVENTS = (
    "watchdog: BUG: soft lockup - CPU#3 stuck for 26s! [app:9876]",
    "nf_conntrack: nf_conntrack: table full, dropping packet",
    "INFO: task jbd2/xvda1-8:412 blocked for more than 120 seconds.",
    "Killed process 12562 (java) total-vm:8761648kB, anon-rss:6849380kB, file-rss:0kB",
)


def make_log(path: Path, mib: int) -> None:
    """Write about `mib` MiB of syslog lines of 60 to 200 bytes, with an event in each MiB."""
    dice = random.Random(1)
    lines = []
    for number in range(60_000):
        words = " ".join(dice.choices(WORDS, k=dice.randrange(5, 20)))
        lines.append(
            f"Nov 24 01:{number // 1000:02d}:{number % 60:02d} ip-10-0-0-7 "
            f"{dice.choice(PROGRAMS)}[{dice.randrange(99999)}]: {words} {dice.getrandbits(40):x}\n"
        )
    block = "".join(lines).encode()
    with path.open("wb") as file:
        for number in range((mib << 20) // len(block)):
            file.write(block)
            file.write(
                f"Nov 24 02:00:00 ip-10-0-0-7 kernel: [{number}.000000] "
                f"{EVENTS[number % len(EVENTS)]}\n".encode()
            )


def ours(path: Path, modules: str = "", only: str = "") -> list[str]:
    """What a Python of its own says: hits and peak MiB, or its phrases."""
    argv = [sys.executable, "-IS", "-c", OURS, str(SOURCE), str(path), modules, only]
    done = subprocess.run(argv, stdout=subprocess.PIPE, check=True)
    return done.stdout.decode().splitlines()


def timed(*arguments: object) -> tuple[float, list[str]]:
    start = time.perf_counter()
    said = ours(*arguments)  # type: ignore[arg-type]
    return time.perf_counter() - start, said


def grep(phrases: Path, path: Path) -> tuple[float, int]:
    env = {"LC_ALL": "C", "PATH": os.environ["PATH"]}
    start = time.perf_counter()
    argv = ["grep", "-a", "-c", "-F", "-f", str(phrases), str(path)]
    done = subprocess.run(argv, env=env, stdout=subprocess.PIPE, check=False)
    return time.perf_counter() - start, int(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ec2rl-nine-"))
    try:
        compare(folder, options.mib, options.rounds)
    finally:
        shutil.rmtree(folder)


def compare(folder: Path, mib: int, rounds: int) -> None:
    log, packed, words = folder / "messages", folder / "messages.gz", folder / "phrases"
    make_log(log, mib)
    with packed.open("wb") as file:
        subprocess.run(["gzip", "-c", str(log)], stdout=file, check=True)
    phrases = ours(log, "", "phrases")
    words.write_text("\n".join(phrases) + "\n")
    plain: list[tuple[float, float]] = []
    gz: list[tuple[float, float]] = []
    peak = 0
    for _ in range(rounds):
        seconds, (said,) = timed(log)
        rival, count = grep(words, log)
        assert int(said.split()[0]) == count, (said, count)
        plain.append((seconds, rival))
        nine, (packed_said,) = timed(packed)
        one, _ = timed(packed, "conntrackfull")
        assert packed_said.split()[0] == said.split()[0]
        gz.append((nine, one))
        peak = max(peak, int(said.split()[1]), int(packed_said.split()[1]))
    print(f"{mib} MiB, {len(phrases)} phrases, {count} hits, peak {peak} MiB, {rounds} rounds")
    tell("plain: all modules / grep -F -f", plain)
    tell("gzip: all modules / conntrackfull", gz)


def tell(title: str, pairs: list[tuple[float, float]]) -> None:
    ratio = median(ours / rival for ours, rival in pairs)
    mine, rival = (median(pair[side] for pair in pairs) for side in (0, 1))
    print(f"{title:36} {mine:7.2f} s / {rival:7.2f} s = {ratio:.2f}")


if __name__ == "__main__":
    main()
