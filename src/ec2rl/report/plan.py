"""A proposed fix as text: everything that it would do, before it does it."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import unified_diff

from ec2rl.model import Proposal, Remedy, SetSysctl, WriteFile
from ec2rl.report.escape import one_line
from ec2rl.report.text import header


def plan(proposal: Proposal) -> str:
    """What changes now, what changes for the next boot, its costs, and what was left out."""
    lines = [header("Plan"), ""]
    for remedy in proposal.chosen:
        lines += _remedy(remedy)
    if proposal.refused:
        lines += ["Refused:", *(f"    {one_line(why)}" for why in proposal.refused)]
    elif not proposal.chosen:
        lines.append("Nothing to do: everything is already as wished.")
    lines += [one_line(note) for note in proposal.notes]
    if proposal.chosen and not proposal.lasting:
        lines.append("NOT PERSISTENT: these files would not decide at the next boot (see above).")
    if proposal.offered:
        lines += ["", "Offered, and not in this plan:"]
        for remedy in proposal.offered:
            lines.append(f"    {one_line(remedy.title)} ({remedy.risk.value}; {remedy.caveat})")
    if proposal.by_hand:
        lines += ["", "By hand:", *(f"    {one_line(line)}" for line in proposal.by_hand)]
    return "\n".join(lines) + "\n"


def _remedy(remedy: Remedy) -> list[str]:
    lines = [f"{remedy.title} (risk: {remedy.risk.value})"]
    if remedy.caveat:
        lines.append(f"Caution: {remedy.caveat}")
    settings = [change for change in remedy.changes if isinstance(change, SetSysctl)]
    files = [change for change in remedy.changes if isinstance(change, WriteFile)]
    if settings:
        lines.append("Now:")
        width = max(len(change.key) for change in settings)
        lines += [f"    {c.key:{width}}  {c.before} -> {c.value}" for c in settings]
    if files:
        lines.append("For the next boot:")
        for change in files:
            lines += [f"    {one_line(line)}" for line in _diff(change)]
    return lines


def _diff(change: WriteFile) -> Sequence[str]:
    before = [] if change.before is None else change.before.splitlines()
    name = "/dev/null" if change.before is None else change.path
    return list(unified_diff(before, change.text.splitlines(), name, change.path, lineterm=""))
