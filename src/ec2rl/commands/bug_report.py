"""`ec2rl bug-report`: what somebody who is to mend this program needs to know."""

from __future__ import annotations

import os
import sys

from ec2rl import __version__
from ec2rl.arguments import Parsed, format_of
from ec2rl.catalogue import names
from ec2rl.host.live import LiveHost
from ec2rl.invocation import to_type
from ec2rl.model import Evidence
from ec2rl.report.escape import one_line
from ec2rl.subcommand import document
from ec2rl.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.model import Json


def command(args: Parsed, terminal: Terminal) -> int:
    """Print facts about the program and system, none that names a person or host: always 0."""
    machine = os.uname()
    release = LiveHost().read("/etc/os-release")
    pretty = "unknown"
    if isinstance(release, Evidence):
        for line in release.text.splitlines():
            if line.startswith("PRETTY_NAME="):
                pretty = line.partition("=")[2].strip("\"'")
    facts: dict[str, Json] = {
        "ec2rl": __version__,
        "modules": ", ".join(names()),
        "python": f"{sys.version.split()[0]} ({sys.executable})",
        "system": pretty,
        "kernel": f"{machine.release} {machine.machine}",
        "rights": "root" if os.geteuid() == 0 else "not root",
        "encoding": str(getattr(sys.stdout, "encoding", None)),
    }
    if write := format_of(args).write:
        terminal.out(write(document(host=None, facts=facts)))
        return 0
    rows = [f"{name + ':':10} {one_line(str(value))}\n" for name, value in facts.items()]
    terminal.out(
        "Put this into the report, with the command that you typed and all that it printed:\n\n"
        + "".join(rows)
        + "\nA case that shows the fault, to be read before it is sent (it holds log lines and\n"
        "settings of this machine):  " + to_type("run --record case.txt") + "\n"
    )
    return 0
