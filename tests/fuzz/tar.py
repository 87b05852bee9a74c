"""Archives by the million: `python tests/fuzz/tar.py --count 1000000 [--first N] [--seed N]`.

Sound archives of a few members, changed at random, and now and then a hostile one.  Input N of a
seed is the same in every run, so that a campaign can be made in parts.  Prints the inputs, what
escaped as an exception, and the slowest.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from ec2rl.host import Phrase  # noqa: E402
from ec2rl.host.sos_collect import Collector  # noqa: E402
from ec2rl.host.tar import Tar  # noqa: E402
from fuzz.journal import seeds  # noqa: E402
from hostile.archives import END, FULL, TOP, archives, header, long_name, member, pax  # noqa: E402

PHRASES = (Phrase(b"conntrack: "),)
JOURNAL = f"var/log/journal/{'0' * 32}/system.journal"
TABLE = "sos_commands/conntrack/conntrack_-L_-o_extended"
PLACES = (
    "etc/sysctl.conf",
    "var/log/messages",
    "sos_commands/kernel/sysctl_-a",
    "proc/stat",
    JOURNAL,
    TABLE,
    "sos_commands/conntrack/ip_netns_exec_a_b_conntrack_-S",
)
ENTRY = "tcp 6 9 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 src=10.0.0.2 dst=10.0.0.1\n"
TEXTS = {JOURNAL: seeds()[0], TABLE: ENTRY.encode()}


class Bytes:
    """An archive in memory, in pieces of odd sizes."""

    def __init__(self, data: bytes, piece: int) -> None:
        self.gap = ""
        self._data = memoryview(data)
        self._piece = piece

    def readinto(self, view: memoryview) -> int:
        size = min(len(view), len(self._data), self._piece)
        view[:size] = self._data[:size]
        self._data = self._data[size:]
        return size

    def close(self) -> None:
        """There is nothing to close."""


def sound(random_: random.Random) -> bytes:
    """An archive of a few members."""
    parts = []
    for _ in range(random_.randrange(1, 5)):
        place = random_.choice(PLACES)
        name = f"{TOP}/{place}"
        kind = random_.randrange(8)
        if kind == 0:
            parts.append(pax(("path", name), ("size", str(random_.randrange(99)))))
        elif kind == 1:
            parts.append(long_name(name))
        elif kind == 2:
            parts.append(header(name, random_.choice([b"1", b"2", b"S", b"6"]), 0, "../x"))
        parts.append(member(name, TEXTS.get(place, FULL.encode()) * random_.randrange(3)))
    return b"".join(parts) + END


def changed(data: bytes, random_: random.Random) -> bytes:
    block = bytearray(data)
    for _ in range(random_.randrange(6)):
        if not block:
            break
        at = random_.randrange(len(block))
        choice = random_.randrange(5)
        if choice == 0:
            del block[at:]
        elif choice == 1:
            block[at : at + 8] = random_.randbytes(8)
        elif choice == 2:
            block[at] = random_.choice(b"\0\xff 07xgLKS=\n")
        elif choice == 3:
            block[at:at] = block[at - at % 512 : at - at % 512 + 512]
        else:
            field = at - at % 512 + random_.choice([100, 124, 136, 148, 156, 482])
            block[field : field + 4] = random_.randbytes(4)
        if random_.randrange(2):
            mend(block, at - at % 512)
    return bytes(block)


def mend(block: bytearray, start: int) -> None:
    """Make the checksum of a header right again, so that what is behind it is reached."""
    if start + 512 <= len(block):
        block[start + 148 : start + 156] = b" " * 8
        total = sum(block[start : start + 512])
        block[start + 148 : start + 156] = f"{total:06o}\0 ".encode()


def read(data: bytes, piece: int) -> str:
    found = Collector(PHRASES, time.monotonic() + 60)
    tar = Tar(Bytes(data, piece), time.monotonic() + 60)
    for one in tar:
        found.add(one)
    return found.text()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    said = parser.parse_args()
    hostile = [data for data in archives(__file__).values() if len(data) < 20_000]
    crashes = 0
    slowest = 0.0
    for number in range(said.first, said.first + said.count):
        random_ = random.Random(said.seed << 40 | number)
        base = random_.choice(hostile) if number % 10 == 0 else sound(random_)
        data = changed(base, random_)
        started = time.perf_counter()
        try:
            read(data, random_.choice([1 << 20, 4096, 511]))
        except Exception as error:
            crashes += 1
            print(f"input {number}: {error!r}")
        slowest = max(slowest, time.perf_counter() - started)
    print(f"{said.count} inputs, {crashes} crashes, slowest {slowest:.3f} s")
    return 1 if crashes else 0


if __name__ == "__main__":
    sys.exit(main())
