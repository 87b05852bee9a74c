"""Journal files of our own making: what is found, what is refused, what is told as a gap."""

from __future__ import annotations

import lzma
import os
import random
import struct
from pathlib import Path

import pytest

from ec2rl.host import Journal, JournalRecord, Phrase
from ec2rl.host.journal.file import JournalFile
from ec2rl.host.journal.folder import JournalFiles
from ec2rl.host.journal.match import MISSED
from ec2rl.host.journal.rows import HIT, Rows
from ec2rl.host.journal.search import search_journal, search_journal_folders
from ec2rl.model import Unreadable, Why
from fuzz.journal import look as fuzz_look
from fuzz.journal import mutated, seeds
from support.journal_writer import (
    HEADER,
    LZ4,
    XZ,
    ZSTD,
    JournalWriter,
    kernel,
    lz4_stored,
    zstd_stored,
)

FULL = b"nf_conntrack: table full, dropping packet"
PHRASES = (Phrase(b"table full"), Phrase(b"dropping packet"))
BOOT = bytes(range(16))
ROOM = 8 << 20  # blank bytes at the end of a file: enough to have entries read one by one


@pytest.fixture(params=[False, True], ids=["regular", "compact"])
def compact(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(params=[0, ROOM], ids=["searched", "walked"])
def room(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def look(folder: Path, *contents: bytes, phrases: tuple[Phrase, ...] = PHRASES) -> Journal:
    files = []
    try:
        for number, content in enumerate(contents):
            path = folder / f"{number}.journal"
            path.write_bytes(content)
            files.append((path.name, os.open(path, os.O_RDONLY)))
        return search_journal(files, phrases)
    finally:
        for _, fd in files:
            os.close(fd)


def hit(message: bytes, realtime: int, **changes: object) -> JournalRecord:
    fields: dict[str, object] = {
        "message": message.decode("utf-8", "backslashreplace"),
        "transport": "kernel",
        "facility": 0,
        "boot": BOOT.hex(),
        "monotonic": realtime,
        "realtime": realtime,
    }
    return JournalRecord(**{**fields, **changes})  # type: ignore[arg-type]


def test_the_kernels_records_are_found_and_no_others(
    folder: Path, compact: bool, room: int
) -> None:
    journal = JournalWriter(compact=compact)
    user = [b"_TRANSPORT=syslog", b"SYSLOG_FACILITY=0", b"MESSAGE=" + FULL]
    journal.entry([b"_TRANSPORT=stdout", b"MESSAGE=hello"], 5, 5, BOOT)
    journal.entry(user, 10, 10, BOOT)
    for n in range(20, 40):
        journal.entry(kernel(FULL), n, n, BOOT)
        journal.entry(user, n, n + 100, BOOT)
    journal.entry(kernel(FULL + b" again", 1, 77), 50, 50, BOOT)
    journal.entry(kernel(b"other \xff table full\n2", None), 60, 60, bytes(16))
    journal.entry([*kernel(b"fine"), b"NOTE=table full"], 70, 70, BOOT)
    assert look(folder, journal.bytes(room)) == Journal(
        records=(
            *(hit(FULL, n) for n in range(20, 40)),
            hit(FULL + b" again", 50, facility=1, monotonic=77),
            hit(b"other \xff table full\n2", 60, facility=None, boot="0" * 32),
        ),
        hits=22,
        files=("0.journal",),
        gaps=(),
        oldest=5,
    )


def test_a_text_that_programs_logged_first_is_still_the_kernels(
    folder: Path, compact: bool
) -> None:
    """One DATA object, thousands of entries in chained lists, one of them the kernel's."""
    journal = JournalWriter(compact=compact)
    for n in range(1, 3000):
        journal.entry([b"_TRANSPORT=syslog", b"MESSAGE=" + FULL], n, n, BOOT)
    for n in range(3000, 3300):
        journal.entry(kernel(b"noise"), n, n, BOOT)
    journal.entry(kernel(FULL), 5000, 5000, BOOT)
    assert look(folder, journal.bytes()).records == (hit(FULL, 5000),)


def test_a_false_object_in_a_payload_is_no_record(folder: Path, compact: bool) -> None:
    """Any user can log bytes that look like a DATA and an ENTRY object of the kernel's."""
    journal = JournalWriter(compact=compact)
    journal.entry(kernel(b"boot"), 1, 1, BOOT)
    true = journal.places[b"_TRANSPORT=kernel"]
    start = len(journal.data)
    prefix = b"MESSAGE="
    room = 64 + 8 * compact
    # The field "MESSAGE" is known, so that the payload begins right behind the object's head.
    place = start + room + len(prefix)
    entry = place + room + 64
    text = b"MESSAGE=" + FULL
    false = struct.pack("<BB6xQ6Q", 1, 0, room + len(text), 0, 0, 0, entry, 0, 1)
    false += bytes(8 * compact) + text
    false += bytes(entry - place - len(false))
    items = struct.pack("<II", true, place) if compact else struct.pack("<Q8xQ8x", true, place)
    false += struct.pack("<BB6xQQQQ16sQ", 3, 0, 64 + len(items), 9, 9, 9, BOOT, 0) + items
    journal.entry([prefix + false, b"_TRANSPORT=journal"], 2, 2, BOOT)
    content = journal.bytes()
    assert content[place : place + 1] == b"\1"
    assert content[entry : entry + 1] == b"\3"
    assert look(folder, content) == Journal((), 0, ("0.journal",), (), 1)


@pytest.mark.parametrize("kind", ["xz", "lz4", "zstd"])
def test_packed_messages_are_unpacked(folder: Path, compact: bool, room: int, kind: str) -> None:
    message = b"x" * 600 + FULL
    text = b"MESSAGE=" + message
    flag, stored = {
        "xz": (1, lzma.compress(text, check=lzma.CHECK_NONE)),
        "lz4": (2, lz4_stored(text)),
        "zstd": (4, zstd_stored(text)),
    }[kind]
    journal = JournalWriter(compact=compact, flags={1: XZ, 2: LZ4, 4: ZSTD}[flag])
    journal.payload(text, stored, flag)
    for n in range(1, 7):
        journal.entry([b"_TRANSPORT=syslog", text], n, n, BOOT)
    journal.entry(kernel(message), 9, 9, BOOT)
    assert look(folder, journal.bytes(room)) == Journal(
        (hit(message, 9),), 1, ("0.journal",), (), 1
    )


@pytest.mark.parametrize("kind", ["xz", "lz4", "zstd"])
def test_a_torn_packed_message_is_a_gap(folder: Path, room: int, kind: str) -> None:
    flag = {"xz": 1, "lz4": 2, "zstd": 4}[kind]
    magic = {1: b"\xfd7zXZ\0", 2: struct.pack("<Q", 600), 4: b"\x28\xb5\x2f\xfd"}[flag]
    journal = JournalWriter(flags={1: XZ, 2: LZ4, 4: ZSTD}[flag])
    journal.payload(b"MESSAGE=lost", magic + b"\xff" * 99, flag)
    journal.entry(kernel(b"lost"), 1, 1, BOOT)
    journal.entry(kernel(FULL), 2, 2, BOOT)
    found = look(folder, journal.bytes(room))
    assert (found.records, found.hits, len(found.gaps)) == ((hit(FULL, 2),), 1, 1)
    assert found.gaps[0].startswith(f"0.journal: a payload packed with {kind} is torn")


def test_lines_behind_a_hit_come_along_also_from_the_next_file(
    folder: Path, compact: bool, room: int
) -> None:
    first = JournalWriter(compact=compact)
    first.entry(kernel(b"before"), 1, 1, BOOT)
    first.entry(kernel(b"oops"), 2, 2, BOOT)
    first.entry([b"_TRANSPORT=stdout", b"MESSAGE=program"], 3, 3, BOOT)
    first.entry(kernel(b"trace 1"), 4, 4, BOOT)
    second = JournalWriter(compact=compact)
    second.entry(kernel(b"trace 2"), 5, 5, BOOT)
    second.entry(kernel(b"oops"), 6, 6, BOOT)
    second.entry(kernel(b"trace 3"), 7, 7, BOOT)
    second.entry(kernel(b"next boot"), 8, 1, bytes(16))
    found = look(folder, second.bytes(room), first.bytes(room), phrases=(Phrase(b"oops", after=3),))
    assert found.records == (
        hit(b"oops", 2),
        hit(b"trace 1", 4, hit=False),
        hit(b"trace 2", 5, hit=False),
        hit(b"oops", 6),
        hit(b"trace 3", 7, hit=False),
    )
    assert (found.hits, found.gaps) == (2, ())


def test_an_entry_in_two_files_counts_once(folder: Path, compact: bool) -> None:
    journal = JournalWriter(compact=compact)
    journal.entry(kernel(FULL), 1, 1, BOOT)
    journal.entry(kernel(FULL), 2, 2, BOOT)
    found = look(folder, journal.bytes(), journal.bytes(ROOM))
    assert (found.records, found.hits) == ((hit(FULL, 1), hit(FULL, 2)), 2)


def test_lost_kernel_messages_are_told_by_journald(folder: Path) -> None:
    journal = JournalWriter()
    marker = b"MESSAGE_ID=" + MISSED
    journal.entry([b"_TRANSPORT=journal", marker, b"MESSAGE=Missed 9 kernel messages"], 1, 1, BOOT)
    for n in range(2, 9):
        journal.entry(
            [
                b"_TRANSPORT=driver",
                marker,
                b"SYSLOG_FACILITY=3",
                b"MESSAGE=Missed 7 kernel messages",
            ],
            n,
            n,
            BOOT,
        )
    journal.entry([b"_TRANSPORT=driver", b"MESSAGE=Missed 5 kernel messages"], 9, 9, BOOT)
    found = look(folder, journal.bytes())
    assert found.records == tuple(
        hit(b"Missed 7 kernel messages", n, transport="driver", facility=3) for n in range(2, 9)
    )
    assert found.hits == 0


def test_one_record_for_a_message_with_all_phrases_many_times(folder: Path, room: int) -> None:
    journal = JournalWriter()
    journal.entry(kernel(b"; ".join([FULL] * 50)), 1, 1, BOOT)
    assert look(folder, journal.bytes(room)).hits == 1


@pytest.mark.more
def test_hits_on_the_edges_of_pieces(folder: Path) -> None:
    journal = JournalWriter()
    expected = []
    for n in range(1, 300):
        journal.entry([b"_TRANSPORT=stdout", b"MESSAGE=" + b"%d" % n * 9000], n, n, BOOT)
        expected.append(FULL + b" %d" % n)
        journal.entry(kernel(expected[-1]), n, n, BOOT)
    content = journal.bytes()
    assert len(content) > 4 << 20
    assert [r.message.encode() for r in look(folder, content).records] == expected
    # The same with many files and threads.
    found = look(folder, *[content] * 7)
    assert [r.message.encode() for r in found.records] == expected
    assert (found.hits, found.gaps, len(found.files)) == (299, (), 7)


def test_a_hit_behind_blank_pieces(folder: Path) -> None:
    journal = JournalWriter()
    journal.data += bytes(3 << 20)
    journal.entry(kernel(FULL), 1, 1, BOOT)
    found = look(folder, journal.bytes(5 << 20))
    assert (found.records, found.gaps) == ((hit(FULL, 1),), ())


def test_hits_on_both_sides_of_holes(folder: Path) -> None:
    """What was never written is passed over, wherever a piece of the file ends."""
    journal = JournalWriter()
    expected = []
    for n, hole in enumerate((0, 4096, 128 << 10, (1 << 20) + 512, 3 << 20), 1):
        journal.data += bytes(hole)
        expected.append(FULL + b" %d" % n)
        journal.entry(kernel(expected[-1]), n, n, BOOT)
    content = journal.bytes(8 << 20)
    path = folder / "sparse.journal"
    with path.open("wb") as file:
        for start in range(0, len(content), 4096):
            if any(page := content[start : start + 4096]):
                file.seek(start)
                file.write(page)
        file.truncate(len(content))
    assert path.stat().st_blocks * 512 < len(content) // 2
    with path.open("rb") as file:
        found = search_journal([("sparse.journal", file.fileno())], [Phrase(FULL)])
    assert [record.message.encode() for record in found.records] == expected
    assert found.gaps == ()


def behind_tables(journal: JournalWriter) -> int:
    return journal.data_table + 16 * journal.buckets


def test_only_tables_that_come_first_are_passed_over(folder: Path) -> None:
    path = folder / "a.journal"
    journal = JournalWriter()
    for content, expected in (
        (journal.bytes(), behind_tables(journal)),
        (broken(journal, 120, journal.field_table - 8), HEADER),
    ):
        path.write_bytes(content)
        with path.open("rb") as file:
            assert JournalFile(file.fileno()).behind_tables == expected


def test_rows_keep_both_ends_and_count_all() -> None:
    rows = Rows(10)
    for n in range(100):
        rows.add(struct.pack(">QQ16sQ", n, n, BOOT, 0), 0, n, HIT)
    rows.trim()
    assert rows.hits == 100
    assert [place for _, place, _, _ in rows] == [*range(10), *range(90, 100)]


# What is not sound.


def broken(journal: JournalWriter, at: int, value: int) -> bytes:
    content = bytearray(journal.bytes())
    struct.pack_into("<Q", content, at, value)
    return bytes(content)


def test_unsound_files_are_gaps(folder: Path) -> None:
    assert look(folder, b"", b"LPKSHHRH", bytes(4096), b"x" * 4096) == Journal(
        (), 0, (), tuple(f"{n}.journal: it has no journal header" for n in range(4)), None
    )


def test_a_file_cut_short_gives_what_is_left(folder: Path) -> None:
    journal = JournalWriter()
    journal.entry(kernel(FULL), 1, 1, BOOT)
    whole = journal.bytes(1000)
    found = look(folder, whole[:-1000])
    assert found.records == (hit(FULL, 1),)
    assert found.gaps == (f"0.journal: it ends at byte {len(whole) - 1000} of {len(whole)}",)
    tail = bytearray(journal.bytes())
    tail[journal.tail :] = bytes(len(tail) - journal.tail)
    found = look(folder, bytes(tail))
    assert found.gaps == (f"0.journal: its last object, at byte {journal.tail}, is blank",)


def test_chains_that_loop_end_in_a_gap(folder: Path) -> None:
    journal = JournalWriter(buckets=1)
    for n in range(1, 20):
        journal.entry(kernel(FULL), n, n, BOOT)
    place = journal.places[b"MESSAGE=" + FULL]
    array = journal.get(place + 48)
    transport = journal.places[b"_TRANSPORT=kernel"]
    for at, value in (
        (array + 16, array),
        (place + 48, 3),
        (place + 48, 1 << 63),
        (place + 56, 99),
    ):
        found = look(folder, broken(journal, at, value))
        assert found.records, at
        assert len(found.gaps) == 1, at
    found = look(folder, broken(journal, transport + 24, transport))  # the hash chain
    assert (found.records, len(found.gaps)) == ((), 1)
    found = look(folder, broken(journal, transport + 32, transport))  # the chain of values
    assert len(found.gaps) == 1


def test_no_time_left_is_a_gap(folder: Path) -> None:
    path = folder / "a.journal"
    journal = JournalWriter()
    journal.entry(kernel(FULL), 1, 1, BOOT)
    path.write_bytes(journal.bytes())
    fd = os.open(path, os.O_RDONLY)
    try:
        found = search_journal([("a", fd)], PHRASES, seconds=-1)
    finally:
        os.close(fd)
    assert found.gaps == (f"a: time ran out at byte {behind_tables(journal)}",)


@pytest.mark.parametrize("text", [b"", b"x" * 4096])
def test_a_phrase_that_cannot_be_searched_for(text: bytes) -> None:
    with pytest.raises(ValueError, match="empty or too long"):
        search_journal([], [Phrase(text)])


# Folders.


def test_files_of_a_folder_are_opened_and_odd_ones_told(tmp_path: Path) -> None:
    machine = tmp_path / ("ab" * 16)
    machine.mkdir()
    (tmp_path / "remote").mkdir()
    (tmp_path / f"{'ab' * 16}.space").mkdir()
    (tmp_path / ("cd" * 16)).mkdir()
    (tmp_path / ("cd" * 16) / "system.journal").write_bytes(b"")
    (tmp_path / f"{'ab' * 16}.space" / "system.journal").write_bytes(b"")
    for number, name in enumerate(("old.journal~", "system.journal", "notes.txt")):
        (machine / name).write_bytes(b"")
        os.utime(machine / name, (number + 1, number + 1))
    os.mkfifo(machine / "fifo.journal")
    os.utime(machine / "fifo.journal", (9, 9))
    os.symlink("/etc/passwd", machine / "link.journal")
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        found = JournalFiles("ab" * 16)
        found.add(fd, "/j")
        found.close()
        everyone = JournalFiles()
        everyone.add(fd, "/j")
        everyone.close()
    finally:
        os.close(fd)
    base = f"/j/{'ab' * 16}"
    assert [path for path, _ in found.files] == [
        f"{base}.space/system.journal",
        f"{base}/system.journal",
        f"{base}/old.journal~",
    ]
    assert sorted(found.gaps) == [
        f"{base}/fifo.journal: not a regular file",
        f"{base}/link.journal: Too many levels of symbolic links",
    ]
    assert not found.denied
    assert len(everyone.files) == 4


def test_no_folder_is_absent(tmp_path: Path) -> None:
    assert search_journal_folders([str(tmp_path / "no"), str(tmp_path)], PHRASES) == Unreadable(
        "journal", Why.ABSENT
    )


@pytest.mark.more
def test_broken_files_give_an_answer() -> None:
    """A thousand inputs of the campaign in tests/fuzz/journal.py."""
    dice = random.Random(7)
    files = [(whole, len(whole.rstrip(b"\0"))) for whole in seeds()]
    fd = os.memfd_create("journal")
    try:
        answers = [fuzz_look(fd, mutated(dice, *dice.choice(files))) for _ in range(1000)]
    finally:
        os.close(fd)
    assert {type(answer) for answer in answers} == {Journal}
    assert 0 < sum(bool(answer.gaps) for answer in answers) < 1000


def test_a_lost_field_table_is_a_gap(folder: Path) -> None:
    journal = JournalWriter()
    journal.entry(kernel(FULL), 1, 1, BOOT)
    content = bytearray(journal.bytes())
    size = 16 * journal.buckets
    content[journal.field_table : journal.field_table + size] = bytes(size)
    found = look(folder, bytes(content))
    assert found.gaps == ("0.journal: it tells no entry's _TRANSPORT, as if that were lost",)
