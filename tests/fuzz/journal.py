"""Journal files that are broken in every way: `python tests/fuzz/journal.py --count 1000000`.

Mutations of small sound files (all layouts, packed payloads too) are searched; whatever is in
them, the answer must come, soon, and as a value.  Prints inputs, crashes and the slowest input.
"""

from __future__ import annotations

import argparse
import lzma
import os
import random
import resource
import struct
import sys
import time
import traceback
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent / "src")]

from ec2rl.host import Journal, Phrase  # noqa: E402
from ec2rl.host.journal.match import MISSED  # noqa: E402
from ec2rl.host.journal.search import search_journal  # noqa: E402
from support.journal_writer import (  # noqa: E402
    LZ4,
    XZ,
    ZSTD,
    JournalWriter,
    kernel,
    lz4_stored,
    zstd_stored,
)

FULL = b"nf_conntrack: table full, dropping packet"
PHRASES = (Phrase(b"table full", after=3), Phrase(b"dropping packet"))
BOOT = bytes(range(16))
EDGES = (0, 1, 7, 8, 63, 64, 255, 272, 1 << 16, 1 << 31, (1 << 32) - 1, 1 << 63, (1 << 64) - 1)


def seeds() -> list[bytes]:
    """Small sound files, each with every kind of object."""
    files = []
    for compact in (False, True):
        for few in (False, True):  # which are read one by one
            journal = JournalWriter(compact=compact, flags=XZ | LZ4 | ZSTD, buckets=3)
            for flag in (1, 4) if few else (1, 2, 4):
                text = b"MESSAGE=" + b"%d" % flag * 300 + FULL
                packed = {1: lzma.compress(text), 2: lz4_stored(text), 4: zstd_stored(text)}[flag]
                journal.payload(text, packed, flag)
                journal.entry(kernel(text[8:]), flag, flag, BOOT)
            for n in range(10, 11 if few else 20):
                journal.entry(kernel(FULL, 0, n), n, n, BOOT)
                journal.entry([b"_TRANSPORT=stdout", b"MESSAGE=line"], n, n, BOOT)
            marker = [b"_TRANSPORT=driver", b"MESSAGE_ID=" + MISSED, b"MESSAGE=Missed 1"]
            journal.entry(marker, 30, 30, BOOT)
            files.append(journal.bytes(100_000 if few else 0))
    return files


def mutated(dice: random.Random, whole: bytes, used: int) -> bytes:
    """A file with one to eight faults: numbers, bytes, links from elsewhere, cuts."""
    data = bytearray(whole)
    for _ in range(dice.randint(1, 8)):
        at = dice.randrange(used)
        kind = dice.randrange(6)
        if kind == 0:
            data[at : at + 1] = bytes([dice.randrange(256)])
        elif kind == 1:
            number = dice.choice(EDGES) if dice.random() < 0.5 else dice.randrange(used) & ~7
            struct.pack_into("<Q", data, min(at & ~7, len(data) - 8), number)
        elif kind == 2:
            other = dice.randrange(used)
            size = dice.choice((4, 8, 16, 64, 200))
            data[at : at + size] = data[other : other + size]
        elif kind == 3:
            size = dice.randrange(1, 300)
            data[at : at + size] = bytes(len(data[at : at + size]))
        elif kind == 4:
            near = int.from_bytes(data[at & ~7 : (at & ~7) + 8], "little") + dice.choice((-8, 8, 1))
            struct.pack_into("<Q", data, min(at & ~7, len(data) - 8), near & (1 << 64) - 1)
        elif dice.random() < 0.1:
            del data[max(at, 300) :]
            used = len(data)
    return bytes(data)


def look(fd: int, content: bytes) -> Journal:
    os.ftruncate(fd, 0)
    os.pwrite(fd, content, 0)
    return search_journal([("fuzz", fd)], PHRASES)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    dice = random.Random(options.seed)
    files = [(whole, len(whole.rstrip(b"\0"))) for whole in seeds()]
    fd = os.memfd_create("journal")
    crashes = found = gaps = worst = 0
    slowest = 0.0
    start = time.perf_counter()
    for number in range(options.count):
        if number and not number % 100_000:
            print(f"{number} inputs, {crashes} crashes", file=sys.stderr)
        content = mutated(dice, *dice.choice(files))
        before = time.perf_counter()
        try:
            journal = look(fd, content)
        except Exception:
            crashes += 1
            print(f"input {number} of seed {options.seed}:")
            traceback.print_exc(limit=-3)
        else:
            found += bool(journal.records)
            gaps += bool(journal.gaps)
        if time.perf_counter() - before > slowest:
            slowest, worst = time.perf_counter() - before, number
    print(
        f"{options.count} inputs in {time.perf_counter() - start:.0f} s: {crashes} crashes, "
        f"slowest {slowest * 1000:.1f} ms (input {worst}), "
        f"{found} with records, {gaps} with a gap, "
        f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB"
    )
    return 1 if crashes else 0


if __name__ == "__main__":
    sys.exit(main())
