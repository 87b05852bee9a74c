"""Searching text logs: files, packed ones, limits, and what befalls a file meanwhile."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ec2rl.host import BEYOND, Line, Phrase, Search
from ec2rl.host.scan import cost
from ec2rl.host.search import Budget, search_files, search_stream
from ec2rl.model import Unreadable, Why

BUDGET = Budget()
FULL = Phrase(b"table full")
HIT = b"nf_conntrack: table full, dropping packet\n"


def opened(path: Path, data: bytes) -> tuple[str, int]:
    path.write_bytes(data)
    return str(path), os.open(path, os.O_RDONLY)


def search(path: Path, data: bytes, *phrases: Phrase, budget: Budget = BUDGET) -> Search:
    name, fd = opened(path, data)
    try:
        (found,) = search_files([(name, fd)], phrases or (FULL,), budget)
    finally:
        os.close(fd)
    assert isinstance(found, Search), found
    return found


def test_plain_file(tmp_path: Path) -> None:
    data = b"a\n" + HIT + b"b \xff\0\r\nc table full"

    found = search(tmp_path / "messages", data, Phrase(b"table full", 1), Phrase(b"b", 0, True))

    assert found == Search(
        str(tmp_path / "messages"),
        (
            Line(2, "nf_conntrack: table full, dropping packet"),
            Line(44, "b \\xff\0", hit=False),
            Line(50, "c table full"),
        ),
        2,
        62,
        os.stat(tmp_path / "messages").st_mtime,
    )


def test_empty_file(tmp_path: Path) -> None:
    found = search(tmp_path / "messages", b"")

    assert (found.lines, found.hits, found.unpacked, found.gap) == ((), 0, 0, "")


def test_nothing_to_look_for_is_not_a_clean_log(tmp_path: Path) -> None:
    found = search(tmp_path / "messages", HIT, Phrase(b"table full", recent=True))

    assert (found.hits, found.gap) == (0, "nothing was looked for in text logs")


@pytest.mark.more
def test_large_file_crosses_windows(tmp_path: Path) -> None:
    data = (b"x" * 70 + b"\n" + HIT) * 320_000

    found = search(tmp_path / "messages", data)

    assert (found.hits, found.unpacked, found.gap) == (320_000, len(data), "")
    assert found.lines[0] == Line(71, HIT[:-1].decode())
    assert found.lines[-1] == Line(len(data) - len(HIT), HIT[:-1].decode())


def test_long_lines(tmp_path: Path) -> None:
    long = b"y" * 3_000_000 + HIT
    data = long + b"z\n" + b"w" * 3_000_000

    found = search(tmp_path / "messages", data, Phrase(b"table full", 2))

    assert found.hits == 1
    first = found.lines[0]
    assert first == Line(0, "y" * 4096 + BEYOND + "y" * 66 + HIT[:-1].decode())
    assert found.lines[1:] == (
        Line(len(long), "z", hit=False),
        Line(len(long) + 2, "w" * 4096, hit=False),
    )


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".bz2", ".zst"])
def test_a_name_that_lies(tmp_path: Path, suffix: str) -> None:
    found = search(tmp_path / f"messages{suffix}", HIT)

    assert found.hits == 1
    assert found.gap.startswith("is no ")
    assert found.gap.endswith(", as its name says: read as it stands")


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, bz2.compress])
def test_formats_by_magic(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    data = b"noise\n" * 40_000 + HIT

    found = search(tmp_path / "messages", pack(data) + pack(HIT))

    assert (found.hits, found.unpacked, found.gap) == (2, len(data) + len(HIT), "")


def test_budget_of_text(tmp_path: Path) -> None:
    data = gzip.compress(HIT * 10_000)

    found = search(tmp_path / "m.gz", data, budget=Budget(unpacked=len(HIT) * 100))

    assert (found.hits, found.unpacked) == (100, len(HIT) * 100)
    assert found.gap == f"stopped at byte {len(HIT) * 100} of the text: that is the limit"


def test_budget_of_time(tmp_path: Path) -> None:
    found = search(tmp_path / "messages", HIT, budget=Budget(seconds=-1.0))

    assert (found.hits, found.gap) == (0, "stopped at byte 0 of the text: no time left")


def test_files_share_the_memory(tmp_path: Path) -> None:
    files = [
        opened(tmp_path / "a", HIT * 5000),
        opened(tmp_path / "b", HIT * 3),
        opened(tmp_path / "c", HIT * 5000),
    ]
    each = cost(HIT[:-1])

    try:
        found = search_files(files, (FULL,), Budget(kept=each * 103))
    finally:
        for _, fd in files:
            os.close(fd)

    assert [(s.hits, len(s.lines)) for s in found if isinstance(s, Search)] == [
        (5000, 50),
        (3, 3),
        (5000, 50),
    ]
    assert isinstance(found[0], Search)
    assert [line.offset // len(HIT) for line in found[0].lines] == [*range(25), *range(4975, 5000)]


def test_several_heavy_files(tmp_path: Path) -> None:
    data = gzip.compress(b"%d\n" % 7 + os.urandom(1 << 20) + b"\n" + HIT)
    files = [opened(tmp_path / f"{n}.gz", data) for n in range(5)]

    try:
        found = search_files(files, (FULL,))
    finally:
        for _, fd in files:
            os.close(fd)

    assert [(s.hits, s.gap) for s in found if isinstance(s, Search)] == [(1, "")] * 5


def test_a_file_that_shrinks(tmp_path: Path) -> None:
    name, fd = opened(tmp_path / "messages", HIT * 1000)

    class Rotated(str):
        """A name that cuts its file when it is asked, before the text is read, for its suffix."""

        def endswith(self, suffix: object, *_: object) -> bool:
            if isinstance(suffix, str):
                os.truncate(name, 10)
            return False

    try:
        (found,) = search_files([(Rotated(name), fd)], (FULL,))
    finally:
        os.close(fd)

    assert isinstance(found, Search)
    assert (found.unpacked, found.gap) == (
        10,
        "shrank to 10 bytes while it was read: what was cut off may be unseen",
    )


def test_stream() -> None:
    data = gzip.compress(b"a\n" + HIT)
    pieces = [data[i : i + 3] for i in range(0, len(data), 3)]

    found = search_stream("x", lambda _: pieces.pop(0) if pieces else b"", (FULL,), modified=5.0)

    assert found == Search("x", (Line(2, HIT[:-1].decode()),), 1, 44, 5.0)


def test_a_read_that_fails_at_once() -> None:
    def read(size: int) -> bytes:
        raise OSError(5, "Input/output error")

    assert search_stream("x", read, (FULL,)) == Unreadable("x", Why.FAILED, "Input/output error")


def test_a_read_that_fails_later() -> None:
    pieces = [HIT * 200, HIT]

    def read(size: int) -> bytes:
        if not pieces:
            raise OSError(5, "Input/output error")
        return pieces.pop(0)

    found = search_stream("x", read, (FULL,))

    assert isinstance(found, Search)
    size = 201 * len(HIT)
    assert (found.hits, found.gap) == (
        201,
        f"stopped at byte {size} of the text: Input/output error",
    )


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["gz", "bz2", "xz"])
def test_bombs(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"bomb.{suffix}"
    packs: dict[str, Callable[[bytes], bytes]] = {
        "gz": gzip.compress,
        "bz2": bz2.compress,
        "xz": lzma.compress,
    }
    path.write_bytes(packs[suffix](bytes(64 << 20)) * 16)  # 1 GiB of zeros in 16 members
    script = (
        "import os, sys\n"
        "from ec2rl.host import Phrase\n"
        "from ec2rl.host.search import search_files\n"
        "fd = os.open(sys.argv[1], os.O_RDONLY)\n"
        "(found,) = search_files([(sys.argv[1], fd)], [Phrase(b'table full')])\n"
        "assert (found.hits, found.unpacked) == (0, 1 << 30), found\n"
        "assert found.gap.startswith('1073741824 bytes of NULs at byte 0: '), found\n"
        # ru_maxrss would have the peak of the process that started this one.
        "print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])\n"
    )
    source = Path(__file__).resolve().parents[2] / "src"
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        env={"PYTHONPATH": str(source)},
        stdout=subprocess.PIPE,
        check=True,
    )
    assert int(done.stdout) < 64 << 10
