"""`ec2rl software-check`: what a module or a form of evidence needs that this machine lacks.

Scripts look for a package's name in the answer, and take it for missing when they find it: what is
there is not named.
"""

from __future__ import annotations

from ec2rl.arguments import Parsed, format_of
from ec2rl.host.unpack_program import find_program
from ec2rl.subcommand import document
from ec2rl.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.model import Json

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


def command(args: Parsed, terminal: Terminal) -> int:
    """Print what is missing, each with what does not work for it: always 0, as of 1.1.7."""
    lacks = [(name, "part of Python", why) for name, why in _PARTS.items() if _lacks(name)]
    lacks += [
        (name, "program", why) for name, why in _PROGRAMS.items() if find_program(name) is None
    ]
    if write := format_of(args).write:
        missing: list[Json] = [{"name": n, "kind": kind, "without": why} for n, kind, why in lacks]
        terminal.out(write(document(missing=missing)))
        return 0
    if not lacks:
        terminal.out("All that is used is there.\n")
        return 0
    terminal.out("Missing; every module runs all the same, but:\n")
    terminal.out("".join(f"    {name} ({kind}): {why}\n" for name, kind, why in lacks))
    return 0


def _lacks(name: str) -> bool:
    """Tell whether a part of Python cannot be imported: its own library may be what is missing."""
    try:
        __import__(name)
    except ImportError:
        return True
    return False
