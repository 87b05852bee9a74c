"""An oops is told by its headline, its header and its trace, and never takes another's trace."""

from __future__ import annotations

import random

import pytest

from ec2rl.facts.log import LogLine
from ec2rl.facts.oops import OOPS_PHRASES, Kind, oopses, parse_header, parse_headline
from ec2rl.facts.trust import Grade
from ec2rl.model import Verdict
from support.log_verdicts import judged

BUG, POINTER, OTHER = Kind.BUG, Kind.POINTER, Kind.OTHER
HEADLINES = [
    (BUG, "fs/ext4/inode.c:2721", "", "kernel BUG at fs/ext4/inode.c:2721!"),
    (BUG, "f+0x1/0x2 [ena]", "", "Kernel BUG at f+0x1/0x2 [ena] [verbose debug info unavailable]"),
    (POINTER, "NULL pointer dereference", "(null)",
     "BUG: unable to handle kernel NULL pointer dereference at           (null)"),
    (POINTER, "page fault", "ffffc90003000000",
     "BUG: unable to handle page fault for address: ffffc90003000000"),
    (POINTER, "", "", "BUG: unable to handle kernel "),
    (POINTER, "NULL pointer dereference", "00000000000002a0",
     "Unable to handle kernel NULL pointer dereference at virtual address 00000000000002a0"),
    (POINTER, "access to user memory outside uaccess routines", "0000000000000068",
     "Unable to handle kernel access to user memory outside uaccess routines at virtual address "
     "0000000000000068"),
    (POINTER, "NULL pointer dereference on read", "0x00000010",
     "BUG: Kernel NULL pointer dereference on read at 0x00000010"),
    (POINTER, "data access on write", "0xc0080000",
     "BUG: Unable to handle kernel data access on write at 0xc0080000"),
    (POINTER, "instruction fetch (NULL pointer?)", "",
     "BUG: Unable to handle kernel instruction fetch (NULL pointer?)"),
    (POINTER, "paging request for data at address 0x00000010", "",
     "Unable to handle kernel paging request for data at address 0x00000010"),
    (POINTER, "pointer dereference in virtual kernel address space", "",
     "Unable to handle kernel pointer dereference in virtual kernel address space"),
    (OTHER, "double fault", "", "PANIC: double fault, error_code: 0x0"),
]  # fmt: skip
HEADERS = [
    (None, "divide error", "divide error: 0000 [#1] SMP PTI"),
    (None, "int3", "Oops: int3: 0000 [#1] SMP NOPTI"),
    (None, "general protection fault", "general protection fault: 0000 [#1] SMP"),
    (None, "segment-related general protection fault",
     "segment-related general protection fault: 0010 [#1] SMP NOPTI"),
    (None, "general protection fault", "general protection fault, maybe for address "
     "0xffff88810a3b4c08: 0000 [#1] PREEMPT SMP"),
    (None, "general protection fault", "Oops: general protection fault, kernel NULL pointer "
     "dereference 0x8: 0000 [#1] SMP"),
    (None, "unexpected #NM exception", "unexpected #NM exception: 0000 [#1] PREEMPT SMP NOPTI"),
    (OTHER, "double fault", "double fault: 0000 [#1] PREEMPT SMP NOPTI"),
    (None, "kernel stack overflow (double-fault)",
     "kernel stack overflow (double-fault): 0000 [#1] SMP"),
    (BUG, "invalid opcode", "invalid opcode: 0000 [#12] SMP NOPTI"),
    (BUG, "invalid opcode", "Oops: invalid opcode: 0000 [#1] SMP NOPTI"),
    (POINTER, "Oops", "Oops: 0002 [#1] SMP"),
    (POINTER, "Oops", "Oops: Oops: 0002 [#1] SMP NOPTI"),
    (POINTER, "Oops", "Internal error: Oops: 0000000096000004 [#1] PREEMPT SMP"),
    (BUG, "Oops - BUG", "Internal error: Oops - BUG: 0 [#1] SMP"),
    (None, "undefined instruction", "Internal error: Oops - undefined instruction: 0 [#1] SMP"),
    (None, "synchronous external abort",
     "Internal error: synchronous external abort: 0000000096000210 [#1] SMP"),
    (None, "", "Internal error: : 96000210 [#1] PREEMPT SMP"),
    (None, "undefined instruction", "Internal error: Oops - undefined instruction: 0 [#1] SMP ARM"),
    (BUG, "monitor event", "monitor event: 0040 ilc:2 [#1] PREEMPT SMP "),
    (POINTER, "Oops", "Oops: 0004 ilc:2 [#1] SMP "),
    (POINTER, "Kernel access of bad area", "Oops: Kernel access of bad area, sig: 11 [#1]"),
    (BUG, "Exception in kernel mode", "Oops: Exception in kernel mode, sig: 5 [#1]"),
    (POINTER, "Oops", "Oops [#1]"),
    (BUG, "Kernel BUG", "Kernel BUG [#1]"),
    (None, "illegal instruction", "Oops - illegal instruction [#1]"),
]  # fmt: skip
QUOTES = (
    "audit: type=1107 msg='{}'",
    "app: {}",
    "{} [quoted by an application]",
    'systemd[1]: a.service: "{}"',
    "traps: {} ip:55d0 sp:7ffd error:0",
    " {}",
)


def line(message: str, at: float = 100.0, *context: str, caller: str = "") -> LogLine:
    return LogLine(
        message, ("dmesg",), at, int(at * 1e6), "a", this_boot=True, grade=Grade.KERNEL,
        context=context, caller=caller,
    )  # fmt: skip


def looked_for(message: str) -> bool:
    return any(phrase.text.decode() in message for phrase in OOPS_PHRASES)


@pytest.mark.parametrize(("kind", "what", "at", "message"), HEADLINES)
def test_a_headline_of_a_real_kernel_is_one_and_a_quote_is_not(
    kind: Kind, what: str, at: str, message: str
) -> None:
    assert looked_for(message)
    assert parse_headline(message) == (kind, what, at)
    assert [quote for quote in QUOTES if parse_headline(quote.format(message))] == []


@pytest.mark.parametrize(("kind", "what", "message"), HEADERS)
def test_a_header_of_a_real_kernel_is_one_and_a_quote_is_not(
    kind: Kind | None, what: str, message: str
) -> None:
    assert looked_for(message)
    header = parse_header(message)
    assert header is not None
    assert header[:2] == (kind, what)
    assert [quote for quote in QUOTES if parse_header(quote.format(message))] == []


@pytest.mark.parametrize(
    "message",
    ["usb 1-1: queue [#1] reset", "worker ready [#1]", "x [#1]", "[#1]",
     "WARNING: CPU: 0 PID: 1 at mm/slub.c:1 f+0x1/0x2", "Oops", "loop0: rev 1234 [#1"],
)  # fmt: skip
def test_what_only_holds_the_words_is_none(message: str) -> None:
    assert oopses([line(message)]) == []


def test_a_header_whose_headline_is_lost_is_told_all_the_same() -> None:
    told = [(one.kind, one.what) for one in map(first, [h[2] for h in HEADERS])]
    assert len(told) == len(HEADERS)
    assert told[HEADERS.index((POINTER, "Oops", "Oops: 0002 [#1] SMP"))] == (POINTER, "Oops")
    assert first("invalid opcode: 0000 [#1] SMP").kind is OTHER
    assert first("Internal error: Oops - BUG: 0 [#1] SMP").kind is BUG
    assert first("general protection fault: 0000 [#1] SMP").kind is POINTER


def first(message: str):  # type: ignore[no-untyped-def]
    (oops,) = oopses([line(message)])
    return oops


def test_a_headline_that_stands_in_anothers_trace_does_not_take_it() -> None:
    lines = [
        line("kernel BUG at lib/list_debug.c:23!", 10.0),
        line("invalid opcode: 0000 [#1] SMP PTI", 10.1),
        line(
            "kernel BUG at mm/usercopy.c:102!", 10.2, cpu(0, "alpha"), "Call Trace:", " f+0x1/0x2"
        ),
        line(
            "invalid opcode: 0000 [#2] SMP PTI", 10.3, cpu(1, "beta"), "Call Trace:", " g+0x1/0x2"
        ),
    ]
    told = [(one.what, one.trace.task, one.trace.frames) for one in oopses(lines)]
    assert told == [
        ("lib/list_debug.c:23", "alpha", ("f",)),
        ("mm/usercopy.c:102", "beta", ("g",)),
    ]
    # Without the second header nobody knows whose the rest is: not the second one's.
    assert [one.trace.task for one in oopses(lines[:3])] == ["alpha", ""]
    assert [one.trace.task for one in oopses(lines[2:3])] == [""]


def test_two_headlines_before_one_header_are_of_two_that_nobody_can_tell_apart() -> None:
    lines = [
        line("kernel BUG at a.c:1!", 10.0),
        line("kernel BUG at b.c:2!", 10.1),
        line("invalid opcode: 0000 [#1] SMP", 10.2, cpu(0, "alpha")),
        line("invalid opcode: 0000 [#2] SMP", 10.3, cpu(1, "beta")),
    ]
    assert [(one.what, one.trace.task) for one in oopses(lines)] == [("a.c:1", ""), ("b.c:2", "")]
    named = [
        line(one.message, one.time or 0.0, *one.context, caller=caller)
        for one, caller in zip(lines, ("caller=T7", "caller=T9", "caller=T9", "caller=T7"))
    ]
    told = {(one.what, one.trace.task) for one in oopses(named)}
    assert told == {("b.c:2", "alpha"), ("a.c:1", "beta")}


def test_a_header_that_a_context_holds_as_well_is_not_told_again() -> None:
    header = "invalid opcode: 0000 [#2] SMP"
    lines = [
        line("kernel BUG at a.c:1!", 10.0, header, cpu(0, "alpha")),
        line(header, 10.1, cpu(0, "alpha")),
    ]
    assert [(one.what, one.trace.task) for one in oopses(lines)] == [("a.c:1", "alpha")]
    assert [(one.what, one.trace.task) for one in oopses(lines[:1])] == [("a.c:1", "alpha")]


def cpu(number: int, task: str) -> str:
    return f"CPU: {number} PID: {1000 + number} Comm: {task} Not tainted 5.10.0 #1"


@pytest.mark.parametrize("seed", range(200))
def test_whatever_comes_between_no_oops_has_anothers_process(seed: int) -> None:
    """As kernels print them: headlines at any time, headers and traces one at a time."""
    dice = random.Random(seed)
    dying = [(f"f{n}.c:{n}", f"task{n}", n) for n in range(dice.randrange(2, 5))]
    headlines = [(f"kernel BUG at {place}!", task, n) for place, task, n in dying]
    dice.shuffle(headlines)
    said: list[str] = []
    waiting: list[tuple[str, int]] = []
    number = 0
    while headlines or waiting:
        if headlines and (not waiting or dice.random() < 0.5):
            text, task, n = headlines.pop()
            said.append(text)
            waiting.append((task, n))
            continue
        task, n = waiting.pop(dice.randrange(len(waiting)))
        number += 1
        trace = [f"invalid opcode: 0000 [#{number}] SMP", cpu(n, task), "Call Trace:", " f+0x1/0x2"]
        if dice.random() < 0.8:
            trace.append("---[ end trace 0000000000000000 ]---")
        for text in trace:
            if dice.random() < 0.9:  # some lines are lost
                said.append(text)
            if headlines and dice.random() < 0.2:
                told, other, m = headlines.pop()
                said.append(told)
                waiting.append((other, m))
    whose = {place: task for place, task, _ in dying}
    found = oopses(log_of(said))
    assert {one.what for one in found if one.kind is BUG} == set(whose)
    lent = [one for one in found if one.kind is BUG and one.trace.task not in ("", whose[one.what])]
    assert lent == []


def log_of(said: list[str]) -> list[LogLine]:
    """The lines that hold a phrase, each with those behind it."""
    lines: list[tuple[str, float, list[str]]] = []
    for number, text in enumerate(said):
        if looked_for(text):
            lines.append((text, 10.0 + number / 1000, []))
        elif lines:
            lines[-1][2].append(text)
    return [line(text, at, *context) for text, at, context in lines]


OWN = ("kernelbug", "kerneldereference", "kerneloops")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("we saw: Unable to handle kernel paging request, and then nothing", OWN[1:2]),
        (
            "BUG: unable to handle kernel NULL pointer dereference at ... (the rest is lost)",
            OWN[1:2],
        ),
        ("something said BUG: kernel NULL pointer dereference, address unknown", OWN[1:2]),
        ("is it kernel BUG at mm/slub.c? we do not know", OWN[:1]),
        ("a Kernel BUG at 0x0 [verbose debug info unavailable]?", OWN[:1]),
        ("kernel BUG at or Unable to handle kernel paging request", OWN[:2]),
        ("xx: 0002 [#1] it had, with a kernel BUG at x", OWN),
        ("whatever: 0002 [#1] it had", OWN),
    ],
)
def test_what_is_not_understood_concerns_those_whose_words_it_has(
    said: str, told: tuple[str, ...]
) -> None:
    text = f"[    0.000000] Linux version 6.1.0\n[    9.000000] x\nA note: {said}\n"
    found = judged(text.encode(), OWN)
    assert tuple(name for name, one in found.items() if one.verdict is not Verdict.OK) == told
