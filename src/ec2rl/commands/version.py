"""`ec2rl version`."""

from __future__ import annotations

from ec2rl import __version__
from ec2rl.arguments import Parsed, format_of
from ec2rl.terminal import Terminal


def command(args: Parsed, terminal: Terminal) -> int:
    """Print the version: always 0."""
    if write := format_of(args).write:
        from ec2rl.subcommand import document

        terminal.out(write(document(version=__version__)))
        return 0
    terminal.out(f"ec2rl {__version__}\n")
    return 0
