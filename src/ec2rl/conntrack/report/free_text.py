"""Which entries would be deleted, and what became of them, as text."""

from __future__ import annotations

from ec2rl.conntrack.report.table_text import WIDE, entries
from ec2rl.conntrack.table.freeing import Choice, DeletionResult, reason
from ec2rl.quantities import grouped, plural
from ec2rl.report.escape import one_line
from ec2rl.report.wrap import wrapped


def plan(choice: Choice, width: int = WIDE) -> str:
    """Everything that would be done, before it is done."""
    count = "an unknown number of entries" if choice.count is None else entries(choice.count)
    head = f"{one_line(choice.table)}: {count}, {matching(choice.matched)}"
    lines = [head] if width >= WIDE else wrapped("", head, "    ", width)

    def say(words: str) -> None:
        lines.extend(wrapped("    ", words, width=width))

    for gap in choice.gaps:
        say(f"Note: {gap}.")
    if choice.kept:
        say(f"Kept: {entries(choice.kept)} of SSH sessions, and of what started this command.")
    if choice.left:
        say(f"{plural(choice.left, 'more is/more are')} left for another run.")
    if not choice.chosen:
        return "\n".join([*lines, "Nothing to delete.", ""])
    say(f"{entries(choice.chosen)} would be deleted; this cannot be taken back.")
    if choice.live:
        say(
            f"{plural(choice.live, 'of these belongs/of these belong')} to live flows: answered, "
            "and not over. Where NAT or a stateful firewall needs the entry, they are cut. "
            "Those that spoke last:",
        )
        for line in choice.shown:
            lines += wrapped("      ", line, "    ", width)
    else:
        say("None of these belongs to a live flow.")
    return "\n".join(lines) + "\n"


def matching(number: int) -> str:
    """Say how many entries the filters choose: `1 matches`, `2,000 match`."""
    return plural(number, "matches/match")


def done(
    choice: Choice, freed: DeletionResult, after: int | None, left: int | None, width: int = WIDE
) -> str:
    """Tell what the kernel did, and its count afterwards."""
    lines = [f"Deleted: {entries(freed.deleted)} of {grouped(choice.chosen)}."]
    if freed.interrupted:
        lines.append("Interrupted: the others were not touched.")
    if freed.gone:
        lines.append(f"Gone by themselves before: {grouped(freed.gone)}.")
    for code, number in freed.refused:
        lines.append(f"Refused: {grouped(number)}: {reason(code)}.")
    before = "an unknown number of entries" if choice.count is None else entries(choice.count)
    now = "an unknown number" if after is None else grouped(after)
    still = "" if left is None else f"; {matching(left)} now"
    lines.append(f"The table had {before}, and has {now}{still}.")
    return "\n".join(line for words in lines for line in wrapped("", words, "    ", width)) + "\n"
