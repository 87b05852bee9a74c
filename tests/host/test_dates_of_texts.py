"""When a text was recorded: by whatever in it tells the year, not by its file."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path

import pytest

from ec2rl.forms.parse import parse_record
from ec2rl.host.recording import RecordedHost
from ec2rl.host.saved_logs import open_logs

SAID = "ip-10-1-2-3 kernel: nf_conntrack: nf_conntrack: table full, dropping packet\n"
VERBOSE = (
    "Sun 2023-10-08 04:05:06.700000 UTC [s=ab;i=1;b=0123456789abcdef0123456789abcdef;m=1;t={};x=1]"
    "\n    _TRANSPORT=kernel\n    MESSAGE=x\n"
)

MAIL = "From: Me <me@example.com>\nSubject: it drops\n"


@pytest.mark.parametrize(
    ("text", "when"),
    [
        (f"2023-10-08T04:05:06.000Z Oct  8 04:05:06 {SAID}", "2023-10-08T04:05:06"),
        (f"2023-10-08T04:05:06Z {SAID.partition(' ')[2]}", "2023-10-08T04:05:06"),
        ("2023-10-08T04:05:06.123456789+00:00 stderr F [   12.000001] eth0: link up\n",
         "2023-10-08T04:05:06.123456"),
        ("[2023-10-08T04:05:06Z] [   12.000001] eth0: link up\n", "2023-10-08T04:05:06"),
        ("-- Logs begin at Mon 2023-10-02 01:00:00 UTC, end at Sun 2023-10-08 04:05:06 UTC. --\n"
         f"Oct 07 23:00:00 {SAID}", "2023-10-07T23:00:00"),
        ("-- Journal begins at Mon 2023-10-02 01:00:00 UTC, ends at Sun 2023-10-08 04:05:06 UTC. "
         f"--\nOct 07 23:00:00 {SAID}", "2023-10-07T23:00:00"),
        (VERBOSE.format("1"), "2023-10-08T04:05:06.700000"),
        (VERBOSE.format(f"{1696737906_800000:x}"), "2023-10-08T04:05:06.800000"),
        (f"{MAIL}Date: Sun, 8 Oct 2023 06:05:06 +0200\n\n> [   12.000001] eth0: link up\n",
         "2023-10-08T04:05:06"),
        (f"From me@x Sun Oct  8\n{MAIL}Date: 8 Oct 2023 04:05 GMT\nX-A: b\n c\n\n[   2.000001] x\n",
         "2023-10-08T04:05:00"),
        (f"Date: Sun, 8 Oct 2023 06:05:06 +0200\r\n{MAIL}\r\nOct  8 04:05:01 {SAID}",
         "2023-10-08T04:05:01"),
        # A record's own year stands.
        (f"2024-01-01T00:00:00Z 2023-10-08T04:05:06+00:00 {SAID}", "2023-10-08T04:05:06"),
    ],
)  # fmt: skip
def test_a_text_is_of_the_year_that_it_tells(tmp_path: Path, text: str, when: str) -> None:
    path = tmp_path / "text.log"
    path.write_text(text, encoding="utf-8")
    os.utime(path, (1_790_000_000, 1_790_000_000))
    host = open_logs([str(path)], ())
    assert isinstance(host, RecordedHost)
    clock = host.clock()
    assert not clock.by_file
    found = datetime.fromtimestamp(clock.now, timezone.utc).replace(tzinfo=None)
    assert found.isoformat() == when


def test_what_a_line_is_wrapped_in_dates_it_where_it_has_no_year() -> None:
    inner = "Oct  8 04:05:06 web-1 kernel: x"
    for around, stamp in (
        ("", "Oct  8 04:05:06"),
        ("2023-10-08T04:05:07Z ", "2023-10-08T04:05:07Z"),
    ):
        found = parse_record(around + inner)
        assert found is not None
        assert found.stamp == stamp


@pytest.mark.parametrize(
    "text",
    [
        f"{MAIL}\nDate: Sun, 8 Oct 2023 06:05:06 +0200\n[   12.000001] x\n",  # no header
        "Date: Sun, 8 Oct 2023 06:05:06 +0200\n[   12.000001] x\n",
        f"{MAIL}Date: Sun, 38 Oct 2023 06:05:06 +0200\n\n[   12.000001] x\n",
    ],
)
def test_what_is_no_date_of_a_mail_dates_no_text(tmp_path: Path, text: str) -> None:
    path = tmp_path / "text.log"
    path.write_text(text, encoding="utf-8")
    host = open_logs([str(path)], ())
    assert isinstance(host, RecordedHost)
    assert host.clock().by_file
