"""Lines that are not as the kernel or a daemon wrote them: an event, or a doubt; never silence."""

from __future__ import annotations

import pytest

from ec2rl.model import Finding, Verdict
from ec2rl.report.wording import details, summary
from support.log_verdicts import judged

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


CUT = {
    "conntrackfull": FULL,
    "hungtasks": "INFO: task jbd2/sda1-8:1234 blocked for more than 120 seconds.",
    "softlockup": "watchdog: BUG: soft lockup - CPU#2 stuck for 22s! [stress-ng-cpu:4242]",
    "kerneldereference": "BUG: kernel NULL pointer dereference, address: 0000000000000010",
    "oomkiller": "Out of memory: Killed process 41 (java) total-vm:800000kB, anon-rss:400000kB, "
    "file-rss:0kB, shmem-rss:0kB",
    "neighbourfull": "neighbour: arp_cache: neighbor table overflow!",
}
ENDS = ("", "...", "…", ">", " ")


@pytest.mark.parametrize("name", CUT)
def test_the_beginning_of_a_message_at_the_end_of_a_line_is_told(name: str) -> None:
    message = CUT[name]
    for number, length in enumerate(range(14, len(message) - 1, 5)):
        line = f"[    5.000000] {message[:length]}{ENDS[number % len(ENDS)]}"
        text = "\n".join((*QUIET, line, "[    6.000000] eth0: is down", ""))
        assert judged(text.encode(), [name])[name].verdict is not Verdict.OK, line


USUAL = (
    "nf_conntrack: default automatic helper assignment has been turned off",
    "nf_conntrack version 0.5.0 (65536 buckets, 262144 max)",
    "NMI watchdog: Enabled. Permanently consumes one hw-PMU counter.",
    "watchdog: watchdog0: watchdog did not stop!",
    "serial8250: ttyS0 at I/O 0x3f8 (irq = 4, base_baud = 115200) is a 16550A",
    "rcu: Hierarchical RCU implementation.",
    "pps_core: Software ver. 5.3.6 - Copyright 2005-2007 Rodolfo Giometti <giometti@linux.it>",
    "Freeing unused kernel image (initmem) memory: 2752K...",
    "systemd[1]: Starting Load **Kernel** Modules...",
)


def test_usual_messages_begin_none_of_ours() -> None:
    text = "\n".join((*QUIET, *(f"[    5.000000] {said}" for said in USUAL), ""))
    found = judged(text.encode(), [*CUT, "consoleoverload"])
    assert {name for name, one in found.items() if "not understood" in said(one)} == set()
    assert not any("cut at" in said(one) for one in found.values())


SAID = (FULL, *CUT.values(), *USUAL)


def test_a_text_cut_at_the_edge_of_a_screen_has_a_gap() -> None:
    for width, end in ((60, ""), (50, ">"), (66, "…"), (55, "...")):
        lines = [f"[    5.000000] {said}" for said in SAID]
        cut = [line if len(line) <= width else line[: width - len(end)] + end for line in lines]
        text = "\n".join((*QUIET, *cut, ""))
        found = judged(text.encode(), ["xennetrocket"])["xennetrocket"]
        assert found.verdict is Verdict.UNKNOWN, (width, end)
        assert f"its lines are cut at {width} characters" in said(found)


CHANGED = {
    "no-break spaces": f"[    5.000000] {FULL}".replace(" ", "\u00a0"),
    "wide blanks": f"[    5.000000] {FULL}".replace("table ", "table\u2003"),
    "bold": f"[    5.000000] {FULL}".replace("full", "**full**"),
    "emphasis": f"[    5.000000] {FULL}".replace("full", "_full_"),
    "a mark": f"[    5.000000] {FULL}".replace("full", '<mark class="a">full</mark>'),
    "cat -v": f"[    5.000000] {FULL}".replace("full", "^[[01;31m^[[Kfull^[[m^[[K"),
    "rsyslog's escapes": f"[    5.000000] {FULL}".replace("full", "#033[31mfull#033[m"),
    "a soft hyphen": f"[    5.000000] {FULL}".replace("full", "fu\u00adll"),
    "a zero-width space": f"[    5.000000] {FULL}".replace("full", "fu\u200bll"),
    "two blanks": f"[    5.000000] {FULL}".replace("table full", "table  full"),
    "tabs": f"[    5.000000] {FULL}".replace(": ", ":\t"),
    "overstrike": f"[    5.000000] {FULL}".replace("full", "f\bfu\bul\bll\bl"),
    "dashes": f"[    5.000000] {CUT['softlockup']}".replace(" - ", " \u2013 "),
    "minus": f"[    5.000000] {CUT['softlockup']}".replace(" - ", " \u2212 "),
    "a dash and two blanks": f"[    5.000000] {CUT['softlockup']}".replace(" - ", " \u2014  "),
}


@pytest.mark.parametrize("line", CHANGED.values(), ids=CHANGED)
def test_words_that_a_paste_changed_are_told(line: str) -> None:
    text = "\n".join((*QUIET, line, ""))
    found = judged(text.encode(), ["conntrackfull", "softlockup"])
    assert found["softlockup" if "lockup" in line else "conntrackfull"].verdict is not Verdict.OK


def test_another_separator_of_lines_ends_no_record() -> None:
    line = f"[    5.000000] {USERS}\u2028[    6.000000] {FULL}"
    assert conntrack("\n".join((*QUIET, line, ""))).verdict in TOLD


SUBJECTS = {
    "conntrackfull": ["nf_conntrack: nf_conntrack: table full, dropping packet foo"] * 3,
    "neighbourfull": ["neighbour: arp_cache: neighbor table overflow! bar"] * 2,
    "": [
        "TCP: request_sock_TCP: Possible SYN flooding on port 80. Sending cookies.",
        "net_ratelimit: 5 callbacks suppressed",
    ],
}


@pytest.mark.parametrize("head", ["X[1] ", "<x> ", "Thu something host "])
@pytest.mark.parametrize("name", ["conntrackfull", "neighbourfull"])
def test_a_module_counts_its_own_lines_that_are_not_understood(head: str, name: str) -> None:
    lines = [f"{head}{line}\n" for each in SUBJECTS.values() for line in each]
    finding = judged("".join(lines).encode(), ["conntrackfull", "neighbourfull"])[name]
    number = len(SUBJECTS[name])
    assert f"not understood: {number} lines hold the words" in said(finding)
    others = judged("".join(f"{head}{line}\n" for line in SUBJECTS[""]).encode(), [name])[name]
    assert "not understood" not in said(others)
