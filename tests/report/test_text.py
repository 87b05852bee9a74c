"""The text report, to the byte."""

from __future__ import annotations

import pytest

from ec2rl.model import Evidence, Finding, Verdict, say
from ec2rl.report.text import View, evidence, header, result, results, statistics, table

OK = Finding(Verdict.OK, say("No conntrack table full errors found."))
BAD = Finding(
    Verdict.PROBLEM, say("Conntrack table full errors found. {n:occurrence} in dmesg", n=2)
)


def test_the_result_lines_that_users_know() -> None:
    assert results([("conntrackfull", OK), ("conntrackfull", BAD)]) == (
        "----------[Diagnostic Results]----------\n"
        "\n"
        "module run/conntrackfull         [SUCCESS] No conntrack table full errors found.\n"
        "module run/conntrackfull         [FAILURE] Conntrack table full errors found. "
        "2 occurrences in dmesg\n"
    )


def test_details_stand_below() -> None:
    found = Finding(Verdict.WARNING, say("a"), (say("b"), say("{x}", x="c\nd")))
    assert result("x", found) == (
        "module run/x                     [WARN] a\n"
        "                                 -- b\n"
        "                                 -- c\\nd"
    )


@pytest.mark.parametrize(
    ("verdict", "shown"),
    [
        (Verdict.OK, "\x1b[32m[SUCCESS]\x1b[0m"),
        (Verdict.NOT_APPLICABLE, "\x1b[32m[SUCCESS]\x1b[0m"),
        (Verdict.PROBLEM, "\x1b[31;1m[FAILURE]\x1b[0m"),
        (Verdict.WARNING, "\x1b[33m[WARN]\x1b[0m"),
        (Verdict.UNKNOWN, "\x1b[35m[UNKNOWN]\x1b[0m"),
        (Verdict.CRASHED, "\x1b[35m[UNKNOWN]\x1b[0m"),
    ],
)
def test_colours(verdict: Verdict, shown: str) -> None:
    found = Finding(verdict, say("y"))
    assert result("x", found, View(colour=True)) == f"module run/x{' ' * 21}{shown} y"


def test_statistics() -> None:
    found = [("a", OK), ("b", BAD), ("c", Finding(Verdict.CRASHED, say("")))]
    assert statistics(found, 1.234) == (
        "--------------[Run  Stats]--------------\n"
        "\n"
        "Total modules run:             3\n"
        "    successes:                 1\n"
        "    failures:                  1\n"
        "    warnings:                  0\n"
        "    unknown:                   1\n"
        "Seconds:                    1.23\n"
    )


def test_the_file_of_a_module() -> None:
    finding = Finding(
        Verdict.CRASHED,
        say("no"),
        (),
        (Evidence("dmesg", "one\ntwo"),),
        facts={"traceback": "T\n  at"},
    )
    assert evidence("x", finding, ("do this", "")) == (
        "module run/x                     [UNKNOWN] no\n"
        "\n"
        "Evidence:\n"
        "[dmesg]\n"
        "    one\n"
        "    two\n"
        "\n"
        "By hand, on this host:\n"
        "    do this\n"
        "    \n"
        "\n"
        "T\n"
        "  at\n"
    )


def test_a_table_is_as_wide_as_its_words() -> None:
    rows = [{"A": "1", "Bee": "2"}, {"A": "1234", "Bee": "5"}]
    assert table(rows) == "A     Bee\n1     2\n1234  5\n"


def test_a_header_is_40_wide() -> None:
    assert header("Module Run") == "--------------[Module Run]--------------"
