"""What is killed, disturbed and cut off: one `apply`, `undo` or `recover` in a process of its own.

`victim.py SOURCE ROOT PROC VERB`; exit status 0 done, 3 a FixError, anything else is a fault.
Two calls of access(2) mark in a trace where the verb begins and ends.
"""

import os
import sys

sys.path[:0] = [sys.argv[1], os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]

import ctypes  # noqa: E402, F401 - what is imported late would be in the way of counting
import fcntl  # noqa: E402, F401

from ec2rl.fix.errors import FixError  # noqa: E402
from ec2rl.fix.transaction import apply, recover, undo  # noqa: E402
from faults import scene  # noqa: E402

BEGIN = "/the-verb-begins"
END = "/the-verb-ends"


def main(root: str, proc: str, verb: str) -> int:
    machine = scene.machine(root, proc)
    os.access(BEGIN, os.F_OK)
    try:
        if verb == "apply":
            apply(scene.CHANGES, machine=machine, why="a case")
        elif verb == "undo":
            undo(1, machine=machine)
        else:
            recover(machine=machine)
    except FixError as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
        return 3
    finally:
        os.access(END, os.F_OK)
    return 0


if __name__ == "__main__":
    status = main(*sys.argv[2:])
    os._exit(status)
