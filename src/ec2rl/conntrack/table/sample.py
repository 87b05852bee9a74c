"""From a part of the table to the whole: shares with their bounds.

A dump walks the table in the order of a keyed hash (siphash, nf_conntrack_core.c), so the first
entries of it are a uniform random sample, drawn without replacement.
"""

from __future__ import annotations

from math import log

from ec2rl.record import record

_WRONG = 0.05
"""How often one of the bounds that hold together may fail."""
_HALVINGS = 40


@record(frozen=True)
class Estimate:
    """A number of entries in the whole table: the likeliest, and bounds that it lies between."""

    likeliest: int
    low: int
    high: int


def estimate(hits: int, seen: int, total: int, among: int = 10) -> Estimate:
    """Estimate how many of `total` entries are of a kind, of which `hits` were among `seen`.

    The bounds of `among` kinds hold all together in 95 of 100 samples, so they do for those that
    are picked because they came out largest.  They are Chernoff's (1952), which hold without
    replacement too (Hoeffding, 1963), narrowed for a sample that is a good part of the whole; never
    below what was seen.  ValueError unless 0 <= hits <= seen <= total and seen > 0.
    """
    if not 0 <= hits <= seen <= total or not seen:
        raise ValueError(f"{hits} of {seen} of {total}")
    if seen == total:
        return Estimate(hits, hits, hits)
    share = hits / seen
    apart = log(2 * max(1, among) / _WRONG) / seen * (total - seen) / (total - 1)
    low = max(hits, int(_edge(share, 0.0, apart) * total))
    high = min(total - (seen - hits), int(_edge(share, 1.0, apart) * total) + 1)
    return Estimate(round(share * total), low, high)


def _edge(share: float, outer: float, apart: float) -> float:
    """The share towards `outer` that is so far apart from this one by relative entropy (nats)."""
    inner = share
    for _ in range(_HALVINGS):
        middle = (inner + outer) / 2
        if _entropy(share, middle) < apart:
            inner = middle
        else:
            outer = middle
    return outer


def _entropy(share: float, other: float) -> float:
    """How unlikely a sample's share is where the whole has the other one: Kullback, Leibler."""
    if not 0 < other < 1:
        return 0.0 if share == other else float("inf")
    hit = share * log(share / other) if share else 0.0
    miss = (1 - share) * log((1 - share) / (1 - other)) if share < 1 else 0.0
    return hit + miss
