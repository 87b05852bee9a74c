"""CPU time of a start: the one file of a release beside bare Python, for each Python with a tree.

`python bench/one_file.py FILE [ROUNDS]`: the least and the median of runs that take turns, in ms.
"""

from __future__ import annotations

import os
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from building.sources import pythons

CHECKOUT = str(Path(__file__).resolve().parents[1] / "ec2rl")
QUIET = ("run", "--only-modules=xennetrocket", "--no-save")


def spent(words: list[str], environment: dict[str, str]) -> float:
    """CPU time of a program, in ms, and of all that it waited for."""
    pid = os.fork()
    if pid == 0:
        null = os.open("/dev/null", os.O_RDWR)
        os.dup2(null, 1)
        os.execve(words[0], words, environment)
    _, _, used = os.wait4(pid, 0)
    return 1000 * (used.ru_utime + used.ru_stime)


def main(file: str, rounds: int) -> None:
    for python in pythons():
        environment = {"PATH": "/usr/bin:/bin", "EC2RL_PYTHON": str(python)}
        starts = {
            "bare Python": [str(python), "-I", "-S", "-c", "pass"],
            "version": [file, "version"],
            "list": [file, "list"],
            "list of the checkout": [CHECKOUT, "list"],
            "one module": [file, *QUIET],
            "one module of the checkout": [CHECKOUT, *QUIET],
        }
        taken: dict[str, list[float]] = {name: [] for name in starts}
        for _ in range(rounds):
            for name, words in starts.items():
                taken[name].append(spent(words, environment))
        told = (f"{n} {min(t):.0f}/{statistics.median(t):.0f}" for n, t in taken.items())
        print(f"{python}: {', '.join(told)}")


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 15)
