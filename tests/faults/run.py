"""The fault harness: whatever strikes, and whenever, the machine is all before or all after.

    python tests/faults/run.py --all            every case
    python tests/faults/run.py kills errors     some kinds of them
    python tests/faults/run.py kills --scene every    where every kind of change is made
    python tests/faults/run.py --all --every 20 each 20th case
    python tests/faults/run.py free remediate   the command lines, at 200 moments with three signals

Needs root, strace and, for `power`, ext4 and loop devices.  Works in a temporary folder, or (what
strikes inside of a command, from `raises` on) in mounts of its own.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(os.path.dirname(TESTS), "src"), TESTS]

from faults import kinds, place, tracer  # noqa: E402
from faults.every_kind import SCENES  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description="strike at every system call of a change")
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(kinds.KINDS))
    parser.add_argument("--all", action="store_true", help="all kinds of cases")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="each N-th case alone")
    parser.add_argument("--scene", choices=SCENES, help="what is changed (all, one after another)")
    options = parser.parse_args()
    chosen = list(kinds.KINDS) if options.all else options.kinds
    unknown = [name for name in chosen if name not in kinds.KINDS]
    if unknown or not chosen:
        parser.error(f"choose --all, or some of {', '.join(kinds.KINDS)}")
    lack = tracer.missing()
    if lack:
        parser.error(lack)
    total = failed = 0
    scenes = [SCENES[options.scene]] if options.scene else list(SCENES.values())
    for name, what in kinds.each(chosen, scenes):
        with tempfile.TemporaryDirectory(prefix="ec2rl-faults-") as folder:
            begin = time.monotonic()
            cases, bad = 0, []
            where = place.Place(folder, what)
            for case in kinds.KINDS[name](where, options.every):
                cases += 1
                if case.fault:
                    bad.append(case)
                    print(f"  {case.name}: {case.fault}", flush=True)
            seconds = time.monotonic() - begin
        told = name if name in kinds.OF_ONE_SCENE else f"{name}, {what.name}"
        print(f"{told:22} {cases:5} cases {len(bad):4} violations {seconds:7.1f} s", flush=True)
        total, failed = total + cases, failed + len(bad)
    print(f"{'all':22} {total:5} cases {failed:4} violations")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
