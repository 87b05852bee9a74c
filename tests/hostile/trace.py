"""Show by its system calls that `ec2rl run` reads nothing of ours through any hostile evidence.

`sudo python tests/hostile/trace.py [PART PARTS]`: makes the archives, volumes and bombs, judges
them all (or each PARTS-th from PART on) under strace, and looks at every file that was opened,
every program that was run, and the time and the memory that each took.  Exit status 1 when anything
is out of bounds.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from hostile.archives import SENTINEL, archives
from hostile.bombs import bombs
from hostile.volumes import build

EC2RL = Path(__file__).parent.parent.parent / "ec2rl"
MEMORY = 64 << 10
"""KiB of resident memory for the largest process of a run."""

CALLS = "trace=open,openat,openat2,creat,execve,unlink,rename,link,symlink,mkdir,truncate,chmod"


def evidence(folder: Path, mib: int) -> list[tuple[str, ...]]:
    """Subcommand, option and path of everything."""
    roots = [str(root) for root in build(folder / "volumes").values()]
    found: list[tuple[str, ...]] = [("run", "--root", root) for root in roots]
    found += [("conntrack", "boot", "--root", root) for root in roots]
    found += [
        ("fix", "conntrackfull", "--dry-run", "--set=max=300000", "--root", root) for root in roots
    ]
    outside = folder / "volumes/outside/secret"
    for group, made in (("archives", archives(str(outside))), ("bombs", dict(bombs(mib)))):
        (folder / group).mkdir()
        for name, data in made.items():
            path = folder / group / (name if group == "bombs" else f"{name}.tar")
            path.write_bytes(data)
            is_log = ".log." in name and group == "bombs"
            found.append(("run", "--log" if is_log else "--sos", str(path)))
            if is_log:
                found.append(("run", "--conntrack", str(path)))
    return found


def faults(trace: str, folder: Path, output: Path) -> list[str]:
    """System calls that should not be there."""
    said = []
    for line in trace.splitlines():
        call = re.match(r"(?:\d+ +)?(\w+)\((.*)\) += (\d+)(?:<(.*)>)?", line)
        if call is None:
            continue  # what failed has opened nothing
        name, words, _, opened = call.groups()
        if opened and opened.startswith(str(folder / "volumes/outside")):
            said.append(f"opened ours: {line}")
        writes = re.search(r"O_(?:WRONLY|RDWR|CREAT|TRUNC)", words) or not name.startswith("open")
        place = opened or words
        kept = (
            str(output) in place
            or re.search("__pycache__|/tmp/ec2rl-journal-", place) is not None
            or "O_TMPFILE" in words
            or "/dev/null" in place
            or name == "execve"
        )
        if writes and not kept:
            said.append(f"writes: {line}")
        if name == "execve" and not re.search(
            r'"(?:/\S*/(?:ec2rl|python\S*|xz|zstd|env|journalctl))"', words
        ):
            said.append(f"runs: {line}")
    return said


# A process that is made from a large one counts as large: so a small one in between.
MEASURE = """
import resource, subprocess, sys, time
started = time.monotonic()
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def cost(run: list[str]) -> tuple[float, int]:
    """Seconds, and KiB of the largest process."""
    measured = [sys.executable, "-I", "-S", "-c", MEASURE, *run]
    said = subprocess.run(measured, capture_output=True, text=True, timeout=120, check=True)
    seconds, memory = said.stdout.split()
    return float(seconds), int(memory)


def main() -> int:
    part, parts = map(int, sys.argv[1:3] if len(sys.argv) > 2 else (0, 1))
    with tempfile.TemporaryDirectory(prefix="ec2rl-hostile-") as temporary:
        folder = Path(temporary)
        output = folder / "output"
        output.mkdir(mode=0o700)
        log = folder / "trace"
        slowest, largest, bad, count = ("", 0.0), ("", 0), [], 0
        for *words, option, path in evidence(folder, 256)[part::parts]:
            run = [str(EC2RL), *words, f"{option}={path}"]
            if words == ["run"]:
                run += [f"--output-dir={output}", "--only-modules=conntrackfull"]
            traced = ["strace", "-f", "-y", "-o", str(log), "-e", CALLS, *run]
            done = subprocess.run(traced, capture_output=True, timeout=120, check=False)
            took, memory = cost(run)
            count += 1
            slowest = max(slowest, (path, took), key=lambda pair: pair[1])
            largest = max(largest, (path, memory), key=lambda pair: pair[1])
            said = faults(log.read_text(errors="backslashreplace"), folder, output)
            if SENTINEL.encode() in done.stdout:
                said.append("shows ours")
            if done.returncode not in (0, 1, 2, 3) or took > 10 or memory > MEMORY:
                said.append(f"status {done.returncode}, {took:.1f} s, {memory >> 10} MiB")
            bad += [f"{path}: {one}" for one in said]
        was_run = os.path.exists("/tmp/it-was-run")
        print(f"{count} pieces of evidence, {len(bad)} faults, run from a volume: {was_run}")
        print(f"slowest: {slowest[1]:.1f} s ({Path(slowest[0]).name})")
        print(f"largest: {largest[1] >> 10} MiB ({Path(largest[0]).name})")
        print("\n".join(bad[:50]))
        return 1 if bad or was_run else 0


if __name__ == "__main__":
    sys.exit(main())
