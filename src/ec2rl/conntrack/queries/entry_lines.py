"""The entries of a conntrack table that is text, a line each: the one reader of all saved tables.

Lines that look alike are told by their shape: what is left of them without digits and addresses.
A shape is looked at once, so that a plain table is read at the speed of `split`; only what has
another shape is looked at line by line (line_forms.py).
"""

from __future__ import annotations

from ec2rl.conntrack.queries import line_forms as forms
from ec2rl.conntrack.queries.line_forms import LONGEST
from ec2rl.host.codings import Decoder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Block = tuple[list[bytes], list[bytes]]

_VARYING = b"0123456789abcdef.:"
_MOST = 2000
"""Shapes that are remembered; a table has a few dozen."""
_FLOW = 8 * LONGEST
"""Bytes of an element of `-o xml`."""
_SIGNS = (b"src=", b"<flow", b"</flow", b" -s ", forms.TOOLS)
"""One of these is in whatever is more than a line that is no entry."""
_MANY = 100
_LOOKED, _FIRST = 1000, 2
"""Lines of a block in which connections are chosen that last, and how many of them are."""
_LISTINGS = 4
"""As many as one text may hold; what stands there more often is what a mask made of many."""
_PLAIN = b" src= dst= sport= dport= ".translate(None, _VARYING)
_FURNITURE = (b"<?xml", b"<conntrack>", b"</conntrack>")


class EntryLines:
    """Takes texts in pieces of any size; its attributes are the account of all, at the end.

    `total` lines are entries; `others` are none, `events` and `expectations` what their names say;
    `counted` is how many conntrack(8) says that it has shown; `cut` is for a last line without end.
    """

    def __init__(self) -> None:
        self.total = self.others = self.events = self.expectations = 0
        self.counted: int | None = None
        self.cut = False
        self._known: set[bytes] = set()
        self._held: list[bytes] = []
        """The last entry, as far as it was read: the next line may go on with it."""
        self._lost = ""
        self._first: list[bytes] = []
        """Some of the first connections: where one comes again another listing has begun."""
        self._again = False
        self._torn = False
        """Whether words on the other stream tore the last line, so that the next is its rest."""

    def blocks(self, pieces: Iterable[bytes]) -> Iterator[Block]:
        """Yield some thousand entries each, as lines of the plain form, and the shape of each."""
        rest = b""
        for piece in self._decoded(pieces):
            text, newline, rest = (rest + piece).rpartition(b"\n")
            if newline:
                yield self._block(text)
            if len(rest) > _FLOW:  # no line of ours: keep so much that it fails as one
                rest = rest[:_FLOW] + b"\0"
        # Cut in a number, it would parse, and be wrong.
        self.cut |= bool(rest.strip())
        yield self._block(b"", last=True)

    def _decoded(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """UTF-16, as Windows' `>` writes it, as UTF-8; anything else as it is."""
        decoder = Decoder()
        for piece in pieces:
            yield decoder.feed(piece)
        yield decoder.feed(b"", last=True)
        self._lost = self._lost or decoder.gap

    def _block(self, text: bytes, last: bool = False) -> Block:
        if self._held:
            between = b"" if last or self._torn else b"\n"
            text = b"\n".join(self._held) + between + text
        self._torn = False
        lines, shapes = text.split(b"\n"), text.translate(None, _VARYING).split(b"\n")
        if self._known.issuperset(shapes):
            self._held = [] if last else [lines.pop()]
            del shapes[len(lines) :]
        else:
            lines = self._settled(lines, shapes, last)
            shapes = _shapes(lines)
        self.total += len(lines)
        self._look_again(lines, text)
        return lines, shapes

    def _look_again(self, lines: list[bytes], text: bytes) -> None:
        """Note whether a connection of the first lines comes again, in this text or in these."""
        if not self._first and lines:
            some = lines[:_LOOKED]
            lasting = [line for line in some if b" ESTABLISHED " in line] or some
            times = {one: _shown(one, text) for one in map(_connection, lasting[:_FIRST]) if one}
            self._first = [one for one, often in times.items() if often <= _LISTINGS]
            self._again = any(times[one] > 1 for one in self._first)
        elif not self._again:
            self._again = any(one in text and _shown(one, text) for one in self._first)

    def _settled(self, lines: list[bytes], shapes: list[bytes], last: bool) -> list[bytes]:
        """The entries of lines of which some are not plain ones."""
        text = b"\n".join(lines)
        if len(lines) > _MANY and not any(sign in text for sign in _SIGNS):  # no table at all
            self.others += sum(map(bool, map(bytes.strip, lines)))
            self._held = []
            return []
        found: list[bytes] = []
        parts: list[bytes] = []
        for raw, shape in zip(lines, shapes):
            plain = shape in self._known and not self._torn and forms.is_entry(raw)
            line = raw if plain else self._heard(parts.pop() + raw if self._torn else raw)
            if _belongs(parts, line, plain):
                parts.append(line)
            else:
                self._close(parts, found)
                parts = [line]
        if last:
            self._close(parts, found)
        self._held = [] if last else parts
        return found

    def _heard(self, raw: bytes) -> bytes:
        """A line without what conntrack(8) says on its other stream, and without what is around it.

        `2>&1` puts its words into the middle of a line.
        """
        raw = raw[:_FLOW]  # what is longer is no line of ours
        said = forms.said(raw) if forms.TOOLS in raw else None
        self._torn = False
        if said is not None:
            if said[2] == b"flow entries":
                self.counted = (self.counted or 0) + int(said[1])
            raw = raw[: said.start()]
            self._torn = bool(raw)
        return raw if forms.is_entry(raw) or self._torn else forms.tidy(raw)

    def _close(self, parts: list[bytes], found: list[bytes]) -> None:
        """Take what no line goes on with any more."""
        if not any(parts):
            return
        line = b"".join(parts) if b"<flow" in parts[0] else forms.joined(parts)
        entries = forms.entries(line)
        if entries:
            if len(self._known) < _MOST:
                self._known.update(_shapes(entries))
            found += entries
        elif forms.event(line):
            self.events += 1
        elif forms.is_expectation(line):
            self.expectations += 1
        elif not line.startswith(_FURNITURE):
            self.others += len(parts)

    def none(self) -> str:
        """Say why there is no table in a text without an entry: what it is likelier."""
        if self.events:
            return "it is the output of conntrack -E, no table: save that of conntrack -L"
        if self.expectations:
            return "it is a list of expectations: save the output of conntrack -L"
        if self.cut and not self.others:
            return "its last line is cut off"
        return "no line of it is an entry of a conntrack table"

    def gaps(self) -> tuple[str, ...]:
        """Tell what stands between this text and a whole table, in words."""
        found = []
        if self.others:
            one = self.others == 1
            found.append("1 line is no entry" if one else f"{self.others} lines are no entries")
        if self.events:
            words = "lines are events (conntrack -E), what came and went: not counted"
            found.append(f"{self.events} {words}")
        if self.expectations:
            words = "lines are expectations (conntrack -L expect): not counted"
            found.append(f"{self.expectations} {words}")
        if self.counted is not None and self.counted > self.total:
            found.append(f"conntrack had counted {self.counted} entries")
        more = "there is more than one listing in it, which counts entries twice"
        if self.counted is not None and self.counted < self.total:
            found.append(f"conntrack had counted {self.counted} entries, fewer: {more}")
        elif self._again:
            found.append(more)
        if self._lost:
            found.append(self._lost)
        if self.cut:
            found.append("its last line is cut off")
        return tuple(found)


def _connection(line: bytes) -> bytes:
    """The addresses and ports of who began it, b"" where other entries may have the same."""
    begins, ends = line.find(b" src="), line.find(b" dport=")
    end = line.find(b" ", ends + 1)
    found = line[begins : end + 1] if 0 <= begins < ends < end else b""
    # Of what a mask hides many look alike.
    return found if found.translate(None, _VARYING) == _PLAIN and _is_of_no_zone(line) else b""


def _shown(connection: bytes, text: bytes) -> int:
    """How many lines show a connection, up to one more than there may be listings."""
    found, at = 0, text.find(connection)
    while at >= 0 and found <= _LISTINGS:
        end = text.find(b"\n", at)
        found += _is_of_no_zone(text[at : end if end >= 0 else len(text)])
        at = text.find(connection, at + 1)
    return found


def _is_of_no_zone(line: bytes) -> bool:
    """Whether a line is of the zone that all are of; in another one the same is another's.

    conntrack -L leaves that one out, /proc names it (nf_conntrack_standalone.c, ct_show_zone).
    """
    return b" zone" not in line or b" zone=0 " in line


def _shapes(lines: list[bytes]) -> list[bytes]:
    return b"\n".join(lines).translate(None, _VARYING).split(b"\n") if lines else []


def _belongs(parts: list[bytes], line: bytes, plain: bool) -> bool:
    """Whether a line, an entry as it is where `plain`, is the rest of what the parts began."""
    if not parts:
        return False
    size = sum(map(len, parts)) + len(line)
    if forms.opens_flow(parts[0]):
        return b"</flow>" not in parts[-1] and size < _FLOW
    return (
        not plain
        and size < LONGEST
        and forms.goes_on(line)
        and forms.begins_entry(parts[0])
        and not forms.event(parts[0])
    )
