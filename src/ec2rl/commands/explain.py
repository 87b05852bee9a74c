"""`ec2rl explain MODULE`: its page, then what it means on this machine."""

from __future__ import annotations

import os
import time

from ec2rl.arguments import Parsed, UsageError, format_of
from ec2rl.catalogue import load, page
from ec2rl.commands.one_namespace import check_alone, told
from ec2rl.commands.reporting import PAST, plan_of, results_of
from ec2rl.engine import Runner
from ec2rl.host.live import LiveHost
from ec2rl.invocation import to_type
from ec2rl.model import Role
from ec2rl.record import replace
from ec2rl.report import wording
from ec2rl.report.escape import TIED, one_line
from ec2rl.report.text import Much, View, for_terminal, header, result
from ec2rl.subcommand import document
from ec2rl.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.engine import Plan, Result
    from ec2rl.model import Finding, Json, Statement
    from ec2rl.module import Module


_THERE = (
    "The page's commands are for the machine itself. What its evidence shows stands below; "
    'there, explain without a file shows its own numbers under "This Host".'
)


def command(args: Parsed, terminal: Terminal) -> int:
    """Print the page, and what the module finds here, or in what is left of other machines.

    0, or 130 where it was interrupted; UsageError for a module or a file that there is not.
    """
    if not args.operands:
        raise UsageError(f"explain takes a module: {to_type('explain')} MODULE", "ec2rl list")
    module = load(args.operands[0])
    evidence = replace(args, operands=args.operands[1:])
    plan = plan_of(args, time.time())
    plan = replace(plan, options=replace(plan.options, by_hand=True))
    try:
        text = page(module.name)
    except OSError as error:
        text = f"{module.name} has no page: {os.strerror(error.errno or 0)}\n"
    write = format_of(args).write
    check_alone(args, [module])
    if evidence.operands or any(map(args.has, PAST)):
        return _explain_past(evidence, module, text, plan, terminal)
    if not args.has("page-only"):
        told(args, [module], LiveHost())
    if write is None:
        terminal.out(page_for(text, terminal.width))
    found: Sequence[Result] = ()
    interrupted = False
    if not args.has("page-only"):
        runner = Runner([module], LiveHost(), plan)
        runner.start()
        found, interrupted = runner.finish()
    if write is not None:
        results = results_of(found)
        facts = document(module=module.name, title=module.title, page=text, results=results)
        terminal.out(write(facts))
        return 130 if interrupted else 0
    for one in found:
        terminal.out(on_this_host(module, text, one.finding, one.by_hand, terminal.width))
    return 130 if interrupted else 0


def _explain_past(
    evidence: Parsed, module: Module, text: str, plan: Plan, terminal: Terminal
) -> int:
    """Show what the module finds in what is left of machines, below its page."""
    from ec2rl.commands.offline import judge_each, report_of, text_of

    started = time.time()
    each = judge_each(evidence, [module], plan, terminal)
    write = format_of(evidence).write
    if write is None:
        terminal.out(page_for(text, terminal.width, here=False) + "\n")
        terminal.out(for_terminal(_THERE, terminal.width) + "\n\n")
    reports: list[Json] = []
    interrupted = False
    for _, one in each:
        interrupted = one.interrupted
        if write is None:
            terminal.out(text_of(one, View(Much.ALL, width=terminal.width)))
        else:
            reports.append(report_of(one, started))
    if write is not None:
        facts = document(module=module.name, title=module.title, page=text, reports=reports)
        terminal.out(write(facts))
    return 130 if interrupted else 0


def page_for(text: str, width: int | None, here: bool = True) -> str:
    """Give a page as it is shown; `here` is whether its commands are to be typed here.

    On a terminal that is narrower than its lines it is filled anew.
    """
    if here:
        text = text.replace("sudo ./ec2rl ", to_type(""))
        text = text.replace(" `./ec2rl ", f" `{to_type('', False)}")
    if width is None or width >= max(map(len, text.split("\n"))):
        return text
    from ec2rl.report.wrap import filled_page

    return filled_page(text, width)


def _by_hand(line: str, width: int | None) -> list[str]:
    """Fill a line; what does not fit goes on behind its label, which is 12 columns wide."""
    if width is None:
        return [one_line(line).replace(TIED, " ")]
    from ec2rl.report.wrap import filled

    label = line[:12] if line[11:12] == " " and (":" in line[:12] or not line[:12].strip()) else ""
    return filled(label, line[len(label) :], " " * len(label), width)


def on_this_host(
    module: Module,
    page: str,
    finding: Finding,
    by_hand: Sequence[Statement | str],
    width: int | None = None,
) -> str:
    """Give what follows a module's page: the verdict, and the commands that the page lacks."""
    shown = {line.strip() for line in page.split("\n")}
    others = tuple(line for line in finding.details if line.role is not Role.PAGE)
    found = result(module.name, replace(finding, details=others), View(width=width))
    lines = ["", header("This Host"), "", found, ""]
    for said in by_hand:
        (line,) = wording.lines([said], blank=TIED)
        if line.replace(TIED, " ") not in shown:
            lines += [one_line(line)] if isinstance(said, str) else _by_hand(line, width)
    return "\n".join(lines) + "\n"
