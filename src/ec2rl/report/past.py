"""A finding about what is left of a machine."""

from __future__ import annotations

import time

from ec2rl.model import Finding, Role, Statement, Tense, Verdict, say
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.model import Value


def recorded_on(when: float) -> str:
    """When the evidence ends, as far as anything tells: `on 2026-11-03 02:00:00 +0000`."""
    if not when:
        return "at a time unknown"
    return "on " + time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(when))


def of_the_past(finding: Finding, where: str) -> Finding:
    """The same in the past tense, with whose it is and of when, without a fix for this machine."""
    return replace(
        finding,
        summary=say("{summary} (in {where})", summary=finding.summary, where=where),
        details=tuple(one for one in finding.details if _role(one) is not Role.FIX),
        tense=Tense.PAST,
    )


def of_what_is_cut(finding: Finding, cut: str) -> Finding:
    """A finding about evidence that is not whole: what was found counts, and silence does not."""
    verdict, said = finding.verdict, finding.summary
    if verdict in (Verdict.OK, Verdict.WARNING, Verdict.NOT_APPLICABLE):
        verdict = Verdict.UNKNOWN
        said = say("Cannot tell: {cut}. In what was read: {summary}", cut=cut, summary=said)
    elif verdict is Verdict.UNKNOWN and not _mentions(said, cut):
        said = say("{summary}; {cut}", summary=said, cut=cut)
    kept = (one for one in finding.details if _role(one) is not Role.PROOF)
    missing = say("Not whole: {cut}; what is missing may have stood there", cut=cut)
    return replace(finding, verdict=verdict, summary=said, details=(*kept, missing))


def _mentions(value: Value, words: str) -> bool:
    """Whether these words are among the values of what is said."""
    if isinstance(value, Statement):
        return any(_mentions(one, words) for one in value.values.values())
    if isinstance(value, tuple):
        return any(_mentions(one, words) for one in value)
    return words in str(value)


def _role(one: Statement | str) -> Role:
    return one.role if isinstance(one, Statement) else Role.STATE
