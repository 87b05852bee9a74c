"""A sosreport in tar.xz against `xz -dc | tar -t`: `python bench/sos.py [MIB] [RUNS]`.

The rival only lists the names; it is run in turn with ours.  Medians of the pairs, and the memory
of the largest of our processes.
"""

from __future__ import annotations

import io
import random
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

TOP = "sosreport-bench-2026-11-03-abcdefg"
EC2RL = Path(__file__).parent.parent / "ec2rl"
FULL = "nf_conntrack: nf_conntrack: table full, dropping packet"
MEASURE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def lines(size: int, seed: int) -> bytes:
    """Text of a log: stamps and words of which no two lines are alike, a few of them hits."""
    choose = random.Random(seed)
    words = [f"{choose.randrange(1 << 32):x}" for _ in range(5000)]
    out = io.BytesIO()
    number = 0
    while out.tell() < size:
        number += 1
        text = FULL if number % 5000 == 0 else " ".join(choose.choices(words, k=8))
        out.write(
            f"Nov  3 02:{number // 60 % 60:02}:{number % 60:02} host app[1]: {text}\n".encode()
        )
    return out.getvalue()


def make(path: Path, mib: int) -> None:
    """Like a real one: half of it logs that are searched, half of it files that nobody reads."""
    unpacked = path.with_suffix("")
    with tarfile.open(unpacked, "w") as tar:

        def add(name: str, data: bytes) -> None:
            member = tarfile.TarInfo(f"{TOP}/{name}")
            member.size, member.mtime = len(data), 1762135200
            tar.addfile(member, io.BytesIO(data))

        add(
            "sos_commands/kernel/dmesg",
            f"[    0.000000] Linux version 6\n[ 9.000000] {FULL}\n".encode(),
        )
        block = lines(8 << 20, 1)
        for number in range(mib // 16):
            moved = block[number * 4096 :] + block[: number * 4096]
            add(f"var/log/messages-{number}", moved)
            add(f"var/log/app/x{number}.log", moved)
        for number in range(4000):
            add(f"proc/{number}/status", block[number * 64 : number * 64 + 1200])
    subprocess.run(["xz", "-1", str(unpacked)], check=True)


def timed(command: list[str] | str) -> float:
    started = time.perf_counter()
    shell = isinstance(command, str)
    subprocess.run(command, shell=shell, stdout=subprocess.DEVNULL, check=False)
    return time.perf_counter() - started


def main() -> None:
    mib = int(sys.argv[1]) if len(sys.argv) > 1 else 1024
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with tempfile.TemporaryDirectory(prefix="ec2rl-bench-") as folder:
        archive = Path(folder) / "report.tar.xz"
        make(archive, mib)
        output = Path(folder) / "output"
        output.mkdir(mode=0o700)
        ours = [str(EC2RL), "run", f"--sos={archive}", f"--output-dir={output}"]
        ours.append("--only-modules=conntrackfull")
        pairs = [(timed(ours), timed(f"xz -dc {archive} | tar -t")) for _ in range(runs)]
        measured = [sys.executable, "-I", "-S", "-c", MEASURE, *ours]
        said = subprocess.run(measured, capture_output=True, text=True, check=True)
        ratio = statistics.median(mine / theirs for mine, theirs in pairs)
        print(f"{mib} MiB in {archive.stat().st_size >> 20} MiB of xz, {runs} pairs")
        print(f"ec2rl run --sos:     {statistics.median(mine for mine, _ in pairs):.2f} s")
        print(f"xz -dc | tar -t:     {statistics.median(theirs for _, theirs in pairs):.2f} s")
        print(f"ratio:               {ratio:.2f}")
        print(f"memory, largest:     {int(said.stdout) >> 10} MiB")


if __name__ == "__main__":
    main()
