"""What another timeout would do to the table: computed from the idle times of what is in it.

In a table that is in balance, an entry leaves when it has been idle for as long as its state's
timeout.  With a shorter one, exactly the entries that have been idle for longer would not be
there.  Nothing of that happens at once: the kernel sets an entry's time when a packet passes, and
a new setting does not touch the time that existing entries have left.
"""

from __future__ import annotations

from ec2rl.amounts import AmountError, seconds
from ec2rl.conntrack.defaults import PREFIX
from ec2rl.conntrack.table.ages import bucket_end
from ec2rl.conntrack.table.timeouts import DEFAULTS, governing
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ec2rl.conntrack.table.census import Cell, Census

_LARGEST = (1 << 31) - 1
_CAUTIONS = {
    "tcp_timeout_established": (
        "an idle connection that outlives its entry breaks: with NAT or a stateful firewall the "
        "next packet is refused. Ask for keepalives below the timeout first; the kernel's default "
        "of 5 days is not lowered without a decision"
    ),
    "tcp_timeout_close_wait": (
        "extreme caution: the other side has closed and the application here has not; what it "
        "still sends is lost when the entry goes"
    ),
    "tcp_timeout_time_wait": (
        "extreme caution: late packets of a closed connection meet no entry, and the same ports "
        "can be used again too early"
    ),
}


class SettingError(ValueError):
    """A request that is no timeout of the kernel's, or no number of seconds."""


@record(frozen=True)
class Point:
    """One place of a curve: with this timeout (seconds), so many entries in the steady state."""

    timeout: int
    entries: int


@record(frozen=True)
class Effect:
    """What one timeout would do.

    `governed` entries have their time from this setting.  In the steady state `gone` of them
    would not be there, of which `cut` belong to flows that have been answered and may speak
    again; the true numbers are within `uncertain` of these (width of a bucket of idle times).
    `unknown` have more time left than today's setting gives: set before a change, of unknown
    age.  `now` is what happens at once to the entries that exist: nothing.  Where today's time is
    not known (`today` is None), `gone` and `cut` are the least, and `gone_most` and `cut_most` the
    most that they can be.
    """

    setting: str
    today: int | None
    wanted: int
    governed: int
    gone: int
    cut: int
    uncertain: int
    unknown: int
    caution: str
    curve: tuple[Point, ...]
    gone_most: int
    cut_most: int
    now: int = 0


@record(frozen=True)
class WhatIf:
    """Several timeouts together: `size` is the table today, `steady` what would be left of it.

    `steady_least` is the least, where not all of today's timeouts are known.
    """

    size: int
    steady: int
    steady_least: int
    effects: tuple[Effect, ...]


def parse_settings(words: Iterable[str]) -> dict[str, int]:
    """Read `timeout=1h` wishes; the long name with net.netfilter.nf_conntrack_ is fine too.

    SettingError for an unknown name (the known ones are in it), a value that is no number, or
    one that the kernel does not take.
    """
    wishes: dict[str, int] = {}
    for word in words:
        name, equals, value = word.partition("=")
        name = name.strip().replace("/", ".")
        for prefix in (PREFIX, "nf_conntrack_"):
            name = name.removeprefix(prefix)
        if name not in DEFAULTS:
            raise SettingError(f"no timeout is called {name!r}; known are {', '.join(DEFAULTS)}")
        try:
            wishes[name] = int(seconds(value, 1, _LARGEST, whole=True))
        except AmountError as error:
            raise SettingError(f"{name}{equals}{value}: {error}") from None
    return wishes


def what_if(seen: Census, wishes: Mapping[str, int]) -> WhatIf:
    """Say what these timeouts (seconds by name, as parse_settings gives them) would do.

    SettingError for a name that is unknown.
    """
    for name in wishes:
        if name not in DEFAULTS:
            raise SettingError(f"no timeout is called {name!r}; known are {', '.join(DEFAULTS)}")
    effects = tuple(effect(seen, name, wanted) for name, wanted in wishes.items())
    least, most = (sum(counts) for counts in zip(*((e.gone, e.gone_most) for e in effects), (0, 0)))
    return WhatIf(seen.total, seen.total - least, seen.total - most, effects)


def effect(seen: Census, name: str, wanted: int) -> Effect:
    """Tell what one timeout would do; a longer one frees nothing, and `gone` is 0."""
    cells = [cell for cell in seen.cells if governing(cell.kind) == name]
    today = seen.settings.get(name)
    answered = [cell for cell in cells if cell.kind.answered]
    gone, cut = (round(_idle_for(some, wanted)) for some in (cells, answered))
    governed, speaking = (sum(cell.count for cell in some) for some in (cells, answered))
    known = today is not None
    return Effect(
        name,
        today,
        wanted,
        governed,
        gone,
        cut,
        _within(cells, wanted),
        sum(cell.beyond for cell in cells),
        _CAUTIONS.get(name, "") if today is None or wanted < today else "",
        _curve(cells, governed, today) if today is not None else (),
        gone if known else governed,
        cut if known else speaking,
    )


def _idle_for(cells: Iterable[Cell], wanted: int) -> float:
    """Entries that have been idle for so long; a bucket that it cuts counts in proportion."""
    total = 0.0
    for cell in cells:
        for lower, count in cell.idle:
            if lower >= wanted:
                total += count
            elif bucket_end(lower) > wanted:
                total += count * (bucket_end(lower) - wanted) / (bucket_end(lower) - lower)
    return total


def _within(cells: Iterable[Cell], wanted: int) -> int:
    """Entries of the bucket that a number of seconds cuts."""
    return sum(
        count for cell in cells for lower, count in cell.idle if lower < wanted < bucket_end(lower)
    )


def _curve(cells: Iterable[Cell], governed: int, today: int) -> tuple[Point, ...]:
    """The table against the timeout: ten octaves in thirds, and each once."""
    cells = list(cells)
    steps = sorted({max(1, round(today / 2 ** (step / 3))) for step in range(31)})
    return tuple(Point(at, governed - round(_idle_for(cells, at))) for at in steps)
