"""The words of a statement: the one place where values become text.

A place in a template is `{name}` or `{name:form}`.  The forms:

    {lines:line}        a number of things: 1 line, 2 lines; {n:entry/entries} with its plural
    {share:%}           a share of 1 as per cent
    {rate:pace}         a number of things each second
    {when:time}         seconds since the epoch as local time
    {names:, }          a tuple's parts, with this between them (`, ` where no form is given)

A place for which there is no value is a word that the tense decides: {now}, {this_boot}, ...
"""

from __future__ import annotations

from ec2rl.diagnosis.coverage import stamp
from ec2rl.model import TENSED, Statement, Tense, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.model import Finding, Value

MOST = 2000
"""Characters that one statement is shown with."""


def summary(finding: Finding) -> str:
    """The words of a finding's summary."""
    return text(finding.summary, finding.tense)[:MOST]


def details(finding: Finding) -> list[str]:
    """The words of a finding's details, a line each."""
    return [text(one, finding.tense)[:MOST] for one in finding.details]


def text(statement: Statement | str, tense: Tense = Tense.PRESENT) -> str:
    """The words of a statement; KeyError for a place that nothing fills."""
    if isinstance(statement, str):
        return statement if tense is Tense.PRESENT else _then(statement)
    from _string import formatter_parser  # type: ignore[import-not-found]

    parts = []
    for literal, name, form, _ in formatter_parser(statement.template):
        parts.append(literal)
        if name in statement.values:
            parts.append(_shown(statement.values[name], form or "", tense))
        elif name is not None:
            parts.append(TENSED[name][tense])
    return "".join(parts)


def _then(words: str) -> str:
    import re

    for pattern, instead in (
        (r"(?<![\w/.-])now(?![\w/-]|\.\w)", "then"),
        (r"\btoday's settings give\b", "the recorded settings give"),
        (r"\bthis boot\b", "its last boot"),
        (r"\bthe last hour\b", "its last hour"),
    ):
        words = re.sub(pattern, instead, words)
    return words


def _shown(value: Value, form: str, tense: Tense) -> str:
    if isinstance(value, Statement):
        return text(value, tense)
    if isinstance(value, tuple):
        return (form or ", ").join(_shown(one, "", tense) for one in value)
    if form == "time" and not isinstance(value, (str, Unreadable)):
        return stamp(value)
    if value is None or isinstance(value, (str, Unreadable)) or not form:
        return str(value)
    if form == "%":
        return percent(value)
    if form == "pace":
        return pace(value)
    noun, _, more = form.partition("/")
    return f"{value} {noun}" if value == 1 else f"{value} {more or noun + 's'}"


def percent(share: float) -> str:
    """A share in per cent: never 0 % of something, never 100 % of less than all."""
    if 0 < share < 0.01:
        return "below 1%"
    return f"{min(share, 0.99) if 0.99 < share < 1 else share:.0%}"


def pace(number: float) -> str:
    """A number of things each second: never 0 of something, never in powers of ten."""
    return f"{number:.0f}" if number >= 10 else f"{number:.2g}"
