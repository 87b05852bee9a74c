"""`ec2rl version`."""

from __future__ import annotations

from ec2rl import __version__
from ec2rl.arguments import Parsed
from ec2rl.terminal import Terminal


def command(args: Parsed, terminal: Terminal) -> int:  # noqa: ARG001 - each command takes both
    """Print the version."""
    terminal.out(f"ec2rl {__version__}\n")
    return 0
