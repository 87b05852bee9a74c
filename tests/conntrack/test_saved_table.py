"""Tables that somebody saved: counted whole, sampled fairly, and told where they are not whole."""

from __future__ import annotations

import gzip
import os
from collections import Counter
from pathlib import Path

import pytest

from ec2rl.conntrack.queries.kept import Entries
from ec2rl.conntrack.queries.saved_text import KEPT, read_table
from ec2rl.conntrack.saved_evidence import open_named
from ec2rl.model import Unreadable, Why
from test_cli import ec2rl


def line(number: int, state: str = "ESTABLISHED") -> str:
    source = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    return (
        f"ipv4     2 tcp      6 300 {state} src={source} dst=192.0.2.1 sport=5000 dport=80 "
        f"src=192.0.2.1 dst={source} sport=80 dport=5000 [ASSURED] mark=0 use=1\n"
    )


def counted(number: int) -> str:
    return f"conntrack v1.4.7 (conntrack-tools): {number} flow entries have been shown.\n"


def read(*texts: str | bytes, piece: int = 1000) -> Entries | Unreadable:
    reads = []
    for text in texts:
        data = text.encode() if isinstance(text, str) else text
        pieces = iter([data[at : at + piece] for at in range(0, len(data), piece)])
        reads.append(lambda _, pieces=pieces: next(pieces, b""))
    return read_table("x", reads, 1790000000.0)


def test_each_entry_is_counted_and_kept() -> None:
    text = "".join(map(line, range(20)))
    assert read(text) == Entries("x", text, 20, 1790000000.0, "")
    assert read(text, counted(20)) == Entries("x", text, 20, 1790000000.0, "")
    assert read(text.replace("\n", "\r\n")) == Entries(
        "x", text.replace("\n", "\r\n"), 20, 1790000000.0, ""
    )


def test_a_table_that_is_needed_whole_is_not_known_where_the_time_runs_out() -> None:
    """Nor is it empty where no entry was reached."""
    pieces = [line(1).encode(), line(2).encode()]
    found = read_table("x", [lambda _: pieces.pop()], 0.0, seconds=-1, needs_all=True)
    words = "0 entries were read in -1 s, and not the others"
    assert found == Unreadable("x", Why.PARTIAL, words)


@pytest.mark.more
def test_a_sorted_table_of_many_is_sampled_fairly() -> None:
    states = ("ESTABLISHED", "TIME_WAIT", "CLOSE")
    text = "".join(line(n, states[n // 20_000]) for n in range(60_000))
    found = read(text, piece=1 << 16)
    assert isinstance(found, Entries)
    assert found.total == 60_000
    lines = found.text.splitlines()
    assert len(lines) == KEPT
    assert len(set(lines)) == KEPT
    seen = Counter(word for one in lines for word in one.split() if word in states)
    assert all(0.31 < seen[state] / KEPT < 0.36 for state in states)
    assert read(text, piece=1 << 16) == found


def test_words_of_conntrack_within_a_line_are_taken_out() -> None:
    text = line(1) + line(2)
    for at in (0, 10, len(line(1)) - 1, len(line(1)), len(line(1)) + 40):
        assert read(text[:at] + counted(2) + text[at:]) == Entries("x", text, 2, 1790000000.0, "")


@pytest.mark.parametrize(
    ("text", "total", "gap"),
    [
        (line(1) + "roses are red\n\n", 1, "1 line is no entry"),
        (line(1) + line(2)[:-20], 1, "its last line is cut off"),
        (line(1) + counted(7), 1, "conntrack had counted 7 entries"),
        (line(1) + "x" * 5000 + line(2), 1, "1 line is no entry"),
        (counted(0), 0, ""),
    ],
)
def test_what_is_not_whole_is_told(text: str, total: int, gap: str) -> None:
    found = read(text)
    assert isinstance(found, Entries)
    assert (found.total, found.gap) == (total, gap)


@pytest.mark.parametrize("text", ["", "\n", "hello\n", "\0" * 5000, " src=1\n"])
def test_what_is_no_table_is_refused(text: str) -> None:
    found = read(text)
    assert isinstance(found, Unreadable)
    assert found.why is Why.FAILED


def test_bytes_of_any_kind_are_text() -> None:
    head = line(1)[:-1].encode()
    found = read(head + b" \x1b[2J\xff\xfe -- expect --\n-- a --\n!denied\n")
    assert isinstance(found, Entries)
    assert found.text == line(1)[:-1] + " \\xff\\xfe -- expect --\n"
    assert found.gap == "2 lines are no entries"


def test_files_packed_or_not_are_one_table(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(line(1))
    (tmp_path / "b.gz").write_bytes(gzip.compress(line(2).encode()))
    for name in ("a", "b.gz"):
        os.utime(tmp_path / name, (1790000000, 1790000000))
    paths = [str(tmp_path / name) for name in ("a", "b.gz")]
    assert open_named(paths) == Entries(", ".join(paths), line(1) + line(2), 2, 1790000000.0, "")


def test_a_packed_file_that_is_cut_short(tmp_path: Path) -> None:
    whole = gzip.compress("".join(map(line, range(3000))).encode())
    (tmp_path / "x").write_bytes(whole[: len(whole) // 2])
    found = open_named([str(tmp_path / "x")])
    assert isinstance(found, Entries)
    assert "cut short" in found.gap


def test_a_pipe_is_read(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    os.write(write_end, line(1).encode())
    os.close(write_end)
    try:
        found = open_named([f"/dev/fd/{read_end}"])
    finally:
        os.close(read_end)
    assert isinstance(found, Entries)
    assert found.text == line(1)


@pytest.mark.parametrize("what", ["folder", "device", "none"])
def test_what_is_no_file_is_not_opened(tmp_path: Path, what: str) -> None:
    paths = {"folder": str(tmp_path), "device": "/dev/zero", "none": str(tmp_path / "none")}
    found = open_named([paths[what]])
    assert isinstance(found, Unreadable)
    assert (found.why, found.detail) == {
        "folder": (Why.FAILED, "not a file"),
        "device": (Why.FAILED, "not a file"),
        "none": (Why.ABSENT, ""),
    }[what]


def _hole(text: bytes) -> bytes:
    return text[:20_000] + bytes(40_000) + text[60_000:]


WHOLE = "".join(map(line, range(600))).encode()
DAMAGED = {
    "a hole": _hole(WHOLE),
    "a hole, gzip": gzip.compress(_hole(WHOLE)),
    "cut": gzip.compress(WHOLE, 0)[:40_000],
    "its end is blank": WHOLE[:50_000] + bytes(len(WHOLE) - 50_000),
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED.keys())
@pytest.mark.more
def test_a_part_of_a_saved_table_is_told_as_that(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "table").write_bytes(text)
    done = ec2rl("conntrack", "top", f"--file={tmp_path}/table")
    assert done.returncode == 3
    assert f"{tmp_path}/table: at least " in done.stdout
    assert "in no random order" in done.stdout
    (tmp_path / "table").write_bytes(WHOLE)
    done = ec2rl("conntrack", "top", f"--file={tmp_path}/table")
    assert done.returncode == 0
    assert f"{tmp_path}/table: 600 entries\n" in done.stdout
