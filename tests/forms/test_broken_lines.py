"""Messages that line ends broke: a doubt that is named where they may be one, silence elsewhere."""

from __future__ import annotations

import pytest

from ec2rl.model import Verdict
from ec2rl.report.wording import details, summary
from support.log_verdicts import judged

BOOT = "[    0.000000] Linux version 6.1.0-10-cloud-amd64 (a@b) (gcc-12) #1 SMP PREEMPT_DYNAMIC x\n"

BROKEN = {
    "in the words themselves": (
        "conntrackfull",
        "[   99.500000] nf_conntrack: nf_conntrack: table full, dropping\npacket\n",
    ),
    "behind the words": (
        "softlockup",
        "[   99.500000] watchdog: BUG: soft lockup - CPU#0 stuck for 23s!\n[worker:4711]\n",
    ),
    "in a word, by a terminal": (
        "hungtasks",
        "[   99.500000] INFO: task postgres:2201 blocked for mo\nre than 122 seconds.\n",
    ),
    "in several places, before the words": (
        "oomkiller",
        "[   99.500000] Memory cgroup out of memory: Killed process 2231\n"
        "(app) total-vm:1253508kB,\nanon-rss:958776kB, file-rss:29400kB, shmem-rss:0kB,\n"
        "UID:65534 pgtables:288kB oom_score_adj:-997\n",
    ),
    "in a quotation": (
        "kerneldereference",
        "> [   99.500000] BUG: kernel NULL pointer dereference, address:\n> 0000000000000008\n",
    ),
    "by a tab": (
        "hungtasks",
        "[   99.500000] INFO: task postgres:2201 blocked for more than\t122 seconds.\n",
    ),
    "in a line of no form": (
        "kerneldereference",
        "99.500000] BUG: kernel NULL pointer dereference,\naddress: 0000000000000008\n",
    ),
    "with another record glued to its end": (
        "hungtasks",
        "[   99.500000] INFO: task postgres:2201 blocked for more than\n"
        "122 seconds.[  130.750000] ena 0000:00:05.0 eth0: link up\n",
    ),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_message_that_may_be_broken_is_quoted_and_never_a_success(how: str) -> None:
    name, text = BROKEN[how]
    quoted = "> " if text.startswith("> ") else ""
    found = judged((quoted + BOOT + text).encode(), [name])[name]
    assert found.verdict is Verdict.UNKNOWN
    assert "not understood: 1 line holds the words" in summary(found)
    assert any("the first of them in " in line for line in details(found))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        # What is whole counts, whatever stands behind it.
        ("neighbourfull", "[   99.500000] neighbour: arp_cache: neighbor table overflow!\nodd\n"),
        ("xennetrocket", "[   99.500000] xennet: skb rides the rocket: 19 slots\n\nBye,\nA\n"),
    ],
)
def test_what_is_whole_is_told_as_it_is(name: str, text: str) -> None:
    found = judged((BOOT + text).encode(), [name])[name]
    assert found.verdict is Verdict.PROBLEM
    assert not any("not understood" in line for line in details(found))


@pytest.mark.parametrize(
    "text",
    [
        # No message of ours, however the lines are put together.
        "[    9.500000] nf_conntrack: default automatic helper assignment\nhas been turned off\n",
        "[    9.500000] nf_conntrack version 0.5.0 (65536 buckets,\n262144 max)\n",
        # Another program's record.
        "[    9.500000] a\n[    9.600000] b\n"
        "Sep 21 14:15:00 h sshd[1]: nf_conntrack: table full,\ndropping packet\n",
    ],
)
def test_other_lines_that_are_broken_change_nothing(text: str) -> None:
    found = judged((BOOT + text).encode(), ["conntrackfull"])["conntrackfull"]
    assert found.verdict is Verdict.OK


@pytest.mark.parametrize(
    ("margin", "event", "verdict"),
    [
        (12, 12, Verdict.PROBLEM),  # a margin that all lines have
        (7, 8, Verdict.PROBLEM),  # one line of them lost a blank
        (0, 9, Verdict.WARNING),  # farther in than the others, and not below a message
        (0, 15, Verdict.WARNING),  # right below the message above: maybe a string with line ends
    ],
)
def test_what_stands_far_in_is_the_inside_of_a_record_only_below_its_message(
    margin: int, event: int, verdict: Verdict
) -> None:
    text = " " * margin + BOOT + " " * margin + "[   90.000000] overlayfs: x\n"
    text += " " * event + "[   99.500000] xennet: skb rides the rocket: 19 slots\n"
    assert judged(text.encode(), ["xennetrocket"])["xennetrocket"].verdict is verdict


@pytest.mark.parametrize(
    "line",
    [
        "Sep 21 14:14:59 2026] serial8250: too much work for irq4",  # a stamp that lost its start
        "Sep 21 14:14:59 h serial8250: too much work for irq4",  # a daemon without `kernel:`
    ],
)
def test_a_message_is_not_taken_for_a_programs(line: str) -> None:
    text = BOOT + "[    5.000000] a\n[    6.000000] b\n" + line + "\n"
    found = judged(text.encode(), ["consoleoverload"])["consoleoverload"]
    assert found.verdict in (Verdict.WARNING, Verdict.UNKNOWN)


def test_an_odd_line_of_an_earlier_boot_is_no_silence() -> None:
    text = BOOT + "[    5.000000] a[   99.500000] xennet: skb rides the rocket: 19 slots x\n" + BOOT
    found = judged(text.encode(), ["xennetrocket"])["xennetrocket"]
    assert found.verdict is Verdict.UNKNOWN
