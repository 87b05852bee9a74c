"""Places of journal records, kept small: millions of hits must fit into a few MiB."""

from __future__ import annotations

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_PLACE = struct.Struct(">HQBB")
HIT, MARKER, FOLLOWS = 0, 1, 2
_KEY = 40  # bytes of `Entry.key`: realtime, monotonic, boot and xor


class Rows:
    """Where records stand: the first and the last `room` by time are kept, all hits are counted.

    A row is the entry's key, its file's number, its place there, what it is (HIT, MARKER or
    FOLLOWS), and how many records are wanted behind it; as bytes, rows sort by time.
    """

    def __init__(self, room: int) -> None:
        self.room = room
        self.hits = 0
        self._rows: list[bytes] = []

    def add(self, key: bytes, file: int, place: int, kind: int, after: int = 0) -> None:
        self.hits += kind == HIT
        self._rows.append(key + _PLACE.pack(file, place, kind, min(after, 255)))
        if len(self._rows) > 3 * self.room:
            self.trim()

    def merge(self, other: Rows) -> None:
        self.hits += other.hits
        self._rows += other._rows
        self.trim()

    def trim(self) -> None:
        """Sort, drop copies, and let the middle go.

        Copies are rows of one key in several files (systemd calls such entries identical), and
        rows of one entry that was both hit and met behind a hit.
        """
        self._rows.sort()
        kept: list[bytes] = []
        first = b""
        for row in self._rows:
            copy = kept and row[: _KEY + 10] == kept[-1][: _KEY + 10]
            if row[:_KEY] != first[:_KEY]:
                first = row
            elif row[_KEY : _KEY + 2] != first[_KEY : _KEY + 2]:
                copy = True
            if not copy:
                kept.append(row)
            elif row[-2] == HIT:
                self.hits -= 1
        if len(kept) > 2 * self.room:
            del kept[self.room : -self.room]
        self._rows = kept

    def __iter__(self) -> Iterator[tuple[int, int, int, bool]]:
        """File, place, after and hit of each row."""
        for row in self._rows:
            file, place, kind, after = _PLACE.unpack(row[_KEY:])
            yield file, place, after, kind != FOLLOWS
