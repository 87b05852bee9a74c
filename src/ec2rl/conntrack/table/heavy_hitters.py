"""Counting far more different things than there is memory for."""

from __future__ import annotations

from collections import Counter
from operator import itemgetter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PREFIX = 3
"""Bytes in front of each key that tell its kind (`Tally.prefix`)."""
_KEPT, _LIMIT = 10_000, 21_500
"""What a pruning leaves at most, and what calls for one: a dict of the latter is not enlarged."""


class HeavyHitters:
    """Counts of byte strings in bounded memory: exact for up to 21,500 of them.

    Beyond that, one is taken from every count until at most 10,000 are left (Misra and Gries,
    1982), so a count is too low by `error` at most, and `error` is below a 10,000th of the total.
    `taken` is told the keys that one was taken from, each time.
    """

    def __init__(self, taken: Callable[[Iterable[bytes]], None] | None = None) -> None:
        self.counts: Counter[bytes] = Counter()
        self.error = 0
        self._taken = taken

    def update(self, keys: Iterable[bytes]) -> None:
        """Count each of some thousand keys."""
        self.counts.update(keys)
        if len(self.counts) > _LIMIT:
            self.prune()

    def prune(self) -> None:
        """Keep to the memory allowed, at the cost of `error`."""
        counts = self.counts
        while len(counts) > _KEPT:
            if self._taken is not None:
                self._taken(counts)
            counts = Counter({key: n - 1 for key, n in counts.items() if n > 1})
            self.error += 1
        self.counts = counts


class Endpoints:
    """Who talks to what, for addresses of one size: pairs, and what they add up to.

    A pair's key is a prefix, source, destination, and what stands for the service behind it.  Only
    pairs are counted as they come; what is taken from them to save memory, and at the end what is
    left, goes to the coarser counts, which lose nothing by it.
    """

    def __init__(self, size: int, sources: HeavyHitters, destinations: HeavyHitters) -> None:
        self.size = size
        self._sources, self._destinations = sources, destinations
        self.pairs = HeavyHitters(self._from_pairs)
        self.services = HeavyHitters(self._from_services)
        self._source_of = itemgetter(slice(0, PREFIX + size))
        self._service_of = itemgetter(slice(0, PREFIX), slice(PREFIX + size, None))
        self._columns: dict[bytes, _Columns] = {}

    def update_columns(self, prefix: bytes, *columns: Iterable[bytes]) -> None:
        """Count pairs of one kind, whose keys are the prefix and one of each column."""
        try:
            kind = self._columns[prefix]
        except KeyError:
            kind = self._columns[prefix] = _Columns()
        kind.pairs.update(zip(*columns))
        if sum(len(each.pairs) for each in self._columns.values()) > _LIMIT:
            self._prune_columns()

    def _prune_columns(self) -> None:
        """Keep to the memory allowed, as `HeavyHitters.prune` does."""
        kinds = self._columns.values()
        while sum(len(each.pairs) for each in kinds) > _KEPT:
            for each in kinds:
                each.prune()
            self.pairs.error += 1
        if sum(len(each.sources) + len(each.services) for each in kinds) > _LIMIT:
            self._join_coarse()

    def _join_coarse(self) -> None:
        for prefix, kind in self._columns.items():
            _add(self._sources, map(prefix.__add__, kind.sources), kind.sources.values())
            _add(self.services, _joined(prefix, kind.services), kind.services.values())
            kind.sources.clear()
            kind.services.clear()

    def _from_pairs(self, keys: Iterable[bytes]) -> None:
        self._sources.update(map(self._source_of, keys))
        self.services.update(map(b"".join, map(self._service_of, keys)))

    def _from_services(self, keys: Iterable[bytes]) -> None:
        # Prefix and destination stand in a service's key where they do for a source.
        self._destinations.update(map(self._source_of, keys))

    def finish(self) -> None:
        """Add up what is left of the pairs: to be called once, at the end."""
        self._join_coarse()
        for prefix, kind in self._columns.items():
            _add(self.pairs, _joined(prefix, kind.pairs), kind.pairs.values())
        pairs = self.pairs.counts
        _add(self._sources, map(self._source_of, pairs), pairs.values())
        _add(self.services, map(b"".join, map(self._service_of, pairs)), pairs.values())
        services = self.services.counts
        _add(self._destinations, map(self._source_of, services), services.values())


class _Columns:
    """Pairs of one kind that come in columns, and what was taken from them.

    Their parts are shared and not joined: the hash of each is known, and what is counted together
    lies close together.
    """

    def __init__(self) -> None:
        self.pairs: Counter[tuple[bytes, ...]] = Counter()
        self.sources: Counter[bytes] = Counter()
        self.services: Counter[tuple[bytes, ...]] = Counter()

    def prune(self) -> None:
        """Take one from every pair."""
        self.sources.update(map(_SOURCE, self.pairs))
        self.services.update(map(_SERVICE, self.pairs))
        self.pairs = Counter({key: n - 1 for key, n in self.pairs.items() if n > 1})


_SOURCE, _SERVICE = itemgetter(0), itemgetter(slice(1, None))


def _joined(prefix: bytes, keys: Iterable[tuple[bytes, ...]]) -> Iterable[bytes]:
    return map(prefix.__add__, map(b"".join, keys))


def _add(hitters: HeavyHitters, keys: Iterable[bytes], counts: Iterable[int]) -> None:
    sums: dict[bytes, int] = hitters.counts
    known = sums.get
    for key, count in zip(keys, counts):
        sums[key] = known(key, 0) + count
    if len(sums) > _LIMIT:
        hitters.prune()
