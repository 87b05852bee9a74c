"""Text logs: ec2rl's search against grep, zgrep, xz and bzip2 on the same files.

    python bench/log_scan.py [--mib 1024] [--packed-mib 128] [--rounds 3]

Makes its own logs in a temporary folder (page cache warm).  Each round runs both rivals one after
the other; a line gives the medians of their wall times, and the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import os
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

SOURCE = Path(__file__).resolve().parents[1] / "src"
WORDS = "conntrack: table full"
TEN = (
    WORDS, "expectation table full", "table overflow", "SYN flooding", "callbacks suppressed",
    "Out of memory", "oom-kill", "soft lockup", "hung_task", "segfault at",
)  # fmt: skip
VOCABULARY = (  # noqa: SIM905
    "systemd[1]: sshd[4711]: CRON[932]: kernel: dockerd[88]: kubelet[1203]: Started Stopped "
    "Session session opened closed for user root pam_unix(sshd:session): Accepted publickey from "
    "port ssh2 "
    "connection reset by peer timeout while reading upstream client server request failed network "
    "packet table interface eth0: link becomes ready device entered promiscuous mode left state "
    "container image pulled successfully created deleted volume mounted unmounted filesystem full"
).split()
"""Words of everyday logs: text whose letters are those of the phrases."""

HIT = b"Nov 24 01:02:03 ip-10-0-0-1 kernel: [12345.678] nf_conntrack: table full, dropping packet\n"
OURS = """
import os, sys
sys.path.insert(0, sys.argv[1])
from ec2rl.host import Phrase
from ec2rl.host.search import search_files
phrases = [Phrase(word.encode()) for word in sys.argv[2].split("|")]
files = [(path, os.open(path, os.O_RDONLY)) for path in sys.argv[3:]]
for found in search_files(files, phrases):
    assert not found.gap, found.gap
    print(found.hits, file=sys.stderr)
print(int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) >> 10)
"""


def make_log(path: Path, mib: int, share: float) -> None:
    """Write about `mib` MiB of syslog lines, of which `share` are hits."""
    rng = random.Random(1)
    lines = []
    for number in range(200_000):  # more than fit into the windows of xz and zstd
        words = " ".join(rng.choices(VOCABULARY, k=12))
        lines.append(b"Nov 24 01:02:03 ip-10-0-0-%d " % (number % 9))
        lines[-1] += f"{words} {number} took {rng.getrandbits(30):x} ms\n".encode()
        if rng.random() < share:
            lines[-1] = HIT
    block = b"".join(lines)
    with path.open("wb") as file:
        for number in range((mib << 20) // len(block)):
            file.write(block)
            if number % 40 == 0:
                file.write(HIT)


def ours(words: str, *files: Path) -> Callable[[], int]:
    """Run a search in a Python of its own; its peak memory in MiB."""
    argv = [sys.executable, "-IS", "-c", OURS, str(SOURCE), words, *map(str, files)]
    return lambda: int(
        subprocess.run(
            argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
        ).stdout.split()[-1]
    )


def shell(command: str) -> Callable[[], int]:
    """Run a pipeline in the C locale; not into /dev/null, where grep stops at its first match."""
    env = {"LC_ALL": "C", "PATH": os.environ["PATH"]}
    return lambda: subprocess.run(
        ["/bin/sh", "-c", command], env=env, stdout=subprocess.PIPE, check=False
    ).returncode


def compare(name: str, rounds: int, mine: Callable[[], int], rival: Callable[[], int]) -> None:
    """Print the ratio of the two."""
    times: list[tuple[float, float]] = []
    peak = 0
    for _ in range(rounds):
        begin = time.perf_counter()
        peak = max(peak, mine())
        middle = time.perf_counter()
        rival()
        times.append((middle - begin, time.perf_counter() - middle))
    ratio = median(a / b for a, b in times)
    own, other = (median(column) for column in zip(*times))
    print(f"{name:34} {own:8.3f} s {other:8.3f} s  ratio {ratio:5.2f}  {peak} MiB", flush=True)


def resident(path: Path) -> float:
    """The share of a file that is in the page cache."""
    pages = subprocess.run(
        ["fincore", "--bytes", "--noheadings", "--output=RES", str(path)],
        stdout=subprocess.PIPE, check=True,
    ).stdout  # fmt: skip
    return int(pages) / path.stat().st_size


def cold(log: Path, rounds: int) -> None:
    """A log that is not in the page cache: against cat, and what is in the cache behind each."""
    left: dict[str, list[float]] = {"ours": [], "cat": []}
    with log.open("rb") as file:
        os.fsync(file.fileno())

        def measured(name: str, run: Callable[[], int]) -> Callable[[], int]:
            def once() -> int:
                result = run()
                left[name].append(resident(log))
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                return result

            return once

        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        mine, rival = (
            measured("ours", ours(WORDS, log)),
            measured("cat", shell(f"cat {log} | wc -c")),
        )
        compare("cold, against cat", rounds, mine, rival)
    shares = ", ".join(f"{name} {max(values):.0%}" for name, values in left.items())
    print(f"    in the page cache afterwards, at most: {shares}")


def main() -> None:
    """Make the logs and compare."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--mib", type=int, default=1024)
    options.add_argument("--packed-mib", type=int, default=128)
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    rounds = chosen.rounds
    with tempfile.TemporaryDirectory(prefix="log_scan.") as name:
        folder = Path(name)
        few, one, full, packed = (folder / n for n in ("few", "one", "full", "packed"))
        make_log(few, chosen.mib, 0)
        grep = f"grep -a -c -F {shlex.quote(WORDS)}"
        compare("plain", rounds, ours(WORDS, few), shell(f"{grep} {few}"))
        twin = folder / "twin"
        shutil.copyfile(few, twin)
        compare("two files", rounds, ours(WORDS, few, twin), shell(f"{grep} {few} {twin}"))
        twin.unlink()
        ten = " ".join(f"-e {shlex.quote(word)}" for word in TEN)
        compare("10 phrases", rounds, ours("|".join(TEN), few), shell(f"grep -acF {ten} {few}"))
        if shutil.which("fincore"):
            cold(few, rounds)
        few.unlink()
        for path, share in ((one, 0.01), (full, 1.0)):
            make_log(path, chosen.mib, share)
            rival = shell(f"grep -a -F {shlex.quote(WORDS)} {path} | wc -l")
            compare(f"{share:.0%} hits, grep prints them", rounds, ours(WORDS, path), rival)
            path.unlink()
        make_log(packed, chosen.packed_mib, 0)
        for tool, command in (
            ("gzip", f"zgrep -c -F {shlex.quote(WORDS)}"),
            ("xz", "xz -dc"),
            ("bzip2", "bzip2 -dc"),
            ("zstd", "zstd -dcq"),
        ):
            if not shutil.which(tool):
                print(f"{tool}: not here")
                continue
            target = folder / f"packed.{tool}"
            with target.open("wb") as file:
                subprocess.run([tool, "-c", str(packed)], stdout=file, check=True)
            pipeline = f"{command} {target}" + ("" if tool == "gzip" else f" | {grep}")
            compare(
                f"{tool}: {command.split(' -F')[0]}", rounds, ours(WORDS, target), shell(pipeline)
            )


if __name__ == "__main__":
    main()
