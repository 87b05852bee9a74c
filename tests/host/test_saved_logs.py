"""Logs that somebody saved, in the forms in which people save them."""

from __future__ import annotations

import base64
import bz2
import gzip
import json
import lzma
import os
from pathlib import Path
from typing import Callable

import pytest

from ec2rl.facts.kernel_log import read_kernel_log
from ec2rl.facts.log import KernelLog
from ec2rl.forms.recognise import recognise
from ec2rl.host import Journal, Phrase
from ec2rl.host.recording import RecordedHost
from ec2rl.host.saved_logs import open_logs
from ec2rl.model import Evidence, Unreadable, Why
from support.journal_writer import JournalWriter, kernel

PHRASES = (Phrase(b"conntrack: "),)
MESSAGE = "nf_conntrack: nf_conntrack: table full, dropping packet"
BOOT = "[    0.000000] Linux version 6.1.0 (gcc)\n[    1.000000] x\n"
BOOT_ID = "11111111111111111111111111111111"


def fields(message: str, transport: str, when: int) -> dict[str, str]:
    return {
        "__CURSOR": "s=1;i=2",
        "__REALTIME_TIMESTAMP": str(when * 1_000_000),
        "__MONOTONIC_TIMESTAMP": "5000000",
        "_SOURCE_MONOTONIC_TIMESTAMP": "0" if message.startswith("Linux") else "5000000",
        "_BOOT_ID": BOOT_ID,
        "_TRANSPORT": transport,
        "PRIORITY": "4",
        "SYSLOG_FACILITY": "0",
        "SYSLOG_IDENTIFIER": "kernel",
        "MESSAGE": message,
    }


def exported(*entries: dict[str, str]) -> str:
    return "".join(
        "".join(f"{key}={value}\n" for key, value in one.items()) + "\n" for one in entries
    )


RECORDS = (
    fields("Linux version 6.1.0 (gcc)", "kernel", 1790000000),
    fields(MESSAGE, "kernel", 1790000100),
    fields(MESSAGE, "syslog", 1790000200),
)

FORMS = {
    "dmesg": f"{BOOT}[   99.500000] {MESSAGE}\n",
    "dmesg -T": "[Mon Sep 21 14:13:20 2026] Linux version 6.1.0\n"
    f"[Mon Sep 21 14:15:00 2026] {MESSAGE}\n",
    "dmesg -x": f"kern  :notice: [    0.000000] Linux version 6\nkern  :warn  : [   99.5] x\n"
    f"kern  :warn  : [   99.500000] {MESSAGE}\n",
    "console": f"\x1b[0m[    0.000000] early\n[    0.000000] Linux version 6.1.0\n"
    f"Amazon Linux 2023\n\nip-10-0-0-1 login: [   99.500000] {MESSAGE}\n",
    "export": exported(*RECORDS),
    "json": "".join(json.dumps(one) + "\n" for one in RECORDS),
}


def log_of(*paths: Path) -> tuple[KernelLog, RecordedHost]:
    host = open_logs([str(path) for path in paths], PHRASES)
    assert isinstance(host, RecordedHost)
    return read_kernel_log(host, PHRASES), host


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    def save(name: str, text: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        os.utime(path, (1790000300, 1790000300))
        return path

    return save


@pytest.mark.parametrize("form", FORMS)
def test_the_kernels_own_words_are_found_in_each_form(
    saved: Callable[[str, str | bytes], Path], form: str
) -> None:
    log, _ = log_of(saved("x", FORMS[form]))
    trusted = [(line.message, line.this_boot) for line in log.lines if line.trusted]
    assert trusted == [(MESSAGE, True)]
    assert log.whole_boot or (log.console is not None and not log.ring.gap)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_packed_logs_are_unpacked(
    saved: Callable[[str, str | bytes], Path], pack: Callable[[bytes], bytes]
) -> None:
    for form in ("dmesg", "export", "json"):
        log, _ = log_of(saved("x", pack(FORMS[form].encode())))
        assert [line.message for line in log.lines if line.trusted] == [MESSAGE], form


def test_a_text_log_is_hearsay(saved: Callable[[str, str | bytes], Path]) -> None:
    line = f"Sep 21 14:15:00 me kernel: [   99.500000] {MESSAGE}\n"
    log, host = log_of(saved("ticket.txt", "Sep 21 14:14:00 me sshd[1]: x\n" + line))
    assert [(one.message, one.trusted) for one in log.lines] == [(MESSAGE, False)]
    assert log.lines[0].sources[0].endswith("ticket.txt")
    assert host.clock().now == 1790000100


def test_several_logs_are_of_one_machine(saved: Callable[[str, str | bytes], Path]) -> None:
    line = f"2026-09-21T14:15:00+00:00 me kernel: {MESSAGE}\n"
    log, _ = log_of(saved("a", FORMS["json"]), saved("b", line), saved("c", FORMS["export"]))
    assert [(one.message, one.sources[0], one.trusted) for one in log.lines] == [
        (MESSAGE, "journal", True)
    ]
    assert any(source.endswith("/b") for source in log.lines[0].sources)


def test_the_beginning_of_the_log_may_be_lost(saved: Callable[[str, str | bytes], Path]) -> None:
    log, _ = log_of(saved("x", f"[   99.500000] {MESSAGE}\n"))
    assert not log.whole_boot
    assert log.ring.gap == "it does not go back to the boot"


def test_a_console_over_three_boots(saved: Callable[[str, str | bytes], Path]) -> None:
    boot = BOOT + f"[   99.500000] {MESSAGE}\n"
    log, _ = log_of(saved("x", boot + boot + boot))
    assert [line.this_boot for line in log.lines] == [False, False, True]
    assert len({line.boot for line in log.lines}) == 3


def test_a_journal_file_is_asked_as_a_journal(saved: Callable[[str, str | bytes], Path]) -> None:
    host = open_logs([str(saved("x", b"LPKSHHRH" + b"\xff" * 300))], PHRASES)
    assert isinstance(host, RecordedHost)
    found = host.journal(PHRASES)
    assert isinstance(found, Journal)
    assert found.gaps[0].startswith(str(saved("x", b"")))


@pytest.mark.parametrize("encoded", [False, True])
def test_what_the_command_line_of_aws_prints_of_a_console(
    saved: Callable[[str, str | bytes], Path], encoded: bool
) -> None:
    text = FORMS["console"].replace("\n", "\r\n")
    output = base64.b64encode(text.encode()).decode() if encoded else text
    document = {"InstanceId": "i-0", "Timestamp": "2026-09-21T14:15:05.000Z", "Output": output}
    log, host = log_of(saved("x", json.dumps(document, indent=4)))
    assert [(line.message, line.trusted) for line in log.lines] == [(MESSAGE, True)]
    assert host.clock().now == 1790000105


@pytest.mark.parametrize("text", ['{"InstanceId": 5', '{"Output": 5}', '{"Output": ' + "[" * 99999])
def test_what_is_no_console_is_told(saved: Callable[[str, str | bytes], Path], text: str) -> None:
    _, host = log_of(saved("x", text))
    assert isinstance(host.read("gaps"), Evidence)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_journal_file_may_be_packed(
    saved: Callable[[str, str | bytes], Path], pack: Callable[[bytes], bytes]
) -> None:
    made = JournalWriter()
    made.entry(kernel(b"Linux version 6.1.0", stamp=0), 1790000000_000000, 0, bytes(16))
    made.entry(kernel(MESSAGE.encode(), stamp=1), 1790000001_000000, 1, bytes(16))
    log, _ = log_of(saved("x.journal", pack(made.bytes())))
    assert [(line.message, line.trusted) for line in log.lines] == [(MESSAGE, True)]
    log, host = log_of(saved("y.journal", pack(made.bytes())[:-20]))
    assert "the file is cut short" in f"{log.sources} {host.read('gaps')}"


def test_a_folder_is_one_of_a_journal(tmp_path: Path) -> None:
    made = JournalWriter()
    made.entry(kernel(b"Linux version 6.1.0", stamp=0), 1790000000_000000, 0, bytes(16))
    made.entry(kernel(MESSAGE.encode(), stamp=1), 1790000001_000000, 1, bytes(16))
    machine = tmp_path / "journal" / ("a" * 32)
    machine.mkdir(parents=True)
    (machine / "system.journal").write_bytes(made.bytes())
    (machine / "user-1.journal").symlink_to("/etc/passwd")
    os.mkfifo(machine / "user-2.journal")
    for folder in (machine, machine.parent):
        log, host = log_of(folder)
        assert [(line.message, line.trusted) for line in log.lines] == [(MESSAGE, True)]
        told = host.read("gaps")
        assert isinstance(told, Evidence)
        assert told.text == (
            f"{machine}/user-2.journal: not a regular file\n"
            f"{machine}/user-1.journal: Too many levels of symbolic links\n"
        )
    (tmp_path / "none").mkdir()
    found = open_logs([str(tmp_path / "none")], PHRASES)
    assert found == Unreadable(str(tmp_path / "none"), Why.FAILED, "a folder without a journal")


def test_binary_fields_of_an_export(saved: Callable[[str, str | bytes], Path]) -> None:
    body = MESSAGE.encode()
    head = exported(RECORDS[1]).replace(f"MESSAGE={MESSAGE}\n\n", "").encode()
    log, _ = log_of(
        saved("x", head + b"MESSAGE\n" + len(body).to_bytes(8, "little") + body + b"\n\n")
    )
    assert [line.message for line in log.lines] == [MESSAGE]


@pytest.mark.parametrize("tail", [b"MESSAGE\n\xff\xff\xff\xff\xff\xff\xff\x7fx", b"MESSAGE\n\1"])
def test_an_export_that_ends_within_a_field(
    saved: Callable[[str, str | bytes], Path], tail: bytes
) -> None:
    log, _ = log_of(saved("x", exported(RECORDS[1]).encode() + tail))
    assert [line.message for line in log.lines] == [MESSAGE]
    assert log.journal is not None
    assert log.journal.gap.endswith("it ends within a field")


def test_what_is_no_log_is_told(saved: Callable[[str, str | bytes], Path]) -> None:
    _, host = log_of(saved("x", "Dear all,\nit is broken.\n"), saved("y", ""))
    told = {}
    for key in ("gaps", "notes"):
        found = host.read(key)
        assert isinstance(found, Evidence)
        told[key] = [line.partition(": ")[2] for line in found.text.splitlines()]
    assert told == {
        "gaps": ["it is empty"],
        "notes": ["no line of its beginning is a log's: what it says counts as not verified"],
    }


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    assert isinstance(open_logs([str(tmp_path)], PHRASES), Unreadable)
    assert isinstance(open_logs([str(tmp_path / "none")], PHRASES), Unreadable)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        # One device says it all: not the host of journalctl -o short-monotonic.
        (b"[ 7648.121508] usb 1-1: reset high-speed USB device number 2\n" * 9, "dmesg"),
        (b"[    1.000000] me kernel: x\n[    1.200000] me sshd[1]: x\n", "syslog"),
        (b"[    1.000000] usb 1-1: x\n[    1.200000] e1000: x\n[    1.300000] y\n", "dmesg"),
        (b"Wed 2026-11-25 09:47:12 UTC me kernel: x\n", "syslog"),
        (b"1795600032.158724 me kernel: x\n", "syslog"),
        (b"<4>[    1.000000] x\n", "dmesg"),
        (b"Nov  3 02:00:00 me kernel: x\n", "syslog"),
        (b"2026-11-03T02:00:00.1+00:00 me kernel: [    1.000000] x\n", "syslog"),
        (b"__CURSOR=s=1\n__REALTIME_TIMESTAMP=1\n", "export"),
        (b'{"MESSAGE":"x"}\n', "json"),
        (b"hello\n", "unknown"),
        (b"", "unknown"),
    ],
)
def test_the_form_is_told_by_the_beginning(head: bytes, kind: str) -> None:
    assert recognise(head).kind == kind


@pytest.mark.parametrize(
    "line",
    [
        "[  500.{:06d}] x0.{} nf_conntrack: nf_conntrack: table full, " + "y" * 300,
        "[  500.{:06d}] a{} invoked oom-killer: nf_conntrack: [#1] kernel BUG at " + "z" * 100,
        " " * 900 + "[  500.{:06d}] {} nf_conntrack: table full",
    ],
)
def test_what_is_kept_of_a_text_of_hits_has_a_bound(
    saved: Callable[[str, str | bytes], Path], line: str
) -> None:
    lines = [line.format(number, number) for number in range((5 << 20) // len(line))]
    text = "\n".join(("[    0.000000] Linux version 6.1.0", *lines, ""))
    log, _ = log_of(saved("log", text))
    assert 1000 < len(log.lines) < len(lines)
    assert sum(len(one.message) for one in log.lines) < 4 << 20


def _verbose(*fields: str, transport: str = "kernel") -> str:
    head = f"[s=aa;i=1;b={BOOT_ID};m={{}};t=65bfeda25e000;x=1]\n"
    first = f"    _BOOT_ID={BOOT_ID}\n    _TRANSPORT=kernel\n    MESSAGE=Linux version 6.1.0\n"
    told = "".join(f"    {field}\n" for field in fields)
    date = "Mon 2026-09-21 14:13:20.000000 UTC "
    return (
        f"{date}{head.format(0)}{first}    _SOURCE_MONOTONIC_TIMESTAMP=0\n"
        f"{date}{head.format(9)}    _BOOT_ID={BOOT_ID}\n    _TRANSPORT={transport}\n{told}"
    )


@pytest.mark.parametrize("break_", ["\n", "\n ", "\n   ", "\n\t", f"\n{' ' * 7}", f"\n{' ' * 31}"])
def test_a_broken_line_of_journalctl_verbose_is_a_gap(
    saved: Callable[[str, str | bytes], Path], break_: str
) -> None:
    for told in (f"nf_{break_}conntrack: table full", f"nf_conn{break_}track: table full"):
        log, _ = log_of(saved("x", _verbose(f"MESSAGE={told}", "PRIORITY=4")))
        assert any(source.gap for source in log.sources)


def test_further_lines_of_a_field_are_no_gap(saved: Callable[[str, str | bytes], Path]) -> None:
    """As journalctl 252 prints them; a program's often begin with blanks themselves."""
    below = f"one\n{' ' * 12}two"
    deeper = f"{below}\n{' ' * 16}three"
    for text in (_verbose(f"MESSAGE={below}"), _verbose(f"MESSAGE={deeper}", transport="stdout")):
        log, _ = log_of(saved("x", text))
        assert not any(source.gap for source in log.sources)
