"""What subcommands share: what stands in every document, to ask, to look at a volume."""

from __future__ import annotations

import os
import time

from ec2rl import __version__
from ec2rl.arguments import Parsed, UsageError
from ec2rl.host import Host
from ec2rl.host.live import LiveHost
from ec2rl.invocation import to_type
from ec2rl.report.escape import typed
from ec2rl.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ec2rl.model import Json

COULD_NOT_LOOK = 3
"""Exit status when something that was asked for could not be read."""


TOOL: Mapping[str, Json] = {"name": "ec2rl", "version": __version__}
"""What made a document."""


def this_host() -> Mapping[str, Json]:
    """Name the machine that this runs on, its kernel and its architecture."""
    machine = os.uname()
    return {"name": machine.nodename, "kernel": machine.release, "machine": machine.machine}


def document(**content: Json) -> Mapping[str, Json]:
    """Content with what every document has: its schema's version, who made it, where, when.

    `report/commands.schema.json` says what is in the document of each command.
    """
    return {
        "schema_version": 1,
        "tool": TOOL,
        "host": this_host(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        **content,
    }


def as_root(args: Parsed) -> str:
    """Give the command that was typed, with all that was said in it, as root types it."""
    options = tuple(
        f"--{name}={typed(value)}" if value else f"--{name}"
        for name, values in args.values.items()
        for value in values
    )
    operands = tuple(map(typed, args.operands))
    words = (*operands, *options)
    if any(word.startswith("-") for word in args.operands):
        words = (*options, "--", *operands)
    return to_type(" ".join((args.command, *words)))


def agreed(terminal: Terminal) -> bool:
    """Ask on a terminal, of what was shown; without one, and without --yes, nothing is done."""
    if not terminal.asks:
        terminal.say("nothing was changed: there is no terminal to ask on; --yes does it")
        return False
    if not terminal.shows:
        terminal.say("nothing was changed: its plan could not be shown")
        return False
    answer = terminal.ask("Do this? [y/N] ")
    if answer is not None and answer.strip().lower() in ("y", "yes"):
        return True
    terminal.say("nothing was changed" + ": the terminal has gone" * (answer is None))
    return False


def host_of(root: str) -> Host:
    """Give the machine to look at; UsageError where there is none."""
    if not root:
        return LiveHost()
    from ec2rl.host.mounted import MountedHost

    try:
        return MountedHost(os.path.realpath(root))
    except OSError as error:
        raise UsageError(f"--root={root}: {os.strerror(error.errno or 0)}") from None
