"""Consoles in the forms in which clouds and terminals hand them out."""

from __future__ import annotations

import base64
import json
from io import BytesIO
from pathlib import Path

import pytest

from ec2rl.facts.kernel_log import read_kernel_log
from ec2rl.facts.log import KernelLog
from ec2rl.host import Phrase
from ec2rl.host.console import CleanText, is_console, unfinished
from ec2rl.host.recording import RecordedHost
from ec2rl.host.saved_logs import open_logs

PHRASES = (Phrase(b" blocked for more than ", after=100),)
HUNG = "INFO: task dd:77 blocked for more than 120 seconds."
CONSOLE = (
    "[    0.000000] Linux version 6.1.0 (gcc)\n"
    "[    0.000000] Command line: ro console=ttyS0\n"
    "Welcome to Some Linux 9!\n"
    f"host login: [  360.000000] {HUNG}\n"
)
RETURNED = CONSOLE.replace("\n", "\r\n")
PACKED = base64.b64encode(RETURNED.encode()).decode()
IN_LINES = "\n".join(PACKED[at : at + 76] for at in range(0, len(PACKED), 76))
WHEN = "2026-11-01T10:00:00+00:00"

DOCUMENTS = {
    "aws": json.dumps({"InstanceId": "i-0", "Timestamp": WHEN, "Output": RETURNED}, indent=4),
    "aws, packed": json.dumps({"InstanceId": "i-0", "Output": PACKED}),
    "aws, packed in lines": json.dumps({"Output": IN_LINES, "Timestamp": WHEN}),
    "boto3": json.dumps({"ResponseMetadata": {"x": [1]}, "InstanceId": "i-0", "Output": RETURNED}),
    "aws --output text": f"i-0123456789abcdef0\t{CONSOLE.rstrip()}\t{WHEN}\n",
    "aws --output text, returned": f"i-0123456789abcdef0\t{RETURNED}\t{WHEN}\n",
    "aws --output text, no time": f"i-0123456789abcdef0\t{CONSOLE}",
    "the API": '<?xml version="1.0" encoding="UTF-8"?>\n'
    f'<GetConsoleOutputResponse xmlns="x"><requestId>1</requestId><timestamp>{WHEN}</timestamp>'
    f"<output>{IN_LINES}</output></GetConsoleOutputResponse>\n",
    "base64": IN_LINES + "\n",
    "gcloud": json.dumps({"contents": RETURNED, "kind": "compute#serialPortOutput", "next": "9"}),
    "az": json.dumps(RETURNED),
    "text": CONSOLE,
    "text, returned": RETURNED,
}


def log_of(folder: Path, text: str | bytes) -> KernelLog:
    path = folder / "x"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    host = open_logs([str(path)], PHRASES)
    assert isinstance(host, RecordedHost)
    return read_kernel_log(host, PHRASES)


@pytest.mark.parametrize("text", DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_console_is_one_in_each_form(tmp_path: Path, text: str) -> None:
    log = log_of(tmp_path, text)
    assert [(one.message, one.trusted, one.sources) for one in log.lines] == [
        (HUNG, True, ("console",))
    ]
    assert log.console is not None
    assert (log.ring.gap, log.whole_boot, log.console.until) == ("", False, 360.0)


@pytest.mark.parametrize(
    "text",
    [
        '{"InstanceId": 5',
        '{"Output": 5}',
        '{"Timestamp": "x"}',
        '"x\\n" and more',
        "<GetConsoleOutputResponse>x</GetConsoleOutputResponse>",
        "<GetConsoleOutputResponse><output>!</output></GetConsoleOutputResponse>",
        "A" * 61 + "\n",
    ],
)
def test_what_is_no_console_is_told(tmp_path: Path, text: str) -> None:
    log = log_of(tmp_path, text)
    assert (log.lines, log.whole_boot, log.console) == ((), False, None)


BEGINNINGS = {
    "a bare return": "Booting from ROM...\nok\r",
    "letters and a return": "Probing EDD ... o\x1b[0mk\r",
    "a cleared screen": "Probing EDD ... ok\x1b[?7l\x1b[2J",
    "a reset": "Probing EDD ... o\x1bc\x1b[?7l\x1b[2J\x1b[0m",
    "a place on the screen": "Press any key\x1b[05;22H",
    "progress": "\rLoading   1%\rLoading  50%\rLoading 100%\r",
    "a colour with colons": "\x1b[38:5:1mx\x1b[0m\n\x1b[48:2::1:2:3m",
    "a title": "\x1b]0;host\x07\x1b]104\x1b\\",
    "NULs": "\x00\x00",
}


@pytest.mark.parametrize("size", [5, 1 << 18])
@pytest.mark.parametrize("before", BEGINNINGS.values(), ids=BEGINNINGS)
def test_what_stands_before_the_first_line_is_stripped(before: str, size: int) -> None:
    data = (before + RETURNED).encode()
    text = CleanText(BytesIO(data).read)
    said = b""
    while piece := text.read(size):
        said += piece
    assert said.endswith(CONSOLE.encode())
    assert said[: -len(CONSOLE)][-1:] in (b"", b"\n")
    assert text.is_console
    assert text.tail == said[-4096:]


@pytest.mark.more
def test_a_return_in_a_string_of_a_users_begins_no_line(tmp_path: Path) -> None:
    for mark in ("\r", "\r\r", "\x1b[2J", "\x1bc", "\x1b[1;1H"):
        forged = f"[    9.000000] usb 1-1: Product: x{mark}[    9.500000] {HUNG}\n"
        log = log_of(tmp_path, CONSOLE.replace(HUNG, "x") + forged)
        assert [one.message for one in log.lines if one.trusted and one.message == HUNG] == []


@pytest.mark.parametrize(
    "text",
    [
        "[    1.000000] usb 1-1: new device\n",
        "[    1.000000] systemd[1]: Started Login Service\n",
        "Nov  3 02:00:00 me sshd[1]: login: x\n",
        "$ dmesg\n[    1.000000] x\n",
    ],
)
def test_what_dmesg_prints_is_no_console(text: str) -> None:
    assert not is_console(text.encode() * 9)


@pytest.mark.parametrize(
    ("tail", "is_cut"),
    [
        ("[  900.000000] Out of memory: Killed process 41", True),
        ("[  900.00", True),
        ("host login: [  900.000000] Out of mem", True),
        ("[", True),
        ("[  900.000000] x\n", False),
        ("[  900.000000] x\r\n\x00", False),
        ("host login: ", False),
        ("(initramfs) ", False),
        ("root@host:~# ", False),
        ("Starting some service", False),
        ("", False),
    ],
)
def test_a_last_line_without_an_end_may_be_cut(tail: str, is_cut: bool) -> None:
    assert bool(unfinished(b"[    1.000000] x\n" + tail.encode())) is is_cut
