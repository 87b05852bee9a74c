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


def bucket(seconds: int) -> int:
    """The lower end of a time's bucket: exact below 128 s, above that within 1.6 %."""
    shift = max(0, seconds.bit_length() - _EXACT_BITS)
    return seconds >> shift << shift


def bucket_end(lower: int) -> int:
    """The first second behind the bucket that begins at `lower`."""
    return lower + (1 << max(0, lower.bit_length() - _EXACT_BITS))


class Ages:
    """Distributions of idle time by kind, in memory that does not grow with the table.

    Kept as counts of the kernel's own numbers (a prefix and four bytes) while these are few.
    """

    def __init__(self, kinds: Mapping[bytes, Kind], settings: Mapping[str, int]) -> None:
        self._kinds, self._settings = kinds, settings
        self._waiting: Counter[bytes] = Counter()
        self.idle: dict[bytes, Counter[int]] = {}
        self.beyond: Counter[bytes] = Counter()
        """Entries with more time left than today's setting gives, by prefix: of unknown age."""

    def update(self, keys: Iterable[bytes]) -> None:
        """Count entries by their prefix and the seconds that they have left."""
        self._waiting.update(keys)
        if len(self._waiting) > _WAITING:
            self.fold()

    def add(self, prefix: bytes, seconds: Iterable[int]) -> None:
        """Count entries of one prefix by the seconds that they have left."""
        self._fold(prefix, Counter(seconds).items())

    def fold(self) -> None:
        """Turn what was counted since into idle times."""
        waiting: dict[bytes, list[tuple[int, int]]] = {}
        for key, count in self._waiting.items():
            waiting.setdefault(key[:-4], []).append((int.from_bytes(key[-4:], "big"), count))
        self._waiting.clear()
        for prefix, counts in waiting.items():
            self._fold(prefix, counts)

    def _fold(self, prefix: bytes, counts: Iterable[tuple[int, int]]) -> None:
        limit, shorter = self._limits(prefix)
        found = self.idle.setdefault(prefix, Counter())
        for left, count in counts:
            if left > limit:
                self.beyond[prefix] += count
            else:
                found[bucket((shorter if left <= shorter else limit) - left)] += count

    def _limits(self, prefix: bytes) -> tuple[int, int]:
        """The time that a kind is given, and the shorter one that stands in for it at times.

        An established connection whose data nobody acknowledges, or who retransmits, is given
        `unacknowledged` or `max_retrans` (nf_conntrack_proto_tcp.c).  Where that is far below
        the usual time, an entry with so little left is far likelier one of these than one that
        has been idle for nearly all of it.
        """
        name = governing(self._kinds[prefix])
        limit = self._settings.get(name, 0)
        if name != "tcp_timeout_established":
            return limit, -1
        shorter = self._settings.get("tcp_timeout_unacknowledged", 0)
        return limit, shorter if shorter * 8 <= limit else -1
