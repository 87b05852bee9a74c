"""Lines of a file, which keeps the rest byte for byte.

A line is what stands between two newlines, whatever its bytes: a carriage return belongs to it, and
a file without a final newline keeps lacking it.  The file is exchanged whole.  An undo puts back
the lines that were replaced, and leaves what others have edited elsewhere in the file: it finds
ours by what is the same before and behind them, else by their text, if that is there once.
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
    old = list(new)
    for hunk in reversed(hunks):
        old[hunk.at : hunk.at + len(hunk.new)] = hunk.old
    return old


def _reverted(item: LinesItem, data: bytes) -> tuple[Hunk, ...] | None:
    """Find our lines in a file that others may have edited; None where they cannot be told."""
    ours, now = item.after.data.split(b"\n"), data.split(b"\n")
    short = min(len(ours), len(now))
    head = next((n for n in range(short) if ours[n] != now[n]), short)
    tail = next((n for n in range(short) if ours[-1 - n] != now[-1 - n]), short)
    tail = min(tail, short - head)
    found: list[Hunk] = []
    end = 0
    for hunk in item.hunks:
        at = _place(hunk, ours, now, head, tail)
        if at is None or at < end or tuple(now[at : at + len(hunk.new)]) != hunk.new:
            return None
        end = at + len(hunk.new)
        found.append(replace(hunk, at=at))
    return tuple(found)


def _place(
    hunk: Hunk, ours: Sequence[bytes], now: Sequence[bytes], head: int, tail: int
) -> int | None:
    """Find where lines of ours are: in what is the same, else by their text or neighbours."""
    end = hunk.at + len(hunk.new)
    if end + (not hunk.new) <= head or ours == now:
        return hunk.at
    if hunk.at - (not hunk.new) >= len(ours) - tail:
        return hunk.at + len(now) - len(ours)
    # Lines that are gone are told by the two that they stood between.
    skip = 0 if hunk.new or not hunk.at else 1
    known = hunk.new or tuple(ours[hunk.at - skip : hunk.at + 1])
    if not known:  # of a record that nobody has written here
        return None
    places = [n for n, line in enumerate(now) if line == known[0]]
    places = [n for n in places if tuple(now[n : n + len(known)]) == known]
    return places[0] + skip if len(places) == 1 else None
