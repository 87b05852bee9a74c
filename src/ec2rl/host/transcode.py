"""A text in another coding, as the plain lines of the log that it holds: before it is searched.

What is plain already goes through at the speed of a search for one byte.
"""

from __future__ import annotations

import re
from codecs import getincrementaldecoder

from ec2rl.forms.mend import INSIDE, mended
from ec2rl.forms.parse import parse_record
from ec2rl.forms.recognise import Recognised, recognise
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    Read = Callable[[int], bytes]

_PIECE = 256 << 10
_WHOLE = 1 << 20
"""Bytes; what is only done with a text that somebody pasted."""
_ESCAPE = 64
_COLOURS = rb"\x1b\[[\d;:?]*[A-Za-z]|\x1b[()][A-Z\d]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"
_WIDEST = 200
_TERMINALS = (80, 100, 120, 132, 160)
_PRINTABLE = b"quoted-printable"


@record(frozen=True)
class PlainText:
    """A text as what it is: lines of logs, or one of the journal's own forms.

    `gap` says, when all was read, what could not be.
    """

    what: Recognised
    head: bytes
    read: Read
    gap: Callable[[], str]


def plain_text(read: Read, head: bytes) -> PlainText:
    """Recognise a text by its beginning, which `read` gives too, and take off what is around it."""
    what = recognise(head)
    if what.kind in ("journal file", "export"):  # these hold bytes that are no text
        return PlainText(what, head, read, _nothing)
    read, head = _plain(read, head)
    what = recognise(head)
    if what.kind in ("dmesg json", "docker json", "events json"):
        from ec2rl.host.objects import lines_of

        lines = lines_of(what.kind, read)
        kind = "dmesg" if what.kind == "dmesg json" else "syslog"
        return PlainText(Recognised(kind), head, lines.read, lines.gap)
    if what.kind in ("dmesg", "syslog", "unknown"):
        read = _unwrapped(read)
    return PlainText(what, head, read, _nothing)


def _nothing() -> str:
    return ""


def _plain(read: Read, head: bytes) -> tuple[Read, bytes]:
    """A text as UTF-8, without colours, with line feeds for line ends."""
    coding = _coding(head)
    if coding:
        read, head = _peeked(_decoded(read, coding), len(head))
    read, head = _peeked(_without_colours(read), len(head))
    if b"\r" in head and b"\n" not in head:  # the lines of an old terminal program
        read, head = _lined(read), head.replace(b"\r", b"\n")
    return read, head


def _peeked(read: Read, size: int) -> tuple[Read, bytes]:
    from ec2rl.host.packed import Stream

    stream = Stream(read)
    return stream.read, stream.head(size)


def _lined(read: Read) -> Read:
    """The same text, with line ends for carriage returns."""
    return lambda size: read(size).replace(b"\r", b"\n")


def _coding(head: bytes) -> str:
    """The name of a coding of two or four bytes a character, "" for none.

    PowerShell writes UTF-16 with a mark in front; other programs leave that out, and every second
    byte of a log in it is NUL.
    """
    for mark, name in (
        (b"\xff\xfe\0\0", "utf-32-le"),
        (b"\0\0\xfe\xff", "utf-32-be"),
        (b"\xff\xfe", "utf-16-le"),
        (b"\xfe\xff", "utf-16-be"),
    ):
        if head.startswith(mark):
            return name
    even, odd = head[0:1024:2], head[1:1024:2]
    for zeros, others, name in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if (
            len(head) >= 16
            and zeros.count(0) > 0.7 * len(zeros)
            and others.count(0) * 20 < len(others)
        ):
            return name
    return ""


def _decoded(read: Read, coding: str) -> Read:
    decoder = getincrementaldecoder(coding)("replace")

    def convert(size: int) -> bytes:
        while data := read(size):
            if text := decoder.decode(data):
                return text.encode("utf-8", "replace")
        return decoder.decode(b"", True).encode("utf-8", "replace")

    return _pieces(convert)


def _without_colours(read: Read) -> Read:
    """The same text without what colours it on a terminal (ECMA-48)."""
    left = b""

    def convert(size: int) -> bytes:
        nonlocal left
        while True:
            more = read(size)
            data, left = left + more, b""
            if more and (at := data.rfind(b"\x1b", -_ESCAPE)) >= 0:
                data, left = data[:at], data[at:]
            text = re.sub(_COLOURS, b"", data) if b"\x1b" in data else data
            if text or not more:
                return text

    return _pieces(convert)


def _pieces(convert: Read) -> Read:
    """A reader that never gives more than it is asked for."""
    data = b""

    def read(size: int) -> bytes:
        nonlocal data
        data = data or convert(_PIECE)
        taken, data = data[:size], data[size:]
        return taken

    return read


def _unwrapped(read: Read) -> Read:
    """A text whose long lines a mail program broke, with those lines whole.

    One of more than 1 MiB, which nobody sends so, is left as it is.
    """
    data = b""
    while len(data) <= _WHOLE and (piece := read(_PIECE)):
        data += piece
    if len(data) <= _WHOLE:
        if _PRINTABLE in data[:8192].lower():
            from binascii import a2b_qp

            data = a2b_qp(data)
        data = _joined(data)
    rest = iter((data,))
    return _pieces(lambda size: next(rest, b"") or read(size))


def _joined(data: bytes) -> bytes:
    """Put a line behind the one above where it has no form, and would not have fitted there."""
    lines = data.decode("utf-8", "surrogateescape").replace("\r\n", "\n").split("\n")
    width = max(map(len, lines))
    whole = lines[:1]
    goes_on = False
    for above, line in zip(lines, lines[1:]):
        words = line.lstrip("> ").split(None, 1)
        fits = not words or len(above) + 1 + len(words[0]) <= width
        goes_on = not fits and width <= _WIDEST and (goes_on or _has_form(above))
        goes_on = goes_on and not (_has_form(line) or line.startswith(INSIDE))
        if goes_on:
            # A terminal breaks a word where it ends, a mail program a line between two words.
            between = "" if len(above) in _TERMINALS or above.endswith(" ") else " "
            whole[-1] += between + line.lstrip("> ")
        else:
            whole.append(line)
    if len(whole) == len(lines):
        return data
    return "\n".join(whole).encode("utf-8", "surrogateescape")


def _has_form(line: str) -> bool:
    return parse_record(mended(line)) is not None
