"""How many entries the load leads to, and how long until the table is full."""

from __future__ import annotations

from math import sqrt

from ec2rl.conntrack.table.timeouts import governing
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ec2rl.conntrack.table.census import Cell, Census

SURE = 1.96
"""Standard errors for bounds that hold in 95 of 100 cases."""
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
class TimeToFull:
    """Seconds until the table is full at the present growth; None for never, `soonest` as well."""

    likeliest: float | None
    soonest: float | None
    latest: float | None


def rates(seen: Census) -> tuple[Rate, ...]:
    """Arrivals by setting, from how many entries are how young; most first.

    Of a timeout that is not known, nobody knows how young its entries are.
    """
    found = []
    for setting, cells in _by_setting(seen).items():
        if setting not in seen.settings:
            continue
        window = max(1, min(60, seen.settings[setting] // 4))
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
        timeout = first.settings.get(setting)
        due = 0 if timeout is None else _due(cells, timeout, seconds)
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
    """Give the size that the load leads to.

    Little's law, entries = arrivals a second x seconds kept.

    States that packets do not prolong fill up within their timeout: where no entry is old enough
    yet, the arrivals of the older half are taken to go on.  Other states grow as two looks say,
    beyond chance, until the first entry that nobody uses any more has been there for its timeout.
    """
    net = {each.setting: each for each in grown}
    growing = []
    for setting, cells in _by_setting(seen).items():
        timeout = seen.settings.get(setting, 0)  # not known: what is still to come is not, either
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


def time_to_full(count: int, limit: int, grown: Iterable[Growth]) -> TimeToFull:
    """Tell when the limit is reached at the growth of two looks, with bounds for chance."""
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
