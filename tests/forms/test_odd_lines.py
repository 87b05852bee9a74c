"""Lines that are not as the kernel or a daemon wrote them: an event, or a doubt; never silence."""

from __future__ import annotations

import pytest

from ec2rl.model import Finding, Verdict
from ec2rl.report.wording import details, summary
from support.log_forms import judged

FULL = "nf_conntrack: nf_conntrack: table full, dropping packet"
BOOT = "[    0.000000] Linux version 6.1.0 (x) #1 SMP"
QUIET = [BOOT, *(f"[    1.{n:06}] eth0: filler line" for n in range(200))]
TOLD = (Verdict.WARNING, Verdict.UNKNOWN)


def conntrack(text: str) -> Finding:
    return judged(text.encode(), ["conntrackfull"])["conntrackfull"]


def said(finding: Finding) -> str:
    return " ".join((summary(finding), *details(finding)))


@pytest.mark.parametrize(
    "text",
    [
        " ".join((*QUIET, f"[ 5000.000000] {FULL}")) + "\n",
        "\\n".join((*QUIET, f"[ 5000.000000] {FULL}\\n\n")),
        "\n".join((*QUIET, "[ 9.000000] a" + " b" * 4000 + f" {FULL}\n")),
        "\n".join((*QUIET, "[ 9.000000] a" + " b" * 2030 + f" {FULL}\n")),
        "\n".join((*QUIET, "[ 9.000000] a" + " b" * 90000 + f" {FULL}" + " b" * 90000 + "\n")),
        "\n".join((*QUIET, "Nov 26 10:00:00 web a[1]: " + " b" * 4000 + f" {FULL}\n")),
    ],
    ids=["blanks", "escapes", "far", "across", "very far", "a program's"],
)
def test_words_far_behind_the_beginning_of_a_line_are_told(text: str) -> None:
    assert conntrack(text).verdict in TOLD


MESSAGES = {
    "rcu: INFO: rcu_sched self-detected stall on CPU": "softlockup",
    "arp_cache: neighbor table overflow!": "neighbourfull",
    "IPv6: ndisc_cache: neighbor table overflow!": "neighbourfull",
    "Oops: 0002 [#1] SMP": "kerneldereference",
    "PANIC: double fault, error_code: 0x0": "kerneloops",
    "serial8250: too much work for irq4": "consoleoverload",
    "xen_netfront: xennet: skb rides the rocket: 19 slots": "xennetrocket",
    FULL: "conntrackfull",
}
HEADS = (
    "<4>Nov 26 10:00:00 web-1 ",
    "<4>2026-11-26T10:00:00+00:00 web-1 ",
    "Nov 26 10:00:00 web-1 ",
    "Nov 26 10:00:00 ",
    "Nov 26 10:00:00 web-1 kern.warn: ",
    "2026-11-26T10:00:00+00:00 web-1 kern: ",
)


@pytest.mark.parametrize("head", HEADS)
def test_the_first_word_of_a_message_is_no_program(head: str) -> None:
    missed = {
        message
        for message, name in MESSAGES.items()
        if "not verified" not in said(judged(f"{head}{message}\n".encode(), [name])[name])
    }
    assert missed == set()


def test_a_program_may_say_what_the_kernel_says() -> None:
    text = f"Nov 26 10:00:00 web-1 app[12]: {FULL}\nNov 26 10:00:00 web-1 app: {FULL}\n"
    assert "not understood" not in said(conntrack(text))


@pytest.mark.parametrize("tag", ["kernel.warn", "host.log", "docker"])
def test_an_object_that_names_the_kernel_is_not_understood(tag: str) -> None:
    told = f'{{"host":"web","ident":"kernel","message":"{FULL}"}}'
    found = conntrack(f"2026-11-26 10:00:00.000000000 +0000 {tag}: {told}\n")
    assert "not understood: 1 line holds the words" in said(found)


def test_what_was_not_tried_is_not_understood() -> None:
    words = ("".join(chr(97 + n % 26) * (1 + n // 26)) for n in range(70))
    odd = [f"[    2.000000] conntrack: no {word} is known" for word in words]
    text = "\n".join((*QUIET, *odd, f"[    9.000000] link is up{FULL} x", ""))
    assert conntrack(text).verdict is Verdict.UNKNOWN


def test_lines_that_differ_by_numbers_are_tried_once() -> None:
    rules = (f"[    2.{n:06}] conntrack: INVALID PACKET {n}" for n in range(300))
    text = "\n".join((*QUIET, *rules, f"[    9.000000] link is up{FULL}", ""))
    assert "not understood: 1 line holds the words" in said(conntrack(text))


USERS = 'overlayfs: unrecognized mount option "x'
FORGED = {
    "-H": ("[Nov26 00:38] Linux version 6.1.0", f"[  +5.000000] {USERS}", f"[  +0.000000] {FULL}"),
    "-H, minute": (
        "[Nov26 00:38] Linux version 6",
        f"[Nov26 00:39] {USERS}",
        f"[  +0.000000] {FULL}",
    ),
    "delta": (
        "[<    0.000000>] Linux version 6.1.0",
        f"[<    5.000000>] {USERS}",
        "[<    0.000000>] y",
        f"[<    0.000000>] {FULL}",
    ),
    "-r": ("<6>Linux version 6.1.0", f"<6>{USERS}", f"<6>{FULL}"),
    "-r, later": ("<6>Linux version 6.1.0", f"<6>{USERS}", "<6>y", "<6>z", f"<6>{FULL}"),
    "-x": tuple(f"kern  :info  : {said}" for said in ("Linux version 6.1.0", USERS, FULL)),
}


@pytest.mark.parametrize("lines", FORGED.values(), ids=FORGED)
def test_the_tail_of_a_users_string_is_no_failure(lines: tuple[str, ...]) -> None:
    assert conntrack("\n".join((*lines, ""))).verdict is not Verdict.PROBLEM


@pytest.mark.parametrize("head", ["<6>", "kern  :info  : "])
def test_without_times_what_stands_behind_no_users_string_is_the_kernels(head: str) -> None:
    text = "".join(f"{head}{line}\n" for line in ("Linux version 6.1.0", "eth0: is up", FULL))
    assert conntrack(text).verdict is Verdict.PROBLEM


@pytest.mark.parametrize("quotation", ["", "> ", ">", "| ", "  > > ", "&gt; "])
@pytest.mark.parametrize("inside", [" " * 15, "\t       ", "\t\t"])
def test_the_inside_of_a_record_stays_so_where_it_is_quoted(quotation: str, inside: str) -> None:
    lines = (
        BOOT,
        "[ 9002.000000] overlayfs: missing 'lowerdir x",
        f"{inside}[ 9003.500000] {FULL}",
    )
    found = conntrack("".join(f"{quotation}{line}\n" for line in lines))
    assert found.verdict is not Verdict.PROBLEM
