"""`ec2rl fix MODULE`: diagnose, show a plan, ask, do it, and say whether it helped."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from ec2rl.arguments import Parsed, UsageError, format_of, seconds, whole_number
from ec2rl.catalogue import load, loadable
from ec2rl.commands.asking import ModuleFaultError, measured, planned
from ec2rl.commands.changed import (
    described,
    known,
    machine_of,
    pruned,
    saying_what_stands,
    settle,
    told_of,
    why_not,
)
from ec2rl.fix.errors import FixError
from ec2rl.fix.machine import Machine
from ec2rl.fix.rehearsal import obstacle
from ec2rl.fix.transaction import apply, unsettled
from ec2rl.fix.trial import watch
from ec2rl.invocation import to_type
from ec2rl.model import Finding, FixRequest, Proposal, Role, Setting, Verdict
from ec2rl.module import Module
from ec2rl.record import replace
from ec2rl.report.plan import Done, done, fix_facts, plan
from ec2rl.report.text import Much, View, header, result
from ec2rl.subcommand import agreed, as_root, document, host_of
from ec2rl.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TRIAL = 120.0
"""Seconds that `--try` gives to confirm."""

_MOST = 10**11 - 1
"""The largest number that --set takes: no limit that a module sets is larger."""


@saying_what_stands
def command(args: Parsed, terminal: Terminal) -> int:
    """Plan a fix, and apply it where that is agreed to.

    0 done, or nothing to do; 1 refused or failed, nothing changed; 2 a wrong command line.
    Without a module it shows what can be fixed, as `tell_fixes` says.
    """
    if args.operands:
        return _fix(args, terminal)
    from ec2rl.commands.fixes import tell_fixes

    return tell_fixes(args, terminal)


def _fix(args: Parsed, terminal: Terminal) -> int:
    if len(args.operands) != 1:
        raise UsageError(f"fix takes one module: one of {', '.join(fixable())}")
    module = load(args.operands[0])
    if module.propose is None:
        raise UsageError(f"{module.name} has no fix; these have: {', '.join(fixable())}")
    request = request_of(args, module)
    trial = _trial(args)
    root, write = args.last("root"), format_of(args).write
    machine = machine_of(root)
    try:
        left = unsettled(time.time(), machine=machine)
    except FixError as error:
        terminal.say(str(error))
        return 1
    first = told_of(left, machine)
    finding, proposal = _planned(module, request, args, terminal, first)
    made, status = None, _status(proposal)
    if (proposal.chosen or left) and not args.has("dry-run"):
        status = 1
        go = may_change(args, terminal) and settle(machine, terminal, left)
        if go and left:  # the plan had been made for what there was before
            was = proposal.chosen
            finding, proposal = _planned(module, request, args, terminal)
            go = proposal.chosen in (was, ()) or may_change(args, terminal)
        if go and proposal.chosen:
            made = carry_out(module, proposal, machine, terminal, trial, root)
            status = 0 if made is not None else 1
        elif go:
            status = _status(proposal)
    if write is not None:
        terminal.out(write(document(**fix_facts(module.name, finding, proposal, made, first))))
    elif made is not None:
        details = to_type(module.details) if module.details else ""
        terminal.out(done(made, proposal, details, terminal.width))
    return status


def _planned(
    module: Module, request: FixRequest, args: Parsed, terminal: Terminal, first: Sequence[str] = ()
) -> tuple[Finding, Proposal]:
    """Look, and show what was found and what is proposed, unless the answer is one document."""
    finding, proposal = proposed(module, request, args.last("root"))
    if not first:  # what is to be settled first may be all that is in its way
        proposal = _that_can_be_made(proposal, machine_of(args.last("root")))
    if format_of(args).write is None:
        trial = _trial(args)
        known = (Role.FIX, Role.HELP)  # the plan that follows says it
        others = tuple(one for one in finding.details if one.role not in known)
        view = View(Much.SHORT, width=terminal.width)
        found = result(module.name, replace(finding, details=others), view)
        terminal.out(f"{header('Diagnostic Results')}\n\n{found}\n\n")
        healthy = finding.verdict in (Verdict.OK, Verdict.NOT_APPLICABLE)
        choices = () if healthy or request.settings else [one.name for one in module.settings]
        verdict = None if request.settings else finding.verdict
        terminal.out(plan(proposal, trial, first, choices, terminal.width, verdict))
    return finding, proposal


def _that_can_be_made(proposal: Proposal, machine: Machine) -> Proposal:
    """Refuse a plan that could not be made now: before it is shown, and anybody is asked."""
    changes = tuple(change for remedy in proposal.chosen for change in remedy.changes)
    why = obstacle(changes, machine=machine) if changes else ""
    return Proposal(offered=proposal.offered, refused=(why,)) if why else proposal


def _trial(args: Parsed) -> float | None:
    if not args.has("try"):
        return None
    return seconds("try", args.last("try") or str(TRIAL), 5, 86400)


def _status(proposal: Proposal) -> int:
    """Give the exit status of a plan that nothing is done of."""
    return 1 if proposal.refused or not (proposal.chosen or proposal.lasts) else 0


def fixable() -> tuple[str, ...]:
    """Give the modules that have a fix."""
    return tuple(module.name for module in loadable() if module.propose is not None)


def request_of(args: Parsed, module: Module) -> FixRequest:
    """Give what the options ask of a module's fix.

    UsageError for what contradicts itself, is no number, or is no setting of this module.
    """
    settings: dict[str, int] = {}
    for pair in args.values.get("set", ()):
        name, found, value = pair.partition("=")
        if not found:
            raise UsageError(f"--set={pair}: not NAME=NUMBER{_own(module)}")
        setting = setting_of(name.strip(), module, loadable())
        named = setting.name
        option = f"set={name.strip()}"
        if setting.is_time:
            wanted = int(seconds(option, value, 0, _MOST, whole=True))
        else:
            wanted = whole_number(option, value, 0, _MOST)
        if settings.setdefault(named, wanted) != wanted:
            raise UsageError(f"--set: {named} is set twice, to {settings[named]} and {wanted}")
    if args.has("runtime-only") and args.has("persist-only"):
        raise UsageError("--runtime-only and --persist-only exclude each other")
    if args.has("root") and (args.has("runtime-only") or args.has("try")):
        raise UsageError("--root: a volume has files only, nothing that runs")
    if args.has("try") and args.has("persist-only"):
        raise UsageError("--try is of what runs, --persist-only changes the next boot alone")
    return FixRequest(
        settings,
        not args.has("persist-only") and not args.has("root"),
        not args.has("runtime-only") and not args.has("try"),
        args.has("risky"),
        args.has("allow-lower"),
        args.has("force"),
    )


def _own(module: Module) -> str:
    names = ", ".join(one.name for one in module.settings)
    return f"; NAME is one of {names}" if names else ""


def setting_of(name: str, module: Module, modules: Iterable[Module]) -> Setting:
    """Give the module's setting of this name.

    UsageError for another one, and for a key of two modules.

    A module's own short name always means that module's setting.
    """
    own = ", ".join(one.name for one in module.settings) or "no settings"
    setting = module.setting(name)
    if setting is None:
        raise UsageError(
            f"--set: {name!r} is no setting of {module.name}, which has {own}"
            + _nearest(name, module)
        )
    if name == setting.name:
        return setting
    know = [each.name for each in modules if name in (one.key for one in each.settings)]
    if len(know) > 1:
        raise UsageError(
            f"--set: {name} is a setting of {' and '.join(know)}: say {setting.name}, the name "
            f"that it has in {module.name}, which has {own}"
        )
    return setting


def _nearest(name: str, module: Module) -> str:
    """Ask whether a setting was meant: one whose key ends so, or that is written much like it."""
    from difflib import get_close_matches

    ends = [one.name for one in module.settings if one.key.endswith(f".{name}")]
    near = ends or get_close_matches(name, [one.name for one in module.settings], 1, 0.8)
    return f": did you mean {near[0]}?" if near else ""


def proposed(module: Module, request: FixRequest, root: str = "") -> tuple[Finding, Proposal]:
    """Diagnose and propose, in the time that a run of the module has, and as long for its plan."""
    host = host_of(root)
    finding, proposal = planned(module, request, host, 2 * module.seconds)
    if not root:
        return finding, proposal
    from ec2rl.report.offline import of_the_past, recorded

    # Typed here, the commands by hand would change this machine.
    where = recorded(host.name, host.clock())
    return of_the_past(finding, where), replace(proposal, by_hand=())


def may_change(args: Parsed, terminal: Terminal) -> bool:
    """Tell whether it is root who asks, and has agreed."""
    if os.geteuid() != 0:
        terminal.say(f"nothing was changed: a fix needs root: {as_root(args)}")
        return False
    if format_of(args).write is not None and not args.has("yes"):
        terminal.say("nothing was changed: only --output=text asks; --yes does it")
        return False
    return args.has("yes") or agreed(terminal)


def carry_out(
    module: Module,
    proposal: Proposal,
    machine: Machine,
    terminal: Terminal,
    trial: float | None = None,
    root: str = "",
) -> Done | None:
    """Apply, look again at what is lost (where it is this machine), and tell; None if it failed.

    ModuleFaultError, and nothing is changed, where the module cannot measure that.
    """
    changes = tuple(change for remedy in proposal.chosen for change in remedy.changes)
    runs = any(change.runs for change in changes) and not root
    before = measured(module) if runs else None
    until = None if trial is None else time.time() + trial
    watcher = None
    try:
        watcher = None if until is None else watch(machine, until)
        change = apply(
            changes,
            machine=machine,
            why=f"fix {module.name}",
            module=module.name,
            keys=module.keys,
            until=until,
        )
        known(change.id, change.state, machine)
    except FixError as error:
        if watcher is not None and error.whole:
            with suppress(ProcessLookupError):
                os.kill(watcher, signal.SIGKILL)
        for line in why_not(error, machine):
            terminal.say(line)
        return None
    for line in pruned(machine):
        terminal.say(line)
    items = tuple(described(item) for item in change.items)
    after = None
    try:
        after = measured(module) if runs else None
    except ModuleFaultError as error:
        terminal.say(f"what is lost now could not be measured: {error}")
    except KeyboardInterrupt:
        terminal.say("interrupted; the change is made")
    return Done(change.id, items, runs and module.measure is not None, before, after, until, root)
