"""Packages that hold a subject whole: one with a folder `commands` has subcommands of its own.

They are found by their files: to add one changes no other file.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.arguments import Command

_FOLDER = os.path.dirname(__file__)


def names() -> tuple[str, ...]:
    """The names of these packages, sorted; none of them is loaded for it."""
    folders = os.listdir(_FOLDER)
    return tuple(
        sorted(n for n in folders if os.path.isfile(f"{_FOLDER}/{n}/commands/__init__.py"))
    )


def commands() -> dict[str, Command]:
    """Their subcommands, as `conntrack top`."""
    return {
        f"{name} {inner}": command
        for name in names()
        for inner, command in __import__(f"ec2rl.{name}.commands", fromlist=["C"]).COMMANDS.items()
    }


def file_of(command: str) -> str:
    """The module in which a subcommand is: `conntrack top` is ec2rl.conntrack.commands.top."""
    slice_, space, name = command.replace("-", "_").rpartition(" ")
    return f"ec2rl.{slice_}.commands.{name}" if space else f"ec2rl.commands.{name}"
