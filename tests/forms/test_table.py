"""The table of forms, and the page that shows it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ec2rl.forms.months import month
from ec2rl.forms.parse import parse_record, pieces
from ec2rl.forms.recognise import recognise
from ec2rl.forms.table import FORMS
from ec2rl.forms.times import epoch

PAGE = (Path(__file__).parents[2] / "docs/forms.md").read_text(encoding="utf-8")
ROWS = re.findall(r"(?m)^\| ([^|]+?) \| (?:dmesg|log) \| `+ ?(.+?) ?`+ \| [^|]+ \|$", PAGE)


@pytest.mark.parametrize("form", [form.name for form in FORMS])
def test_the_page_has_an_example_of_each_form(form: str) -> None:
    examples = [text for name, text in ROWS if name == form]
    assert examples
    for text in examples:
        found = parse_record(text.replace("\\|", "|"))
        assert found is not None
        assert found.form == form


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("[    1.000000] a[    2.000000] b", 2),
        ("[    1.000000] a<4>[    2.000000][    T1] b", 2),
        ("web-1 login: [    2.000000] b", 2),
        ("Sep 21 14:15:00 h sshd[1]: aSep 21 14:15:00 h kernel: b", 2),
        ("Sep 21 14:15:00 h sshd[1]: saw [    2.000000] b", 1),
        ("4,12,99,-;a4,13,100,-;b", 2),
        ("Sep 21 14:15:00 h kernel: message repeated 2 times: [ [    1.000000] a]", 1),
    ],
)
def test_a_stamp_within_a_line_begins_a_record(text: str, count: int) -> None:
    assert len(pieces(text, parse_record(text))) == count


@pytest.mark.parametrize(
    ("name", "number"),
    [("März", 3), ("déc.", 12), ("11月", 11), (" 9月", 9), ("мая", 5), ("wrz", 9), ("lis", None)],
)
def test_months_of_other_languages(name: str, number: int | None) -> None:
    assert month(name) == number


def test_a_time_with_its_zone_is_that_moment() -> None:
    assert epoch("Tue 2025-11-25 10:00:00 -03", 0) == epoch("2025-11-25T13:00:00Z", 0)
    assert epoch("Mon 2026-09-21 14:13:20 UTC", 0) == 1790000000


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"<!DOCTYPE html><html>", "an HTML page"),
        (b"  <HTML>", "an HTML page"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"\x7fELF", "a program"),
        (b'{"level":"error","msg":"x"}\n', "another program's JSON"),
        (b"[    1.000000] <html>\n", ""),
    ],
)
def test_what_is_no_log_is_known_by_what_it_is(head: bytes, what: str) -> None:
    assert recognise(head).document == what


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b'{"log":"x\\n","stream":"stdout","time":"2026-11-25T02:40:00.1Z"}\n', "docker json"),
        (b'{"log": "x\\n", "stream": "stdout", "time": "2026-11-25T02:40:00Z"}', "docker json"),
        (b'{ "time" : "2026-11-25T02:40:00Z", "k8s": {"pod": "a"}, "log": "x"}\n', "docker json"),
        (b'{"timestamp":"2026-11-25T02:40:00Z","log":"x","stream":"stderr"}\n', "docker json"),
        (b'{"log":"x"}\n', "document"),
    ],
)
def test_the_log_of_a_container_however_its_json_is_written(head: bytes, kind: str) -> None:
    assert recognise(head).kind == kind


@pytest.mark.parametrize(
    ("head", "how"),
    [
        (b'{"level":"warn","msg":"x"}\n{"msg":"y"}\n', "jq -r '.msg' FILE > TEXT"),
        (b'{"@message":"x"}', "jq -r '.\"@message\"' FILE > TEXT"),
        (b'{"items":[{"message":"x"}]}', "jq -r '.. | .message? | strings' FILE > TEXT"),
        (b'[{"message": "x"}]', "jq -r '.. | .message? | strings' FILE > TEXT"),
        (b'{"a": 1}', ""),
    ],
)
def test_the_messages_in_another_programs_json_are_had_as_text(head: bytes, how: str) -> None:
    assert recognise(head).instead == how
