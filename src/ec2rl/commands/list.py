"""`ec2rl list`: the modules that there are."""

from __future__ import annotations

from ec2rl.arguments import Parsed, format_of
from ec2rl.catalogue import choose
from ec2rl.report.text import table
from ec2rl.subcommand import document
from ec2rl.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.model import Json
    from ec2rl.module import Module


def command(args: Parsed, terminal: Terminal) -> int:
    """List the modules that the options admit: 0, or 3 where there is none."""
    chosen = sorted(choose(args), key=lambda module: module.name)
    write = format_of(args).write
    if write is not None:
        terminal.out(write(document(modules=[_facts(module) for module in chosen])))
        return 0 if chosen else 3
    rows = [
        {
            "Module Name": module.name,
            "Class": module.class_,
            "Domain": module.domain,
            "Needs": module.needs,
            "Description": module.title,
        }
        for module in chosen
    ]
    terminal.out(table(rows, terminal.width) if rows else "No module is of all these kinds.\n")
    return 0 if rows else 3


def _facts(module: Module) -> dict[str, Json]:
    return {
        "name": module.name,
        "class": module.class_,
        "domain": module.domain,
        "needs": module.needs,
        "title": module.title,
        "fix": module.propose is not None,
        "settings": [{"name": one.name, "key": one.key} for one in module.settings],
    }
