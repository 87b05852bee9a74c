"""The kernel's log: what is the kernel's own, and how far back it goes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2rl.diagnosis.coverage import covers
from ec2rl.facts.kernel_log import read_kernel_log
from ec2rl.facts.kmsg import kmsg_span, parse_kmsg, unescape
from ec2rl.facts.log import KernelLog, LogLine, LogSource
from ec2rl.facts.period import Period
from ec2rl.facts.trust import Grade
from ec2rl.host import Phrase
from ec2rl.host.recording import RecordedHost
from ec2rl.model import Unreadable, Why
from ec2rl.record import replace
from support.examples import examples

FULL = "nf_conntrack: nf_conntrack: table full, dropping packet"
PHRASES = (Phrase(b"conntrack: "),)
BOOT = "11111111111111111111111111111111"
CLOCK = "now=2026-11-24T02:00:00Z uptime=1000"
NOW = 1795485600.0
BOOTED = NOW - 1000


def log(since: Any = None, **looks: str) -> KernelLog:
    case = {"clock": CLOCK, "/proc/sys/kernel/random/boot_id": BOOT}
    case.update({key.replace("__", "/"): body for key, body in looks.items()})
    return read_kernel_log(RecordedHost(case), PHRASES, Period(since))


def ring(text: str) -> KernelLog:
    return log(__dev__kmsg=text)


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("6,0,0,-;boot\n4,1,5,-;x\n", 0),
        ("6,0,0,-;boot\n", 0),
        ("6,5000,80,-;x\n6,5001,81,-;y\n", 5000),
        ("6,0,0,-;boot\n6,1,1,-;x\n6,100,9,-;y\n", 98),  # overwritten while it was read (EPIPE)
        ("6,7,0,-;a\n6,100,9,-;y\n", 7 + 92),
        ("6,0,0,-;a\n SUBSYSTEM=net\n DEVICE=n1\n6,1,9,-;b\n SUBSYSTEM=net\n", 0),
        ("6,18446744073709551615,1,-;last number there is\n", 18446744073709551615),
    ],
)
def test_overwritten_records_are_counted(text: str, lost: int) -> None:
    source = ring(text).ring
    assert source.lost == lost
    assert source.gap == (f"{lost:,} older records were overwritten" if lost else "")
    assert ring(text).whole_boot is (lost == 0)


@pytest.mark.parametrize("text", ["\n", "garbage\n", ";\n", "6,0;short\n", "x,0,0,-;no number\n"])
def test_a_ring_without_a_record_proves_nothing(text: str) -> None:
    assert ring(text).ring == LogSource("dmesg", gap="it holds no record")
    assert not ring(text).whole_boot


def test_a_denied_ring_proves_nothing() -> None:
    found = ring("!denied needs CAP_SYSLOG")
    unreadable = Unreadable("/dev/kmsg", Why.DENIED, "needs CAP_SYSLOG")
    assert found.ring == LogSource("dmesg", unreadable)
    assert not found.whole_boot


def test_the_span_skips_lines_that_belong_to_the_record_above() -> None:
    text = "6,3,10,-;a\n SUBSYSTEM=usb\n6,4,20,-;b\n DEVICE=+usb:1\n SEQNUM=9\n"
    assert kmsg_span(text) == ((3, 10), (4, 20), 2)


@pytest.mark.parametrize(
    ("head", "trusted"),
    [
        *[(f"{level},1,500,-", True) for level in range(8)],
        *[(f"{8 * facility + 4},1,500,-", False) for facility in (1, 2, 3, 10, 16, 23, 127)],
        ("4,1,500,-,caller=T1", True),
        ("12,1,500,-,caller=T1", False),  # what root's write to /dev/kmsg becomes
    ],
)
def test_only_facility_0_is_the_kernels(head: str, trusted: bool) -> None:
    grade = Grade.KERNEL if trusted else Grade.FORGED
    found = ring(f"6,0,0,-;boot\n{head};{FULL}\n")
    line = LogLine(FULL, ("dmesg",), BOOTED + 5e-4, 500, BOOT, True, grade)
    assert found.lines == (replace(line, caller=head.partition("-,")[2]),)


@pytest.mark.parametrize(
    "line",
    [
        f"4,1,-5,-;{FULL}",
        f"4,1,٣,-;{FULL}",
        f"4,1,500;{FULL}",
        f"{'4' * 30},1,500,-;{FULL}",
        f"4,1,{'9' * 18},-;{FULL}",
        f" {FULL}",
        FULL,
    ],
)
def test_a_line_that_is_no_record_is_passed_over(line: str) -> None:
    assert ring(f"6,0,0,-;boot\n{line}\n6,2,9,-;end\n").lines == ()


def test_a_phrase_in_a_dictionary_is_no_message() -> None:
    assert ring(f"6,0,0,-;boot\n DEVICE={FULL}\n").lines == ()


def test_the_kernels_escapes_are_undone() -> None:
    escaped = r"conntrack: tab\x09nul\x00newline\x0aback\x5cslash \xff \xZZ \x4"
    assert unescape(escaped) == "conntrack: tab\tnul\0newline\nback\\slash ÿ \\xZZ \\x4"
    assert ring(f"4,0,0,-;{escaped}\n").lines[0].message == unescape(escaped)


def test_a_message_with_a_newline_in_it_is_one_message() -> None:
    (line,) = ring(f"4,0,0,-;eth0 renamed\\x0a{FULL}\n").lines
    assert line.message == f"eth0 renamed\n{FULL}"


def test_the_records_behind_are_context_and_only_the_kernels() -> None:
    text = f"4,0,0,-;{FULL}\n6,1,1,-;one\n12,2,2,-;forged\n KEY=x\n6,3,3,-;three\n6,4,4,-;four\n"
    (line,) = parse_kmsg(text, (Phrase(b"conntrack: ", after=2),), None, None)
    assert line.context == ("one", "three")


def test_where_the_kernel_names_callers_the_records_behind_are_of_the_same_one() -> None:
    text = (
        f"4,0,0,-,caller=C1;{FULL}\n4,1,1,-,caller=C2;two\n4,2,1,-,caller=C1;one\n"
        f"4,3,2,-,caller=T9;{FULL}\n4,4,2,-,caller=C1;more of one\n4,5,3,-;nobody's\n"
    )
    first, second = parse_kmsg(text, (Phrase(b"conntrack: ", after=4),), None, None)
    assert first.context == ("one", "more of one")
    assert second.context == ()


def test_a_phrase_met_twice_in_a_record_is_one_line() -> None:
    found = parse_kmsg(f"4,0,0,-;{FULL}; {FULL}\n", (*PHRASES, Phrase(b"table full")), None, None)
    assert [line.message for line in found] == [f"{FULL}; {FULL}"]


def test_the_last_record_may_lack_its_newline() -> None:
    (line,) = parse_kmsg(f"4,0,0,-;{FULL}", PHRASES, None, None)
    assert line.message == FULL


def entry(**fields: object) -> str:
    record = {
        "MESSAGE": FULL,
        "_TRANSPORT": "kernel",
        "SYSLOG_FACILITY": "0",
        "_BOOT_ID": BOOT,
        "_SOURCE_MONOTONIC_TIMESTAMP": "500",
        "__REALTIME_TIMESTAMP": str(int((BOOTED + 1) * 1e6)),
        **fields,
    }
    return json.dumps({name: value for name, value in record.items() if value is not None})


@pytest.mark.parametrize(
    ("fields", "trusted"),
    [
        ({}, True),
        ({"SYSLOG_FACILITY": None}, True),  # journald before v209
        ({"SYSLOG_FACILITY": "1"}, False),  # root's write to /dev/kmsg
        ({"SYSLOG_FACILITY": "3"}, False),
        ({"_TRANSPORT": "syslog"}, False),  # logger -t kernel
        ({"_TRANSPORT": "syslog", "SYSLOG_FACILITY": None}, False),
        ({"_TRANSPORT": "stdout"}, False),
        ({"_TRANSPORT": "journal"}, False),
    ],
)
def test_of_the_journal_only_the_kernels_own(fields: dict[str, object], trusted: bool) -> None:
    found = log(__dev__kmsg="!denied", journal=entry(**fields))
    assert [(line.trusted, line.this_boot) for line in found.lines] == [(trusted, True)]


def test_a_time_that_no_calendar_has_is_unknown() -> None:
    found = log(__dev__kmsg="!denied", journal=entry(__REALTIME_TIMESTAMP=str(2**64 - 1)))
    assert [(line.time, line.trusted) for line in found.lines] == [(None, True)]


def test_since_leaves_out_what_is_older_and_keeps_what_has_no_time() -> None:
    lines = "\n".join(
        [
            entry(),
            entry(__REALTIME_TIMESTAMP=str(2**64 - 1), _SOURCE_MONOTONIC_TIMESTAMP="7"),
            entry(__REALTIME_TIMESTAMP=str(int(NOW * 1e6)), _SOURCE_MONOTONIC_TIMESTAMP="9"),
        ]
    )
    found = log(since=NOW - 10, __dev__kmsg="!denied", journal=lines)
    assert [line.monotonic for line in found.lines] == [7, 9]


@pytest.mark.parametrize(
    ("early", "kept"), [(5, True), (8.5, True), (8.8, False), (60, False)]
)  # of 86,400 s of uptime, 8.64 s may have drifted
def test_since_keeps_what_the_drift_of_the_stamps_may_have_put_before_it(
    early: float, kept: bool
) -> None:
    case = {
        "clock": "now=2026-11-24T02:00:00Z uptime=86400",
        "/proc/sys/kernel/random/boot_id": BOOT,
        "/dev/kmsg": f"6,0,0,-;boot\n4,1,{int((86400 - early) * 1e6)},-;{FULL}\n",
    }
    found = read_kernel_log(RecordedHost(case), PHRASES, Period(NOW))
    assert [line.message for line in found.lines] == [FULL] * kept


@pytest.mark.parametrize(
    ("after", "covered"), [(-1, False), (0, False), (4.2, False), (4.4, True), (60, True)]
)
def test_a_ring_that_wrapped_covers_from_its_oldest_record_and_the_drift_on(
    after: float, covered: bool
) -> None:
    # Its oldest record has a stamp of 43,200 s: 4.32 s may have drifted until then.
    oldest = NOW - 43200
    case = {
        "clock": "now=2026-11-24T02:00:00Z uptime=86400",
        "/dev/kmsg": "6,500,43200000000,-;nothing\n",
    }
    found = read_kernel_log(RecordedHost(case), PHRASES, Period(oldest + after))
    assert covers(found, oldest + after) is covered


def test_the_same_event_in_four_places() -> None:
    found = log(
        __dev__kmsg=f"6,0,0,-;boot\n4,1,500,-;{FULL}\n",
        journal=entry(),
        __var__log__messages=f"2026-11-24T01:43:20Z host kernel: [    0.000500] {FULL}",
        **{"__var__log__kern.log": f"Nov 24 01:43:20 host kernel: {FULL}"},
    )
    sources = ("dmesg", "journal", "/var/log/kern.log", "/var/log/messages")
    assert found.lines == (LogLine(FULL, sources, BOOTED + 5e-4, 500, BOOT, True, Grade.KERNEL),)
    assert [source.gap for source in found.sources] == ["", "", "", ""]


def test_only_the_kernels_logs_and_their_rotations_are_searched() -> None:
    names = ["messages", "messages.1", "messages-20261101.gz", "kern.log.2.xz", "syslog"]
    others = ["messagesx", "dmesg", "mykern.log", "sysloger"]
    found = log(None, **{f"__var__log__{name}": "x" for name in names + others})
    assert sorted(source.name for source in found.sources[2:]) == sorted(
        f"/var/log/{name}" for name in names
    )


def test_lines_beyond_what_was_kept_are_told() -> None:
    body = f"2026-11-24T01:43:20Z host kernel: {FULL}"
    found = log(**{"__var__log__messages; gap=cut short; hits=9": body})
    assert found.sources[2].gap == "cut short; 8 more lines hold the words"


PIECES = st.sampled_from(
    ["4,", "12,", "0", "1,", "500,", "-;", ",", ";", FULL, "\n", " ", "\\x0a", "\\x", "٣", "9" * 25]
)


@examples(2000)
@given(st.lists(PIECES, max_size=25).map("".join) | st.text(max_size=60))
@pytest.mark.more
def test_any_text_is_a_ring_buffer_or_is_not(text: str) -> None:
    first, last, count = kmsg_span(text)
    assert min(first or (0, 0)) >= 0
    assert min(last or (0, 0)) >= 0
    assert count <= len(text)
    for line in parse_kmsg(text, PHRASES, BOOT, BOOTED):
        assert line.sources == ("dmesg",)
