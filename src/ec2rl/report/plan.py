"""A proposed fix as text and JSON: everything that it would do, before it does it, and the end."""

from __future__ import annotations

import time

from ec2rl.invocation import to_type
from ec2rl.model import Risk, Verdict
from ec2rl.quantities import pace, span, value_words
from ec2rl.record import record
from ec2rl.remedies import BOOT, DISK, NOW
from ec2rl.report.difference import difference
from ec2rl.report.escape import one_line, tied, typed, untied
from ec2rl.report.text import for_terminal, header
from ec2rl.report.wording import summary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ec2rl.model import Finding, Json, Proposal, Rate, Remedy
    from ec2rl.remedies import Change

RISKS = {Risk.SAFE: "safe", Risk.RISKY: "high", Risk.MANUAL: "by hand"}
"""How a risk is called behind `risk: `."""
_OFFERED = {Risk.SAFE: "safe", Risk.RISKY: "high risk", Risk.MANUAL: "by hand"}


@record(frozen=True)
class Done:
    """A change that was made: its number, and `target`, `before` and `after` of each item.

    `before` and `after` are what was lost each second (None: unknown), where that is `measured`;
    `until` is the end of its trial, `root` the volume that it was made on.
    """

    number: int
    items: tuple[Mapping[str, str], ...]
    measured: bool
    before: Rate | None
    after: Rate | None
    until: float | None
    root: str


def plan(
    proposal: Proposal,
    trial: float | None = None,
    first: Sequence[str] = (),
    choices: Sequence[str] = (),
    width: int | None = None,
    verdict: Verdict | None = None,
) -> str:
    """Give what changes now, what changes for the next boot, its costs, and what was left out.

    `first` are lines of what is settled before all that; `choices` are the settings that could be
    asked for, where none was and the finding is no SUCCESS; `width` is the terminal's;
    `verdict` is what was found, where no setting was asked for.
    """
    lines = [header("Plan"), "", *claimed(first, width), *([""] if first else [])]
    for remedy in proposal.chosen:
        lines += _remedy(remedy, width)
    if proposal.refused:
        lines += _listed("Refused:", proposal.refused, width)
    said = [*_why_nothing(proposal, choices, verdict), *proposal.notes]
    if trial is not None and proposal.chosen:
        keep = tied(to_type("keep"))
        said.append(f"On trial: taken back after {span(trial)} unless you confirm it ({keep})")
    lines += [for_terminal(line, width) for line in said]
    if proposal.chosen:
        lines += _listed("After a reboot:", proposal.after, width)
    lines += _lasts(proposal, width)
    if proposal.offered:
        lines += ["", "Offered, and not in this plan:"]
        for remedy in proposal.offered:
            caveat = f"{_OFFERED[remedy.risk]}: {remedy.caveat}"
            lines.append(_row(remedy.title, width))
            lines.append(for_terminal(caveat, width, " " * 8, " " * 8))
    by_hand = "By hand, there:" if proposal.refused else "The same by hand, as root:"
    if proposal.by_hand:
        lines += ["", by_hand, *(f"    {one_line(line)}" for line in proposal.by_hand)]
    return "\n".join(lines) + "\n"


def _why_nothing(
    proposal: Proposal, choices: Sequence[str], verdict: Verdict | None
) -> Sequence[str]:
    if proposal.chosen or proposal.refused:
        return ()
    if not proposal.lasts:
        return ["Nothing that this program could do: now it is as you asked."]
    if choices:
        return nothing_proposed(choices)
    if verdict in (Verdict.PROBLEM, Verdict.WARNING):
        return ["Nothing is proposed: no change of this program helps against that."]
    if verdict in (Verdict.UNKNOWN, Verdict.CRASHED):
        return ["Nothing is proposed: whether anything is wrong could not be told."]
    return ["Nothing to do: everything is already as you asked."]


def claimed(lines: Sequence[str], width: int | None) -> list[str]:
    """Fill the lines of what a change does or did; those of a text, furthest in, stay whole."""
    return [line if line.startswith(" " * 8) else _indented(line, width) for line in lines]


def _indented(line: str, width: int | None) -> str:
    text = line.lstrip(" ")
    indent = " " * (len(line) - len(text))
    return for_terminal(text.replace(" -> ", tied(" -> ")), width, indent, indent + "    ")


def nothing_proposed(choices: Sequence[str]) -> list[str]:
    """Say that a module proposes nothing of itself, and how to choose among its settings."""
    return [
        "Nothing is proposed: what was found does not say that today's settings are too small.",
        f"To choose: --set NAME=N, with NAME one of {', '.join(choices)}",
    ]


def _lasts(proposal: Proposal, width: int | None) -> list[str]:
    fleeting, maybe = proposal.not_persistent, proposal.maybe_persistent
    lines = _listed("NOT PERSISTENT, a reboot will not keep it:", fleeting, width)
    return lines + _listed("It cannot be told whether a reboot keeps it:", maybe, width)


def _listed(title: str, lines: Sequence[str], width: int | None) -> list[str]:
    if not lines:
        return []
    return [for_terminal(title, width), *(_row(line, width) for line in lines)]


def _row(text: str, width: int | None) -> str:
    return for_terminal(text, width, " " * 4, " " * 8)


def _remedy(remedy: Remedy, width: int | None) -> list[str]:
    risk = tied(f"(risk: {RISKS[remedy.risk]})")
    lines = [for_terminal(f"{remedy.title} {risk}", width)]
    if remedy.caveat:
        lines.append(for_terminal(f"Caution: {remedy.caveat}", width))
    for part in (NOW, DISK, BOOT):
        changes = [change for change in remedy.changes if change.part == part]
        lines += [f"{part}:"] if changes else []
        side = max((len(c.target) for c in changes if not c.hunks), default=0)
        for change in changes:
            lines += _shown(change, side, width)
    return lines


def _shown(change: Change, side: int, width: int | None) -> Sequence[str]:
    """Give what a change does: as a row, or where texts are compared as a diff."""
    name = one_line(change.target)
    if not change.hunks:
        before, after = map(value_words, change.words) if change.part == NOW else change.words
        return [_row(f"{name:{side}}  {before}{tied(' -> ')}{after}", width)]
    lines = []
    for first, text, new in change.hunks:
        body = difference(text or "", new or "")
        lines += [f"@@ line {first} @@", *body[1:]] if first > 1 else body
    old, new = ("/dev/null" if text is None else name for text in change.hunks[0][1:])
    return [f"    {line}" for line in (f"--- {old}", f"+++ {new}", *lines)]


def done(made: Done, proposal: Proposal, details: str = "", width: int | None = None) -> str:
    """Give what was changed, whether it helped, how long it lasts, and how to take it back."""
    lines = [header("Done"), "", f"Change {made.number}:"]
    for item in made.items:
        before, after = value_words(item["before"]), value_words(item["after"])
        lines.append(_row(f"{item['target']}: {before}{tied(' -> ')}{after}", width))
    lines.append("")
    if made.measured:
        lines.append(for_terminal(helped(made.before, made.after, tied(details)), width))
    if made.until is not None:
        end = tied(time.strftime("%H:%M:%S %z", time.localtime(made.until)))
        keep = tied(to_type("keep"))
        lines.append(for_terminal(f"On trial: taken back at {end} unless you say: {keep}", width))
    else:
        lines += _lasts(proposal, width)
    where = f" --root={typed(made.root)}" if made.root else ""
    undo = tied(to_type(f"undo {made.number}{where}"))
    lines.append(for_terminal(f"To take it back: {undo}", width))
    return "\n".join(lines) + "\n"


def helped(before: Rate | None, after: Rate | None, details: str) -> str:
    """Tell whether a fix has helped, by what was lost a second; `details` is a command for more."""
    if before is None or after is None:
        return "Whether it helped is not known: what is lost now could not be counted."
    words = f"{before.what} {pace(before.value)}/s before, {pace(after.value)}/s after"
    if not before.value and not after.value:
        return f"Nothing is being lost now: {words}."
    if not after.value:
        return f"It helped: {words}."
    if after.value < before.value / 2:
        return f"It helps: {words}; look again soon: {details}"
    return f"It did not help yet: {words}; details: {details}"


def fix_facts(
    name: str, finding: Finding, proposal: Proposal, made: Done | None, first: Sequence[str] = ()
) -> dict[str, Json]:
    """Give the plan, and what was done of it (null: nothing)."""
    return {
        "module": name,
        "verdict": finding.verdict.name,
        "summary": summary(finding),
        "unsettled": list(first),
        "plan": [_remedy_facts(one) for one in proposal.chosen],
        "offered": [_remedy_facts(one) for one in proposal.offered],
        "refused": list(proposal.refused),
        "notes": [untied(note) for note in proposal.notes],
        "after_reboot": list(proposal.after),
        "by_hand": list(proposal.by_hand),
        "lasting": proposal.lasts,
        "fleeting": list(proposal.not_persistent),
        "maybe_fleeting": list(proposal.maybe_persistent),
        "done": None if made is None else _done_facts(made),
    }


def _remedy_facts(remedy: Remedy) -> dict[str, Json]:
    return {
        "title": untied(remedy.title),
        "risk": remedy.risk.value,
        "caveat": remedy.caveat,
        "changes": [change.facts for change in remedy.changes],
    }


def _done_facts(made: Done) -> dict[str, Json]:
    return {
        "change": made.number,
        "items": [dict(item) for item in made.items],
        "per_second": None if made.before is None else made.before.what,
        "before": None if made.before is None else made.before.value,
        "after": None if made.after is None else made.after.value,
        "trial_until": made.until,
    }
