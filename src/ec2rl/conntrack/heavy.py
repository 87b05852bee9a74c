"""Counting far more different things than there is memory for."""

from __future__ import annotations

from collections import Counter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_KEPT, _LIMIT = 20_000, 43_000
"""What a pruning leaves at most, and what calls for one: a dict of the latter takes 5 MB."""


class HeavyHitters:
    """Counts of byte strings in bounded memory: exact for up to 43,000 of them.

    Beyond that, one is taken from every count until at most 20,000 are left (Misra and Gries,
    1982), so a count is too low by `error` at most, and `error` is below a 20,000th of the total.
    """

    def __init__(self) -> None:
        self.counts: Counter[bytes] = Counter()
        self.error = 0

    def update(self, keys: Iterable[bytes]) -> None:
        """Count each of some thousand keys."""
        counts = self.counts
        counts.update(keys)
        if len(counts) > _LIMIT:
            while len(counts) > _KEPT:
                counts = Counter({key: n - 1 for key, n in counts.items() if n > 1})
                self.error += 1
            self.counts = counts
