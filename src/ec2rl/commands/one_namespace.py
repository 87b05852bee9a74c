"""`--netns` of `run` and `explain`: which modules judge one network namespace alone."""

from __future__ import annotations

from ec2rl.arguments import Parsed, UsageError
from ec2rl.model import Unreadable, Why
from ec2rl.report.escape import one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.host import Host
    from ec2rl.module import Module

_ALL = "all"


def asked_for(args: Parsed) -> str:
    """Give the namespace that is asked for as it is named, "" for all."""
    said = args.last("netns", _ALL)
    return "" if said == _ALL else said


def check_alone(args: Parsed, modules: Sequence[Module]) -> None:
    """Refuse what cannot be said of one namespace. UsageError."""
    if not asked_for(args):
        return
    if args.has("remediate"):
        raise UsageError("--remediate is about the whole machine: not with --netns")
    if args.has("record"):
        raise UsageError(
            "--record is of the whole machine: not with --netns, which --replay takes too"
        )
    if not any(module.namespace for module in modules):
        names = ", ".join(module.name for module in modules)
        raise UsageError(f"--netns: {names}: about the whole machine, and no namespace by itself")


def told(args: Parsed, modules: Sequence[Module], host: Host) -> str:
    """Say which namespace is judged alone, and by whom; "" where all are.

    UsageError where none is meant, or more than one; whose door is shut, the modules say.
    """
    said = asked_for(args)
    if not said:
        return ""
    knows = [module for module in modules if module.namespace]
    label: str | Unreadable = said
    for module in knows:
        assert module.namespace is not None
        label = module.namespace(host, said)
        if isinstance(label, Unreadable) and label.why in (Why.ABSENT, Why.FAILED):
            raise UsageError(f"--netns={said}: {label.detail or label.why.value}")
    names = ", ".join(module.name for module in knows)
    words = f"Network namespace: {label}, judged alone by {names}"
    others = len(modules) - len(knows)
    return one_line(words + ("; the other modules judge the whole machine" if others else ""))
