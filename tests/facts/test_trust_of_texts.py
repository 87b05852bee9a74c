"""What a text of a log proves beside others, and what is told of lines that have no known form."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ec2rl.facts.kernel_log import read_kernel_log
from ec2rl.facts.period import Period
from ec2rl.facts.trust import Grade
from ec2rl.host import Phrase
from ec2rl.host.recording import RecordedHost, sections
from ec2rl.host.saved_logs import open_logs
from ec2rl.host.sos import open_sos
from ec2rl.model import Evidence, Unreadable, Verdict, Why
from ec2rl.report.wording import details
from facts.test_trust import HEADS
from support.doors import (
    BOOT,
    BUG,
    DOORS,
    FULL,
    ID,
    PANIC,
    WANTED,
    Door,
    by_log,
    by_sos,
    graded,
    judged,
    read,
    saved,
)


def journal(*messages: tuple[str, float]) -> str:
    """What `journalctl -o json` prints: the kernel's records, by seconds after the boot."""
    return "".join(
        json.dumps(
            {
                "MESSAGE": message,
                "_TRANSPORT": "kernel" if message != "sshd" else "syslog",
                "SYSLOG_FACILITY": "0",
                "_BOOT_ID": ID,
                "_SOURCE_MONOTONIC_TIMESTAMP": str(int(up * 1e6)),
                "__REALTIME_TIMESTAMP": str(int((1790000000 + up) * 1e6)),
            }
        )
        + "\n"
        for message, up in messages
    )


BEGIN = ("Linux version 6.1.0 (gcc)", 0.0)


@pytest.mark.parametrize(
    ("records", "grade"),
    [
        ([BEGIN, ("sshd", 500.0)], Grade.UNVERIFIED),  # it goes on behind the line, and lacks it
        ([BEGIN, ("sshd", 50.0)], Grade.TEXT),  # it ends before the line
        ([("sshd", 50.0), ("sshd", 500.0)], Grade.TEXT),  # it has nothing of the kernel's
        ([BEGIN, ("Missed 3 kernel messages", 60.0), ("sshd", 500.0)], Grade.UNVERIFIED),
        ([BEGIN, (FULL, 99.5), ("sshd", 500.0)], Grade.KERNEL),
    ],
)
def test_text_never_decides_against_the_journal(
    tmp_path: Path, records: list[tuple[str, float]], grade: Grade
) -> None:
    text = "\n".join([*BOOT, f"[   99.500000] {FULL}"]) + "\n"
    paths = [saved(tmp_path, text), saved(tmp_path, journal(*records), "journal.json")]
    host = open_logs([str(path) for path in paths], WANTED)
    assert graded(read(host)) == [(FULL, grade)]


def test_each_of_several_texts_is_what_it_is(tmp_path: Path) -> None:
    lines = (f"[   99.500000] {FULL}", f"[  199.500000] {FULL}")
    paths = [saved(tmp_path, "\n".join([*BOOT, one]) + "\n", f"{one[3:6]}.txt") for one in lines]
    assert graded(read(open_logs([str(path) for path in paths], WANTED))) == [
        (FULL, Grade.TEXT),
        (FULL, Grade.TEXT),
    ]


SHORT = f"Sep 21 14:15:00 me kernel: {FULL}\n"
HEADERS = (
    "-- Logs begin at Mon 2026-09-21 08:00:00 UTC, end at Mon 2026-09-21 14:16:00 UTC. --\n",
    "-- Journal begins at Mon 2026-09-21 08:00:00 UTC, ends at Mon 2026-09-21 14:16:00 UTC. --\n",
    f"-- Boot {ID} --\n",
)


def test_journalctls_text_is_known_by_what_it_says_of_itself_at_each_door(tmp_path: Path) -> None:
    for header in HEADERS:
        host = open_logs([str(saved(tmp_path, header + SHORT))], WANTED)
        assert graded(read(host)) == [(FULL, Grade.TEXT)], header
    name = "journalctl_--no-pager"
    host = open_logs([str(saved(tmp_path, SHORT, name))], WANTED)
    assert graded(read(host)) == [(FULL, Grade.TEXT)]
    by_sos(tmp_path, "\n".join(BOOT))
    logs = tmp_path / "sos/sos_commands/logs"
    logs.mkdir()
    saved(logs, SHORT, name)
    assert graded(read(open_sos(str(tmp_path / "sos"), WANTED))) == [(FULL, Grade.TEXT)]


def test_a_syslog_daemons_text_is_hearsay_at_each_door(tmp_path: Path) -> None:
    """`logger -t kernel` writes the same line."""
    host = open_logs([str(saved(tmp_path, SHORT))], WANTED)
    assert graded(read(host)) == [(FULL, Grade.UNVERIFIED)]
    by_sos(tmp_path, "\n".join(BOOT))
    logs = tmp_path / "sos/var/log"
    logs.mkdir(parents=True)
    saved(logs, SHORT, "messages")
    assert graded(read(open_sos(str(tmp_path / "sos"), WANTED))) == [(FULL, Grade.UNVERIFIED)]
    live = {"clock": "now=2026-09-21T14:18:20Z", "/var/log/messages": SHORT}
    assert graded(read(RecordedHost(live))) == [(FULL, Grade.UNVERIFIED)]


def test_live_a_record_with_line_ends_is_one_message() -> None:
    ring = f"3,0,0,-;Linux version 6.1.0\n3,1,99500000,-;{HEADS[0]}\\x0a{FULL}\\x0ab': -2\n"
    log = read(RecordedHost({"clock": "now=2026-09-21T14:18:20Z uptime=100", "/dev/kmsg": ring}))
    assert graded(log) == []


@pytest.mark.parametrize("strict", [False, True])
def test_live_what_the_kernel_said_is_proven(strict: bool) -> None:
    ring = f"3,0,0,-;Linux version 6.1.0\n4,1,99500000,-;{FULL}\n12,2,99600000,-;{PANIC}\n"
    host = RecordedHost({"clock": "now=2026-09-21T14:18:20Z uptime=100", "/dev/kmsg": ring})
    assert graded(read(host, strict)) == [(FULL, Grade.KERNEL), (PANIC, Grade.FORGED)]
    assert judged("conntrackfull", host, strict).verdict is Verdict.PROBLEM


def test_what_a_dead_kernel_left_is_text_with_the_same_tails() -> None:
    body = "\n".join(f"<3>[   99.500000] {text}" for text in (HEADS[2], PANIC, "b'"))
    looks = {"/sys/fs/pstore/dmesg-ramoops-0": body, "/dev/kmsg": "6,0,0,-;Linux version 6\n"}
    finding = judged("kernelpanic", RecordedHost(looks))
    assert finding.verdict is Verdict.OK
    told = "Not the kernel's: 1 line that someone wrote in its name, the first in "
    assert any(line.startswith(told) for line in details(finding))


def test_a_recording_of_a_text_is_judged_as_the_text(tmp_path: Path) -> None:
    from ec2rl.host.caching import CachingHost
    from ec2rl.host.recording import case

    for text in ((HEADS[0], FULL), ("eth0: up", FULL)):
        host = by_log(tmp_path, "\n".join([*BOOT, *(f"[   99.500000] {one}" for one in text)]))
        assert isinstance(host, RecordedHost)
        seen = CachingHost(host)
        first = graded(read(seen))
        looks = sections(case(seen.memory, []))[1]
        assert graded(read(RecordedHost(looks, missing=Why.NOT_COLLECTED))) == first


def test_phrases_are_wanted_with_the_line_above_in_kernel_texts(tmp_path: Path) -> None:
    host = by_log(tmp_path, "\n".join([*BOOT, "[   99.500000] above", f"[   99.600000] {FULL}"]))
    assert isinstance(host, RecordedHost)
    (found,) = host.search(["dmesg"], [Phrase(b"table full", before=True)])
    assert not isinstance(found, Unreadable)
    assert [line.text for line in found.lines][-2] == "[   99.500000] above"


def test_a_doubt_without_a_date_is_not_forgotten_by_since(tmp_path: Path) -> None:
    host = by_log(tmp_path, "\n".join([*BOOT, f"[   99.500000] {FULL}"]) + "\n")
    assert isinstance(host, RecordedHost)
    log = read_kernel_log(host, WANTED, Period(1790000200.0), strict=True)
    assert graded(log) == [(FULL, Grade.UNVERIFIED)]


STAMPED = f"[ 5240.138861] {FULL}"
SPOILT = {
    "a login prompt": f"ip-10-0-0-1 login: {STAMPED}",
    "a start": f"Starting foo...{STAMPED}",
    "a start of systemd's": f"         Starting Network Manager...{STAMPED}",
    "a state": f"[  OK  ] Started foo.service - Foo.{STAMPED}",
    "another state": f"[FAILED] Failed to mount /data.{STAMPED}",
    "a state behind it": f"{STAMPED}[  OK  ] Started foo",
    "a coloured state behind it": f"{STAMPED}[\x1b[0;32m  OK  \x1b[0m] Started foo",
    "colours": f"\x1b[0m\x1b[32m[ 5240.138861] \x1b[33mnf_conntrack: \x1b[0m{FULL[14:]}\x1b[0m",
    "a carriage return before": f"\r{STAMPED}\r",
    "carriage returns behind": f"{STAMPED}\r\r",
    "a prompt that was overwritten": f"ip-10-0-0-1 login: \r{STAMPED}",
    "NULs before": f"\x00\x00{STAMPED}",
    "NULs behind": f"{STAMPED}\x00",
    "a blank": f" {STAMPED}",
    "a priority behind a blank": f"  <4>{STAMPED}",
    "a byte order mark": f"\ufeff{STAMPED}",
    "dmesg --time-format iso": f"2026-09-21T14:15:00,123456+00:00 {FULL}",
}


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize("line", SPOILT.values(), ids=SPOILT)
@pytest.mark.sampled(5)
def test_a_line_that_a_console_spoilt_is_the_kernels(tmp_path: Path, door: Door, line: str) -> None:
    log = read(door(tmp_path, "\n".join([*BOOT, line, "[ 5300.000000] x"]) + "\n"))
    assert graded(log) == [(FULL, Grade.TEXT)]


FORMLESS = {
    "nanoseconds": f"[5240.138861000] {FULL}",
    "no stamp": FULL,
    "a date as nobody writes it": f"[Mon Sep 21 14:15:00 UTC 2026] {FULL}",
}


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize("line", FORMLESS.values(), ids=FORMLESS)
def test_our_words_in_no_known_form_are_told_and_never_silence(
    tmp_path: Path, door: Door, line: str
) -> None:
    text = "\n".join([*BOOT, line, "[ 5300.000000] x"]) + "\n"
    finding = judged("conntrackfull", door(tmp_path, text))
    assert finding.verdict is Verdict.WARNING
    told = [one for one in details(finding) if "not understood who said it, and when" in one]
    assert len(told) == 1
    assert told[0].endswith(line)


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize("line", [f"[5240.138861000] {BUG}", BUG, f"[Mo Sep 21 14:15] {BUG}"])
def test_another_modules_words_in_no_known_form_are_told_too(
    tmp_path: Path, door: Door, line: str
) -> None:
    finding = judged("kernelbug", door(tmp_path, "\n".join([*BOOT, line, "x"])))
    assert finding.verdict is Verdict.WARNING


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize(
    "line",
    [
        f"Nov  6 02:39:55 h sudo[7]: bob : COMMAND=/bin/echo {STAMPED}",
        f"Nov  6 02:39:55 h kernel[12]: {STAMPED}",
        f"type=USER_CMD msg=audit(1790000000.1:7): cmd={STAMPED}",
    ],
)
def test_what_quotes_our_words_is_not_the_kernel(tmp_path: Path, door: Door, line: str) -> None:
    text = "\n".join([*BOOT, line, "[ 5300.000000] x"]) + "\n"
    finding = judged("conntrackfull", door(tmp_path, text))
    assert finding.verdict is Verdict.OK


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize(
    "line",
    [
        f"[   99.500000] audit: type=1400 msg={FULL}",
        f"               {STAMPED}",  # dmesg goes on so with a record that has a line end
        f"               login: {STAMPED}",
    ],
)
def test_what_may_quote_our_words_is_a_doubt(tmp_path: Path, door: Door, line: str) -> None:
    text = "\n".join([*BOOT, line, "[ 5300.000000] x"]) + "\n"
    finding = judged("conntrackfull", door(tmp_path, text))
    assert finding.verdict in (Verdict.WARNING, Verdict.UNKNOWN)


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize(
    "line",
    [
        f"  501  grep '{FULL}' /var/log/messages",
        f'$ dmesg | grep "{FULL}"',
        "nf_conntrack: nf_conntrack: table fu",
        f"<p>{FULL}</p>",
        "[ 5240.138861] nf_conntrack: nf_conntrack: tab[ 5240.138862] x",
    ],
)
def test_our_words_in_what_is_no_whole_record_are_counted_and_quoted(
    tmp_path: Path, door: Door, line: str
) -> None:
    finding = judged("conntrackfull", door(tmp_path, "\n".join([*BOOT, line, "x"])))
    assert finding.verdict is Verdict.UNKNOWN
    told = [one for one in details(finding) if one.startswith("not understood: 1 line holds")]
    assert len(told) == 1
    assert "nf_conntrack: nf_conntrack: tab" in told[0]


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize(
    "line", [f"$ echo {STAMPED}", f"root@h:~# {STAMPED}", f"my own login: words: {STAMPED}"]
)
def test_what_a_shell_may_have_printed_is_a_warning_at_most(
    tmp_path: Path, door: Door, line: str
) -> None:
    finding = judged("conntrackfull", door(tmp_path, "\n".join([*BOOT, line, "x"])))
    assert finding.verdict is Verdict.WARNING


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize(
    "line",
    [
        f"Nov  6 02:39:55 h kernel: {FULL}",
        f"2026-09-21T14:15:00.123456+00:00 h kernel: {FULL}",
        f"<4>Nov  6 02:39:55 h kernel: {STAMPED}",
        f"[   99.500000] h kernel: {FULL}",  # logger -t kernel, in journalctl -o short-monotonic
    ],
)
def test_a_line_of_another_form_in_a_text_is_hearsay(tmp_path: Path, door: Door, line: str) -> None:
    text = "\n".join([*BOOT, *(f"[   50.000000] eth{n}: up" for n in range(9)), line]) + "\n"
    assert graded(read(door(tmp_path, text))) == [(FULL, Grade.UNVERIFIED)]


def test_a_text_with_carriage_returns_for_line_ends_is_read(tmp_path: Path) -> None:
    text = "\r".join(
        [*BOOT, *(f"[   50.{n:06}] x" for n in range(900)), STAMPED, "[ 5300.000000] x"]
    )
    assert graded(read(by_log(tmp_path, text))) == [(FULL, Grade.TEXT)]


@pytest.mark.parametrize("colour", ["\x1b[32m", "\x00", "\ufeff"])
def test_a_text_whose_every_line_is_spoilt_is_dmesgs(tmp_path: Path, colour: str) -> None:
    text = "".join(f"{colour}{line}\r\n" for line in (*BOOT, STAMPED))
    assert graded(read(by_log(tmp_path, text))) == [(FULL, Grade.TEXT)]


def test_a_journal_with_odd_names_is_none_of_dmesgs(tmp_path: Path) -> None:
    others = [f"[   50.{n:06}] h a name of {n}[{n}]: x" for n in range(90)]
    text = "\n".join([*others, f"[   99.500000] h kernel: {FULL}"]) + "\n"
    assert graded(read(by_log(tmp_path, text))) == [(FULL, Grade.UNVERIFIED)]


@pytest.mark.parametrize("count", [9, 20, 64])
def test_each_of_many_dmesgs_decides(tmp_path: Path, count: int) -> None:
    texts = [f"[{n:5}.000000] {FULL if n == count else 'x'}" for n in range(1, count + 1)]
    paths = [saved(tmp_path, "\n".join([*BOOT, one]), f"{n}") for n, one in enumerate(texts)]
    assert graded(read(open_logs([str(path) for path in paths], WANTED))) == [(FULL, Grade.TEXT)]


def test_more_texts_than_are_told_apart_are_told(tmp_path: Path) -> None:
    paths = [saved(tmp_path, "\n".join(BOOT), f"{n}") for n in range(66)]
    host = open_logs([str(path) for path in paths], WANTED)
    assert not isinstance(host, Unreadable)
    notes = host.read("notes")
    assert isinstance(notes, Evidence)
    assert notes.text.count("one of more than 64 texts of dmesg: read as hearsay") == 2
