"""A finding about what is left of a machine, in words of the past."""

from __future__ import annotations

import re
import time

from ec2rl.model import Finding, Verdict
from ec2rl.record import replace

_WORDS = (
    # Not within a path: whatever it says, it is a name.
    (r"(?<![\w/.-])now(?![\w/-]|\.\w)", "then"),
    (r"\btoday's settings give\b", "the recorded settings give"),
    (r"\bthis boot\b", "its last boot"),
    (r"\bthe last hour\b", "its last hour"),
)

_PROOF = "Rests on: "
"""What is not whole proves nothing."""

_HERE = "To mend it: sudo "
"""A command for the machine that it is typed on."""


def recorded_on(when: float) -> str:
    """When the evidence ends, as far as anything tells: `on 2026-11-03 02:00:00 +0000`."""
    if not when:
        return "at a time unknown"
    return "on " + time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(when))


def of_the_past(finding: Finding, where: str) -> Finding:
    """The same, telling whose it is and of when: what a judge calls "now" was then."""
    return replace(
        finding,
        summary=f"{_then(finding.summary)} (in {where})",
        details=tuple(_then(one) for one in finding.details if not one.startswith(_HERE)),
    )


def of_what_is_cut(finding: Finding, cut: str) -> Finding:
    """A finding about evidence that is not whole: what was found counts, and silence does not."""
    verdict, summary = finding.verdict, finding.summary
    if verdict in (Verdict.OK, Verdict.WARNING, Verdict.NOT_APPLICABLE):
        verdict = Verdict.UNKNOWN
        summary = f"Cannot tell: {cut}. In what was read: {summary}"
    elif verdict is Verdict.UNKNOWN and cut not in summary:
        summary += f"; {cut}"
    kept = (one for one in finding.details if not one.startswith(_PROOF))
    details = (*kept, f"Not whole: {cut}; what is missing may have stood there")
    return replace(finding, verdict=verdict, summary=summary, details=details)


def _then(words: str) -> str:
    # That page's second half would be about the machine that it is typed on.
    if words.startswith("Next: sudo ./ec2rl explain "):
        return words.replace("sudo ", "", 1) + " --page-only"
    for pattern, instead in _WORDS:
        words = re.sub(pattern, instead, words)
    return words
