"""`ec2rl version-check`: what 1.1.7 asked the network; scripts still type it."""

from __future__ import annotations

from ec2rl import __version__
from ec2rl.arguments import Parsed
from ec2rl.terminal import Terminal


def command(args: Parsed, terminal: Terminal) -> int:  # noqa: ARG001 - each command takes both
    """Print the version, and that nobody was asked for a newer one."""
    terminal.out(
        f"ec2rl {__version__}\n"
        "Whether there is a newer one is not known: ec2rl never asks the network.\n"
    )
    return 0
