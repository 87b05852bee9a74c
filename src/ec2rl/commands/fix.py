"""`ec2rl fix MODULE`: diagnose, show a plan, ask, do it, and say whether it helped."""

from __future__ import annotations

import os
import sys
import time

from ec2rl.arguments import Parsed, UsageError, seconds
from ec2rl.catalogue import load, names
from ec2rl.commands.changed import host_of, machine_of, settle
from ec2rl.facts.kernel_log import read_kernel_log
from ec2rl.fix.change import SysctlItem
from ec2rl.fix.errors import FixError
from ec2rl.fix.machine import Machine
from ec2rl.fix.transaction import apply
from ec2rl.fix.trial import start_trial
from ec2rl.host.live import LiveHost
from ec2rl.host.remember import Remember
from ec2rl.model import Finding, Proposal, Remedy, SetSysctl, Wish, WriteFile
from ec2rl.module import Module, Options
from ec2rl.record import replace
from ec2rl.report.plan import plan
from ec2rl.report.text import header, result
from ec2rl.terminal import Terminal

TRIAL = 120.0
"""Seconds that `--try` gives to confirm."""


def command(said: Parsed, terminal: Terminal) -> int:
    """0 done, or nothing to do; 1 refused or failed, nothing changed; 2 a wrong command line."""
    if len(said.operands) != 1:
        raise UsageError(f"fix takes one module: one of {', '.join(fixable())}")
    module = load(said.operands[0])
    if module.propose is None:
        raise UsageError(f"{module.name} has no fix; these have: {', '.join(fixable())}")
    wish = wish_of(said)
    trial = seconds("try", said.last("try") or str(TRIAL), 5, 86400) if said.has("try") else None
    root = said.last("root")
    machine = machine_of(root)
    if not settle(machine, terminal):
        return 1
    finding, proposal = look(module, wish, root)
    if said.has("json"):
        terminal.out(_json(module, finding, proposal))
    else:
        terminal.out(f"{header('Diagnostic Results')}\n\n{result(module.name, finding)}\n\n")
        terminal.out(plan(proposal))
    if proposal.refused:
        return 1
    changes = tuple(change for remedy in proposal.chosen for change in remedy.changes)
    if said.has("dry-run") or not changes:
        return 0
    if os.geteuid() != 0:
        terminal.say("a fix needs root: sudo ./ec2rl fix " + module.name)
        return 1
    if not said.has("yes") and not agreed(terminal):
        return 1
    if trial is not None:
        changes = tuple(change for change in changes if isinstance(change, SetSysctl))
    return carry_out(module, changes, machine, terminal, trial, bool(root))


def fixable() -> tuple[str, ...]:
    """The modules that have a fix."""
    return tuple(name for name in names() if load(name).propose is not None)


def wish_of(said: Parsed) -> Wish:
    """What the options ask for. UsageError for what contradicts itself or is no number."""
    settings: dict[str, int] = {}
    for pair in said.values.get("set", ()):
        name, found, value = pair.partition("=")
        digits = value.strip()
        if not found or not (digits.isascii() and digits.isdigit() and len(digits) < 12):
            raise UsageError(f"--set={pair}: not NAME=NUMBER, as in --set max=524288")
        settings[_setting(name.strip())] = int(digits)
    if said.has("runtime-only") and said.has("persist-only"):
        raise UsageError("--runtime-only and --persist-only exclude each other")
    if said.has("root") and (said.has("runtime-only") or said.has("try")):
        raise UsageError("--root: a volume has files only, nothing that runs")
    return Wish(
        settings,
        not said.has("persist-only") and not said.has("root"),
        not said.has("runtime-only"),
        said.has("risky"),
        said.has("allow-lower"),
        said.has("force"),
    )


def _setting(name: str) -> str:
    from ec2rl.arguments import unknown
    from ec2rl.conntrack.boot.keys import PREFIX
    from ec2rl.conntrack.defaults import PAGE_KEYS

    known = [key[len(PREFIX) :] for key in PAGE_KEYS]
    short = name.rpartition(".")[2].removeprefix("nf_conntrack_")
    if short not in known:
        raise UsageError(unknown("setting", name, known))
    return short


def look(module: Module, wish: Wish, root: str = "") -> tuple[Finding, Proposal]:
    """Diagnose and propose; here, not in a process of its own: a person is waiting to decide."""
    host = Remember(host_of(root))
    seen = module.read(host, read_kernel_log(host, module.phrases, None), Options())
    assert module.propose is not None
    finding, proposal = module.judge(seen), module.propose(host, seen, wish)
    if not root:
        return finding, proposal
    from ec2rl.report.past import of_the_past, recorded_on

    # Typed here, the commands by hand would change this machine.
    where = f"{host.name}, as recorded {recorded_on(host.clock().now)}"
    return of_the_past(finding, where), replace(proposal, by_hand=())


def agreed(terminal: Terminal) -> bool:
    """Ask on a terminal; without one, and without --yes, nothing is done."""
    if not (sys.stdin and sys.stdin.isatty()):
        terminal.say("nothing was changed: there is no terminal to ask on; --yes does it")
        return False
    terminal.ask("Do this? [y/N] ")
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        return True
    terminal.say("nothing was changed")
    return False


def carry_out(
    module: Module,
    changes: tuple[SetSysctl | WriteFile, ...],
    machine: Machine,
    terminal: Terminal,
    trial: float | None = None,
    elsewhere: bool = False,
) -> int:
    """Apply, look again (where it is this machine), and say what came of it."""
    before = None if elsewhere else _lost_per_second(module)
    try:
        change = apply(changes, machine=machine, why=f"fix {module.name}")
    except FixError as error:
        terminal.say(f"nothing was changed: {error}")
        for note in error.notes:
            terminal.say(note)
        return 1
    lines = [header("Done"), "", f"Change {change.id}:"]
    for item in change.items:
        if isinstance(item, SysctlItem):
            lines.append(f"    {item.key} is {item.after} (was {item.before})")
        else:
            lines.append(f"    {item.path} is written")
    if not elsewhere:
        lines += ["", _helped(before, _lost_per_second(module))]
    if trial is not None:
        start_trial(machine, change.id, trial)
        end = time.strftime("%H:%M:%S", time.localtime(time.time() + trial))
        lines.append(f"On trial: taken back at {end} unless you say: sudo ./ec2rl keep {change.id}")
    where = f" --root={machine.root}" if elsewhere else ""
    lines.append(f"To take it back: sudo ./ec2rl undo {change.id}{where}")
    terminal.out("\n".join(lines) + "\n")
    return 0


def _lost_per_second(module: Module) -> float | None:
    """What is lost now, from a second look of one second; None when it cannot be told."""
    host = Remember(LiveHost())
    seen = module.read(host, read_kernel_log(host, (), None), Options(sample=1.0))
    namespaces = module.judge(seen).facts.get("namespaces")
    if not isinstance(namespaces, list):
        return None
    rates = [one.get("drop_per_second") for one in namespaces if isinstance(one, dict)]
    known = [float(rate) for rate in rates if isinstance(rate, (int, float))]
    return sum(known) if known else None


def _helped(before: float | None, after: float | None) -> str:
    if before is None:
        return "Packets lost: none seen before, so nothing to compare."
    now = 0.0 if after is None else after
    words = f"Packets lost: {before:.3g}/s before, {now:.3g}/s after"
    return words + (": it did not help yet, look again soon" if now and now >= before else "")


def _json(module: Module, finding: Finding, proposal: Proposal) -> str:
    import json

    def remedy(one: Remedy) -> dict[str, object]:
        changes: list[dict[str, object]] = [
            {"set": change.key, "before": change.before, "value": change.value}
            if isinstance(change, SetSysctl)
            else {"write": change.path, "before": change.before, "text": change.text}
            for change in one.changes
        ]
        return {
            "title": one.title,
            "risk": one.risk.value,
            "caveat": one.caveat,
            "changes": changes,
        }

    document = {
        "schema_version": 1,
        "module": module.name,
        "verdict": finding.verdict.name,
        "summary": finding.summary,
        "plan": [remedy(one) for one in proposal.chosen],
        "offered": [remedy(one) for one in proposal.offered],
        "refused": list(proposal.refused),
        "notes": list(proposal.notes),
        "by_hand": list(proposal.by_hand),
        "lasting": proposal.lasting,
    }
    return json.dumps(document, indent=2) + "\n"
