"""A module whose fix makes every kind of change: `desk.py` puts it among the others."""

from __future__ import annotations

from ec2rl.model import Finding, Proposal, Remedy, Risk, Setting, Verdict, say
from ec2rl.module import Module
from faults.every_kind import EveryKind
from faults.scene import MAX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.facts.log import KernelLog
    from ec2rl.host import Host
    from ec2rl.model import FixRequest
    from ec2rl.module import Options


def read(host: Host, log: KernelLog, options: Options) -> None:
    """Look at nothing: the fix is always the same."""


def judge(seen: None) -> Finding:
    return Finding(Verdict.PROBLEM, say("to be changed"))


def propose(host: Host, seen: None, request: FixRequest) -> Proposal:
    return Proposal((Remedy("every kind of change", tuple(EveryKind().changes("")), Risk.SAFE),))


MODULE = Module(
    name="everykind",
    title="Nothing is to be changed",
    domain="os",
    phrases=(),
    read=read,
    judge=judge,
    needs="nothing",
    by_hand=lambda seen: (),
    propose=propose,
    settings=(Setting("max", MAX),),
)
