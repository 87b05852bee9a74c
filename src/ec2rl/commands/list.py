"""`ec2rl list`: the modules that there are."""

from __future__ import annotations

from ec2rl.arguments import Parsed
from ec2rl.catalogue import choose
from ec2rl.report.text import table
from ec2rl.terminal import Terminal


def command(args: Parsed, terminal: Terminal) -> int:
    """Print a row for each module that the options admit."""
    chosen = sorted(choose(args), key=lambda module: module.name)
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
    terminal.out(table(rows) if rows else "No module is of all these kinds.\n")
    return 0 if rows else 3
