"""A message that something stands before, behind or within, in its own line: never silence."""

from __future__ import annotations

import pytest

from ec2rl.model import Verdict
from support.log_forms import EVENTS, plain, records
from support.log_verdicts import judged, modules

FILES = {
    # fs/ext4/super.c, 6.1; fs/xfs/xfs_fsops.c, 6.1; block/blk-mq.c, 6.1; mm/oom_kill.c, 6.1.
    "ext4": ("fserrors", "EXT4-fs error (device sda1): ext4_lookup:1: inode #2: comm ls: deleted"),
    "XFS": ("fserrors", "XFS (dm-0): Corruption of in-memory data.  Shutting down filesystem"),
    "a disk": ("ioerrors", "I/O error, dev nvme0n1, sector 123 op 0x0:(READ) flags 0x0 phys_seg 1"),
    "a request": (
        "oomkiller",
        "java invoked oom-killer: gfp_mask=0x1100cca(GFP_HIGHUSER), order=0, oom_score_adj=0",
    ),
}
ALL = {**EVENTS, **FILES}
TEXT = plain(records("ena 0000:00:05.0 eth0: link is up")).decode()


def verdict(name: str, *lines: str) -> Verdict:
    text = TEXT + "".join(f"{line}\n" for line in lines) + "[  900.000000] usb 1-2: new\n"
    return judged(text.encode(), [name], modules([name]))[name].verdict


@pytest.mark.parametrize("event", ALL)
def test_a_message_behind_its_own_beginning_is_told(event: str) -> None:
    name, message = ALL[event]
    cuts = [message[:length] for length in range(1, len(message), 5)]
    silent = [cut for cut in cuts if verdict(name, f"[  500.000000] {cut}{message}") is Verdict.OK]
    assert silent == []


@pytest.mark.parametrize(
    "before",
    [
        "systemd[1]: Started a.",
        "systemd-journald[300]: Received SIGTERM from PID 1 (system",
        "audit: type=1400 audit(1.1:1): ",
        "[UFW BLOCK] IN=eth0 OUT= MAC=",
        "nf_conntrack: default automatic helper assignment has been turned off ",
        "rcu: INFO: rcu_preempt ",
        "Out of memory: ",
        "BUG: ",
        "watchdog: BUG: soft lockup - CPU#0 stuck for 23s! [wor",
    ],
)
@pytest.mark.parametrize("event", ALL)
def test_a_message_behind_others_words_is_told(event: str, before: str) -> None:
    name, message = ALL[event]
    assert verdict(name, f"[  500.000000] {before}{message}") is not Verdict.OK


@pytest.mark.parametrize("behind", [" IN=eth0 OUT= MAC=00", "IN= OUT=eth0", "usb 1-1: new IN=x "])
@pytest.mark.parametrize("event", ALL)
def test_a_message_before_others_words_is_told(event: str, behind: str) -> None:
    name, message = ALL[event]
    assert verdict(name, f"[  500.000000] {message}{behind}") is not Verdict.OK


def test_what_only_holds_words_is_no_message() -> None:
    said = (
        "systemd[1]: Starting nf_conntrack: table loader",
        "audit: type=1400 conntrack: allowed",
        "[INVALID conntrack: ] IN=eth0 OUT= SRC=10.0.0.1",
        "usb 1-1: error, dev 12",
    )
    for name in ("conntrackfull", "ioerrors"):
        assert verdict(name, *(f"[  500.000000] {one}" for one in said)) is Verdict.OK


ANOTHERS = (
    ("[  600.300000] usb 1-1: new device", "{0}{another}", "{1}"),
    ("[  600.300000] systemd[1]: Started a.", "{0}{another}", "[  600.400000] x", "{1}"),
    ("[  600.300000] usb 1-1: n", "{0}{another}", "{1}", "ew device"),
    ("[  600.300000] usb 1-1: new", "> {0}{another}", "> {1}"),
)


@pytest.mark.parametrize("forms", ANOTHERS)
@pytest.mark.parametrize("event", ALL)
def test_a_message_that_another_ones_stamp_cuts_is_told(event: str, forms: tuple[str, ...]) -> None:
    name, message = ALL[event]
    another, *lines = forms
    silent = []
    for length in range(1, len(message), 4):
        halves = f"[  600.200000] {message[:length]}", message[length:]
        told = [line.format(*halves, another=another) for line in lines]
        if verdict(name, *told) is Verdict.OK:
            silent.append(told)
    assert silent == []


@pytest.mark.parametrize("event", ["soft lockup", "hung task", "oom", "hard lockup, 2.6"])
def test_a_message_that_others_cut_twice_is_told(event: str) -> None:
    name, message = ALL[event]
    another = "[  600.300000] usb 1-1: new"
    for first in range(4, len(message) - 8, 5):
        if message[first - 1].isalnum() and message[first + 3].isalnum():
            parts = message[:first], message[first : first + 4], message[first + 4 :]
            told = [f"[  600.200000] {parts[0]}{another}", f"{parts[1]}{another}", parts[2]]
            assert verdict(name, *told) is not Verdict.OK, told


STAMPED = (
    ("[  600.200000 <    1.200000>] ", "[  600.300000 <    0.100000>] "),
    ("[  600.200000 <    1.200000>] ", "[  600.300000] "),
    ("[Mon Sep 21 14:15:00 2026] ", "[Mon Sep 21 14:15:00 2026] "),
    ("[  +1.200000] ", "[  +0.100000] "),
    ("Sep 21 14:15:00 web-1 kernel: ", "[  600.300000] "),
)


@pytest.mark.parametrize("stamps", STAMPED)
@pytest.mark.parametrize("event", ["soft lockup", "hung task", "oom", "xennet", "table full (nf_)"])
def test_whatever_stamps_a_text_has(event: str, stamps: tuple[str, str]) -> None:
    """Where a line has one alone, a cut behind a letter is seen: others stand behind programs."""
    name, message = ALL[event]
    own, anothers = stamps
    head = "[    0.000000] Linux version 6.1.0 (x) #1 SMP\n".replace("[    0.000000] ", own)
    for length in range(4, len(message), 4):
        if message[length - 1].isalnum():
            cut = f"{own}{message[:length]}{anothers}usb 1-1: new\n{message[length:]}\n"
            found = judged((head + cut).encode(), [name], modules([name]))[name]
            assert found.verdict is not Verdict.OK, cut


@pytest.mark.parametrize("blanks", [" " * 16, "\t\t", " " * 30, " " * 15])
@pytest.mark.parametrize("event", ALL)
def test_a_record_that_stands_far_in_is_told(event: str, blanks: str) -> None:
    name, message = ALL[event]
    line = f"{blanks}[  600.000000] {message}"
    assert verdict(name, line) in (Verdict.WARNING, Verdict.UNKNOWN)


def test_the_inside_of_what_a_program_said_is_no_failure() -> None:
    name, message = EVENTS["panic"]
    text = (
        "-- Logs begin at Mon 2026-09-21 08:00:00 UTC, end at Mon 2026-09-21 14:16:00 UTC. --\n"
        "Sep 21 14:13:20 web-1 kernel: Linux version 6.1.0 (x) #1 SMP\n"
        "Sep 21 14:15:00 web-1 app[4242]: hello\n"
        f"{' ' * 33}[  600.000000] {message}\n"
    )
    assert judged(text.encode(), [name])[name].verdict in (Verdict.WARNING, Verdict.UNKNOWN)


OOPSES = ("BUG", "NULL dereference", "general protection fault", "divide error")


@pytest.mark.parametrize("behind", OOPSES)
@pytest.mark.parametrize("first", OOPSES)
def test_an_oops_behind_one_of_another_kind_is_told(first: str, behind: str) -> None:
    name, message = ALL[behind]
    others = ALL[first][1]
    for length in (len(others), len(others) - 2):
        line = f"[  500.000000] {others[:length]}systemd[1]: Started a.{message}"
        assert verdict(name, line) is not Verdict.OK


HEADS = ("[<   98.250000>] ", "kern  :err   : ", "[  600.200000] ", "> [<    1.000000>] ")


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("event", ["console", "soft lockup", "hung task", "oom"])
def test_a_message_is_cut_behind_whatever_letter(event: str, head: str) -> None:
    name, message = ALL[event]
    places = [at for at in range(1, len(message)) if message[at - 1] in ":|)] "]
    silent = []
    for at in places:
        told = f"{head}{message[:at]}[  600.300000] usb 1-1: new device", message[at:]
        if verdict(name, *told) is Verdict.OK:
            silent.append(told)
    assert silent == []


@pytest.mark.parametrize("event", ["table full (ip_)", "soft lockup", "oom", "hung task"])
@pytest.mark.parametrize("head", ["<4>", "[  600.000000] ", "kern  :err   : "])
def test_a_record_glued_to_the_rest_of_a_wrapped_line_is_none_of_it(event: str, head: str) -> None:
    name, message = ALL[event]
    for said in (
        ("Sep 21 14:15:00 web-1 sshd[123]: Accepted publickey for root from", "10.0.0.1"),
        ("Sep 21 14:15:00 web-1 cron[9]: (root) CMD (/usr/local/bin/a --long-option", "-b)"),
        (
            "Sep 21 14:15:00 web-1 dhclient[77]: DHCPACK of 10.0.0.7 on eth0 bound to",
            "x: renewal in",
        ),
    ):
        told = said[0], f"{said[1]}{head}{message}"
        assert verdict(name, *told) is not Verdict.OK, told
        if not head.startswith("<"):  # a line end behind the stamp
            for end in ("", "kernel:"):
                told = f"{said[0]} {said[1]}{head}{end}", message
                assert verdict(name, *told) is not Verdict.OK, told


@pytest.mark.parametrize("event", ["RCU stall", "soft lockup", "hung task", "oom"])
@pytest.mark.parametrize("head", ["[  600.200000] ", "kern  :err   : ", "> <4>"])
def test_a_broken_message_that_another_ones_stamp_cuts_is_told(event: str, head: str) -> None:
    name, message = ALL[event]
    silent = []
    for blank in [at for at in range(4, len(message) - 4) if message[at] == " "][:5]:
        rest = message[blank + 1 :]
        for cut in range(2, min(len(rest) - 1, 30), 5):
            if rest[cut - 1].isalnum():
                another = "[  600.300000] systemd[1]: Reached target Network."
                told = f"{head}{message[:blank]}", f"{rest[:cut]}{another}", rest[cut:]
                if verdict(name, *told) is Verdict.OK:
                    silent.append(told)
    assert silent == []
