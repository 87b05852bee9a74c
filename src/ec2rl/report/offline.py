"""A finding about what is left of a machine."""

from __future__ import annotations

from ec2rl.model import Command, Finding, Role, Statement, Tense, Unreadable, Verdict, say
from ec2rl.record import replace
from ec2rl.report.escape import typed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.host import Clock
    from ec2rl.model import Value


def recorded(name: str, end: Clock) -> Statement:
    """Tell whose evidence it is, and when it ends, as far as anything tells."""
    if end.by_file and end.now:
        return say("{name}, file dated {when:time}", name=name, when=end.now)
    return say("{name}, as recorded {when}", name=name, when=recorded_on(end.now))


def recorded_on(when: float) -> Statement:
    """Tell when the evidence ends, as far as anything tells: `on 2026-11-03 02:00:00 +0000`."""
    return say("on {when:time}", when=when) if when else say("at a time unknown")


_RECORD = Command("./ec2rl run --record=FILE", root=False, own=False)
_MORE = ("collect_all", "run_as_root")
"""Places in a template that say how to learn more of a machine."""


def of_the_past(
    finding: Finding,
    where: Statement,
    zone: str = "",
    root: str = "",
    again: str = "",
    stopped: bool = False,
    replay: str = "",
) -> Finding:
    """Put a finding in the past: whose it is, of when, and without a fix for this machine.

    A volume can be fixed where it is mounted, at `root`.  `again` is how the evidence was named,
    and `stopped` whether it is of a machine that may not come up; `replay` is the recording that it
    is, which the commands for more can be asked of, too.
    """
    return replace(
        finding,
        details=tuple(
            _at(one, root) if one.role is Role.FIX else _learn(one, root, again, stopped, replay)
            for one in finding.details
            if one.role is not Role.FIX or root
        ),
        tense=Tense.PAST,
        zone=zone,
        whose=where,
    )


def _learn(said: Statement, root: str, again: str, stopped: bool, replay: str) -> Statement:
    """Say what to type for more of it: with the evidence, and what can be had where it is from."""
    values = said.values
    asked = again if said.role is Role.PAGE else f"--replay={typed(replay)}" if replay else ""
    if said.role in (Role.PAGE, Role.DETAILS) and asked:
        values = {
            name: replace(one, past=f"{one.words} {asked}") if isinstance(one, Command) else one
            for name, one in values.items()
        }
    elif said.role is Role.NEXT and (root or stopped):
        words = "what a volume lacks is collected as root on that machine, once it runs: {record}"
        if not root:
            words = (
                "where it does not come up, attach its volume to another machine: {root}; "
                "where it does, collect the rest as root there: {record}"
            )
        folder = Command("./ec2rl run --root=FOLDER", root=False, own=False)
        more = say(words, root=folder, record=_RECORD)
        values = {**values, **dict.fromkeys(_MORE, more)}
    return replace(said, values=values)


def _at(fix: Statement, root: str) -> Statement:
    """Say the same of a volume."""
    at = f" --root={typed(root)}"
    values = {
        name: replace(one, words=one.words + at) if isinstance(one, Command) else one
        for name, one in fix.values.items()
    }
    return replace(fix, values=values)


def of_what_is_cut(finding: Finding, cut: str) -> Finding:
    """Give a finding about evidence that is not whole.

    What was found counts, and silence does not.
    """
    verdict, said = finding.verdict, finding.summary
    if verdict in (Verdict.OK, Verdict.NOT_APPLICABLE):
        verdict = Verdict.UNKNOWN
        said = say("Cannot tell: {cut}. In what was read: {summary}", cut=cut, summary=said)
    elif verdict is Verdict.UNKNOWN and not _gives(said, cut):
        said = say("{summary}; {cut}", summary=said, cut=cut)
    kept = (one for one in finding.details if one.role is not Role.PROOF)
    missing = say("Not whole: {cut}; what is missing may have stood there", cut=cut)
    return replace(finding, verdict=verdict, summary=said, details=(*kept, missing))


def _gives(said: Value, reason: str) -> bool:
    """Tell whether this reason is among the values of what is said."""
    if isinstance(said, Statement):
        return any(_gives(value, reason) for value in said.values.values())
    if isinstance(said, tuple):
        return any(_gives(value, reason) for value in said)
    return reason == (said.detail if isinstance(said, Unreadable) else said)
