"""How long a run takes where nothing is found, launcher included, against a bare Python.

    sudo python3 bench/start.py [--rounds=41] [PYTHON]

Without PYTHON it is the one that the launcher finds for itself.  Each round runs all commands one
after the other; the ratios are the medians of the rounds' ratios, of the time that passes and of
the processors' time (of all its processes), which a busy machine changes less.

A kernel's log cannot be made quiet for a bench: it is one for all namespaces.  So it is told how
many events each module has found here.  What a quiet host takes, a module shows that has found
none; that of `all` is an upper bound where any has found some.  `quiet_host.py` boots a quiet one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median

LAUNCHER = Path(__file__).resolve().parent.parent / "ec2rl"
MODULES = ("conntrackfull", "kernelbug")
TEN = (
    *MODULES, "consoleoverload", "hungtasks", "kerneldereference", "kernelpanic", "neighbourfull",
    "oomkiller", "softlockup", "xennetrocket",
)  # fmt: skip


NONE = ("bare", "version")
"""What looks for nothing."""


def taken(argv: list[str]) -> tuple[float, float]:
    """Seconds that pass, and seconds of processors."""
    null = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in (1, 2)]
    started = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=null)
    _, _, usage = os.wait4(pid, 0)
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime


def events(run: list[str]) -> dict[str, int]:
    """How many events of this boot each module of a run tells of."""
    said = subprocess.run([*run, "--json"], capture_output=True, check=False).stdout
    found = {}
    for result in json.loads(said)["results"]:
        boot = result.get("this_boot") or result.get("log", {}).get("this_boot")
        if boot:
            found[result["module"]] = boot.get("count", boot.get("lines_at_least"))
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=41)
    parser.add_argument("python", nargs="?")
    args = parser.parse_args()
    os.environ.pop("EC2RL_PYTHON", None)
    if args.python:
        os.environ["EC2RL_PYTHON"] = args.python
    facts = subprocess.run([str(LAUNCHER), "bug-report"], capture_output=True, check=True).stdout
    python = facts.decode().partition("python:")[2].partition("(")[2].partition(")")[0]
    # As a run that saved its results has left it.
    subprocess.run([python, "-m", "compileall", "-q", str(LAUNCHER.parent / "src")], check=True)
    with tempfile.TemporaryDirectory() as folder:
        # A quiet host gets no second look; this one may not be quiet.
        run = [str(LAUNCHER), "run", "--interval=0", f"--output-dir={folder}/out"]
        commands = {
            "bare": [python, "-I", "-S", "-c", "pass"],
            "version": [str(LAUNCHER), "version"],
            **{name: [*run, f"--only-modules={name}"] for name in MODULES},
            "ten": [*run, f"--only-modules={','.join(TEN)}"],
            "all": run,
        }
        rounds = [
            {name: taken(argv) for name, argv in commands.items()} for _ in range(args.rounds + 1)
        ]
        found = events(run)
    tell(rounds[1:], found)


def tell(rounds: list[dict[str, tuple[float, float]]], found: dict[str, int]) -> None:
    for name in rounds[0]:
        passed, used = (median(one[name][kind] for one in rounds) * 1e3 for kind in (0, 1))
        of_passed, of_used = ratios(rounds, name, "bare")
        counted = {"ten": TEN, "all": tuple(found)}.get(name, (name,))
        told = sum(found.get(one, 0) for one in counted) if name not in NONE else None
        print(
            f"{name:14} {passed:6.1f} ms, {of_passed:5.2f} x bare; of processors {used:6.1f} ms, "
            f"{of_used:5.2f} x" + (f"; {told} events found" if told is not None else "")
        )
    for many in ("ten", "all"):
        for name in MODULES:
            shown = ratios(rounds, many, name)
            print("{} / {}: {:.2f}; of processors {:.2f}".format(many, name, *shown))


def ratios(
    rounds: list[dict[str, tuple[float, float]]], name: str, rival: str
) -> tuple[float, float]:
    passed, used = (median(one[name][kind] / one[rival][kind] for one in rounds) for kind in (0, 1))
    return passed, used


if __name__ == "__main__":
    main()
