"""From a part of the table to the whole: shares with their bounds.

A dump walks the table in the order of a keyed hash (siphash, nf_conntrack_core.c), so the first
entries of it are a uniform random sample, drawn without replacement.
"""

from __future__ import annotations

from math import sqrt

from ec2rl.record import record

TOGETHER = 2.81
"""Standard errors: ten bounds of so many hold all together in 95 of 100 samples (Bonferroni)."""


@record(frozen=True)
class Estimate:
    """A number of entries in the whole table: the likeliest, and bounds that it lies between."""

    likeliest: int
    low: int
    high: int


def estimate(hits: int, seen: int, total: int, errors: float = TOGETHER) -> Estimate:
    """Estimate how many of `total` entries are of a kind, of which `hits` were among `seen`.

    Wilson's score interval, narrowed for a sample that is a good part of the whole; never below
    what was seen.  ValueError unless 0 <= hits <= seen <= total and seen > 0.
    """
    if not 0 <= hits <= seen <= total or not seen:
        raise ValueError(f"{hits} of {seen} of {total}")
    if seen == total:
        return Estimate(hits, hits, hits)
    share = hits / seen
    variance = errors * errors * (total - seen) / (total - 1) / seen
    middle = (share + variance / 2) / (1 + variance)
    reach = sqrt(variance * share * (1 - share) + variance * variance / 4) / (1 + variance)
    low = max(hits, int((middle - reach) * total))
    high = min(total - (seen - hits), int((middle + reach) * total) + 1)
    return Estimate(round(share * total), low, high)
