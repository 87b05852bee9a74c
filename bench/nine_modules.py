"""All modules in one pass over the text logs, against grep, and against one module alone.

    python bench/nine_modules.py [--mib 1024] [--rounds 3] [--only plain|gzip] [--folder FOLDER]

Makes a log, plain and with gzip (page cache warm), in a temporary folder, or in FOLDER, where it
stays for the next run.  Each round runs the rivals one after the other; a line gives the medians of
their wall times, the median of the rounds' ratios, and the peak memory of the process that looks.
`--rounds 0` only makes the log.
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
whose = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
print(found.hits, sum(resource.getrusage(who).ru_maxrss for who in whose) >> 10)
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
        for number in range((mib << 20) // len(block) + 1):
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
    parser.add_argument("--only", choices=("plain", "gzip"))
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="ec2rl-nine-"))
    try:
        log = made(folder, options.mib)
        if options.rounds and options.only != "gzip":
            compare_plain(log, options.rounds)
        if options.rounds and options.only != "plain":
            compare_gzip(log, options.rounds)
    finally:
        if options.folder is None:
            shutil.rmtree(folder)


def made(folder: Path, mib: int) -> Path:
    """The log of `mib` MiB in a folder, its gzip and the phrases beside it; made if need be."""
    log = folder / f"messages-{mib}"
    if not log.exists():
        folder.mkdir(exist_ok=True)
        make_log(log, mib)
        with log.with_suffix(".gz").open("wb") as file:
            subprocess.run(["gzip", "-c", str(log)], stdout=file, check=True)
    log.with_suffix(".phrases").write_text("\n".join(ours(log, "", "phrases")) + "\n")
    return log


def compare_plain(log: Path, rounds: int) -> None:
    pairs, peak, hits = [], 0, 0
    for _ in range(rounds):
        seconds, (said,) = timed(log)
        rival, count = grep(log.with_suffix(".phrases"), log)
        hits, used = map(int, said.split())
        assert hits == count, (said, count)
        pairs.append((seconds, rival))
        peak = max(peak, used)
    tell("plain: all modules / grep -F -f", log, pairs, hits, peak)


def compare_gzip(log: Path, rounds: int) -> None:
    packed = log.with_suffix(".gz")
    pairs, peak, hits = [], 0, 0
    for _ in range(rounds):
        nine, (said,) = timed(packed)
        one, _ = timed(packed, "conntrackfull")
        hits, used = map(int, said.split())
        pairs.append((nine, one))
        peak = max(peak, used)
    tell("gzip: all modules / conntrackfull", log, pairs, hits, peak)


def tell(title: str, log: Path, pairs: list[tuple[float, float]], hits: int, peak: int) -> None:
    ratio = median(ours / rival for ours, rival in pairs)
    mine, rival = (median(pair[side] for pair in pairs) for side in (0, 1))
    print(
        f"{title:36} {mine:7.2f} s / {rival:7.2f} s = {ratio:.2f}   (median of {len(pairs)}; "
        f"{log.stat().st_size >> 20} MiB, {hits} hits, peak {peak} MiB)"
    )


if __name__ == "__main__":
    main()
