"""Peak memory and growth of the census: a recorded stream played to it, up to 4 M entries.

`python bench/memory.py [ENTRIES ...]` (root, ip); the default is 1000000 2000000 4000000.  It
records the dump of a real table of 100,000 entries, and plays it again and again as one dump, as
it is, and with another source in every entry.  Prints seconds and peak resident memory of the
process that counts.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from ec2rl.conntrack.queries.ctnetlink import Dump, open_dump  # noqa: E402
from ec2rl.conntrack.table.census import census  # noqa: E402
from ec2rl.conntrack.table.stream import Stream  # noqa: E402
from ec2rl.conntrack.table.tally import Tally  # noqa: E402
from ec2rl.conntrack.table.timeouts import DEFAULTS  # noqa: E402
from support import fill  # noqa: E402

RECORDED = 100_000
_SOURCE = slice(16, 20)
"""Where an IPv4 entry has its source: behind nfgenmsg and the headers of three attributes."""


def record(path: str) -> bytes:
    """Write the datagrams of a real dump, each behind its length; the cookie of the dump."""
    name = f"ec2rl-bench-{os.getpid()}"
    with fill.namespace(name):
        fill.fill(name, fill.mixture(RECORDED, lasting=86400))
        with fill.inside(name):
            dump = open_dump()
            assert isinstance(dump, Dump), dump
            with dump, open(path, "wb") as file:
                file.writelines(
                    len(datagram).to_bytes(4, "big") + datagram
                    for datagram in dump.datagrams(ahead=False)
                )
            return dump.cookie


def play(path: str, cookie: bytes, entries: int, other_sources: bool) -> None:
    """Count so many entries, reading the file as often as it takes; prints what that took."""
    tally, stream, begin = Tally(), Stream(cookie), time.perf_counter()
    played = number = 0
    with open(path, "rb") as file:
        while played < entries:
            size = int.from_bytes(file.read(4), "big")
            if not size:
                file.seek(0)
                continue
            bodies = stream.bodies(file.read(size))
            if other_sources:
                bodies = [body for body in bodies if body[0] == 2]  # AF_INET
                for at, body in enumerate(bodies):
                    number += 1
                    other = (0x0B000000 + number).to_bytes(4, "big")
                    bodies[at] = body[: _SOURCE.start] + other + body[_SOURCE.stop :]
            tally.add_bodies(bodies)
            played += len(bodies)
    seen = census(tally, DEFAULTS, "played")
    took = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    what = "another source in each" if other_sources else "as recorded"
    assert not seen.gaps, seen.gaps
    print(
        f"{seen.total:>9,} entries, {what:22} {took:6.2f} s  {took / seen.total * 1e6:.2f} us each"
        f"  {peak:5.1f} MiB",
        flush=True,
    )


def main() -> None:
    """Each measurement in a process of its own, for its peak."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/dump"
        recorder = os.fork()
        if not recorder:
            Path(f"{folder}/cookie").write_bytes(record(path))
            os._exit(0)
        assert os.waitpid(recorder, 0)[1] == 0
        cookie = Path(f"{folder}/cookie").read_bytes()
        for entries in [int(word) for word in sys.argv[1:]] or [1_000_000, 2_000_000, 4_000_000]:
            for other_sources in (False, True):
                child = os.fork()
                if not child:
                    play(path, cookie, entries, other_sources)
                    os._exit(0)
                assert os.waitpid(child, 0)[1] == 0


if __name__ == "__main__":
    main()
