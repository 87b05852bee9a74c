"""How long entries have been idle: the time that their state gives them, less what is left."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from itertools import accumulate

from ec2rl.conntrack.table.timeouts import governing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ec2rl.conntrack.table.timeouts import Kind

_WAITING, _LISTED = 20_000, 60_000
"""Different numbers that are kept as such: counted ones, and those of a text, which are smaller."""
_EXACT_BITS = 7
_FAR = 8
"""How many times shorter a time must be to tell entries that were given it from idle ones."""
_SHORTER = 300
"""tcp_timeout_unacknowledged and tcp_timeout_max_retrans by default, in seconds."""


def bucket(seconds: int) -> int:
    """Give the lower end of a time's bucket: exact below 128 s, above that within 1.6 %."""
    shift = max(0, seconds.bit_length() - _EXACT_BITS)
    return seconds >> shift << shift


def bucket_end(lower: int) -> int:
    """Give the first second behind the bucket that begins at `lower`."""
    return lower + (1 << max(0, lower.bit_length() - _EXACT_BITS))


class Ages:
    """Distributions of idle time by kind, in memory that does not grow with the table.

    Kept as the kernel's own numbers while these are few: counts of a prefix and four bytes, or what
    a text says.  Where the timeout in force is not among `settings`, an idle time is the least that
    it can have been if all entries were given the same time: the most that any has left, less what
    this one has.
    """

    def __init__(self, kinds: Mapping[bytes, Kind], settings: Mapping[str, int]) -> None:
        self._kinds, self._settings = kinds, settings
        self._waiting: Counter[bytes] = Counter()
        self._listed: dict[bytes, list[int]] = {}
        self._listed_in_all = 0
        self._below: dict[bytes, _BelowLargest] = {}
        self.idle: dict[bytes, Counter[int]] = {}
        self.beyond: Counter[bytes] = Counter()
        """Entries with more time left than today's setting gives, by prefix: of unknown age."""
        self.largest: dict[str, int] = {}
        """The most seconds that an entry has left, by each setting that is not known."""

    def update(self, keys: Iterable[bytes]) -> None:
        """Count entries by their prefix and the seconds that they have left."""
        self._waiting.update(keys)
        if len(self._waiting) > _WAITING:
            self._fold()

    def add(self, prefix: bytes, seconds: Sequence[int]) -> None:
        """Count entries of one prefix by the seconds that they have left."""
        self._listed.setdefault(prefix, []).extend(seconds)
        self._listed_in_all += len(seconds)
        if self._listed_in_all > _LISTED:
            self._fold()

    def finish(self) -> None:
        """Turn what was counted into idle times: to be called once, after the last entry."""
        self._fold()
        for prefix, below in self._below.items():
            setting = governing(self._kinds[prefix])
            self.largest[setting] = max(self.largest.get(setting, 0), below.largest)
        for prefix, below in self._below.items():
            setting = governing(self._kinds[prefix])
            below.rise(self.largest[setting])
            found = below.idle
            if setting == "tcp_timeout_established":
                found = _unless_shorter(found, self.largest[setting])
            self.idle[prefix] = found

    def _fold(self) -> None:
        """Sort in what waits."""
        waiting: dict[bytes, dict[int, int]] = {}
        for key, count in self._waiting.items():
            waiting.setdefault(key[:-4], {})[int.from_bytes(key[-4:], "big")] = count
        for prefix, counts in waiting.items():
            values = sorted(counts)
            self._sort_in(prefix, values, [0, *accumulate(map(counts.__getitem__, values))])
        for prefix, listed in self._listed.items():
            listed.sort()
            self._sort_in(prefix, listed, range(len(listed) + 1))
        self._waiting.clear()
        self._listed.clear()
        self._listed_in_all = 0

    def _sort_in(self, prefix: bytes, values: Sequence[int], before: Sequence[int]) -> None:
        """Take sorted seconds; `before` says for each place how many entries stand before it."""
        setting = governing(self._kinds[prefix])
        if not (setting and values):
            return
        if setting not in self._settings:
            self._below.setdefault(prefix, _BelowLargest()).sort_in(values, before)
            return
        limit, shorter = self._limits(setting)
        found = self.idle.setdefault(prefix, Counter())
        short, within = bisect_right(values, shorter), bisect_right(values, limit)
        _spread(found, shorter, values, before, 0, short)
        _spread(found, limit, values, before, short, within)
        if within < len(values):
            self.beyond[prefix] += before[-1] - before[within]

    def _limits(self, setting: str) -> tuple[int, int]:
        """The time that a setting gives, and the shorter one that stands in for it at times.

        An established connection whose data nobody acknowledges, or who retransmits, is given
        `unacknowledged` or `max_retrans` (nf_conntrack_proto_tcp.c).  Where that is far below
        the usual time, an entry with so little left is far likelier one of these than one that
        has been idle for nearly all of it.
        """
        limit = self._settings[setting]
        if setting != "tcp_timeout_established":
            return limit, -1
        shorter = self._settings.get("tcp_timeout_unacknowledged", 0)
        return limit, shorter if shorter * _FAR <= limit else -1


def _spread(
    found: Counter[int],
    limit: int,
    values: Sequence[int],
    before: Sequence[int],
    start: int,
    end: int,
) -> None:
    """Count the sorted values from start to end by the bucket of how far they are below a limit."""
    while start < end:
        lower = bucket(limit - values[end - 1])
        first = bisect_right(values, limit - bucket_end(lower), start, end)
        found[lower] += before[end] - before[first]
        end = first


class _BelowLargest:
    """How far seconds are below the largest of them, in buckets (`bucket`)."""

    def __init__(self) -> None:
        self.largest = 0
        self.idle: Counter[int] = Counter()

    def sort_in(self, values: Sequence[int], before: Sequence[int]) -> None:
        """Take sorted seconds, as `Ages` does."""
        self.rise(values[-1])
        _spread(self.idle, self.largest, values, before, 0, len(values))

    def rise(self, largest: int) -> None:
        """Measure from a larger one, if it is."""
        more, self.largest = largest - self.largest, max(largest, self.largest)
        if more > 0 and self.idle:
            idle, self.idle = self.idle, Counter()
            for lower, count in idle.items():
                self.idle[bucket(lower + more)] += count


def _unless_shorter(idle: Counter[int], largest: int) -> Counter[int]:
    """Idle times of established connections: those that may have been given a shorter time are 0.

    What the shorter one was (`Ages._limits`) is unknown as well: the kernel's default is taken.
    """
    if largest < _SHORTER * _FAR:
        return idle
    found: Counter[int] = Counter()
    for lower, count in idle.items():
        found[lower if bucket_end(lower) <= largest - _SHORTER else 0] += count
    return found
