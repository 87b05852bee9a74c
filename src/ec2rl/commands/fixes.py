"""`ec2rl fix` without a module: what can be fixed of a machine, and in which order."""

from __future__ import annotations

from ec2rl.arguments import Parsed, UsageError, format_of
from ec2rl.catalogue import loadable
from ec2rl.commands.asking import ModuleFaultError, planned
from ec2rl.invocation import to_type
from ec2rl.model import Finding, FixRequest, Proposal, Verdict
from ec2rl.module import Module
from ec2rl.record import record, replace
from ec2rl.report.escape import one_line, tied, typed
from ec2rl.report.plan import RISKS, fix_facts
from ec2rl.report.text import Much, View, for_terminal, header, result
from ec2rl.subcommand import document, host_of
from ec2rl.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.host import Host
    from ec2rl.model import Json

_WELL = (Verdict.OK, Verdict.NOT_APPLICABLE)
_FOUND = (Verdict.PROBLEM, Verdict.WARNING)
_OPTIONS = {"root", "output", "json", "dry-run"}
"""What may be said of all fixes at once; nothing is changed, with --dry-run or without."""


@record(frozen=True)
class Fix:
    """What a module found, and what it would do; `fault` is why it gave no answer."""

    module: Module
    finding: Finding | None
    proposal: Proposal
    fault: str = ""

    @property
    def can(self) -> bool:
        """Whether something is wrong that the module would fix, asked for or offered."""
        is_found = self.finding is not None and self.finding.verdict in _FOUND
        return is_found and bool(self.proposal.chosen or self.proposal.offered)


def tell_fixes(args: Parsed, terminal: Terminal) -> int:
    """Show what can be fixed, what stops a boot first: 0, or 3 where some could not be judged.

    UsageError for an option that is of one module's fix.
    """
    wrong = sorted({*args.values} - _OPTIONS)
    if wrong:
        names = ", ".join(one.name for one in loadable() if one.propose is not None)
        raise UsageError(f"--{wrong[0]} is of one fix: name its module: one of {names}")
    root = args.last("root")
    host = host_of(root)
    modules = [one for one in loadable() if one.propose is not None]
    fixes = [_looked(one, host, root) for one in sorted(modules, key=lambda one: one.rank)]
    write = format_of(args).write
    if write is not None:
        terminal.out(write(document(fixes=[_facts(one) for one in fixes])))
    else:
        terminal.out(_text(fixes, root, terminal.width))
    told = [one for one in fixes if one.finding and one.finding.verdict in (*_WELL, *_FOUND)]
    return 0 if len(told) == len(fixes) else 3


def _looked(module: Module, host: Host, root: str) -> Fix:
    request = FixRequest({}, not root, True, False, False, False)
    try:
        finding, proposal = planned(module, request, host, 2 * module.seconds)
    except ModuleFaultError as error:
        return Fix(module, None, Proposal(), str(error))
    return Fix(module, finding, replace(proposal, by_hand=()))


def _text(fixes: Sequence[Fix], root: str, width: int | None) -> str:
    at = f" --root={typed(root)}" if root else ""
    lines = [header("What can be fixed"), ""]
    able = [one for one in fixes if one.can]
    for number, one in enumerate(able):
        lines += [] if number == 0 else [""]
        lines += [_found(one, width), *_planned(one, at, width)]
    if not able:
        lines.append("Nothing that this program fixes was found.")
    elif len(able) > 1:
        lines += ["", "One after the other, in this order: what stops a boot first."]
    others = [one for one in fixes if not one.can and not _is_well(one)]
    if others:
        lines += ["", "Nothing is proposed for:"]
        lines += [_found(one, width) for one in others]
    look = tied(to_type(f"run{at}", root=True))
    lines += ["", for_terminal(f"All that is wrong, with what no fix is for: {look}", width)]
    return "\n".join(lines) + "\n"


def _is_well(one: Fix) -> bool:
    return one.finding is not None and one.finding.verdict in _WELL


def _found(one: Fix, width: int | None) -> str:
    if one.finding is None:
        return for_terminal(f"{one.module.name}: {one_line(one.fault)}", width)
    return result(one.module.name, replace(one.finding, details=()), View(Much.SHORT, width=width))


def _planned(one: Fix, at: str, width: int | None) -> list[str]:
    """Say what would be done, with its risk, and what to type for the whole plan."""
    remedies = one.proposal.chosen or one.proposal.offered
    lines = [f"Plan: {remedy.title} {tied(f'(risk: {RISKS[remedy.risk]})')}" for remedy in remedies]
    risky = "" if one.proposal.chosen else " --risky"
    lines.append(f"To fix it: {tied(to_type(f'fix {one.module.name}{at}{risky}'))}")
    return [for_terminal(line, width, " " * 4, " " * 8) for line in lines]


def _facts(one: Fix) -> dict[str, Json]:
    if one.finding is None:
        return {"module": one.module.name, "fault": one.fault}
    return fix_facts(one.module.name, one.finding, one.proposal, None)
