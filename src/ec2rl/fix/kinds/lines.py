"""Lines of a file, which keeps the rest byte for byte.

A line is what stands between two newlines, whatever its bytes: a carriage return belongs to it, and
a file without a final newline keeps lacking it.  The file is exchanged whole.  An undo puts back
the lines that were replaced, and leaves what others have edited elsewhere in the file: it finds
ours by what is the same up to an end of the file, else by their text with the lines around it, if
that was there once and is.
"""

from __future__ import annotations

from ec2rl.facts.change import Hunk, Image, Item, LinesItem
from ec2rl.facts.change_items import path_fault
from ec2rl.fix.errors import Conflict, Refused
from ec2rl.fix.kinds.exchange import same
from ec2rl.fix.kinds.regular import RegularFile, read
from ec2rl.fix.machine import Machine
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.remedies import EditLines, Lines

_MOST = 512 << 10
"""Bytes of a file whose lines are edited: the record holds it twice."""

_LINES = 50_000
"""Of a file with more, no lines are looked for: a journal may name 64 of them."""

_NEAR = 3
"""Lines on either side that tell ours, as many as a unified diff has."""

_MANY = 16
"""Where each of some lines is there more often, no place is told by them."""


class FileLines(RegularFile):
    """Lines of one file."""

    item: LinesItem

    @staticmethod
    def plan(change: EditLines, machine: Machine) -> Item | None:
        bad = path_fault(change.path)
        if bad:
            raise Refused(bad)
        now = read(machine, change.path, _MOST)
        if now is None:
            raise Refused(f"{change.path} does not exist")
        old = now.data.split(b"\n")
        hunks = _hunks(change, old)
        after = replace(now, data=b"\n".join(_replaced(old, hunks)))
        if after.data == now.data:
            return None
        if len(after.data) > _MOST:
            raise Refused(f"{change.path}: more than {_MOST >> 10} KiB to write")
        return LinesItem(change.path, now, after, hunks)

    @staticmethod
    def left(lower: LinesItem, upper: Item) -> bool:
        return isinstance(upper.before, Image) and _reverted(lower, upper.before.data) is not None

    def rebase(self) -> None:
        """Where the file has other edits by now, take it as it is, and ours out of that."""
        now = self.look(self.name) if self._in.there else None
        if not isinstance(now, Image) or same(now, self.item.before) or same(now, self.item.after):
            return
        hunks = _reverted(self.item, now.data)
        if hunks is not None:
            data = b"\n".join(_undone(now.data.split(b"\n"), hunks))
            self.item = replace(self.item, before=replace(now, data=data), after=now, hunks=hunks)


def _hunks(change: EditLines, old: Sequence[bytes]) -> tuple[Hunk, ...]:
    """Find what to replace, in the file as it is; Conflict where it is not what was seen."""
    lines = len(old) - (old[-1] == b"")
    hunks: list[Hunk] = []
    end = shift = 0
    for edit in sorted(change.edits, key=lambda edit: edit.first):
        at = edit.first - 1
        if at < end or (not edit.old and not edit.new):
            raise Refused(f"{change.path}: its edits overlap, or are none")
        there = tuple(old[at : at + len(edit.old)])
        end = at + len(edit.old)
        if end > lines or at > lines or [_seen(line) for line in there] != list(edit.old):
            where = f"line {edit.first} of {change.path}"
            raise Conflict(f"{where} is not as it was when the change was planned")
        hunks.append(Hunk(at + shift, there, _new(change.path, edit, old)))
        shift += len(edit.new) - len(edit.old)
    return tuple(hunks)


def _seen(line: bytes) -> str:
    """Give a line as whoever reads a file is given it."""
    return line.decode("utf-8", "backslashreplace").removesuffix("\r")


def _new(path: str, edit: Lines, old: Sequence[bytes]) -> tuple[bytes, ...]:
    """Give the new lines as bytes, with a carriage return where their neighbour has one."""
    beside = old[min(edit.first - 1, len(old) - 1)] or old[max(edit.first - 2, 0)]
    end = b"\r" if beside.endswith(b"\r") else b""
    try:
        lines = tuple(line.encode() + end for line in edit.new)
    except UnicodeEncodeError:
        raise Refused(f"{path}: a new line is no UTF-8") from None
    if any(b"\n" in line or b"\0" in line for line in lines):
        raise Refused(f"{path}: a new line holds a newline or a NUL")
    return lines


def _replaced(old: Sequence[bytes], hunks: Sequence[Hunk]) -> list[bytes]:
    new = list(old)
    for hunk in hunks:
        new[hunk.at : hunk.at + len(hunk.old)] = hunk.new
    return new


def _undone(new: Sequence[bytes], hunks: Sequence[Hunk]) -> list[bytes]:
    old: list[bytes] = []
    end = 0
    for hunk in hunks:
        old += (*new[end : hunk.at], *hunk.old)
        end = hunk.at + len(hunk.new)
    return [*old, *new[end:]]


def _reverted(item: LinesItem, data: bytes) -> tuple[Hunk, ...] | None:
    """Find our lines in a file that others may have edited; None where they cannot be told."""
    if data.count(b"\n") > _LINES or item.after.data.count(b"\n") > _LINES:
        return item.hunks if data == item.after.data else None
    ours, now = item.after.data.split(b"\n"), data.split(b"\n")
    files = _Edited(ours, now)
    found: list[Hunk] = []
    end = 0
    for hunk in item.hunks:
        at = hunk.at if ours == now else files.place(hunk)
        if at is None or at < end or tuple(now[at : at + len(hunk.new)]) != hunk.new:
            return None
        end = at + len(hunk.new)
        found.append(replace(hunk, at=at))
    return tuple(found)


class _Edited:
    """A file as we left it, and as it is; in time linear in both, but for `_MANY` and `_NEAR`."""

    def __init__(self, ours: list[bytes], now: list[bytes]) -> None:
        self.ours, self.now = ours, now
        short = min(len(ours), len(now))
        self.head = next((n for n in range(short) if ours[n] != now[n]), short)
        tail = next((n for n in range(short) if ours[-1 - n] != now[-1 - n]), short)
        self.tail = min(tail, short - self.head)
        self.ends = len(ours) - (ours[-1] == b"")
        self._places: list[dict[bytes, list[int]]] = []

    def place(self, hunk: Hunk) -> int | None:
        """Find where lines of ours are: by what is the same up to an end, or by what is near.

        Lines that are gone are told by those that they stood between: both must be there.
        """
        at, end = hunk.at, hunk.at + len(hunk.new)
        behind = at + len(self.now) - len(self.ours)
        same = len(self.ours) - self.tail
        if not hunk.new:
            near = at and at < len(self.ours)
            if end < self.head:
                return at
            if at > same:
                return behind
            return self._by_near(at, end, len(self.ours)) if near else None
        if end <= self.head and (end < self.head or end >= self.ends or self._alone(hunk)):
            return at
        if at >= same and (at > same or at == 0 or self._alone(hunk)):
            return behind
        return self._by_near(at, end, self.ends)

    def _by_near(self, at: int, end: int, ends: int) -> int | None:
        """Find lines with those around them, which must be there, once in both files."""
        first, last = max(at - _NEAR, 0), max(end, min(end + _NEAR, ends))
        if (first, last) == (at, end):
            return None
        found = self._once(self.ours[first:last])
        return None if found is None else found + at - first

    def _alone(self, hunk: Hunk) -> bool:
        return self._once([*hunk.new]) is not None

    def _once(self, block: list[bytes]) -> int | None:
        """Find a block in the file as it is; None unless it is there once, and in ours."""
        files = (self.ours, self.now)
        self._places = self._places or [_places(lines) for lines in files]
        found: list[int] = []
        for lines, places in zip(files, self._places):
            rare = min(range(len(block)), key=lambda n: len(places.get(block[n], ())))
            rows = places.get(block[rare], [])
            if len(rows) > _MANY:
                return None
            starts = [n - rare for n in rows if n >= rare]
            found = [n for n in starts if lines[n : n + len(block)] == block]
            if len(found) != 1:
                return None
        return found[0]


def _places(lines: list[bytes]) -> dict[bytes, list[int]]:
    places: dict[bytes, list[int]] = {}
    for n, line in enumerate(lines):
        places.setdefault(line, []).append(n)
    return places
