"""Entries of a connection-tracking table: a sample of them, or the table as it comes."""

from __future__ import annotations

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
    """The first entries of a dump of the caller's own table: in the order of a keyed hash, so a
    sample; where only text can be read, a sample that is drawn from all of it.

    One a line: the hexadecimal of what follows a message's header, or text; at most 32 KiB of
    datagrams more than asked for are taken from the kernel.
    """
    dump = open_dump()
    lines: list[str] = []
    if isinstance(dump, Unreadable):
        drawn = _draw(first)
        if isinstance(drawn, Unreadable):
            return drawn if drawn.why is Why.PARTIAL else dump
        return replace(drawn, total=None)
    gap = "the dump ended before the kernel said that it was complete"
    with dump:
        for datagram in dump.datagrams(ahead=False):
            try:
                for kind, body in messages(datagram):
                    if kind not in (DONE, ERROR):
                        lines.append(body.hex())
                    elif not refusal(body):
                        gap = ""
            except MalformedError:
                break
            if len(lines) >= first:
                gap = ""
                break
    return Entries("conntrack -L", "".join(f"{line}\n" for line in lines[:first]), gap=gap)


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
