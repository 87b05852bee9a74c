"""Feed damaged dumps to the decoder and to the census, which must agree and never fail.

`python tests/fuzz/ctnetlink.py --count 1000000 [--seed N]` counts entries; it prints crashes and
the slowest dump.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from ec2rl.conntrack.table.census import census  # noqa: E402
from ec2rl.conntrack.table.netlink import decode  # noqa: E402
from ec2rl.conntrack.table.stream import TRAIL, Stream  # noqa: E402
from ec2rl.conntrack.table.tally import Tally  # noqa: E402
from ec2rl.conntrack.table.timeouts import DEFAULTS  # noqa: E402
from ec2rl.netlink import MalformedError  # noqa: E402
from support.fill import Row, mixture  # noqa: E402
from support.tables import COOKIE, DONE, body, wrapped  # noqa: E402

_ENTRIES = 25
_NATURES = ("flip", "length", "cut", "insert", "swap", "nest")


def damaged(data: bytes, chance: random.Random) -> bytes:
    """The data with some of its bytes, lengths or parts wrong."""
    found = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        nature, at = chance.choice(_NATURES), chance.randrange(len(found)) if found else 0
        if not found:
            break
        if nature == "flip":
            found[at] ^= 1 << chance.randrange(8)
        elif nature == "length":
            at &= ~3
            found[at : at + 2] = chance.choice((0, 1, 3, 4, 5, 8, 255, 65535)).to_bytes(2, "little")
        elif nature == "cut":
            del found[at:]
        elif nature == "insert":
            found[at:at] = chance.randbytes(chance.randint(1, 16))
        elif nature == "swap":
            other = chance.randrange(len(found))
            found[at : at + 4], found[other : other + 4] = (
                found[other : other + 4],
                found[at : at + 4],
            )
        else:  # the same attribute inside itself, again and again
            found += b"\x08\x00\x01\x80" * chance.randint(1, 40)
    return bytes(found)


def one(bodies: list[bytes], chance: random.Random) -> None:
    """One dump of some entries, half of them damaged, and its datagram as well."""
    some = [
        damaged(each, chance) if chance.random() < 0.5 else each
        for each in chance.choices(bodies, k=_ENTRIES)
    ]
    fast, slow = Tally(), Tally()
    fast.add_bodies([each + bytes(TRAIL) for each in some])
    for each in some:
        try:
            slow.add(decode(each))
        except MalformedError:
            slow.malformed += 1
    assert census(fast, DEFAULTS, "") == census(slow, DEFAULTS, "")
    stream = Stream(COOKIE)
    for datagram in (damaged(b"".join(map(wrapped, some)), chance), DONE):
        stream.bodies(datagram)
    stream.gaps()


def main() -> int:
    """Run the campaign; 1 after any crash."""
    options = argparse.ArgumentParser()
    options.add_argument("--count", type=int, default=1_000_000)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    chance = random.Random(chosen.seed)
    bodies = [body(row) for row in mixture(64)]
    bodies += [body(Row("192.0.2.1", "192.0.2.2", 1, 2, 17, 0, 0x26, 9, 7, 5, ("10.0.0.1", 3)))]
    crashes, slowest = 0, 0.0
    for number in range(chosen.count // _ENTRIES):
        begin = time.perf_counter()
        try:
            one(bodies, chance)
        except Exception:
            crashes += 1
            print(f"dump {number}", file=sys.stderr)
            traceback.print_exc()
        slowest = max(slowest, time.perf_counter() - begin)
    print(f"{chosen.count} inputs, {crashes} crashes, slowest dump {slowest * 1000:.1f} ms")
    return 1 if crashes else 0


if __name__ == "__main__":
    sys.exit(main())
