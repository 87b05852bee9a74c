"""How long entries have been idle: the time that their state gives them, less what is left."""

from __future__ import annotations

from collections import Counter

from ec2rl.conntrack.table.timeouts import governing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ec2rl.conntrack.table.timeouts import Kind

_WAITING = 20_000
_EXACT_BITS = 7
_FAR = 8
"""How many times shorter a time must be to tell entries that were given it from idle ones."""
_SHORTER = 300
"""tcp_timeout_unacknowledged and tcp_timeout_max_retrans by default, in seconds."""


def bucket(seconds: int) -> int:
    """The lower end of a time's bucket: exact below 128 s, above that within 1.6 %."""
    shift = max(0, seconds.bit_length() - _EXACT_BITS)
    return seconds >> shift << shift


def bucket_end(lower: int) -> int:
    """The first second behind the bucket that begins at `lower`."""
    return lower + (1 << max(0, lower.bit_length() - _EXACT_BITS))


class Ages:
    """Distributions of idle time by kind, in memory that does not grow with the table.

    Kept as counts of the kernel's own numbers (a prefix and four bytes) while these are few.  Where
    the timeout in force is not among `settings`, an idle time is the least that it can have been if
    all entries were given the same time: the most that any has left, less what this one has.
    """

    def __init__(self, kinds: Mapping[bytes, Kind], settings: Mapping[str, int]) -> None:
        self._kinds, self._settings = kinds, settings
        self._waiting: Counter[bytes] = Counter()
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

    def add(self, prefix: bytes, seconds: Iterable[int]) -> None:
        """Count entries of one prefix by the seconds that they have left."""
        setting = governing(self._kinds[prefix])
        if setting and setting not in self._settings:
            self._below.setdefault(prefix, _BelowLargest()).update(seconds)
        else:
            self._count(prefix, Counter(seconds))

    def finish(self) -> None:
        """Turn what was counted into idle times: to be called once, after the last entry."""
        self._fold()
        for prefix, below in self._below.items():
            setting = governing(self._kinds[prefix])
            self.largest[setting] = max(self.largest.get(setting, 0), below.settle())
        for prefix, below in self._below.items():
            setting = governing(self._kinds[prefix])
            below.rise(self.largest[setting])
            found = below.idle
            if setting == "tcp_timeout_established":
                found = _unless_shorter(found, self.largest[setting])
            self.idle[prefix] = found

    def _fold(self) -> None:
        waiting: dict[bytes, Counter[int]] = {}
        for key, count in self._waiting.items():
            waiting.setdefault(key[:-4], Counter())[int.from_bytes(key[-4:], "big")] = count
        self._waiting.clear()
        for prefix, counts in waiting.items():
            self._count(prefix, counts)

    def _count(self, prefix: bytes, counts: Counter[int]) -> None:
        setting = governing(self._kinds[prefix])
        if not setting:
            return
        if setting not in self._settings:
            self._below.setdefault(prefix, _BelowLargest()).update(counts)
            return
        limit, shorter = self._limits(setting)
        found = self.idle.setdefault(prefix, Counter())
        for left, count in counts.items():
            if left > limit:
                self.beyond[prefix] += count
            else:
                found[bucket((shorter if left <= shorter else limit) - left)] += count

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


class _BelowLargest:
    """How far seconds are below the largest of them, in buckets (`bucket`)."""

    def __init__(self) -> None:
        self._waiting: Counter[int] = Counter()
        self._largest = 0
        self.idle: Counter[int] = Counter()

    def update(self, seconds: Iterable[int] | Counter[int]) -> None:
        self._waiting.update(seconds)
        if len(self._waiting) > _WAITING:
            self.settle()

    def settle(self) -> int:
        """Sort in what waits; the largest so far."""
        self.rise(max(self._waiting, default=0))
        for left, count in self._waiting.items():
            self.idle[bucket(self._largest - left)] += count
        self._waiting.clear()
        return self._largest

    def rise(self, largest: int) -> None:
        """Measure from a larger one, if it is."""
        more, self._largest = largest - self._largest, max(largest, self._largest)
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
