"""The words of a statement: the one place where values become text.

A place in a template is `{name}` or `{name:form}`.  The forms:

    {lines:line}        a number of things: 1 line, 2,000 lines; {n:entry/entries} with its plural
    {count:,}           a number that people compare: 262,144
    {bytes:size}        bytes: 214 MiB, 1.5 GiB
    {seconds:span}      a length of time: 45 s, 1 h 47 min, 2 d 4 h
    {share:%}           a share of 1 as per cent
    {rate:pace}         a number of things each second
    {when:time}         seconds since the epoch as local time, None as a time that is unknown
    {names:, }          a tuple's parts, with this between them (`, ` where no form is given)

A place for which there is no value is a word that the tense decides: {now}, {this_boot}, ...
A form is for numbers: text, and what could not be read, appear as they are.
"""

from __future__ import annotations

from _string import formatter_parser  # type: ignore[import-not-found]

from ec2rl.diagnosis.coverage import local_time
from ec2rl.invocation import sudo, to_type
from ec2rl.model import MOST, TENSED, Command, Statement, Tense, say
from ec2rl.quantities import grouped, pace, percent, plural, size, span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.model import Fact, Finding, Json, Value


def summary(finding: Finding, blank: str = " ") -> str:
    """Give the words of a finding's summary; `blank` is that of `details`."""
    said = finding.summary
    if finding.whose is not None:
        said = say("{said} (in {whose})", said=said, whose=finding.whose)
    return _in_its_zone(finding, (said,), blank)[0]


def details(finding: Finding, blank: str = " ") -> list[str]:
    """Give the words of a finding's details, a line each; `blank` stands where no line may end.

    That is in commands, times, and numbers with their units.
    """
    return _in_its_zone(finding, finding.details, blank)


def _in_its_zone(finding: Finding, said: Sequence[Statement], blank: str = " ") -> list[str]:
    if finding.zone:
        from ec2rl.facts.zone import InZone

        with InZone(finding.zone):
            return lines(said, finding.tense, blank)
    return lines(said, finding.tense, blank)


def lines(
    said: Sequence[Statement | str], tense: Tense = Tense.PRESENT, blank: str = " "
) -> list[str]:
    """Give the words of statements, cut to what a person can read."""
    return [text(one, tense, blank)[:MOST] for one in said]


def facts(fact: Fact, tense: Tense) -> Json:
    """Give a fact for the JSON report: what it says is made into words."""
    if isinstance(fact, Statement):
        return text(fact, tense)[:MOST]
    if isinstance(fact, dict):
        return {name: facts(one, tense) for name, one in fact.items()}
    if isinstance(fact, (list, tuple)):
        return [facts(one, tense) for one in fact]
    return fact  # type: ignore[return-value]


def text(statement: Statement | str, tense: Tense = Tense.PRESENT, blank: str = " ") -> str:
    """Give the words of a statement, or a command as it is.

    KeyError for a place that nothing fills.
    """
    if isinstance(statement, str):
        return statement
    parts = []
    for literal, name, form, _ in formatter_parser(statement.template):
        parts.append(literal)
        if name in statement.values:
            parts.append(_shown(statement.values[name], form or "", tense, blank))
        elif name is not None:
            parts.append(text(TENSED[name][tense], tense, blank))
    return "".join(parts)


def _shown(value: Value, form: str, tense: Tense, blank: str) -> str:
    if isinstance(value, Statement):
        return text(value, tense, blank)
    if isinstance(value, Command):
        return _typed(value, tense).replace(" ", blank)
    if isinstance(value, tuple):
        return (form or ", ").join(_shown(one, "", tense, blank) for one in value)
    if form == "time" and value is None:
        return local_time(None)
    if not form or not isinstance(value, (int, float)):
        return str(value)
    shown = _FORMS.get(form)
    return plural(value, form) if shown is None else shown(value).replace(" ", blank)


def _typed(one: Command, tense: Tense) -> str:
    if not one.own:
        return (sudo() if one.root else "") + one.words
    if tense is Tense.PAST and one.past:
        return to_type(one.past, root=False)
    return to_type(one.words, one.root)


_FORMS = {
    "time": local_time,
    "%": percent,
    "pace": pace,
    ",": grouped,
    "size": size,
    "span": span,
}
