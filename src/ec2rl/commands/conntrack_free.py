"""`ec2rl conntrack free`: count the entries that are meant, show, ask, and delete these alone."""

from __future__ import annotations

import heapq

from ec2rl.arguments import Parsed, UsageError
from ec2rl.commands.changed import agreed
from ec2rl.commands.conntrack import COULD_NOT_LOOK, INTERRUPTED, document, failed
from ec2rl.commands.conntrack_list import filter_of
from ec2rl.conntrack.table.entry import Entry
from ec2rl.conntrack.table.filters import Filter, alive, idle_time
from ec2rl.conntrack.table.freeing import Choice, Freed
from ec2rl.conntrack.table.look import Listing, open_listing
from ec2rl.conntrack.table.places import ALL, Place, find_places, inside, read_settings
from ec2rl.conntrack.table.sockets import lifelines
from ec2rl.fix.free import Doomed, free
from ec2rl.host.ctnetlink import Dump, open_dump
from ec2rl.host.live import LiveHost
from ec2rl.host.remember import Remember
from ec2rl.model import Unreadable
from ec2rl.report.entry_text import entry_short
from ec2rl.report.escape import one_line
from ec2rl.report.free_text import done, plan
from ec2rl.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ec2rl.host import Host
    from ec2rl.model import Json

_SHOWN = 10
"""Live flows that are shown."""
_OFTEN = 5000


def command(said: Parsed, terminal: Terminal) -> int:
    """0 deleted, or none is meant; 1 refused by you or the kernel; 3 could not look."""
    wanted = _wanted(said)
    host = Remember(LiveHost())
    places = find_places(host, said.last("netns"))
    if isinstance(places, Unreadable):
        return failed(terminal, places)
    (place,) = places.chosen
    settings = read_settings(inside(host, place))
    if isinstance(settings, Unreadable):
        return failed(terminal, settings)
    listing = open_listing(place.netns, family=wanted.family)
    if isinstance(listing, Unreadable):
        return failed(terminal, listing)
    try:
        choice, doomed = _choose(terminal, host, place, listing, wanted, settings)
    except KeyboardInterrupt:
        terminal.say("interrupted: nothing was deleted")
        return INTERRUPTED
    if choice.unnamed:
        terminal.say("the entries could only be read as text: deleting needs CAP_NET_ADMIN")
        return COULD_NOT_LOOK
    if not said.has("json"):
        terminal.out(plan(choice))
    if said.has("dry-run") or not doomed.count:
        terminal.out(document(**_facts(choice, None)) if said.has("json") else "")
        return 0
    if not said.has("yes") and not agreed(terminal):
        return 1
    return _delete(said, terminal, place, wanted, settings, choice, doomed)


def _wanted(said: Parsed) -> Filter:
    wanted = filter_of(said)
    if not wanted.any:
        raise UsageError("free needs a filter, as --unreplied or --src=ADDRESS: it never takes all")
    if said.last("netns") == ALL:
        raise UsageError("free takes one namespace at a time")
    return wanted


def _choose(
    terminal: Terminal,
    host: Host,
    place: Place,
    listing: Listing,
    wanted: Filter,
    settings: Mapping[str, int],
) -> tuple[Choice, Doomed]:
    """Take up the entries that are meant, but for those that a session may hang on."""
    lines, doomed = lifelines(host), Doomed()
    matched = kept = live = unnamed = 0
    freshest: list[tuple[int, int, str]] = []
    for number, entry in enumerate(listing):
        if number % _OFTEN == 0:
            terminal.progress(f"{one_line(place.label)}: {number} entries seen, {matched} meant")
        if not wanted.admits(entry, settings):
            continue
        matched += 1
        if lines & _connections(entry):
            kept += 1
        elif entry.id is None:
            unnamed += 1
        elif doomed.add(entry) and alive(entry):
            live += 1
            idle = idle_time(entry, settings)
            row = (-(1 << 31) if idle is None else -idle, -number, entry_short(entry, idle))
            (heapq.heappushpop if len(freshest) == _SHOWN else heapq.heappush)(freshest, row)
    shown = tuple(line for _, _, line in sorted(freshest, reverse=True))
    return (
        Choice(
            place.label, number_of(place), matched, kept, doomed.count, live, shown, unnamed,
            listing.gaps(),
        ),
        doomed,
    )  # fmt: skip


def number_of(place: Place) -> int | None:
    """The kernel's count of a place's entries now."""
    dump = open_dump(place.netns)
    if not isinstance(dump, Dump):
        return None
    with dump:
        return dump.count()


def _connections(entry: Entry) -> set[frozenset[tuple[bytes, int]]]:
    """Both directions of an entry as pairs of ends, to be met by a socket's."""
    return {
        frozenset(
            ((flow.source, flow.source_port or 0), (flow.destination, flow.destination_port or 0))
        )
        for flow in (entry.original, entry.reply)
    }


def _delete(
    said: Parsed,
    terminal: Terminal,
    place: Place,
    wanted: Filter,
    settings: Mapping[str, int],
    choice: Choice,
    doomed: Doomed,
) -> int:
    def progress(answered: int) -> None:
        if answered % 64_00 == 0:
            terminal.progress(f"{one_line(place.label)}: {answered} of {doomed.count}")

    freed = free(doomed, place.netns, progress)
    if isinstance(freed, Unreadable):
        return failed(terminal, freed)
    after, left = number_of(place), _still(place, wanted, settings)
    if said.has("json"):
        terminal.out(document(**_facts(choice, freed), count_after=after, match_after=left))
    else:
        terminal.out(done(choice, freed, after, left))
    if freed.interrupted:
        return INTERRUPTED
    return 1 if freed.refused else 0


def _still(place: Place, wanted: Filter, settings: Mapping[str, int]) -> int | None:
    """How many entries are meant by the filters now; None where that cannot be told."""
    listing = open_listing(place.netns, family=wanted.family)
    if isinstance(listing, Unreadable):
        return None
    return sum(wanted.admits(entry, settings) for entry in listing)


def _facts(choice: Choice, freed: Freed | None) -> dict[str, Json]:
    """What was chosen, and what became of it; null for what was not done."""
    return {
        "table": choice.table,
        "count_before": choice.count,
        "matched": choice.matched,
        "kept_for_sessions": choice.kept,
        "chosen": choice.chosen,
        "live": choice.live,
        "live_shown": list(choice.shown),
        "gaps": list(choice.gaps),
        "deleted": None if freed is None else freed.deleted,
        "gone_by_themselves": None if freed is None else freed.gone,
        "refused": None if freed is None else [[code, n] for code, n in freed.refused],
    }
