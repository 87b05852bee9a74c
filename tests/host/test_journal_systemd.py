"""Journal files written by systemd itself, and journalctl as the judge of what they hold."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ec2rl.host import Journal, JournalRecord, Phrase
from ec2rl.host.journal import program
from ec2rl.host.journal.match import MISSED
from ec2rl.host.journal.search import search_journal

REMOTE = "/lib/systemd/systemd-journal-remote"
FULL = b"nf_conntrack: table full, dropping packet"
BOOTS = [f"{n:032x}" for n in (0xA, 0xB, 0xC)]

pytestmark = pytest.mark.skipif(
    not os.access(REMOTE, os.X_OK) or shutil.which("journalctl") is None,
    reason="needs journalctl and systemd-journal-remote, which are not installed",
)

MATCHES = ("_TRANSPORT=kernel", "+", "_TRANSPORT=driver", f"MESSAGE_ID={MISSED.decode()}")

Fields = list[tuple[bytes, bytes]]


def export(number: int, fields: Fields, boot: str) -> bytes:
    out = (
        f"__REALTIME_TIMESTAMP={1_700_000_000_000_000 + number}\n"
        f"__MONOTONIC_TIMESTAMP={number + 1}\n_BOOT_ID={boot}\n"
    ).encode()
    for name, value in fields:
        if b"\n" in value or not value.isascii():
            out += name + b"\n" + len(value).to_bytes(8, "little") + value + b"\n"
        else:
            out += name + b"=" + value + b"\n"
    return out + b"\n"


def write(
    path: Path,
    records: list[tuple[Fields, str]],
    first: int = 0,
    pack: str = "ZSTD",
    **settings: str,
) -> None:
    text = b"".join(export(n, *record) for n, record in enumerate(records, first))
    subprocess.run(
        [REMOTE, f"--output={path}", "--split-mode=none", f"--compress={pack != 'no'}", "-"],
        input=text,
        check=True,
        capture_output=True,
        env={**os.environ, "SYSTEMD_JOURNAL_COMPRESS": pack, **settings},
    )


def journalctl(folder: Path) -> list[dict[str, object]]:
    """Every record of the kernel's and of journald's, as systemd tells it."""
    told = subprocess.run(
        ["journalctl", f"--directory={folder}", "-o", "json", "--all", "-q", *MATCHES],
        check=True,
        capture_output=True,
    )
    return [json.loads(line) for line in told.stdout.splitlines()]


def expected(folder: Path, phrases: tuple[Phrase, ...]) -> tuple[JournalRecord, ...]:
    found = []
    left = 0
    boot = None
    for told in journalctl(folder):
        text = told.get("MESSAGE", "")
        message = bytes(text) if isinstance(text, list) else str(text).encode()
        after = [phrase.after for phrase in phrases if phrase.text in message]
        driver = told["_TRANSPORT"] == "driver"
        if told["_BOOT_ID"] != boot:
            boot, left = told["_BOOT_ID"], 0
        if driver or after or left:
            facility = told.get("SYSLOG_FACILITY")
            stamp = told.get("_SOURCE_MONOTONIC_TIMESTAMP", told["__MONOTONIC_TIMESTAMP"])
            found.append(
                JournalRecord(
                    message=message[:4096].decode("utf-8", "backslashreplace"),
                    transport=str(told["_TRANSPORT"]),
                    facility=None if facility is None else int(str(facility)),
                    boot=str(boot),
                    monotonic=int(str(stamp)),
                    realtime=int(str(told["__REALTIME_TIMESTAMP"])),
                    hit=driver or bool(after),
                )
            )
        if not driver:
            left = max([left - 1, 0, *after])
    return tuple(found)


def newest(folder: Path) -> int:
    """The time of the last record of any kind, as systemd tells it."""
    told = subprocess.run(
        ["journalctl", f"--directory={folder}", "-o", "json", "-q", "-n", "1"],
        check=True,
        capture_output=True,
    )
    return int(json.loads(told.stdout)["__REALTIME_TIMESTAMP"])


def look(folder: Path, phrases: tuple[Phrase, ...]) -> Journal:
    files = [(path.name, os.open(path, os.O_RDONLY)) for path in sorted(folder.iterdir())]
    try:
        return search_journal(files, phrases)
    finally:
        for _, fd in files:
            os.close(fd)


def busy(count: int, seed: int, kernel_share: float) -> list[tuple[Fields, str]]:
    """A day of a server: texts of all lengths, many equal, some binary, some forged."""
    dice = random.Random(seed)
    texts = [
        FULL,
        b"nf_conntrack: nf_conntrack: table full in netns 4026531840, dropping packet",
        b"multi\nline table full\n",
        b"binary \x01\x02\xff table full \xfe",
        b"x" * 700 + FULL,
        FULL + b" " + bytes(dice.choices(b"abcdefgh", k=900)),
        b"oops: a trace follows",
        b"net_ratelimit: 12 callbacks suppressed",
        b"y" * 2000,
    ]
    records = []
    for n in range(count):
        boot = BOOTS[n * 3 // count]
        text = dice.choice(texts) if dice.random() < 0.4 else b"line %d" % n
        if dice.random() < kernel_share:
            fields = [(b"_TRANSPORT", b"kernel"), (b"MESSAGE", text)]
            if facility := dice.choice((b"0", b"0", b"1", b"")):
                fields.append((b"SYSLOG_FACILITY", facility))
            if dice.random() < 0.8:
                fields.append((b"_SOURCE_MONOTONIC_TIMESTAMP", b"%d" % (n * 7)))
        elif dice.random() < 0.02:
            fields = [
                (b"_TRANSPORT", b"driver"),
                (b"MESSAGE_ID", MISSED),
                (b"SYSLOG_FACILITY", b"3"),
                (b"MESSAGE", b"Missed %d kernel messages" % n),
            ]
        else:
            fields = [
                (b"_TRANSPORT", dice.choice((b"syslog", b"stdout", b"journal"))),
                (b"SYSLOG_FACILITY", b"0"),
                (b"_CMDLINE", b"grep table full " * dice.randrange(60)),
                (b"MESSAGE", text),
            ]
        records.append((fields, boot))
    return records


PHRASES = (Phrase(b"table full"), Phrase(b"dropping packet"), Phrase(b"oops", after=5))


@pytest.mark.parametrize("kernel_share", [0.02, 0.4], ids=["walked", "searched"])
@pytest.mark.parametrize("pack", ["XZ", "LZ4", "ZSTD", "no"])
@pytest.mark.parametrize("compact", ["0", "1"])
@pytest.mark.parametrize("keyed", ["0", "1"])
@pytest.mark.sampled(15)
def test_the_same_records_as_journalctl(
    tmp_path: Path, kernel_share: float, pack: str, compact: str, keyed: str
) -> None:
    write(
        tmp_path / "a.journal",
        busy(1500, seed=1, kernel_share=kernel_share),
        pack=pack,
        SYSTEMD_JOURNAL_COMPACT=compact,
        SYSTEMD_JOURNAL_KEYED_HASH=keyed,
    )
    wanted = expected(tmp_path, PHRASES)
    found = look(tmp_path, PHRASES)
    assert len(wanted) > 10
    assert found == Journal(
        records=wanted,
        hits=sum(record.hit and record.transport == "kernel" for record in wanted),
        files=("a.journal",),
        gaps=(),
        oldest=1_700_000_000_000_000,
        newest=newest(tmp_path),
    )


@pytest.mark.slow
def test_the_same_records_as_journalctl_in_files_of_threads(tmp_path: Path) -> None:
    """More than one file, large enough for the C library's search and a second thread."""
    records = busy(24_000, seed=2, kernel_share=0.5)
    for n, (fields, _) in enumerate(records):
        fields.append((b"PADDING", b"%d" % n * 500))
    write(tmp_path / "a.journal", records[:12_000], pack="no")
    write(tmp_path / "b.journal", records[6_000:], 6_000, pack="no")
    found = look(tmp_path, PHRASES[:2])
    wanted = expected(tmp_path, PHRASES[:2])
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) > 32 << 20
    assert (found.records, found.gaps) == (wanted, ())
    assert found.hits == sum(record.transport == "kernel" for record in wanted)


def test_a_file_of_unknown_format_is_read_by_journalctl(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "a.journal", busy(300, seed=3, kernel_share=0.5))
    wanted = expected(tmp_path, PHRASES)
    fd = os.open(tmp_path / "a.journal", os.O_RDONLY)
    try:
        answer = program.exported(fd, PHRASES, MISSED, until=time.monotonic() + 60)
    finally:
        os.close(fd)
    assert tuple(answer.record(n) for n in range(len(answer.rows))) == wanted
    assert (answer.gap, answer.oldest) == ("", 1_700_000_000_000_000)


def test_a_format_that_nobody_knows_is_a_gap(tmp_path: Path) -> None:
    write(tmp_path / "a.journal", busy(20, seed=3, kernel_share=0.5))
    content = bytearray((tmp_path / "a.journal").read_bytes())
    content[13] |= 0x80
    (tmp_path / "a.journal").write_bytes(content)
    assert look(tmp_path, PHRASES) == Journal(
        (),
        0,
        ("a.journal",),
        ("a.journal: its format has unknown flags 0x8000, and journalctl ended with status 1",),
        1_700_000_000_000_000,
        1_700_000_000_000_019,
    )


LINES = st.lists(
    st.tuples(
        st.sampled_from([b"kernel", b"syslog", b"driver"]),
        st.sampled_from([FULL, b"oops", b"", b"MESSAGE=table full", b"a\nb\xff"])
        | st.binary(max_size=900),
        st.sampled_from(BOOTS),
    ),
    min_size=1,
    max_size=40,
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(lines=LINES, pack=st.sampled_from(["XZ", "LZ4", "ZSTD"]))
@pytest.mark.more
def test_any_records(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[tuple[bytes, bytes, str]],
    pack: str,
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    lines.sort(key=lambda line: line[2])
    records = [([(b"_TRANSPORT", how), (b"MESSAGE", text)], boot) for how, text, boot in lines]
    write(folder / "a.journal", records, pack=pack)
    found = look(folder, PHRASES)
    assert (found.records, found.gaps) == (expected(folder, PHRASES), ())
