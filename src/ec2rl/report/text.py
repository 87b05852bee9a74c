"""Findings as text, in the form that users of ec2rl 1.1.7 know."""

from __future__ import annotations

from ec2rl.model import TO_DO, Role, Statement, Tense, Unreadable, Verdict, Why
from ec2rl.quantities import plural
from ec2rl.record import Choice, record, replace
from ec2rl.report.escape import TIED, one_line, untied
from ec2rl.report.wording import details, lines, summary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from ec2rl.model import Finding, Value

INDENT = 33
"""The column at which a result's text begins, counted from 0."""
_NARROW = 80
"""A terminal of fewer columns has no room for that: there it is 4."""

_COLOURS = {"SUCCESS": "32", "FAILURE": "31;1", "WARN": "33", "UNKNOWN": "35"}
_WIDTH = 40
_STEPS = 3
"""Lines at most that tell what to do."""
_FOLDED = 10
"""So many sound modules have a line each on a terminal; more have one for each domain."""
_LACKING = 3
"""So many modules that lack evidence have a line each on a terminal; more have one together."""


class Much(Choice):
    """How much is said of each module."""

    VERDICT = "verdict"
    """The result line alone, and what the run changed."""
    SHORT = "short"
    """And of what is not well, what a person acts on."""
    ALL = "all"


@record(frozen=True)
class View:
    """How results are shown: as in a file, unless a person looks at them.

    `width` is the terminal's, None where there is none; `domains` are those of the modules, where
    many sound ones may fold into a line for each domain, and those that lack evidence into one.
    """

    much: Much = Much.ALL
    colour: bool = False
    width: int | None = None
    domains: Mapping[str, str] = {}


WHOLE = View()


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


def result(name: str, finding: Finding, view: View = WHOLE) -> str:
    """Give one diagnostic's lines: `module run/NAME`, its status and summary, then the details."""
    shown = replace(finding, details=tuple(_chosen(finding, view.much)))
    lines = _result_line(f"module run/{name}", status(finding.verdict), summary(shown, TIED), view)
    for detail in details(shown, TIED):
        lines += _below(f"-- {detail}", view)
    return "\n".join(lines)


def _result_line(name: str, word: str, text: str, view: View) -> list[str]:
    narrow = view.width is not None and view.width < _NARROW
    first = f"{name} [{word}] " if narrow else f"{name:32} [{word}] "
    said = _filled(first, text, " " * (4 if narrow else INDENT), view)
    if view.colour:
        said[0] = said[0].replace(f"[{word}]", f"\x1b[{_COLOURS[word]}m[{word}]\x1b[0m", 1)
    return said


def _below(text: str, view: View) -> list[str]:
    """Give a line below a result; what does not fit goes on below it, further in."""
    narrow = view.width is not None and view.width < _NARROW
    indent = " " * (2 if narrow else INDENT)
    return _filled(indent, text, f"{indent}   ", view)


def _filled(first: str, text: str, rest: str, view: View) -> list[str]:
    if view.width is None:
        return [untied(first + one_line(text))]
    from ec2rl.report.wrap import filled

    return filled(first, text, rest, view.width)


def for_terminal(text: str, width: int | None, indent: str = "", rest: str = "   ") -> str:
    """Give a line behind its indent as it is, or filled for a terminal of this width."""
    return "\n".join(_filled(indent, text, rest, View(width=width)))


def _chosen(finding: Finding, much: Much) -> Iterator[Statement]:
    """Choose what is said below a result line: of what is well nothing, and of a step three.

    What the run has changed is said whatever the verdict, and however little is asked for; so is,
    but where only verdicts are, what was left out of it.
    """
    if much is Much.ALL:
        yield from finding.details
        return
    if much is Much.VERDICT:
        yield from _changed(finding)
        return
    if status(finding.verdict) == Verdict.OK.value:
        yield from (one for one in finding.details if one.role in (Role.CHANGE, Role.ASIDE))
        return
    steps = [one for one in finding.details if one.role in TO_DO]
    while len(steps) > _STEPS and any(one.role is Role.HELP for one in steps):
        steps.remove([one for one in steps if one.role is Role.HELP][-1])
    for one in finding.details:
        if one.role is not Role.MORE and (one.role not in TO_DO or one in steps):
            yield one


def _changed(finding: Finding) -> list[Statement]:
    return [one for one in finding.details if one.role is Role.CHANGE]


def _folds(finding: Finding) -> bool:
    """Tell whether a result may share a line with others: it is sound, and nothing else is said."""
    return status(finding.verdict) == Verdict.OK.value and not [*_chosen(finding, Much.SHORT)]


def _lacks(finding: Finding) -> bool:
    """Tell whether a result says no more than that what was handed over does not tell."""
    shown = [*_chosen(finding, Much.SHORT)]  # of one that was not finished nothing is said
    return (
        finding.verdict is Verdict.UNKNOWN
        and finding.tense is Tense.PAST
        and not finding.evidence
        and bool(shown)
        and all(one.role in (Role.NEXT, Role.PAGE) for one in shown)
        and {*_reasons(finding.summary)} <= {Why.NOT_COLLECTED, Why.ABSENT}
    )


def _reasons(said: Value) -> Iterator[Why]:
    """Give why something could not be read, for all that a statement names of it."""
    if isinstance(said, Statement):
        for value in said.values.values():
            yield from _reasons(value)
    elif isinstance(said, tuple):
        for one in said:
            yield from _reasons(one)
    elif isinstance(said, Unreadable):
        yield said.why


def results(findings: Sequence[tuple[str, Finding]], view: View = WHOLE) -> str:
    """Give the section of all results."""
    parts = [] if view.much is Much.VERDICT else [header("Diagnostic Results"), ""]
    on_terminal = view.width is not None and bool(view.domains)
    lacking = [name for name, one in findings if on_terminal and _lacks(one)]
    lacking = lacking if len(lacking) > _LACKING else []
    common: list[Statement] = []
    if view.much is not Much.ALL:
        findings, common = _said_once(findings)
    sound = [name for name, one in findings if on_terminal and _folds(one)]
    sound = sound if len(sound) > _FOLDED else []
    own = [(name, one) for name, one in findings if name not in lacking and name not in sound]
    own_lines = [result(name, one, view) for name, one in own]
    if lacking:
        said = f"What was handed over does not tell (--all: why): {', '.join(lacking)}"
        line = _result_line(f"{len(lacking)} modules", Verdict.UNKNOWN.value, said, view)
        worse = [one for _, one in own if status(one.verdict) != Verdict.OK.value]
        own_lines.insert(len(worse), "\n".join(line))
    parts += own_lines
    for domain in dict.fromkeys(view.domains[name] for name in sound):
        names = [name for name in sound if view.domains[name] == domain]
        number = plural(len(names), f"module of {domain}/modules of {domain}")
        parts += _result_line(number, Verdict.OK.value, ", ".join(names), view)
    if common and view.much is Much.SHORT:
        parts.append("")
        tense = findings[0][1].tense
        parts += [
            line
            for said in dict.fromkeys(lines(common, tense, TIED))
            for line in _filled("", said, "   ", view)
        ]
    return "\n".join(parts) + "\n"


def _said_once(
    findings: Sequence[tuple[str, Finding]],
) -> tuple[list[tuple[str, Finding]], list[Statement]]:
    """Take out what several findings say alike: the right that is missing, and what to type next.

    The right stays where it is said first; the steps are given apart.
    """
    every = [one for _, found in findings for one in found.details if one.role is Role.NEXT]
    common = [one for number, one in enumerate(every) if every.index(one) == number]
    common = [one for one in common if every.count(one) > 1]
    told: list[Unreadable] = []
    shorter = [
        (
            name,
            replace(
                found,
                summary=_without_told(found.summary, told),
                details=tuple(
                    _without_told(one, told) for one in found.details if one not in common
                ),
            ),
        )
        for name, found in findings
    ]
    return shorter, common


def _without_told(said: Any, told: list[Unreadable]) -> Any:
    """Say which right is missing where that has not been told yet, and add it to what has been."""
    if isinstance(said, Statement):
        values = {name: _without_told(one, told) for name, one in said.values.items()}
        return replace(said, values=values)
    if isinstance(said, tuple):
        return tuple(_without_told(one, told) for one in said)
    if isinstance(said, Unreadable) and said.why is Why.DENIED and said.detail:
        if said in told:
            return replace(said, detail="")
        told.append(said)
    return said


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


def table(rows: Sequence[Mapping[str, str]], width: int | None = None) -> str:
    """Rows under the names of their columns, each as wide as it needs to be.

    Where a terminal is narrower than that, one row below the other, with what is in it.
    """
    columns = list(rows[0])
    widths = {c: max(len(c), *(len(row[c]) for row in rows)) for c in columns}
    if width is not None and sum(widths.values()) + 2 * len(columns) - 2 > width:
        from ec2rl.report.wrap import wrapped

        lines = []
        for row in rows:
            lines.append(row[columns[0]])
            for name in columns[1:]:
                lines += wrapped("    ", f"{name}: {row[name]}", "    ", width)
        return "\n".join(lines) + "\n"
    lines = ["  ".join(f"{c:{widths[c]}}" for c in columns).rstrip()]
    lines += ["  ".join(f"{row[c]:{widths[c]}}" for c in columns).rstrip() for row in rows]
    return "\n".join(lines) + "\n"
