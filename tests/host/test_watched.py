"""A file that changes while it is read, in each reader; one that only grows is whole."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable

import pytest

from ec2rl.conntrack.queries.saved_text import read_table
from ec2rl.host import Journal, Phrase, Search
from ec2rl.host.files import open_regular
from ec2rl.host.journal.folder import JournalFiles
from ec2rl.host.journal.search import search_journal
from ec2rl.host.journal.watched import WatchedJournal
from ec2rl.host.recording import sections
from ec2rl.host.saved import close_saved, open_saved
from ec2rl.host.saved_logs import read_logs
from ec2rl.host.search import search_paths
from ec2rl.host.watched import Watched
from ec2rl.model import Unreadable
from hostile.changing import meanwhile
from support.journal_writer import JournalWriter, kernel

PHRASES = (Phrase(b"table full"),)
LINES = b"".join(b"[%5d.000000] line\n" % number for number in range(2000))
HIT = b"[ 9999.000000] nf_conntrack: nf_conntrack: table full, dropping packet\n"
ZSTD = "/usr/bin/zstd"


def write(path: Path, data: bytes, at: int = 0) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"[10000.000000] more\n")


def replace(path: Path) -> None:
    other = path.with_suffix(".new")
    other.write_bytes(b"another\n")
    other.replace(path)


def grow_anew(path: Path) -> None:
    size = path.stat().st_size
    os.truncate(path, 0)
    write(path, b"\n" * (size + 1))


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "emptied": (lambda path: os.truncate(path, 0), "shrank to 0 bytes"),
    "cut": (lambda path: os.truncate(path, 100), "shrank to 100 bytes"),
    "written over": (lambda path: write(path, b"x" * 50, 40), "was rewritten"),
    "only its end": (lambda path: write(path, b"x", path.stat().st_size - 1), "was rewritten"),
    "written anew, longer": (grow_anew, "was rewritten"),
    "moved": (lambda path: path.rename(path.with_suffix(".1")), "was moved or replaced"),
    "replaced": (replace, "was moved or replaced"),
    "removed": (Path.unlink, "was moved or replaced"),
    "grown": (append, ""),
    "untouched": (lambda path: path, ""),
    "read by others": (Path.read_bytes, ""),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_befell_it(tmp_path: Path, what: str) -> None:
    path = tmp_path / "messages"
    path.write_bytes(LINES)
    change, told = CHANGES[what]
    with path.open("rb") as file:
        watched = Watched(file.fileno())
        change(path)
        changed = watched.changed()
    assert changed.startswith(told)
    assert bool(changed) == bool(told)


def test_stamps_that_were_set_back(tmp_path: Path) -> None:
    """As `touch -r` or rsync do; the time of the change cannot be set."""
    path = tmp_path / "messages"
    path.write_bytes(LINES * 10)
    os.utime(path, (1, 1))
    with path.open("rb") as file:
        watched = Watched(file.fileno())
        write(path, b"x", len(LINES) * 5)
        os.utime(path, (1, 1))
        assert watched.changed().startswith("was rewritten")


def zstd(data: bytes) -> bytes:
    return subprocess.run([ZSTD, "-qc"], input=data, capture_output=True, check=True).stdout


PACKS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstd,
}


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("end", PACKS)
def test_text_logs_and_packed_ones(tmp_path: Path, end: str, what: str) -> None:
    """The first of two logs changes after it was opened, and before it is read to its end."""
    if end == ".zst" and not os.access(ZSTD, os.X_OK):
        pytest.skip("no zstd here")
    path, last = tmp_path / f"messages{end}", tmp_path / "syslog"
    path.write_bytes(PACKS[end](LINES + HIT))
    last.write_bytes(b"x\n")
    change, told = CHANGES[what]
    if what == "grown" and end:
        change = _second_member(PACKS[end])

    def opened(name: str) -> int | Unreadable:
        fd = open_regular(name)
        if name == str(last):
            change(path)
        return fd

    found, other = search_paths([str(path), str(last)], opened, PHRASES)
    assert isinstance(other, Search)
    assert other.gap == ""
    if isinstance(found, Search):
        assert told in found.gap
        assert bool(found.gap) == bool(told)


def _second_member(pack: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda path: write(path, pack(b"more\n"), path.stat().st_size)


@pytest.mark.more
def test_a_large_log_that_two_threads_share(tmp_path: Path) -> None:
    path = tmp_path / "messages"
    path.write_bytes(LINES * (70 << 20 >> 15) + HIT)

    def opened(name: str) -> int | Unreadable:
        if name != str(path):
            write(path, b"x" * len(HIT), path.stat().st_size - len(HIT))
        return open_regular(name)

    found, _ = search_paths([str(path), "/none"], opened, PHRASES)
    assert isinstance(found, Search)
    assert found.hits == 0
    assert found.gap.startswith("was rewritten while it was read")


@pytest.mark.parametrize("what", [what for what in CHANGES if CHANGES[what][1]])
@pytest.mark.parametrize("end", [".log", ".gz", ".json"])
def test_saved_logs(tmp_path: Path, end: str, what: str) -> None:
    """Opened all at once, and read one after the other: the last one changed before its turn."""
    path = tmp_path / f"last{end}"
    text = b"[    0.000000] Linux version 6.1.0\n" + LINES + HIT
    json = b'{"MESSAGE":"x","_TRANSPORT":"kernel","__REALTIME_TIMESTAMP":"1"}\n' * 100
    path.write_bytes({".log": text, ".gz": gzip.compress(text), ".json": json}[end])
    logs = open_saved([str(path)])
    assert not isinstance(logs, Unreadable)
    change, told = CHANGES[what]
    change(path)
    looks = sections(read_logs(logs, PHRASES))[1]
    close_saved(logs)
    assert "not all of the logs" in looks["cut"]
    assert told in looks.get("gaps", "") + "".join(looks)


@pytest.mark.parametrize("end", [".log", ".gz", ".json"])
def test_a_saved_log_that_is_written_to_at_its_end(tmp_path: Path, end: str) -> None:
    """What stood in its midst may have been written over as well: stamps and size do not tell."""
    path = tmp_path / f"last{end}"
    text = b"[    0.000000] Linux version 6.1.0\n" + LINES
    json = b'{"MESSAGE":"x","_TRANSPORT":"kernel","__REALTIME_TIMESTAMP":"1"}\n' * 2000
    path.write_bytes({".log": text, ".gz": gzip.compress(text, 0), ".json": json}[end])
    logs = open_saved([str(path)])
    assert not isinstance(logs, Unreadable)
    write(path, b"x" * 10, 20_000)
    append(path)
    looks = sections(read_logs(logs, PHRASES))[1]
    close_saved(logs)
    assert "not all of the logs" in looks["cut"]
    assert "was written to while it was read" in looks.get("gaps", "") + "".join(looks)


def made(*messages: bytes, state: int = 1) -> bytes:
    writer = JournalWriter()
    for number, message in enumerate(messages):
        writer.entry(kernel(message), 1_790_000_000_000_000 + number, number)
    data = bytearray(writer.bytes(room=1 << 14))
    data[16] = state
    return bytes(data)


MORE: dict[str, tuple[Callable[[Path], object], str]] = {
    "nothing": (lambda path: path, ""),
    "journald wrote a record": (lambda path: write(path, made(b"a", b"b", b"c")), ""),
    "another file stands there": (
        lambda path: write(path, made(b"x")[:24] + b"another file's id" + made(b"x")[41:]),
        "was rewritten",
    ),
    "records are gone": (lambda path: write(path, made(b"a")), "was rewritten"),
    "cut": (lambda path: os.truncate(path, 4096), "shrank"),
    "journald began a new one": (
        lambda path: path.rename(path.with_name("system@1.journal")),
        "was moved",
    ),
}


@pytest.mark.parametrize("what", MORE)
def test_a_journal_of_this_machine(tmp_path: Path, what: str) -> None:
    path = tmp_path / "system.journal"
    path.write_bytes(made(b"a", b"b").ljust(1 << 15, b"\0"))
    change, told = MORE[what]
    with path.open("rb") as file:
        watched = WatchedJournal(file.fileno())
        change(path)
        changed = watched.changed()
    assert changed.startswith(told)
    assert bool(changed) == bool(told)


def test_a_journal_that_nobody_has_open_may_not_change_at_all(tmp_path: Path) -> None:
    path = tmp_path / "system.journal"
    path.write_bytes(made(b"a", b"b", state=2))
    with path.open("rb") as file:
        watched = WatchedJournal(file.fileno())
        write(path, b"\0" * 8, 2000)
        assert watched.changed().startswith("was rewritten")


def test_a_journal_file_by_search_journal(tmp_path: Path) -> None:
    """One that is no journal of this machine may not change at all."""
    path = tmp_path / "a.journal"
    path.write_bytes(made(b"table full", b"b"))
    with path.open("rb") as file:
        found = _while_one_thread_writes(
            path, lambda: search_journal([("a", file.fileno())], PHRASES)
        )
    assert found.gaps
    assert found.gaps[0].startswith("a: it was rewritten while it was read")


def _while_one_thread_writes(path: Path, look: Callable[[], Journal]) -> Journal:
    """What a look gives that met a change; most do, if somebody always writes."""
    from threading import Event, Thread

    ended = Event()

    def work() -> None:
        while not ended.is_set():
            write(path, b"\0", path.stat().st_size - 1)
            time.sleep(0.0005)

    thread = Thread(target=work)
    thread.start()
    try:
        for _ in range(2000):
            found = look()
            if found.gaps:
                return found
    finally:
        ended.set()
        thread.join()
    return found


def test_a_journal_that_is_rotated_while_its_folder_is_opened(tmp_path: Path) -> None:
    machine = "0123456789abcdef0123456789abcdef"
    folder = tmp_path / machine
    folder.mkdir()
    (folder / "system.journal").write_bytes(made(b"table full"))

    class Rotated(JournalFiles):
        """One in whose folder journald begins a new file after it has looked for names."""

        def _open(self, at: int, path: str, shown: str) -> None:
            if not self.files:
                (folder / "system.journal").rename(folder / "system@1.journal")
                (folder / "system.journal").write_bytes(made(b"x"))
            super()._open(at, path, shown)

    files = Rotated(machine)
    fd = os.open(tmp_path, os.O_RDONLY)
    files.add(fd, "journal")
    os.close(fd)
    files.close()
    assert files.gaps == ["journal: a file came while the others were opened"]


@pytest.mark.parametrize("what", ["emptied", "written over", "replaced"])
def test_a_small_file_that_is_read_whole(tmp_path: Path, what: str) -> None:
    path = tmp_path / "sysctl.conf"
    code = "import sys; from ec2rl.host.live import LiveHost; print(LiveHost().read(sys.argv[1]))"
    change, told = CHANGES[what]
    for place in [5 << 20] * 50:  # beyond what Python itself reads to start
        path.write_bytes(LINES * 400)
        size = path.stat().st_size
        command = [sys.executable, "-c", code, str(path)]
        source = str(Path(__file__).parents[2] / "src")
        environment = {"PYTHONPATH": source, "PYTHONDONTWRITEBYTECODE": "1"}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
        in_time = meanwhile(process, path, size, place, lambda: change(path))
        said = process.communicate()[0].decode()
        if in_time:
            break
    assert in_time
    assert said.startswith(f"{path}: partial ({told}")


def test_a_kernels_file_may_say_something_else_each_time() -> None:
    from ec2rl.host.live import LiveHost

    for path in ("/proc/uptime", "/proc/stat", "/sys/kernel/mm/transparent_hugepage/enabled"):
        if os.path.exists(path):
            assert not isinstance(LiveHost().read(path), Unreadable)


def test_a_table_whose_last_line_is_cut() -> None:
    line = (
        b"tcp 6 300 ESTABLISHED src=10.0.0.1 dst=192.0.2.1 sport=5000 dport=80 src=192.0.2.1 "
        b"dst=10.0.0.1 sport=80 dport=5000 [ASSURED] mark=0 use=1\n"
    )
    pieces = [line * 3 + line[:40]]
    found = read_table("x", [lambda _: pieces.pop() if pieces else b""], 0.0)
    assert not isinstance(found, Unreadable)
    assert "its last line is cut off" in found.gap
