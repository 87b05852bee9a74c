"""How big the table must be, what that costs, and how long until it is full."""

from __future__ import annotations

from math import ceil, sqrt

from ec2rl.conntrack.timeouts import governing
from ec2rl.model import Evidence, Unreadable
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ec2rl.conntrack.census import Cell, Census

SURE = 1.96
"""Standard errors for bounds that hold in 95 of 100 cases."""
HEADROOM = 1.5
_STEP = 16_384
_MOST_MAX, _MOST_BUCKETS = (1 << 31) - 1, (1 << 28) - 512
_BUCKETS_ROUNDED = 512  # a 4 KiB page of 8-byte slots (nf_ct_alloc_hashtable)
_OBJECT, _EXTENSION, _SLOT = 320, 128, 8
_MUCH = 0.15
_CLOSING = ("TIME_WAIT", "CLOSE", "LAST_ACK", "FIN_WAIT")


@record(frozen=True)
class Rate:
    """How many entries a second got their last packet in the states of one setting.

    Where packets do not prolong a state (TIME_WAIT, unanswered ones) this is the rate of arrival.
    `entries` were so young, `window` seconds at most; bounds are for chance alone.
    """

    setting: str
    per_second: float
    low: float
    high: float
    entries: int
    window: int


@record(frozen=True)
class Growth:
    """What two looks say of the entries of one setting: net growth a second, and arrivals.

    `arrived` is the difference and what expired in between, a second.
    """

    setting: str
    per_second: float
    low: float
    high: float
    arrived: float


@record(frozen=True)
class Need:
    """Entries that the present load leads to, and the settings that add to today's (`growing`)."""

    entries: int
    growing: tuple[tuple[str, int], ...]


@record(frozen=True)
class ObjectSize:
    """Bytes that an entry takes in the slab cache; `source` says where the number is from."""

    octets: int
    source: str


@record(frozen=True)
class Size:
    """A table to have: never smaller than today's.

    `octets` of unswappable kernel memory when full, `share` of the machine's (None: unknown);
    `otherwise` says what else to do where that is too much.
    """

    max: int
    buckets: int
    octets: int
    share: float | None
    otherwise: tuple[str, ...]


@record(frozen=True)
class TimeToFull:
    """Seconds until the table is full at the present growth; None for never, `soonest` as well."""

    likeliest: float | None
    soonest: float | None
    latest: float | None


def rates(seen: Census) -> tuple[Rate, ...]:
    """Arrivals by setting, from how many entries are how young; most first."""
    found = []
    for setting, cells in _by_setting(seen).items():
        window = max(1, min(60, seen.settings.get(setting, 0) // 4))
        young = sum(count for cell in cells for idle, count in cell.idle if idle <= window)
        found.append(
            Rate(setting, young / window, *_bounds(young, young, window), young, window),
        )
    return tuple(sorted(found, key=lambda rate: (-rate.per_second, rate.setting)))


def growth(first: Census, second: Census, seconds: float) -> tuple[Growth, ...]:
    """Compare two looks `seconds` apart, by setting; ValueError unless that is more than 0.

    Entries that end before their time (RST, a deletion, an early drop) make `arrived` too low.
    """
    if seconds <= 0:
        raise ValueError(f"{seconds} seconds between two looks")
    before, after = _by_setting(first), _by_setting(second)
    found = []
    for setting in sorted(before.keys() | after.keys()):
        cells = before.get(setting, [])
        more = _count(after.get(setting, [])) - _count(cells)
        due = _due(cells, first.settings.get(setting, 0), seconds)
        found.append(
            Growth(
                setting,
                more / seconds,
                *_bounds(more, max(0, more + due) + due, seconds),
                max(0, more + due) / seconds,
            )
        )
    return tuple(found)


def _due(cells: Iterable[Cell], timeout: int, seconds: float) -> int:
    """How many entries have no more than so many seconds left."""
    return sum(count for cell in cells for idle, count in cell.idle if timeout - idle <= seconds)


def need(seen: Census, grown: Iterable[Growth] = ()) -> Need:
    """The size that the load leads to: Little's law, entries = arrivals a second x seconds kept.

    States that packets do not prolong fill up within their timeout: where no entry is old enough
    yet, the arrivals of the older half are taken to go on.  Other states grow as two looks say,
    beyond chance, until the first entry that nobody uses any more has been there for its timeout.
    """
    net = {each.setting: each for each in grown}
    growing = []
    for setting, cells in _by_setting(seen).items():
        timeout = seen.settings.get(setting, 0)
        oldest = _oldest(cells)
        left = max(0, timeout - oldest)
        if setting in net:
            more = net[setting].per_second * left if net[setting].low > 0 else 0.0
        else:
            fixed = [cell for cell in cells if _unprolonged(cell)]
            half = oldest // 2
            older = sum(n for cell in fixed for idle, n in cell.idle if half < idle <= oldest)
            more = older / max(1, oldest - half) * left if left > timeout // 10 else 0.0
        if more >= 1:
            growing.append((setting, round(more)))
    growing.sort(key=lambda item: (-item[1], item[0]))
    return Need(seen.total + sum(more for _, more in growing), tuple(growing))


def object_size(slabinfo: Evidence | Unreadable) -> ObjectSize:
    """The size of this kernel's entries from /proc/slabinfo, by its header; else an assumption."""
    if isinstance(slabinfo, Evidence):
        columns: list[str] = []
        for line in slabinfo.text.splitlines():
            words = line.split()
            if words[:2] == ["#", "name"]:
                columns = [word.strip("<>") for word in words[1:]]
            elif words and _is_entry_cache(words[0]) and "objsize" in columns:
                place = columns.index("objsize")
                if (
                    place < len(words)
                    and words[place].isdecimal()
                    and 64 <= int(words[place]) < 4096
                ):
                    return ObjectSize(int(words[place]), f"{slabinfo.source}: {line.strip()}")
        return ObjectSize(_OBJECT, f"assumed: {slabinfo.source} has no nf_conntrack cache")
    return ObjectSize(_OBJECT, f"assumed: {slabinfo}")


def _is_entry_cache(name: str) -> bool:
    """`nf_conntrack`, or up to 4.8 `nf_conntrack_1` and so on, one for each namespace."""
    return name == "nf_conntrack" or (
        name.startswith("nf_conntrack_")
        and name[len("nf_conntrack_") :].isalnum()
        and name != "nf_conntrack_expect"
    )


def recommend(
    wanted: int, limit: int, buckets: int, entry: ObjectSize, memory: int | None = None
) -> Size:
    """A table for `wanted` entries (the larger of the need and the peak), with half as much again.

    `limit` and `buckets` are today's, and never undercut; `memory` is the machine's, in bytes.
    Buckets are as many as entries: the kernel's own rule since 5.15, and 8 bytes each.  A limit
    of 0 (none, up to 6.18) stays.  An entry is counted with 128 bytes of extensions, which most
    have (accounting, labels, NAT).
    """
    most = limit
    if limit and wanted * HEADROOM > limit:
        most = min(_MOST_MAX, ceil(wanted * HEADROOM / _STEP) * _STEP)
    slots = ceil(max(most, 0) / _BUCKETS_ROUNDED) * _BUCKETS_ROUNDED
    slots = max(buckets, min(_MOST_BUCKETS, slots))
    octets = max(most, wanted) * (entry.octets + _EXTENSION) + slots * _SLOT
    share = octets / memory if memory else None
    otherwise: tuple[str, ...] = ()
    if share is not None and share > _MUCH:
        otherwise = (
            f"a full table would take {share:.0%} of the memory, which the kernel cannot swap out",
            "track less: NOTRACK or a flowtable for what needs no state, in both directions",
            "spread the load over more machines, or take a larger one",
            "look for the cause first: a table that fills for no reason fills at any size",
        )
    return Size(most, slots, octets, share, otherwise)


def time_to_full(count: int, limit: int, grown: Iterable[Growth]) -> TimeToFull:
    """When the limit is reached at the growth that two looks showed, with bounds for chance."""
    grown = tuple(grown)
    room = limit - count
    if not limit:
        return TimeToFull(None, None, None)
    if room <= 0:
        return TimeToFull(0.0, 0.0, 0.0)
    rate = sum(each.per_second for each in grown)
    spread = sqrt(sum(((each.high - each.low) / 2) ** 2 for each in grown))

    def after(speed: float) -> float | None:
        return room / speed if speed > 0 else None

    return TimeToFull(after(rate), after(rate + spread), after(rate - spread))


def _bounds(number: float, events: float, seconds: float) -> tuple[float, float]:
    """A rate's bounds, where `events` are what chance plays with; a young zero is up to three."""
    reach = SURE * sqrt(events) if events else 3.0
    low = number - reach
    return (max(0.0, low) if number == events else low) / seconds, (number + reach) / seconds


def _by_setting(seen: Census) -> dict[str, list[Cell]]:
    found: dict[str, list[Cell]] = {}
    for cell in seen.cells:
        setting = governing(cell.kind)
        if setting:
            found.setdefault(setting, []).append(cell)
    return found


def _count(cells: Iterable[Cell]) -> int:
    return sum(cell.count for cell in cells)


def _unprolonged(cell: Cell) -> bool:
    return not cell.kind.answered or cell.kind.state in _CLOSING


def _oldest(cells: Iterable[Cell]) -> int:
    """The idle time that 99 of 100 entries do not exceed."""
    idle = sorted(pair for cell in cells for pair in cell.idle)
    left = sum(count for _, count in idle) * 0.99
    for seconds, count in idle:
        left -= count
        if left <= 0:
            return seconds
    return 0
