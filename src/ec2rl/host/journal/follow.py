"""The kernel's records that follow a hit, as the lines of a stack trace do."""

from __future__ import annotations

import time

from ec2rl.host.journal.file import Entry
from ec2rl.host.journal.match import Match
from ec2rl.host.journal.payload import DamagedError
from ec2rl.host.journal.rows import FOLLOWS, Rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def follow(rows: Rows, matches: Mapping[int, Match], until: float) -> None:
    """Add to `rows` as many records behind each hit as it asks for, of the same boot.

    Where a file ends too early, the journal was rotated there, and goes on in another file.
    """
    wanted: dict[int, dict[int, int]] = {}
    for number, place, after, _ in rows:
        if after:
            wanted.setdefault(number, {})[place] = after
    for number, places in wanted.items():
        if number in matches:
            _follow_on(matches[number], matches, rows, places, until)
    rows.trim()


def _follow_on(
    match: Match, matches: Mapping[int, Match], rows: Rows, places: Mapping[int, int], until: float
) -> None:
    left, last = _follow_in(match, rows, places, 0, None, until)
    while left and last and (following := _successor(matches, last)):
        left, last = _follow_in(following, rows, {}, left, last, until)


def _follow_in(
    match: Match, rows: Rows, places: Mapping[int, int], left: int, last: Entry | None, until: float
) -> tuple[int, Entry | None]:
    """Follow the hits at `places`, and a hit before this file that lacks `left` records.

    Gives back how many are lacking at the file's end, and behind which entry.
    """
    file = match.file
    end = max(places, default=0)
    try:
        for place in file.entries(file.data(match.kernel)):
            if time.monotonic() > until:
                match.fault("time ran out before all lines behind its hits were read")
                return 0, None
            if left or place in places:
                entry = file.entry(place)
                if left and last and entry.boot == last.boot:
                    rows.add(entry.key, match.number, place, FOLLOWS)
                    left -= 1
                else:
                    left = 0
                left = max(left, places.get(place, 0))
                last = entry
            elif place > end:
                break
    except DamagedError as error:
        match.fault(str(error))
        left = 0
    return left, last


def _successor(matches: Mapping[int, Match], last: Entry) -> Match | None:
    """The file in which the kernel's records of a boot go on."""
    best = None
    nearest = 0
    for match in matches.values():
        try:
            if not match.kernel:
                continue
            entry = match.file.entry(match.file.data(match.kernel).entry)
        except DamagedError:
            continue  # told when that file was searched
        later = entry.boot == last.boot and entry.monotonic > last.monotonic
        if later and (best is None or entry.monotonic < nearest):
            best, nearest = match, entry.monotonic
    return best
