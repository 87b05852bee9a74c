"""`ec2rl run --remediate`: apply the SAFE remedies of what failed, and judge again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager

from ec2rl.arguments import Parsed
from ec2rl.commands.asking import ModuleFaultError, planned
from ec2rl.commands.changed import described, known, pruned, settle, standing_told, why_not
from ec2rl.engine import Plan, Result, Runner
from ec2rl.fix.change import Item
from ec2rl.fix.errors import FixError
from ec2rl.fix.machine import Machine
from ec2rl.fix.rehearsal import obstacle
from ec2rl.fix.transaction import apply
from ec2rl.host.live import LiveHost
from ec2rl.model import Command, FixRequest, Risk, Statement, Verdict, changed
from ec2rl.module import Module
from ec2rl.quantities import value_words
from ec2rl.record import replace
from ec2rl.subcommand import as_root
from ec2rl.terminal import Terminal


def remediate(
    found: Sequence[Result], plan: Plan, args: Parsed, terminal: Terminal
) -> tuple[list[Result], bool]:
    """Give the results after remediation, and whether a signal cut it short.

    A module that was tried says `[FIXED]` or `[UNFIXED]`.  Call it below `changes_told`.
    """
    if os.geteuid() != 0:
        terminal.say(f"nothing was remediated: a fix needs root: {as_root(args)}")
        return list(found), False
    machine = Machine()
    failed = [r for r in found if r.finding.verdict is Verdict.PROBLEM and r.module.propose]
    if not failed:
        return list(found), False
    if not settle(machine, terminal):
        why = (changed("[UNFIXED] what an earlier change has left could not be settled"),)
        return [_told(r, why) if r in failed else r for r in found], False
    words = {result.module.name: _mend(result.module, machine, plan.deadline) for result in failed}
    runner = Runner([result.module for result in failed], LiveHost(), plan)
    runner.start()
    results, interrupted = runner.finish()
    again = {result.module.name: result for result in results}
    told = [_told(again.get(r.module.name, r), words.get(r.module.name, ())) for r in found]
    return told, interrupted


def changes_told(terminal: Terminal) -> AbstractContextManager[None]:
    """Say how the changes stand where something is raised before the results are shown."""
    return standing_told(Machine(), terminal)


def _mend(module: Module, machine: Machine, seconds: float) -> tuple[Statement, ...]:
    """Apply what is safe; lines that tell of it."""
    try:
        _, proposal = planned(module, FixRequest(), LiveHost(), seconds)
    except ModuleFaultError as error:
        return (changed("[UNFIXED] fault of ec2rl itself: {error}", error=str(error)),)
    if proposal.refused:
        return (changed("[UNFIXED] {reasons:; }", reasons=proposal.refused),)
    chosen = [remedy for remedy in proposal.chosen if remedy.risk is Risk.SAFE]
    changes = tuple(change for remedy in chosen for change in remedy.changes)
    if not changes:
        return (changed("[UNFIXED] there is nothing that is safe to change"),)
    in_the_way = obstacle(changes, machine=machine)
    if in_the_way:
        return (changed("[UNFIXED] {why}", why=in_the_way),)
    try:
        why = f"run --remediate, {module.name}"
        change = apply(changes, machine=machine, why=why, module=module.name, keys=module.keys)
        known(change.id, change.state, machine)
    except FixError as error:
        return (changed("[UNFIXED] {reasons:; }", reasons=why_not(error, machine)),)
    maybe = "It cannot be told whether a reboot keeps it: {why}"
    undo = "[FIXED] {title}; to take it back: {undo}"
    return (
        changed(undo, title=chosen[0].title, undo=Command(f"undo {change.id}")),
        *map(_told_of, change.items),
        *(changed("NOT PERSISTENT: {why}", why=why) for why in proposal.not_persistent),
        *(changed(maybe, why=why) for why in proposal.maybe_persistent),
        *(changed("{dropped}", dropped=line) for line in pruned(machine)),
    )


def _told_of(item: Item) -> Statement:
    said = described(item)
    before, after = value_words(said["before"]), value_words(said["after"])
    words = "Changed: {target}: {before} -> {after}"
    return changed(words, target=said["target"], before=before, after=after)


def _told(result: Result, words: tuple[Statement, ...]) -> Result:
    finding = result.finding
    return replace(result, finding=replace(finding, details=(*words, *finding.details)))
