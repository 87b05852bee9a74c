"""Findings as text, in the form that users of ec2rl 1.1.7 know."""

from __future__ import annotations

from ec2rl.model import Verdict
from ec2rl.report.escape import one_line
from ec2rl.report.wording import details, lines, summary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ec2rl.model import Finding, Statement

INDENT = 33
"""The column at which a result's text begins, counted from 0."""

_COLOURS = {"SUCCESS": "32", "FAILURE": "31;1", "WARN": "33", "UNKNOWN": "35"}
_WIDTH = 40


def header(title: str) -> str:
    """Give a section's first line: 40 characters, the title in the middle."""
    return f"[{title}]".center(_WIDTH, "-")


def status(verdict: Verdict) -> str:
    """Give the word that is shown for a verdict; users know these four."""
    if verdict is Verdict.NOT_APPLICABLE:
        return Verdict.OK.value
    if verdict is Verdict.CRASHED:
        return Verdict.UNKNOWN.value
    return str(verdict.value)


def result(name: str, finding: Finding, colour: bool = False) -> str:
    """Give one diagnostic's lines: `module run/NAME`, its status and summary, then the details."""
    word = status(finding.verdict)
    shown = f"\x1b[{_COLOURS[word]}m[{word}]\x1b[0m" if colour else f"[{word}]"
    lines = [f"{'module run/' + name:32} {shown} {one_line(summary(finding))}"]
    lines += [f"{'':{INDENT}}-- {one_line(detail)}" for detail in details(finding)]
    return "\n".join(lines)


def results(findings: Sequence[tuple[str, Finding]], colour: bool = False) -> str:
    """Give the section of all results."""
    parts = [header("Diagnostic Results"), ""]
    parts += [result(name, finding, colour) for name, finding in findings]
    return "\n".join(parts) + "\n"


def statistics(findings: Sequence[tuple[str, Finding]], seconds: float) -> str:
    """Give the section of counts."""
    words = [status(finding.verdict) for _, finding in findings]
    lines = [header("Run  Stats"), "", f"Total modules run: {len(words):>13}"]
    for name, word in (
        ("successes", "SUCCESS"),
        ("failures", "FAILURE"),
        ("warnings", "WARN"),
        ("unknown", "UNKNOWN"),
    ):
        lines.append(f"    {name + ':':17} {words.count(word):>10}")
    lines.append(f"Seconds: {seconds:>23.2f}")
    return "\n".join(lines) + "\n"


def evidence(name: str, finding: Finding, by_hand: Sequence[Statement | str]) -> str:
    """Tell what a diagnostic's file in the run directory holds.

    Result, quotes, commands by hand.
    """
    parts = [result(name, finding)]
    if finding.evidence:
        parts += ["", "Evidence:"]
        for quote in finding.evidence:
            parts.append(f"[{one_line(quote.source)}]")
            parts += [f"    {one_line(line)}" for line in quote.text.splitlines()]
    if by_hand:
        shown = (f"    {one_line(line)}" for line in lines(by_hand))
        parts += ["", "By hand, on this host:", *shown]
    traceback = finding.facts.get("traceback")
    if isinstance(traceback, str):
        parts += ["", *map(one_line, traceback.splitlines())]
    return "\n".join(parts) + "\n"


def table(rows: Sequence[Mapping[str, str]]) -> str:
    """Rows under the names of their columns, each as wide as it needs to be."""
    columns = list(rows[0])
    widths = {c: max(len(c), *(len(row[c]) for row in rows)) for c in columns}
    lines = ["  ".join(f"{c:{widths[c]}}" for c in columns).rstrip()]
    lines += ["  ".join(f"{row[c]:{widths[c]}}" for c in columns).rstrip() for row in rows]
    return "\n".join(lines) + "\n"
