"""`ec2rl conntrack size`: how large the table should be, what that costs, when it will be full."""

from __future__ import annotations

import time

from ec2rl.arguments import Parsed, format_of, seconds
from ec2rl.conntrack.commands.shared import (
    INTERRUPTED,
    chosen,
    failed,
    look,
    nothing_to_show,
    places_of,
    was_interrupted,
)
from ec2rl.conntrack.report.size_text import Sizing, size_text
from ec2rl.conntrack.report.table_json import place_facts, seen_facts, size_facts
from ec2rl.conntrack.table.census import Census
from ec2rl.conntrack.table.places import Place
from ec2rl.conntrack.table.recommend import object_size, recommend
from ec2rl.conntrack.table.sizing import growth, need, rates, time_to_full
from ec2rl.conntrack.tables import Limits, read_limits
from ec2rl.host.live import LiveHost
from ec2rl.host.remember import Remember
from ec2rl.model import Unreadable
from ec2rl.record import replace
from ec2rl.report.escape import one_line
from ec2rl.subcommand import COULD_NOT_LOOK, document
from ec2rl.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.host import Host
    from ec2rl.model import Json


def command(said: Parsed, terminal: Terminal) -> int:
    """0 shown; 3 could not look; 130 interrupted: what one look tells is shown."""
    pause = seconds("seconds", said.last("seconds", "5"), 0, 3600)
    host = Remember(LiveHost())
    places = places_of(said, host)
    if isinstance(places, Unreadable):
        return failed(terminal, places)
    limits = read_limits(host) if said.has("file") else places.limits
    write = format_of(said).write
    terminal.out(nothing_to_show(said, places) if write is None else "")
    tables: list[Json] = []
    status = 0
    for place in chosen(places):
        first, second, between, status = _twice(said, terminal, host, place, pause)
        facts = place_facts(place, limits)
        if isinstance(first, Unreadable):
            terminal.say(str(first))
            tables.append({**facts, "unreadable": str(first)})
            status = COULD_NOT_LOOK
            continue
        sizing = _sizing(host, limits, first, second, between)
        tables.append(
            {
                **facts,
                **seen_facts(sizing.seen),
                **size_facts(sizing.size, sizing.needed, sizing.rates, sizing.grown, sizing.full),
            }
        )
        if write is None:
            terminal.out(size_text(place, limits, sizing))
        if status == INTERRUPTED:
            break
    if write is not None:
        terminal.out(write(document(tables=tables)))
    return status


def _twice(
    said: Parsed, terminal: Terminal, host: Host, place: Place, pause: float
) -> tuple[Census | Unreadable, Census | None, float, int]:
    """Two looks, the seconds between them, and the exit status; one look where that is all."""
    began = time.monotonic()
    first = look(said, terminal, host, place)
    if was_interrupted(first):
        return first, None, 0.0, INTERRUPTED
    if isinstance(first, Unreadable) or not pause or said.has("file"):
        return first, None, 0.0, 0
    try:
        terminal.progress(f"{one_line(place.label)}: waiting {pause:g} s for a second look")
        time.sleep(max(0.0, began + pause - time.monotonic()))
    except KeyboardInterrupt:
        return first, None, 0.0, INTERRUPTED
    again = time.monotonic()
    second = look(said, terminal, host, place)
    if isinstance(second, Unreadable):
        terminal.say(f"no second look: {second}")
        return first, None, 0.0, 0
    if was_interrupted(second):
        return first, None, 0.0, INTERRUPTED
    return first, second, again - began, 0


def _sizing(
    host: Host, limits: Limits, first: Census, second: Census | None, between: float
) -> Sizing:
    """What the looks come to; what could not be read of the limits counts as nothing."""
    last = first if second is None else second
    grown = () if second is None else growth(first, second, between)
    needed = need(last, grown)
    peak = max(needed.entries, first.total, last.total, last.counted or 0)
    entry = object_size(host.read("/proc/slabinfo"))
    size = recommend(peak, limits.maximum or 0, limits.buckets or 0, entry, limits.memory)
    count = last.total if last.counted is None else last.counted
    full = time_to_full(count, limits.maximum or 0, grown)
    return Sizing(
        last, between, size, entry, replace(needed, entries=peak), rates(last), grown, full
    )
