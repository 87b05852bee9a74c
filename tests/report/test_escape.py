"""What was read never moves a cursor, and never breaks the form of a report."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2rl.model import Evidence, Finding, Verdict, say
from ec2rl.report.escape import one_line, printable
from ec2rl.report.formats.json import write
from ec2rl.report.json_report import Judged, report
from ec2rl.report.text import evidence, result, results
from support.examples import examples

HOSTILE = [
    *map(chr, (*range(32), *range(0x7F, 0xA0))),
    *"\u061c\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069\ufeff\ud800\udcff\udfff",
    "\x1b[2J",
    "\x1b]8;;http://x\x07",
    "\x1b]52;c;eA==\x07",
    "\x9b31m",
    "\r\nmodule run/conntrackfull         [SUCCESS] All is well.",
    "\n[SUCCESS] ",
    "{0.__class__}",
    "%n%s",
    "${jndi:ldap://x}",
    "</script>",
    '"',
    "\\",
    "\\x1b",
    "é",
    "漢",
    "\U0001f600",
    "a",
    " ",
]
UNSAFE = {*range(9), *range(11, 32), *range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, 0xFEFF}
UNSAFE |= {*range(0x2028, 0x202F), *range(0x2066, 0x206A), *range(0xD800, 0xE000)}


def hostile(count: int) -> list[str]:
    rng = random.Random(count)
    return ["".join(rng.choices(HOSTILE, k=rng.randrange(1, 12))) for _ in range(count)]


def whole(text: str) -> str:
    """Two halves that stand side by side are one character in JSON."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def safe(text: str) -> bool:
    return not UNSAFE.intersection(map(ord, text))


@pytest.mark.more
def test_ten_thousand_hostile_strings_reach_no_terminal() -> None:
    for text in hostile(10_000):
        said = say("{text}", text=text)
        finding = Finding(Verdict.PROBLEM, said, (said, said), (Evidence(text, text),))
        lines = result("conntrackfull", finding).split("\n")
        assert len(lines) == 3
        assert lines[0].startswith("module run/conntrackfull         [FAILURE] ")
        assert all(line.startswith(" " * 33 + "-- ") for line in lines[1:])
        shown = evidence("conntrackfull", finding, (text,)) + results([("conntrackfull", finding)])
        assert safe(shown)
        assert safe(printable(text))
        assert "\n" not in one_line(text)
        shown.encode()


@pytest.mark.more
def test_ten_thousand_hostile_strings_come_out_of_json_as_they_went_in() -> None:
    texts = hostile(10_000)
    finding = Finding(
        Verdict.UNKNOWN,
        say("{text}", text=texts[0]),
        tuple(say("{text}", text=text) for text in texts),
        tuple(Evidence(text, text) for text in texts),
        facts={"texts": tuple(texts), "module": "another", **dict.fromkeys(texts, 1)},
    )
    found = report(
        [Judged("conntrackfull", "net", "diagnose", finding, 0.0, tuple(texts))],
        {"name": texts[1]},
        {"name": texts[2]},
        started=texts[3],
    )
    document = write(found)
    assert document.isascii()
    assert safe(document)
    (one,) = json.loads(document)["results"]
    texts = list(map(whole, texts))
    assert (one["module"], one["summary"], one["details"]) == ("conntrackfull", texts[0], texts)
    assert (one["texts"], one["by_hand"]) == (texts, texts)
    assert one["evidence"] == [{"source": text, "text": text} for text in texts]


@examples(2000)
@given(st.text(max_size=40))
def test_any_text_is_made_safe_and_plain_text_stays(text: str) -> None:
    assert safe(printable(text))
    assert safe(one_line(text))
    assert printable(printable(text)) == printable(text)
    if safe(text):
        assert printable(text) == text
