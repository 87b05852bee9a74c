"""Fuzz the search core (against an oracle) and the unpackers: `--count` inputs, one seed.

    python tests/fuzz/search.py --count 1000000

Prints how many inputs ran, what failed, and the slowest one; exit status 1 for any failure.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import lzma
import random
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2] / part) for part in ("src", "tests")]

from ec2rl.host import Phrase  # noqa: E402
from ec2rl.host.scan import LINE, Scan  # noqa: E402
from ec2rl.host.search import Budget, search_stream  # noqa: E402
from host.test_scan import Pieces, ends, naive, rough  # noqa: E402
from host.test_unpack import check_libz  # noqa: E402

PARTS = (b"ab", b"abc", b"b", b"c", b"\n", b"\n", b"\r\n", b"\0", b"\xff", b"x" * 9, b"y" * 40)
WORDS = (b"abc", b"bb", b"c", b"xa", b"\xff")
TEXT = b"".join(b"%d abc\n" % n for n in range(50))
PACKED = (gzip.compress(TEXT), bz2.compress(TEXT), lzma.compress(TEXT), gzip.compress(TEXT) * 2)
BUDGET = Budget(unpacked=1 << 20, seconds=5.0)


def core(rng: random.Random) -> None:
    """One text, searched in pieces and naively."""
    data = b"".join(rng.choices(PARTS, k=rng.randrange(60))) * rng.choice((1, 1, 1, 5))
    phrases = [Phrase(w, rng.randrange(4)) for w in rng.choices(WORDS, k=rng.randint(1, 3))]
    # How much of a line longer than a window is quoted depends on that, and so does what fits.
    is_long = max(map(len, data.split(b"\n"))) > 10
    keep = LINE * (1 << 20 if is_long else rng.choice((2, 7, 1000)))
    scan = Scan(phrases, keep, rng.randint(1, 90), 10, 8)
    gap = scan.run(Pieces(data, rng.choices(range(1, 30), k=9)), 1 << 30, float("inf"))
    lines, hits = naive(data, phrases, 8)
    found, wanted = rough(scan.lines()[0], phrases), rough(ends(lines, keep // 2), phrases)
    assert (gap, scan.hits, found) == ("", hits, wanted), (data, phrases)


def unpackers(rng: random.Random) -> None:
    """One damaged archive: whatever comes out, it is a value."""
    left = [damaged(rng, rng.choice(PACKED))]
    found = search_stream("x", lambda _: left.pop() if left else b"", [Phrase(b"abc")], BUDGET)
    assert str(found)


def gzips(rng: random.Random) -> None:
    """One damaged gzip file: libz gives what Python's zlib gives, and ends where that ends."""
    data = damaged(rng, rng.choice((PACKED[0], PACKED[3])))
    sizes = rng.randint(1, 200), rng.randint(1, 500)
    if data.startswith(b"\x1f\x8b\x08"):
        check_libz(data, *sizes)


def damaged(rng: random.Random, packed: bytes) -> bytes:
    """An archive with up to four faults."""
    data = bytearray(packed)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(data))
        action = rng.randrange(4)
        if action == 0:
            data[place] = rng.randrange(256)
        elif action == 1:
            del data[max(place, 1) :]
        elif action == 2:
            data[place:place] = rng.randbytes(rng.randrange(20))
        else:
            data[place] ^= 1 << rng.randrange(8)
    return bytes(data)


def main() -> int:
    """Run the campaign."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, default=10_000)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    status = 0
    for target in (core, unpackers, gzips):
        rng = random.Random(chosen.seed)
        slowest, failed = 0.0, 0
        for number in range(chosen.count):
            begin = time.perf_counter()
            try:
                target(rng)
            except Exception as error:  # a fuzzer counts whatever escapes
                failed += 1
                if failed <= 3:
                    print(f"{target.__name__} input {number}: {error!r}"[:500])
            slowest = max(slowest, time.perf_counter() - begin)
        print(
            f"{target.__name__}: {chosen.count} inputs, {failed} crashes, slowest {slowest:.3f} s"
        )
        status |= failed > 0
    return status


if __name__ == "__main__":
    sys.exit(main())
