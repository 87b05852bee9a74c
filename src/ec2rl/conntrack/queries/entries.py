"""Entries of a connection-tracking table: a sample of them, or the table as it comes."""

from __future__ import annotations

from time import monotonic

from ec2rl.conntrack.queries.ctnetlink import TEXT, Dump, open_dump, open_text
from ec2rl.conntrack.queries.kept import Entries
from ec2rl.conntrack.queries.saved_text import read_table
from ec2rl.host.notes import format_time, parse_time
from ec2rl.host.query import Query
from ec2rl.model import Unreadable, Why
from ec2rl.netlink import DONE, ERROR, MalformedError, messages, refusal
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Union

    from ec2rl.host.query import Encoded

    Table = Union[Dump, "Iterator[bytes]", "Entries"]


_WALKING = 3.0
"""Seconds to walk through a table for a sample: more than a million entries."""
_FEWEST = 1000
"""Entries that a sample has at least, of a table of more: a datagram has some two hundred."""
_DRAWING = 10.0
"""Seconds to draw a sample from the text in: some four million entries."""
MOST = 100_000
"""Entries that a recording keeps of a table: 25 MiB."""


@record(frozen=True)
class ConntrackEntries(Query[Entries]):
    """About `first` entries of the table, a sample; of a saved one all that were kept."""

    first: int = 0

    @property
    def key(self) -> str:
        return "conntrack -L"

    def ask(self) -> Entries | Unreadable:
        return _read(self.first)

    def encode(self, answer: Entries) -> Encoded:
        notes: dict[str, str | None] = {}
        if answer.total is not None:
            notes["entries"] = str(answer.total)
            notes["modified"] = format_time(answer.modified)
            notes["path"] = answer.source
        if answer.gap:
            notes["gap"] = answer.gap
        return answer.text.removesuffix("\n"), notes

    def decode(self, source: str, text: str, notes: Mapping[str, str]) -> Entries:
        return Entries(
            notes.get("path", source),
            text + "\n" * bool(text),
            int(notes["entries"]) if "entries" in notes else None,
            parse_time(notes["modified"]) if "modified" in notes else 0.0,
            notes.get("gap", ""),
        )


@record(frozen=True)
class ConntrackTable(Query["Table"]):
    """The table as the kernel gives it, to be read once; about `first` entries, None for all.

    `family` is AF_INET, AF_INET6, or 0 for both; `narrowed` as `open_dump` has it.  Where it was
    recorded, the entries of all.
    """

    first: int | None = None
    family: int = 0
    narrowed: bytes = b""

    @property
    def key(self) -> str:
        return "conntrack -L"

    @property
    def kept(self) -> ConntrackEntries:
        return ConntrackEntries(self.first or MOST)

    def ask(self) -> Table | Unreadable:
        return _open(self.first, self.family, self.narrowed)

    def decode(self, source: str, text: str, notes: Mapping[str, str]) -> Table:
        return self.kept.decode(source, text, notes)


def _open(
    first: int | None, family: int, narrowed: bytes
) -> Dump | Iterator[bytes] | Entries | Unreadable:
    """The caller's own table: a dump; where only text can be read, that.

    With `first` the look is for a sample of so many, and of a text it is drawn.
    """
    dump = open_dump(family=family, narrowed=narrowed)
    if isinstance(dump, Dump):
        return dump
    text = open_text() if first is None else _draw(first)
    if isinstance(text, Unreadable):
        return text if text.why is Why.PARTIAL else dump
    return text


def _read(first: int) -> Entries | Unreadable:
    """About so many entries of the caller's own table, from all over it: each n-th datagram.

    A dump walks a keyed hash, but near the limit the kernel takes what it may evict from bucket
    after bucket (gc_worker, nf_conntrack_core.c, Linux 6.18): its first entries are no sample then.
    One a line: the hexadecimal of what follows a message's header, or text.  Where only text can
    be read, the sample is drawn from all of it.
    """
    dump = open_dump()
    if isinstance(dump, Unreadable):
        drawn = _draw(first)
        if isinstance(drawn, Unreadable):
            return drawn if drawn.why is Why.PARTIAL else dump
        return replace(drawn, total=None)
    lines: list[str] = []
    gap = "the dump ended before the kernel said that it was complete"
    until = monotonic() + _WALKING
    with dump:
        step = max(1, (dump.count() or 0) // max(first, _FEWEST))
        last = b""
        for number, datagram in enumerate(dump.datagrams(ahead=False)):
            last = datagram
            if number % step == step // 2 and not _add(lines, datagram):
                break
            if monotonic() > until:
                gap = f"the look ended after {_WALKING:.0f} s: these are of the table's beginning"
                break
        else:
            gap = "" if _is_end(last) else gap
    return Entries("conntrack -L", "".join(f"{line}\n" for line in lines[: 2 * first]), gap=gap)


def _add(lines: list[str], datagram: bytes) -> bool:
    """Add a datagram's entries; whether it could be read to its end."""
    try:
        lines += [body.hex() for kind, body in messages(datagram) if kind not in (DONE, ERROR)]
    except MalformedError:
        return False
    return True


def _is_end(datagram: bytes) -> bool:
    """Tell whether the kernel says here that a dump is complete."""
    try:
        return any(k in (DONE, ERROR) and not refusal(body) for k, body in messages(datagram))
    except MalformedError:
        return False


def _draw(first: int) -> Entries | Unreadable:
    """So many entries of the table as text, drawn from all of it; `total` is how many there are.

    Nothing promises that the text has any order, so its first lines are no sample.  PARTIAL where
    its end was not reached in time.
    """
    text = open_text()
    if isinstance(text, Unreadable):
        return text
    found = read_table(TEXT, [lambda _: next(text, b"")], 0.0, _DRAWING, first, needs_all=True)
    if isinstance(found, Unreadable) and found.why is Why.FAILED:
        return Entries(TEXT, "", 0)  # not a line: the table is empty
    return found
