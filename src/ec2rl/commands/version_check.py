"""`ec2rl version-check`: what 1.1.7 asked the network; scripts still type it."""

from __future__ import annotations

from ec2rl import __version__
from ec2rl.arguments import Parsed, format_of
from ec2rl.subcommand import document
from ec2rl.terminal import Terminal


def command(args: Parsed, terminal: Terminal) -> int:
    """Print the version, and that nobody was asked for a newer one: always 0."""
    if write := format_of(args).write:
        terminal.out(write(document(version=__version__, newest=None)))
        return 0
    terminal.out(
        f"ec2rl {__version__}\n"
        "Whether there is a newer one is not known: ec2rl never asks the network.\n"
    )
    return 0
