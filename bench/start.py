"""How long a run takes on a quiet host, launcher included, against a bare Python.

    sudo python3 bench/start.py [PYTHON]

Without PYTHON it is the one that the launcher finds for itself.  Each round runs both, one after
the other; the ratio is the median of the rounds' ratios.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 41
LAUNCHER = Path(__file__).resolve().parent.parent / "ec2rl"


def seconds(argv: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return time.perf_counter() - started


def main() -> None:
    os.environ.pop("EC2RL_PYTHON", None)
    if len(sys.argv) > 1:
        os.environ["EC2RL_PYTHON"] = sys.argv[1]
    facts = subprocess.run([str(LAUNCHER), "bug-report"], capture_output=True, check=True).stdout
    python = facts.decode().partition("python:")[2].partition("(")[2].partition(")")[0]
    # As a run that saved its results has left it.
    subprocess.run([python, "-m", "compileall", "-q", str(LAUNCHER.parent / "src")], check=True)
    bare = [python, "-I", "-S", "-c", "pass"]
    with tempfile.TemporaryDirectory() as folder:
        commands = {
            "run --only-modules=conntrackfull": [
                # A quiet host gets no second look; this one may not be quiet.
                str(LAUNCHER), "run", "--only-modules=conntrackfull", "--sample=0",
                f"--output-dir={folder}/out",
            ],
            "version": [str(LAUNCHER), "version"],
        }  # fmt: skip
        for name, argv in commands.items():
            seconds(argv)
            pairs = [(seconds(bare), seconds(argv)) for _ in range(ROUNDS)]
            ratio = sorted(b / a for a, b in pairs)[ROUNDS // 2]
            ms = sorted(b for _, b in pairs)[ROUNDS // 2] * 1e3
            base = sorted(a for a, _ in pairs)[ROUNDS // 2] * 1e3
            print(f"{name}: {ms:.1f} ms, {ratio:.2f} x `python3 -I -S -c pass` ({base:.1f} ms)")
        run = [*commands["run --only-modules=conntrackfull"], "--json"]
        said = subprocess.run(run, capture_output=True, check=False).stdout
    (result,) = json.loads(said)["results"]
    lines = result["log"]["this_boot"]["lines_at_least"]
    if lines:
        print(f"this host is not quiet: {lines} table-full lines were read, and told")


if __name__ == "__main__":
    main()
