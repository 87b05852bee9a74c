"""Packages that hold a subject whole, found by their files: to add one changes no other file.

`ec2rl/NAME/commands/` has the subcommands `NAME ...`; `ec2rl/NAME/saved_evidence.py` reads a form
of saved evidence, which `run --NAME=FILE` names, `run FILE` recognises and a sosreport may have.
"""

from __future__ import annotations

from ec2rl import shipped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_parts: dict[str, dict[str, Any]] = {}
"""Those that are loaded: a reader without rights may not be able to look for them."""


def names(part: str) -> tuple[str, ...]:
    """Give the packages that have this part, a file or a folder.

    Sorted, and none is loaded for it.
    """
    return tuple(
        folder
        for folder in shipped.names()
        if "." not in folder
        and any(shipped.has(f"{folder}/{part}{file}") for file in (".py", "/__init__.py"))
    )


def parts(part: str) -> dict[str, Any]:
    """Give this part of each package that has it, loaded once, by the package's name."""
    if part not in _parts:
        _parts[part] = {
            name: __import__(f"ec2rl.{name}.{part}", fromlist=["__name__"]) for name in names(part)
        }
    return _parts[part]


def file_of(command: str) -> str:
    """Give the module in which a subcommand is: `conntrack top` is ec2rl.conntrack.commands.top."""
    package, space, name = command.replace("-", "_").rpartition(" ")
    return f"ec2rl.{package}.commands.{name}" if space else f"ec2rl.commands.{name}"
