"""One look at a table: the kernel's dump, its text where we may read no more, or a saved text."""

from __future__ import annotations

import errno
import gc
import os
import time
from contextlib import contextmanager

from ec2rl.conntrack.defaults import SYSCTL
from ec2rl.conntrack.queries.ctnetlink import TEXT, Dump, narrowing, source_of
from ec2rl.conntrack.queries.entries import ConntrackTable
from ec2rl.conntrack.queries.entry_lines import EntryLines
from ec2rl.conntrack.queries.kept import Entries
from ec2rl.conntrack.table.batches import Sieve, Sifted
from ec2rl.conntrack.table.capture import Capture, masked, undecoded
from ec2rl.conntrack.table.census import Census, census
from ec2rl.conntrack.table.filters import Filter
from ec2rl.conntrack.table.kept import KeptEntries, count_entries
from ec2rl.conntrack.table.stream import Stream
from ec2rl.conntrack.table.tally import Tally
from ec2rl.conntrack.table.text_tally import TextTally
from ec2rl.conntrack.table.timeouts import DEFAULTS
from ec2rl.facts.proc import number
from ec2rl.host.live import LiveHost
from ec2rl.host.unpacked import Pieces, open_pieces
from ec2rl.model import Unreadable, Why
from ec2rl.quantities import grouped
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

    from ec2rl.conntrack.table.entry import Entry
    from ec2rl.host import Door, Host

    Progress = Callable[[int], None]

ALL_ENTRIES = Filter()
_WORTH_A_CHILD = 10_000
"""Entries of a sample from which counting them takes longer than to start a child."""
_READING = 120.0
"""Seconds to read a table as text in: some two million entries."""
_OFTEN = 32
"""Datagrams between two words on progress: some thousand entries."""


def take_census(
    door: Door | None = None,
    settings: Mapping[str, int] = DEFAULTS,
    first: int | None = None,
    progress: Progress | None = None,
    keep: int = 100,
    host: Host | None = None,
) -> Census | Unreadable:
    """Count a namespace's table: the caller's, or the one behind a door; `host` is this machine.

    With `first` the look ends after about so many entries: the kernel walks a keyed hash, so these
    are a uniform sample (sample.py) unless the table is near its limit; from a text it is drawn.
    `progress` is called with the entries seen so far.  Ctrl-C ends the look too, and `gaps` say so.
    """
    host = host or LiveHost()
    inside = host if door is None else host.within(door)
    table = inside.query(ConntrackTable(first))
    if isinstance(table, Unreadable):
        return table
    if isinstance(table, Entries):
        return _census_of_entries(table, inside, settings, keep, source_of(door, table.source))
    if not isinstance(table, Dump):
        return _census_of_text(table, inside, settings, progress, keep, source_of(door, TEXT))
    with without_gc(), table:
        found = _census_of_dump(table, door, settings, first, progress, keep)
    return found if found.whole else replace(found, random=not _is_swept(inside, found.counted))


_SWEPT = 0.9
"""From 95 % of the limit on the kernel evicts bucket after bucket, and ends below it
(nf_conntrack_max95: gc_worker, nf_conntrack_core.c, Linux 6.18)."""


def _is_swept(inside: Host, counted: int | None) -> bool:
    """Tell whether a table's first entries may be others than the rest: it is near its limit."""
    limit = number(inside, SYSCTL + "max")
    return bool(limit and counted and counted >= _SWEPT * limit)


@contextmanager
def without_gc() -> Iterator[None]:
    """Collect no garbage: among a million small objects without cycles that takes a fifth."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _census_of_dump(
    dump: Dump,
    door: Door | None,
    settings: Mapping[str, int],
    first: int | None,
    progress: Progress | None,
    keep: int,
) -> Census:
    tally, stream = Tally(settings), Stream(dump.cookie)
    before = dump.count()
    seen, is_sample, interrupted = 0, False, False
    datagrams = _asked(dump, ahead=first is None or first >= _WORTH_A_CHILD)
    try:
        for number, datagram in enumerate(datagrams):
            bodies = stream.bodies(datagram)
            tally.add_bodies(bodies)
            seen += len(bodies)
            if first is not None and seen >= first:
                is_sample = True
                break
            if progress is not None and number % _OFTEN == 0:
                progress(seen)
    except KeyboardInterrupt:
        interrupted = True
    except OSError as error:  # no memory for the request, or no process for the child
        dump.faults.append(error.errno or errno.EIO)
    finally:
        datagrams.close()
    source = source_of(door, "conntrack -L")
    after = dump.count()
    whole = census(tally, settings, source, before if after is None else after, keep=keep)
    gaps = [*whole.gaps, *_failed(dump.faults)]
    if interrupted:
        gaps.append(f"interrupted after {whole.total:,} of {_counted(whole)} entries")
    if interrupted or is_sample:
        return replace(whole, gaps=tuple(gaps), whole=False, interrupted=interrupted)
    return compared(replace(whole, gaps=(*gaps, *stream.gaps())), before)


def _counted(one: Census) -> str:
    return "an unknown number of" if one.counted is None else grouped(one.counted)


def _asked(dump: Dump, ahead: bool) -> Generator[bytes, None, None]:
    """The datagrams, where asking for them may fail only once somebody iterates."""
    yield from dump.datagrams(ahead)


def _failed(faults: Iterable[int]) -> list[str]:
    return [f"a receive failed: {os.strerror(fault)}" for fault in sorted(set(faults))]


def compared(seen: Census, before: int | None) -> Census:
    """Hold the entries of a whole list against the kernel's count, `before` it and after.

    The count has unconfirmed entries as well, and the table changes meanwhile: what stands out is
    a count that is above the list by a tenth and more at both times, for then something holds on
    to entries that are no longer in the table (K4.9 to 7.2: `nf_conntrack_count` falls only when
    the last reference goes).
    """
    if before is None or seen.counted is None:
        return seen
    low, high = min(before, seen.counted), max(before, seen.counted)
    listed, slack = seen.total, 1000 + high // 10
    if low - listed > slack:
        gap = (
            f"leak: the kernel counts {low:,} entries, and lists {listed:,}: "
            f"{low - listed} take room in the table that no timeout gives back"
        )
        return replace(seen, gaps=(*seen.gaps, gap), leaked=low - listed)
    if listed - high > slack:
        gap = f"{listed:,} entries were listed, and the kernel counts {high:,}: some came twice"
        return replace(seen, gaps=(*seen.gaps, gap))
    return seen


def _census_of_text(
    text: Iterator[bytes],
    inside: Host,
    settings: Mapping[str, int],
    progress: Progress | None,
    keep: int,
    source: str,
) -> Census | Unreadable:
    before = number(inside, SYSCTL + "count")
    seen = _count_text(text, source, settings, keep, progress, _READING)
    after = number(inside.later(0), SYSCTL + "count")
    if isinstance(seen, Unreadable):
        return seen
    seen = replace(seen, counted=before if after is None else after)
    return compared(seen, before) if seen.whole else seen


def _census_of_entries(
    entries: Entries, inside: Host, settings: Mapping[str, int], keep: int, source: str
) -> Census:
    """Count what was kept of a table, or drawn from its text."""
    counted = entries.total
    if counted is None:
        counted = number(inside, SYSCTL + "count")
    seen = count_entries(entries, settings, counted, keep)
    whole = counted is None or seen.total >= counted
    return replace(seen, source=source, whole=whole)


def census_of_capture(
    path: str, settings: Mapping[str, int], keep: int = 100
) -> Census | Unreadable:
    """Count a saved table, in whatever form; `-` is standard input.

    A file without any entry is Unreadable, FAILED: it is likelier no capture than an empty table.
    """
    text = open_pieces(path)
    if isinstance(text, Unreadable):
        return text
    return _count_text(text, path, settings, keep)


def _count_text(
    text: Iterable[bytes],
    source: str,
    settings: Mapping[str, int],
    keep: int,
    progress: Progress | None = None,
    seconds: float = float("inf"),
) -> Census | Unreadable:
    """Count the entries to the end of a text; a part of it is no sample of the rest."""
    tally, reader, ended, interrupted = Tally(settings), EntryLines(), "", False
    columns = TextTally(tally)
    until = time.monotonic() + seconds
    try:
        with without_gc():
            for lines, shapes in reader.blocks(text):
                columns.add(lines, shapes)
                if progress is not None:
                    progress(reader.total)
                if time.monotonic() > until:
                    ended = f"stopped after {seconds:.0f} s"
                    break
    except KeyboardInterrupt:
        ended, interrupted = "interrupted", True
    except OSError as error:
        return Unreadable(source, Why.PARTIAL, os.strerror(error.errno or 0))
    gap = text.gap if isinstance(text, Pieces) else ""
    if isinstance(text, Pieces) and not (tally.total or ended or reader.counted is not None):
        return Unreadable(source, Why.FAILED, gap or reader.none())
    gaps = [f"{ended}: what was seen are the first entries of a list"] if ended else []
    gaps += [] if ended else [*reader.gaps(), *undecoded(columns.malformed)]
    gaps += [*masked(columns.masked), *([gap] if gap else [])]
    found = census(tally, settings, source, gaps=tuple(gaps), keep=keep)
    whole = not (ended or gap)
    return replace(found, whole=whole, random=whole, interrupted=interrupted)


class Listing:
    """The entries of a table, decoded one by one: some ten thousand a second.

    `gaps` is the whole account once all have been taken.
    """

    def __init__(self, origin: Dump | Iterable[bytes] | KeptEntries, source: str) -> None:
        self._origin = origin
        self._reader = Stream(origin.cookie) if isinstance(origin, Dump) else Capture()
        self.source = source

    def __iter__(self) -> Iterator[Entry]:
        if isinstance(self._origin, KeptEntries):
            yield from self._origin
        elif isinstance(self._origin, Dump):
            with self._origin as dump:
                yield from self._reader.entries(dump.datagrams(ahead=False))
        else:
            yield from self._reader.entries(self._origin)

    def sifted(self, wanted: Filter, settings: Mapping[str, int]) -> Iterator[Sifted]:
        """Yield the entries that a filter means, some thousand at a time where that is quicker."""
        if not isinstance(self._reader, Stream) or not isinstance(self._origin, Dump):
            for entry in self:
                if wanted.admits(entry, settings):
                    yield Sifted([], [entry], 1)
            return
        sieve, stream = Sieve(wanted, settings), self._reader
        with without_gc(), self._origin as dump:
            datagrams = _asked(dump, ahead=True)
            try:
                yield from sieve.sift(map(stream.bodies, datagrams))
            finally:
                datagrams.close()
                stream.malformed += sieve.malformed

    def lines(
        self, wanted: Filter, settings: Mapping[str, int], show: Callable[[Entry], str]
    ) -> Iterator[list[str]]:
        """Yield the entries that a filter means as lines, some together.

        `show` makes one of an entry that was decoded.  A dump is in no order that anybody could
        use (its hash has a random key), and comes by some thousand, by layout.
        """
        for found in self.sifted(wanted, settings):
            for batch in found.batches:
                yield batch.lines()
            yield list(map(show, found.entries))

    def gaps(self) -> tuple[str, ...]:
        """Say what stands between what was listed and the whole table."""
        if isinstance(self._origin, KeptEntries):
            return self._origin.gaps()
        faults = self._origin.faults if isinstance(self._origin, Dump) else []
        gap = (self._origin.gap,) if isinstance(self._origin, Pieces) and self._origin.gap else ()
        return (*_failed(faults), *self._reader.gaps(), *gap)


def open_listing(
    door: Door | None = None,
    capture: str | None = None,
    wanted: Filter = ALL_ENTRIES,
    host: Host | None = None,
) -> Listing | Unreadable:
    """List the entries of a namespace's table, or of a saved one, among them all that are `wanted`.

    The kernel may leave out others: it filters by family, and by what `narrowing` says.
    """
    if capture is not None:
        saved = open_pieces(capture)
        return saved if isinstance(saved, Unreadable) else Listing(saved, capture)
    host = host or LiveHost()
    inside = host if door is None else host.within(door)
    narrowed = narrowing(wanted.unreplied, wanted.mark)
    table = inside.query(ConntrackTable(None, wanted.family, narrowed))
    if isinstance(table, Unreadable):
        return table
    if isinstance(table, Entries):
        counted = number(inside, SYSCTL + "count") if table.total is None else table.total
        return Listing(KeptEntries(table, counted), source_of(door, table.source))
    return Listing(table, source_of(door, "conntrack -L" if isinstance(table, Dump) else TEXT))
