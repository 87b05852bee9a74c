"""What was given and could not be read may have been evidence: then silence proves nothing."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
from pathlib import Path

import pytest

from ec2rl.evidence.kinds import HEAD
from host.test_sos import MESSAGE, NOW
from test_door import judged, taken, verdict
from test_offline import QUIET, WHOLE, saved

pytestmark = pytest.mark.more

LONG = QUIET + "".join(f"[   10.{n:06}] filler, line {n}\n" for n in range(20_000))
SPOILT = {
    "gzip, damaged at its beginning": gzip.compress(WHOLE.encode())[:10] + b"\0\0\0\0",
    "gzip of which the head is left": gzip.compress(WHOLE.encode())[:8],
    "bzip2, cut in half": bz2.compress(WHOLE.encode())[:70],
    "xz, damaged": lzma.compress(WHOLE.encode())[:12] + bytes(9),
    "zstd, without its text": b"\x28\xb5\x2f\xfd\x04\x58",
    "lzip": b"LZIP\x01\x0c" + bytes(range(200)),
    "lzop": b"\x89LZO\x00\r\n\x1a\n" + b"a" * 200,
    "of no format that is known": bytes(range(1, 32)) * 9,
}


@pytest.mark.parametrize("what", SPOILT)
@pytest.mark.sampled(3)
def test_beside_a_healthy_log(tmp_path: Path, what: str) -> None:
    log, other = saved(tmp_path, "log", QUIET), saved(tmp_path, "other", SPOILT[what])
    (one,) = judged(tmp_path, log, other)
    assert verdict(one) == "UNKNOWN"
    assert any(gap.startswith(f"{other}: ") for gap in one["host"]["gaps"])


@pytest.mark.parametrize("blank", [b"\0" * 300_001, b"\n" * 300_000, b" \r\n" * 100_001])
@pytest.mark.sampled(2)
def test_a_log_behind_a_blank_beginning(tmp_path: Path, blank: bytes) -> None:
    (one,) = judged(tmp_path, saved(tmp_path, "log", blank + WHOLE.encode()))
    assert (taken(one, tmp_path), verdict(one)) == (["log dmesg"], "PROBLEM")


@pytest.mark.parametrize("data", [b"", b"\n\n", bytes(2 * HEAD), b" \n" * HEAD])
@pytest.mark.sampled(2)
def test_what_is_blank_to_its_end_is_named(tmp_path: Path, data: bytes) -> None:
    other = saved(tmp_path, "other", data)
    (one,) = judged(tmp_path, saved(tmp_path, "log", QUIET), other)
    assert (one["host"]["gaps"], verdict(one)) == ([f"{other}: empty"], "OK")


@pytest.mark.parametrize("kind", ["link to a log", "link to nothing", "pipe"])
def test_in_a_folder(tmp_path: Path, kind: str) -> None:
    saved(tmp_path, "f/log", QUIET)
    saved(tmp_path, "g/log", WHOLE)
    if kind == "pipe":
        os.mkfifo(tmp_path / "f/other")
    else:
        (tmp_path / "f/other").symlink_to("../g/log" if kind == "link to a log" else "none")
    (one,) = judged(tmp_path, str(tmp_path / "f"))
    assert verdict(one) == "UNKNOWN"
    assert [gap.partition(":")[0] for gap in one["host"]["gaps"]] == [f"{tmp_path}/f/other"]


def test_a_link_to_what_was_read_itself_hides_nothing(tmp_path: Path) -> None:
    saved(tmp_path, "f/log", QUIET)
    (tmp_path / "f/again").symlink_to("log")
    (one,) = judged(tmp_path, str(tmp_path / "f"))
    assert (len(one["host"]["gaps"]), verdict(one)) == (1, "OK")


@pytest.mark.parametrize("coding", ["utf-8", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("kind", ["kernel.x = 1\n" * 3, "NIC statistics:\n     a: 1\n"])
def test_lines_of_a_log_in_other_text_of_any_coding(tmp_path: Path, kind: str, coding: str) -> None:
    text = (
        f"\ufeff{kind}[ 5000.000000] {MESSAGE}\n"
        if coding == "utf-16-be"
        else (f"{kind}[ 5000.000000] {MESSAGE}\n")
    )
    other = saved(tmp_path, "other", text.encode(coding))
    (one,) = judged(tmp_path, saved(tmp_path, "log", QUIET), other)
    assert verdict(one) == "PROBLEM"


@pytest.mark.parametrize("packed", [False, True])
def test_large_files_are_the_same_only_if_all_of_them_is(tmp_path: Path, packed: bool) -> None:
    line = f"[ 5000.000000] {MESSAGE}\n"
    texts = [LONG + line.replace("full", "nice"), LONG + line]
    files = [
        saved(tmp_path, str(n), gzip.compress(text.encode(), mtime=0) if packed else text)
        for n, text in enumerate((texts[0], texts[0], texts[1]))
    ]
    assert os.stat(files[0]).st_size == os.stat(files[2]).st_size or packed
    (one,) = judged(tmp_path, *files)
    assert one["host"]["gaps"] == [f"{files[1]}: the same as {files[0]}"]
    assert verdict(one) == "PROBLEM"


@pytest.mark.parametrize("said", [None, ["x", MESSAGE], [list(b"x"), list(MESSAGE.encode())]])
def test_a_message_that_a_journal_does_not_show_is_a_gap(tmp_path: Path, said: object) -> None:
    record = {
        "__REALTIME_TIMESTAMP": f"{NOW}000000",
        "_BOOT_ID": "1" * 32,
        "_TRANSPORT": "kernel",
        "__MONOTONIC_TIMESTAMP": "9",
    }
    log = saved(tmp_path, "log", QUIET)
    for message, expected in ((["x"], "OK"), (said, "UNKNOWN")):
        other = saved(tmp_path, "j", json.dumps({**record, "MESSAGE": message}) + "\n")
        (one,) = judged(tmp_path, log, other)
        assert verdict(one) == expected


@pytest.mark.parametrize("form", ["jq -s", "jq -s, in a list of its own", "export with CRLF"])
def test_a_journal_that_went_through_other_programs(tmp_path: Path, form: str) -> None:
    records = [
        {
            "__REALTIME_TIMESTAMP": f"{NOW + n}000000",
            "_BOOT_ID": "1" * 32,
            "_TRANSPORT": "kernel",
            "__MONOTONIC_TIMESTAMP": f"{n}000000",
            "MESSAGE": message,
        }
        for n, message in enumerate(("Linux version 6.1.0 (a)", "x", MESSAGE))
    ]
    text = json.dumps(records, separators=(",", ":")) + "\n"
    if form.endswith("own"):
        text = "[\n" + text[1:-2] + "\n]\n"
    if form.startswith("export"):
        lines = ["".join(f"{key}={value}\r\n" for key, value in one.items()) for one in records]
        text = "\r\n".join(lines) + "\r\n"
    (one,) = judged(tmp_path, saved(tmp_path, "j", text))
    assert (verdict(one), one["host"]["gaps"]) == ("PROBLEM", [])
    assert "1 occurrence in the journal" in one["results"][0]["summary"]


@pytest.mark.parametrize("how", ["a login behind it", "dropped messages", "two boots"])
def test_the_console_is_named_as_the_place(tmp_path: Path, how: str) -> None:
    text = {
        "a login behind it": f"{WHOLE}\nweb1 login: ",
        "dropped messages": f"{WHOLE}[  101.000000] y\n** 3 printk messages dropped **\n",
        "two boots": QUIET + WHOLE,
    }[how]
    (one,) = judged(tmp_path, saved(tmp_path, "log", QUIET), saved(tmp_path, "other", text))
    assert "1 occurrence in the console" in one["results"][0]["summary"]
