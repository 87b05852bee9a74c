"""Statements become words once: in both tenses, whatever their values hold."""

from __future__ import annotations

import ast
import json
import marshal
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ec2rl.catalogue import load
from ec2rl.engine import Plan, Runner
from ec2rl.facts.zone import InZone
from ec2rl.host.recording import RecordedHost, sections
from ec2rl.model import (
    MOST,
    TENSED,
    Finding,
    Statement,
    Tense,
    Unreadable,
    Verdict,
    Why,
    fields,
    pack,
    say,
    unpack,
)
from ec2rl.module import Options, bounded, diagnose
from ec2rl.record import replace
from ec2rl.report.json_report import Judged, report
from ec2rl.report.offline import of_the_past, of_what_is_cut
from ec2rl.report.text import result
from ec2rl.report.wording import details, lines, summary, text
from support.cases import CASES
from support.misbehaving import GOOD, named

if TYPE_CHECKING:
    from ec2rl.model import Value

SOURCE = Path(__file__).resolve().parents[2] / "src/ec2rl"
UNREAD = Unreadable("/dev/kmsg", Why.DENIED, "needs root")


@pytest.mark.parametrize(
    ("template", "value", "words"),
    [
        ("{x}", "as it is", "as it is"),
        ("{x:line}", 0, "0 lines"),
        ("{x:line}", 1, "1 line"),
        ("{x:entry/entries}", 2, "2 entries"),
        ("{x:line is/lines are} old", 1, "1 line is old"),
        ("{x:%}", 0, "0%"),
        ("{x:%}", 0.004, "below 1%"),
        ("{x:%}", 0.999, "99%"),
        ("{x:%}", 1, "100%"),
        ("{x:pace}", 0.0301, "0.03"),
        ("{x:pace}", 1234.5, "1,234"),
        ("{x:time}", 0, "1970-01-01 00:00:00 +0000"),
        ("{x:time}", None, "at a time unknown"),
        ("{x:time}", 1e300, "at a time unknown"),
        ("{x}", ("a", "b"), "a, b"),
        ("{x: and }", ("a", 7), "a and 7"),
        ("{x:; }", (UNREAD, say("b")), "/dev/kmsg: denied (needs root); b"),
        ("{x:line}", UNREAD, "/dev/kmsg: denied (needs root)"),
        ("{x:time}", "never", "never"),
        ("{{x}} {x}", "{x}", "{x} {x}"),
        ("a {x} b", say("{x:line}", x=3), "a 3 lines b"),
    ],
)
def test_a_value_has_the_form_of_its_place(template: str, value: Value, words: str) -> None:
    with InZone("UTC0"):
        assert text(say(template, x=value)) == words


@pytest.mark.parametrize("place", TENSED)
def test_what_depends_on_the_tense_does_so_inside_as_well(place: str) -> None:
    inner = say(f"{{{place}}}")
    for tense in Tense:
        assert text(say("{x}, {y}", x=inner, y=(inner,)), tense) == ", ".join(
            [text(TENSED[place][tense], tense)] * 2
        )
    # A word from outside is nobody's to change.
    assert text(say("{x}", x="now, in this boot"), Tense.PAST) == "now, in this boot"


UNTENSED = r"\bnow\b(?!-)|\bthis boot\b|\bthe last hour\b|\btoday's settings\b"


def parts(said: Value) -> Iterator[Statement]:
    """A statement, and those within it."""
    if isinstance(said, Statement):
        yield said
        said = tuple(said.values.values())
    for one in said if isinstance(said, tuple) else ():
        yield from parts(one)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.stem}")
@pytest.mark.sampled(4)
def test_each_statement_of_each_case_has_words_in_both_tenses(case: Path) -> None:
    module = load(case.parent.name)
    _, looks = sections(case.read_bytes().decode())
    found = diagnose(module, RecordedHost(looks), Options())
    finding, by_hand = bounded(found.finding, found.by_hand)
    packed: Any = pack((finding, by_hand))
    assert (finding, by_hand) == unpack(marshal.loads(marshal.dumps(packed)))
    for part in parts((finding.summary, *finding.details)):
        literal = re.sub(r"\{[^{}]*\}", "", part.template)
        assert not re.search(UNTENSED, literal), "a template names what depends on the tense"
        assert all(text(part, tense) is not None for tense in Tense)
    past = of_the_past(finding, say("the machine"))
    assert summary(past).endswith(" (in the machine)")
    assert len(details(past)) <= len(details(finding))
    for one in (finding, past):
        document: Any = report([Judged(module.name, "", "", one, 0.0, by_hand)], {}, {}, started="")
        assert json.dumps(document)


def said_in(path: Path) -> Iterator[tuple[str, set[str]]]:
    """Each template that stands in a call of `say`, with the names of its values."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "say":
            names = {keyword.arg for keyword in node.keywords}
            if isinstance(node.args[0], ast.Constant) and None not in names:
                yield str(node.args[0].value), {name for name in names if name}


@pytest.mark.more
def test_no_place_of_a_template_is_left_unfilled_and_no_value_is_left_out() -> None:
    found = [one for path in sorted(SOURCE.rglob("*.py")) for one in said_in(path)]
    assert len(found) > 100
    for template, names in found:
        assert fields(template) <= names | TENSED.keys(), template
        assert names <= fields(template), template


HOSTILE = {
    "a place": "{now} {x} {0} {} {x!r:>{y}} {{x}} {x.__class__.__init__.__globals__}",
    "a form": "%s %(x)s {lines:line} \\{x\\} $x `id` {:>99999999}",
    "an escape": "\x1b[31;1mred\x1b[0m \x07\x9b2J",
    "lines": "one\n[FAILURE] two\r\n-- three\u2028four",
    "an order": "\u202etxt.exe\u2066",
    "no text": "\udcff\ud800",
    "too much": "x" * 10_000_000,
    "too many lines": "\n" * 3_000_000,
}


@pytest.mark.parametrize("text_", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_value_is_never_a_template_and_comes_out_escaped_and_bounded(text_: str) -> None:
    values: dict[str, Value] = {
        "x": text_,
        "many": (text_, Unreadable(text_, Why.FAILED, text_)),
        "inner": say("{x:line}", x=text_),
    }
    statement = say("{x} {many} {inner}", **values)
    finding = Finding(
        Verdict.PROBLEM,
        statement,
        (statement, say("{x:time} {x:%}", x=text_)),
        facts={"said": statement},
    )
    runner = Runner(
        [named("hostile", lambda: None, lambda: finding)], RecordedHost({}), Plan(Options())
    )
    runner.start()
    ((got,), _) = runner.finish()
    assert got.finding.verdict is Verdict.PROBLEM
    for shown in (got.finding, of_the_past(got.finding, say("{x}", x="a machine"))):
        said = [summary(shown), *details(shown)]
        assert all(line.startswith(text_[:MOST][:40]) and len(line) <= MOST for line in said)
        words = result("hostile", shown)
        assert len(words.splitlines()) == len(words.split("\n")) == 3
        assert words.replace("\n", "").isprintable()
        assert len(words) <= 3 * (6 * MOST + 99)
        judged = Judged("hostile", "net", "diagnose", shown, 0.0, got.by_hand)
        document: Any = report([judged], {}, {}, started="")
        assert len(document["results"][0]["said"]) <= MOST


UNFIT: dict[str, Any] = {
    "unfilled": say("{x}"),
    "a misspelt place": say("{nwo}", now="x"),
    "without a name": say("{}", x=1),
    "an attribute": say("{x.real}", x=1),
    "an item": say("{x[0]}", x="abc"),
    "unfilled inside": say("{x}", x=(say("{y}", x=1),)),
    "an open brace": say("{x", x=1),
    "a closing brace": say("x}", x=1),
    "a list": say("{x}", x=["a"]),  # type: ignore[arg-type]
    "bytes": say("{x}", x=b"a"),  # type: ignore[arg-type]
    "no number": say("{x:%}", x=float("nan")),
    "too large a number": say("{x}", x=10**5000),
    "an Unreadable of nothing": say("{x}", x=Unreadable(None, Why.FAILED)),  # type: ignore[arg-type]
    "no template": Statement(None, {}),  # type: ignore[arg-type]
    "no values": Statement("x", None),  # type: ignore[arg-type]
    "a number": 7,
    "nothing": None,
}
for _ in range(2000):
    UNFIT["deep"] = say("{x}", x=UNFIT.get("deep", "x"))


@pytest.mark.more
def test_what_cannot_be_said_is_the_modules_fault_and_nobody_elses() -> None:
    places_of_it: dict[str, Callable[[Any], Finding]] = {
        "summary": lambda said: Finding(Verdict.OK, said),
        "details": lambda said: Finding(Verdict.OK, say("x"), (said,)),
        "facts": lambda said: Finding(Verdict.OK, say("x"), facts={"a": [{"b": said}]}),
    }
    modules = [named("good", lambda: None, lambda: GOOD)]
    for place, made in places_of_it.items():
        for name, said in UNFIT.items():
            if place == "facts" and not isinstance(said, Statement):
                continue
            finding = made(said)
            modules.append(named(f"{place}: {name}", lambda: None, partial(replace, finding)))
    runner = Runner(modules, RecordedHost({}), Plan(Options()))
    runner.start()
    results, interrupted = runner.finish()
    assert not interrupted
    verdicts = {one.module.name: one.finding.verdict for one in results}
    assert verdicts.pop("good") is Verdict.OK
    assert {name for name, verdict in verdicts.items() if verdict is not Verdict.CRASHED} == set()
    assert all("fault of ec2rl itself: " in summary(one.finding) for one in results[:-1])


def test_a_time_is_told_in_the_zone_of_its_machine() -> None:
    finding = Finding(Verdict.OK, say("{x:time}", x=0), (say("{x:time}", x=86400),))
    with InZone("UTC0"):
        past = of_the_past(finding, say("it"), "<+0530>-5:30")
        assert summary(past) == "1970-01-01 05:30:00 +0530 (in it)"
        assert details(past) == ["1970-01-02 05:30:00 +0530"]
        assert summary(finding) == "1970-01-01 00:00:00 +0000"
        # What leads to a file is no zone: the C library would open one of ours.
        assert details(of_the_past(finding, say("it"), ":/etc/passwd"))[0].endswith("+0000")


def test_a_reason_that_is_given_is_not_given_twice() -> None:
    cut = "it is cut"

    def told(**values: Value) -> str:
        unknown = Finding(Verdict.UNKNOWN, say("Cannot tell: {why}", **values))
        return summary(of_what_is_cut(unknown, cut))

    lacks = Unreadable("/x", Why.NOT_COLLECTED, cut)
    assert told(why=lacks) == "Cannot tell: /x: unknown, it is cut"
    assert told(why=("a", say("{b}", b=lacks))) == "Cannot tell: a, /x: unknown, it is cut"
    # A name that reads like it is no reason.
    assert told(why="/it is cut/x: absent") == "Cannot tell: /it is cut/x: absent; it is cut"
    assert lines([say("x" * 9000)]) == ["x" * MOST]
