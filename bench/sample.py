"""How often the bounds of a sample hold: 100 samples of real tables against the exact count.

`python bench/sample.py [ENTRIES]` (root, ip); the default is 1000000.  It fills a network namespace
of its own twice, raising nf_conntrack_max meanwhile, and cuts each dump into samples of 20,000
entries that follow each other: any of them could be the first, for the hash has a random key.
"""

from __future__ import annotations

import os
import sys
from itertools import islice
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from ec2rl.conntrack.queries.ctnetlink import Dump, open_dump  # noqa: E402
from ec2rl.conntrack.table.census import Census, census, state_of  # noqa: E402
from ec2rl.conntrack.table.ranking import Ranking  # noqa: E402
from ec2rl.conntrack.table.sample import estimate  # noqa: E402
from ec2rl.conntrack.table.stream import Stream  # noqa: E402
from ec2rl.conntrack.table.tally import Tally  # noqa: E402
from ec2rl.conntrack.table.timeouts import DEFAULTS  # noqa: E402
from support import fill  # noqa: E402

SAMPLE, TOP = 20_000, 10


def counts(seen: Census, by: str) -> dict[str, int]:
    """Entries by name, of all that were kept."""
    if by == "states":
        return dict(seen.by(state_of))
    ranking: Ranking = getattr(seen, by)
    return {str(row.key): row.count for row in ranking.rows}


def samples(dump: Dump) -> tuple[Census, list[Census]]:
    """The whole table, and its parts of SAMPLE entries and a datagram at most."""
    stream, whole, part = Stream(dump.cookie), Tally(), Tally()
    parts = []
    for datagram in dump.datagrams():
        bodies = stream.bodies(datagram)
        whole.add_bodies(bodies)
        part.add_bodies(bodies)
        part.flush()
        if part.total >= SAMPLE:
            parts.append(census(part, DEFAULTS, "a part"))
            part = Tally()
    assert not stream.gaps(), stream.gaps()
    return census(whole, DEFAULTS, "all", keep=30_000), parts


def main() -> None:
    """Fill, cut, compare."""
    entries = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    name = f"ec2rl-bench-{os.getpid()}"
    held: dict[str, list[bool]] = {"sources": [], "services": [], "pairs": [], "states": []}
    for again in range(2):
        skip = again * entries
        with fill.namespace(name):
            with fill.room_for(entries + 1000):
                rows = islice(fill.mixture(entries + skip, lasting=86400), skip, None)
                fill.fill(name, rows)
            with fill.inside(name):
                dump = open_dump()
                assert isinstance(dump, Dump), dump
                with dump:
                    whole, parts = samples(dump)
        for by, holds in held.items():
            truth = counts(whole, by)
            for part in parts:
                found = counts(part, by)
                among = len(found) if by == "states" else getattr(part, by).distinct
                error = 0 if by == "states" else getattr(whole, by).error
                bounds = [
                    (estimate(count, part.total, whole.total, among), truth[key])
                    for key, count in list(found.items())[:TOP]
                ]
                holds.append(
                    all(one.low <= true + error and true <= one.high for one, true in bounds)
                )
    for by, holds in held.items():
        print(f"{by:10} the bounds of the {TOP} largest hold in {sum(holds)} of {len(holds)}")


if __name__ == "__main__":
    main()
