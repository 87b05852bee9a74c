"""Findings as data; `report.schema.json` beside this file says what is in it."""

from __future__ import annotations

from ec2rl.record import record
from ec2rl.report.text import status
from ec2rl.report.wording import details, facts, lines, summary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ec2rl.model import Finding, Json, Statement

SCHEMA_VERSION = 1


@record(frozen=True)
class Judged:
    """One diagnostic's finding and what is said of it in a report; `seconds` is what it took."""

    module: str
    domain: str
    class_: str
    finding: Finding
    seconds: float
    by_hand: tuple[Statement | str, ...] = ()


def report(
    judged: Sequence[Judged], tool: Mapping[str, Json], host: Mapping[str, Json], **run: Json
) -> dict[str, Json]:
    """Give the whole report; `run` has when it started, what it took, and where it is saved."""
    words = [status(one.finding.verdict) for one in judged]
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": tool,
        "host": host,
        "time": run["started"],
        **run,
        "results": results(judged),
        "stats": {
            "total": len(words),
            "successes": words.count("SUCCESS"),
            "failures": words.count("FAILURE"),
            "warnings": words.count("WARN"),
            "unknown": words.count("UNKNOWN"),
        },
    }


def results(judged: Sequence[Judged]) -> list[Json]:
    """Give what each diagnostic found, as data."""
    return [_result(one) for one in judged]


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
        "by_hand": [*lines(one.by_hand)],
        "seconds": round(one.seconds, 4),
    }
    more = {name: fact for name, fact in finding.facts.items() if name not in own}
    return {**own, **{name: facts(fact, finding.tense) for name, fact in more.items()}}
