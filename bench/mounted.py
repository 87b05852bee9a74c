"""A mounted root with a large text log, against grep on that file: `python bench/mounted.py`.

    python bench/mounted.py [--mib 1024] [--rounds 5]

The whole command is timed, launcher, report and all; page cache warm, rivals run in turn.  Medians,
and the memory of the largest of our processes.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from log_scan import WORDS, compare, make_log, shell

EC2RL = Path(__file__).parent.parent / "ec2rl"
MEASURE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--mib", type=int, default=1024)
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="ec2rl-bench-") as name:
        root, output = Path(name) / "root", Path(name) / "output"
        log = root / "var/log/messages"
        log.parent.mkdir(parents=True)
        output.mkdir(mode=0o700)
        make_log(log, chosen.mib, 0.0005)
        ours = [str(EC2RL), "run", f"--root={root}", f"--output-dir={output}"]
        ours.append("--only-modules=conntrackfull")
        measured = [sys.executable, "-I", "-S", "-c", MEASURE, *ours]

        def run() -> int:
            done = subprocess.run(measured, capture_output=True, text=True, check=True)
            return int(done.stdout) >> 10

        run()
        rival = shell(f"grep -a -c -F {shlex.quote(WORDS)} {log}")
        compare(f"{chosen.mib} MiB below a mounted root", chosen.rounds, run, rival)


if __name__ == "__main__":
    main()
