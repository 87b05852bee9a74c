"""Feed damaged text to the reader of saved tables, which must never fail.

`python tests/fuzz/capture.py --count 1000000 [--seed N]` prints inputs, crashes, the slowest.
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

from ec2rl.conntrack.table.capture import Capture  # noqa: E402
from ec2rl.conntrack.table.tally import Tally  # noqa: E402

LINES = [
    b"ipv4     2 tcp      6 431999 ESTABLISHED src=198.18.0.59 dst=198.51.100.10 sport=1 dport=53 "
    b"packets=3 bytes=180 src=198.51.100.10 dst=198.18.0.59 sport=53 dport=1 packets=2 bytes=12 "
    b"[ASSURED] mark=5 secctx=a zone=3 delta-time=12 use=2\n",
    b"icmp     1 29 src=192.0.2.1 dst=192.0.2.2 type=8 code=0 id=77 [UNREPLIED] "
    b"src=192.0.2.2 dst=192.0.2.1 type=0 code=0 id=77 mark=0 use=1 id=1234567\n",
    b"ipv4     2 gre      47 29 timeout=30, stream_timeout=180 src=192.0.2.1 dst=192.0.2.2 "
    b"srckey=0x0 dstkey=0x880b src=192.0.2.2 dst=192.0.2.1 srckey=0x880b dstkey=0x0 mark=0 use=2\n",
    b"udp      17 28 src=2001:db8::1 dst=2001:db8::2 sport=5 dport=53 [UNREPLIED] "
    b"src=2001:db8::9 dst=2001:db8::1 sport=5353 dport=5 [OFFLOAD] mark=0 helper=ftp use=1\n",
]
WORDS = (
    b"src=",
    b"=",
    b"[",
    b"\n",
    b" ",
    b"\0",
    b"-1",
    b"99999999999999999999",
    b"\xff",
    b"id=",
    b"::",
)


def damaged(chance: random.Random) -> bytes:
    """A few lines, some of whose parts are missing, doubled or replaced."""
    text = bytearray(b"".join(chance.choices(LINES, k=chance.randint(1, 3))))
    for _ in range(chance.randint(0, 5)):
        at, end = sorted((chance.randrange(len(text) + 1), chance.randrange(len(text) + 1)))
        nature = chance.randrange(4)
        if nature == 0:
            text[at:at] = chance.choice(WORDS)
        elif nature == 1:
            del text[at : min(end, at + 20)]
        elif nature == 2:
            text[at:at] = text[at:end]
        else:
            text[at : at + 1] = chance.randbytes(1)
    return bytes(text[:8192])


def one(chance: random.Random) -> None:
    """One text, in pieces of any size, read and counted."""
    text, size = damaged(chance), chance.randint(1, 4096)
    capture, tally = Capture(), Tally()
    for entry in capture.entries(text[at : at + size] for at in range(0, len(text), size)):
        tally.add(entry)
    tally.finish()
    capture.gaps()


def main() -> int:
    """Run the campaign; 1 after any crash."""
    options = argparse.ArgumentParser()
    options.add_argument("--count", type=int, default=1_000_000)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    chance = random.Random(chosen.seed)
    crashes, slowest = 0, 0.0
    for number in range(chosen.count):
        begin = time.perf_counter()
        try:
            one(chance)
        except Exception:
            crashes += 1
            print(f"input {number}", file=sys.stderr)
            traceback.print_exc()
        slowest = max(slowest, time.perf_counter() - begin)
    print(f"{chosen.count} inputs, {crashes} crashes, slowest {slowest * 1000:.1f} ms")
    return 1 if crashes else 0


if __name__ == "__main__":
    sys.exit(main())
