"""Findings as data; `report.schema.json` beside this file says what is in it."""

from __future__ import annotations

from ec2rl.model import Finding, Statement
from ec2rl.record import record
from ec2rl.report.text import status
from ec2rl.report.wording import details, summary, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ec2rl.model import Fact, Json, Tense

SCHEMA_VERSION = 1


@record(frozen=True)
class Judged:
    """One diagnostic's finding and what is said of it in a report; `seconds` is what it took."""

    module: str
    domain: str
    class_: str
    finding: Finding
    seconds: float
    by_hand: tuple[str, ...] = ()


def report(
    judged: Sequence[Judged], tool: Mapping[str, Json], host: Mapping[str, Json], **run: Json
) -> dict[str, Json]:
    """The whole report; `run` has when it started, what it took, and where it is saved."""
    words = [status(one.finding.verdict) for one in judged]
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": tool,
        "host": host,
        **run,
        "results": [_result(one) for one in judged],
        "stats": {
            "total": len(words),
            "successes": words.count("SUCCESS"),
            "failures": words.count("FAILURE"),
            "warnings": words.count("WARN"),
            "unknown": words.count("UNKNOWN"),
        },
    }


def _result(one: Judged) -> dict[str, Json]:
    finding = one.finding
    own: dict[str, Json] = {
        "module": one.module,
        "class": one.class_,
        "domain": one.domain,
        "status": status(finding.verdict),
        "verdict": finding.verdict.name,
        "summary": summary(finding),
        "details": [*details(finding)],
        "evidence": [{"source": e.source, "text": e.text} for e in finding.evidence],
        "by_hand": list(one.by_hand),
        "seconds": round(one.seconds, 4),
    }
    return {**own, **{name: fact for name, fact in told_facts(finding).items() if name not in own}}


def told_facts(finding: Finding) -> dict[str, Json]:
    """A finding's facts, with words for its statements."""
    return {name: _told(fact, finding.tense) for name, fact in finding.facts.items()}


def _told(fact: Fact, tense: Tense) -> Json:
    if isinstance(fact, Statement):
        return text(fact, tense)
    if isinstance(fact, (list, tuple)):
        return [_told(one, tense) for one in fact]
    if isinstance(fact, dict):
        return {name: _told(one, tense) for name, one in fact.items()}
    return fact  # type: ignore[return-value]
