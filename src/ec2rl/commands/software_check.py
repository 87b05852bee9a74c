"""`ec2rl software-check`: what a module or a form of evidence needs that this machine lacks.

Scripts look for a package's name in the answer, and take it for missing when they find it: what is
there is not named.
"""

from __future__ import annotations

import os
from importlib.util import find_spec

from ec2rl.arguments import Parsed
from ec2rl.host.unpack_program import FOLDERS
from ec2rl.terminal import Terminal

_PARTS = {
    "ctypes": "the network namespaces of containers are not looked at, and no fix is made",
    "json": "saved journals are not read, and no fix is made",
    "lzma": "journals compressed with xz are not read",
}
"""Parts of Python that some systems leave out (python3-minimal), and what does not work then."""
_PROGRAMS = {
    "xz": "logs and archives in xz that take much memory are not read",
    "zstd": "logs and archives in zstd are not read",
}


def command(args: Parsed, terminal: Terminal) -> int:  # noqa: ARG001 - each command takes both
    """Print what is missing, each with what does not work for it; always 0, as 1.1.7 did."""
    lacks = [f"{name} (part of Python): {why}" for name, why in _PARTS.items() if _lacks(name)]
    lacks += [f"{name}: {why}" for name, why in _PROGRAMS.items() if not _is_there(name)]
    if not lacks:
        terminal.out("All that is used is there.\n")
        return 0
    terminal.out("Missing; every module runs all the same, but:\n")
    terminal.out("".join(f"    {line}\n" for line in lacks))
    return 0


def _lacks(name: str) -> bool:
    """Tell whether a part of Python cannot be imported: its own library may be what is missing."""
    try:
        if find_spec(name) is not None:
            __import__(name)
            return False
    except (ImportError, ValueError):
        pass
    return True


def _is_there(name: str) -> bool:
    return any(os.access(f"{folder}{name}", os.X_OK) for folder in FOLDERS)
