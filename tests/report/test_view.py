"""What a person sees of results: on terminals of different widths, more of it, less of it."""

from __future__ import annotations

import pytest

from ec2rl.model import (
    Command,
    Evidence,
    Finding,
    Role,
    Statement,
    Tense,
    Unreadable,
    Verdict,
    Why,
    aside,
    fix_with,
    helps,
    more,
    next_step,
    say,
    see_page,
    show_more,
)
from ec2rl.record import replace
from ec2rl.report.offline import of_the_past
from ec2rl.report.text import Much, View, result, results

LOSING = Finding(
    Verdict.PROBLEM,
    say("Conntrack table full errors found. {n:occurrence} in {place}", n=2, place="dmesg"),
    (
        Statement(
            "{who} {is} dropping {n:connection}/s: its table is full, for {s:span}",
            {"who": "shop (netns 4026532177)", "n": 560, "s": 120},
            Role.HEADLINE,
        ),
        say("Evictable: {share:%} at once", share=0.02),
        more(say("Read: {source}", source="dmesg")),
        helps(say("What helps: a larger table")),
        helps(say("It is one limit for all namespaces")),
        fix_with("conntrackfull"),
        show_more("Details: the table itself"),
        see_page("conntrackfull"),
    ),
)
SOUND = Finding(Verdict.OK, say("Nothing found."), (say("Rests on: dmesg"),))
NO_RIGHT = Unreadable("/dev/kmsg", Why.DENIED, "needs root: CAP_SYSLOG")
BLIND = Finding(
    Verdict.UNKNOWN,
    say("Cannot tell: {why:; }", why=(NO_RIGHT,)),
    (more(say("Not read: {why}", why=NO_RIGHT)), next_step("Next: {run_as_root}")),
)
SHORT = View(Much.SHORT)


def test_what_is_sound_has_its_result_line_and_what_is_not_what_a_person_acts_on() -> None:
    said = results([("conntrackfull", LOSING), ("kernelbug", SOUND)], SHORT)
    indent = " " * 33
    assert said == (
        "----------[Diagnostic Results]----------\n\n"
        "module run/conntrackfull         [FAILURE] Conntrack table full errors found. "
        "2 occurrences in dmesg\n"
        f"{indent}-- shop (netns 4026532177) is dropping 560 connections/s: its table is full, "
        "for 2 min\n"
        f"{indent}-- Evictable: 2% at once\n"
        f"{indent}-- To fix it: sudo ./ec2rl fix conntrackfull (shows a plan, and asks)\n"
        f"{indent}-- Details: the table itself\n"
        f"{indent}-- Next: sudo ./ec2rl explain conntrackfull\n"
        "module run/kernelbug             [SUCCESS] Nothing found.\n"
    )


def test_a_volume_is_fixed_where_it_is_mounted_and_a_log_is_not() -> None:
    where = say("the volume {root}", root="/mnt/my disk")
    volume = of_the_past(LOSING, where, root="/mnt/my disk")
    fix = "-- To fix it: sudo ./ec2rl fix conntrackfull --root='/mnt/my disk' (shows a plan"
    assert fix in result("conntrackfull", volume)
    assert "-- Next: ./ec2rl explain conntrackfull --page-only" in result("conntrackfull", volume)
    assert "To fix it" not in result("conntrackfull", of_the_past(LOSING, where))


def test_all_of_it_is_what_the_file_has() -> None:
    assert result("conntrackfull", LOSING, View(Much.ALL)) == result("conntrackfull", LOSING)
    assert result("conntrackfull", LOSING).count("\n") == 8
    assert "Rests on: dmesg" in result("kernelbug", SOUND)


def test_the_verdicts_alone() -> None:
    said = results([("conntrackfull", LOSING), ("kernelbug", SOUND)], View(Much.VERDICT))
    assert [line[:44].split() for line in said.splitlines()] == [
        ["module", "run/conntrackfull", "[FAILURE]", "C"],
        ["module", "run/kernelbug", "[SUCCESS]", "N"],
    ]


def test_of_what_helps_the_words_go_first_where_there_is_more_than_three_lines() -> None:
    steps = (*(helps(say("{n}", n=n)) for n in range(4)), see_page("x"))
    said = result("x", Finding(Verdict.WARNING, say("y"), steps), SHORT)
    assert [line.strip() for line in said.splitlines()[1:]] == [
        *("-- 0", "-- 1", "-- Next: sudo ./ec2rl explain x")
    ]


def test_eighty_columns_keep_the_indent() -> None:
    assert (
        result("conntrackfull", LOSING, View(Much.SHORT, width=80))
        == """\
module run/conntrackfull         [FAILURE] Conntrack table full errors found. 2
                                 occurrences in dmesg
                                 -- shop (netns 4026532177) is dropping 560
                                    connections/s: its table is full, for 2 min
                                 -- Evictable: 2% at once
                                 -- To fix it: sudo ./ec2rl fix conntrackfull
                                    (shows a plan, and asks)
                                 -- Details: the table itself
                                 -- Next: sudo ./ec2rl explain conntrackfull"""
    )


def test_forty_columns_are_readable() -> None:
    said = result("conntrackfull", LOSING, View(Much.SHORT, width=40))
    assert (
        said
        == """\
module run/conntrackfull [FAILURE]
    Conntrack table full errors found. 2
    occurrences in dmesg
  -- shop (netns 4026532177) is dropping
     560 connections/s: its table is
     full, for 2 min
  -- Evictable: 2% at once
  -- To fix it:
     sudo ./ec2rl fix conntrackfull
     (shows a plan, and asks)
  -- Details: the table itself
  -- Next:
     sudo ./ec2rl explain conntrackfull"""
    )
    assert max(map(len, said.splitlines())) <= 40


def test_a_right_that_is_missing_is_told_once_and_what_to_type_next_once() -> None:
    blind = [(f"module{number}", BLIND) for number in range(9)]
    said = results([("conntrackfull", LOSING), *blind], SHORT)
    assert said.count("needs root: CAP_SYSLOG") == 1
    assert said.count("Cannot tell: /dev/kmsg: denied") == 9
    assert said.endswith("\n\nNext: run it as root on the host itself: sudo ./ec2rl run\n")
    assert said.count("run it as root") == 1
    assert results(blind).count("needs root: CAP_SYSLOG") == 18


@pytest.mark.parametrize(("number", "folds"), [(10, False), (11, True)])
def test_more_than_ten_sound_modules_fold_on_a_terminal(number: int, folds: bool) -> None:
    names = [f"m{n}" for n in range(number)]
    domains = {**dict.fromkeys(names, "os"), "m0": "net", "conntrackfull": "net"}
    findings = [("conntrackfull", LOSING), *((name, SOUND) for name in names)]
    said = results(findings, View(Much.SHORT, width=200, domains=domains))
    folded = (
        "1 module of net                  [SUCCESS] m0\n"
        "10 modules of os                 [SUCCESS] m1, m2, m3, m4, m5, m6, m7, m8, m9, m10\n"
    )
    assert said.endswith(folded) is folds
    assert said.count("Nothing found.") == (0 if folds else number)
    in_a_pipe = results(findings, View(Much.SHORT, domains=domains))
    assert in_a_pipe.count("Nothing found.") == number


@pytest.mark.parametrize("file", ["a.case", "my file", "-odd"])
def test_more_of_a_recording_is_asked_of_the_recording(file: str) -> None:
    details = show_more("Details: {top}", top=Command("conntrack top --netns=7"))
    found = Finding(Verdict.PROBLEM, say("Full."), (details,))
    past = of_the_past(found, say("the recording"), replay=file)
    quoted = f"'{file}'" if " " in file else file
    assert f"-- Details: ./ec2rl conntrack top --netns=7 --replay={quoted}" in result("x", past)


@pytest.mark.parametrize(("number", "folds"), [(3, False), (4, True)])
def test_more_than_three_that_lack_evidence_fold_on_a_terminal(number: int, folds: bool) -> None:
    lacking = Finding(
        Verdict.UNKNOWN,
        say("Cannot tell. {why}", why=Unreadable("/a", Why.ABSENT)),
        (see_page("x"),),
        tense=Tense.PAST,
    )
    names = [f"m{n}" for n in range(number)]
    others = {
        "quoted": replace(lacking, evidence=(Evidence("console", "BUG: of its own kind"),)),
        "told": replace(lacking, details=(say("The text ends in the initrd"),)),
        "live": replace(lacking, tense=Tense.PRESENT),
        "damaged": replace(
            lacking, summary=say("Cannot tell. {why}", why=(Unreadable("/a", Why.FAILED),))
        ),
        "late": replace(lacking, summary=say("Cannot tell. {why}", why="late"), details=()),
    }
    findings = [*((name, lacking) for name in names), *others.items(), ("sound", SOUND)]
    domains = dict.fromkeys((name for name, _ in findings), "os")
    said = results(findings, View(Much.SHORT, width=200, domains=domains))
    folded = (
        "4 modules                        [UNKNOWN] What was handed over does not tell "
        "(--all: why): m0, m1, m2, m3\nmodule run/sound"
    )
    assert (folded in said) is folds
    assert said.count("Cannot tell.") == len(others) + (0 if folds else number)
    for whole in (View(Much.SHORT, domains=domains), View(Much.SHORT, width=200)):
        assert results(findings, whole).count("Cannot tell.") == len(others) + number


def test_what_was_left_out_of_a_verdict_is_said_below_any_and_keeps_its_line() -> None:
    left = aside(say("Not the kernel's: {n:line}", n=1))
    sound = Finding(Verdict.OK, say("Nothing found."), (left, more(say("Read: dmesg"))))
    shown = result("kernelbug", sound, View(Much.SHORT))
    assert shown.endswith("[SUCCESS] Nothing found.\n" + " " * 33 + "-- Not the kernel's: 1 line")
    many = [(f"m{number}", Finding(Verdict.OK, say("x"))) for number in range(12)]
    view = View(Much.SHORT, width=120, domains=dict.fromkeys(["kernelbug", *dict(many)], "os"))
    folded = results([*many, ("kernelbug", sound)], view)
    assert "12 modules of os" in folded
    assert "module run/kernelbug" in folded
