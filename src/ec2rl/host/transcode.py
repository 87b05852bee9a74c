"""A text in another coding, as the plain lines of the log that it holds: before it is searched.

What is plain already goes through at the speed of a search for one byte.
"""

from __future__ import annotations

import re

from ec2rl.forms.begun import cut_at
from ec2rl.forms.line_ends import has_form
from ec2rl.forms.mend import BEGINS, INSIDE, JOINED, mended
from ec2rl.forms.parse import parse_record, pieces
from ec2rl.forms.recognise import Recognised, recognise
from ec2rl.host.codings import Decoded
from ec2rl.host.console import CleanText
from ec2rl.host.holes import Whole
from ec2rl.host.queries.boot_text import Kept
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    Read = Callable[[int], bytes]

_PIECE = 256 << 10
_WHOLE = 256 << 10
"""Bytes; what is only done with a text that somebody pasted."""
_WIDEST = 200
_TERMINALS = (80, 100, 120, 132, 160)
# logcat fills up what it takes for the name of a program, in the middle of the kernel's words.
_LOGCAT = (
    (rb"(?m)^(\d\d-\d\d [\d:.]{12} +0 +\d+ [VDIWEF] )([^\s:][^:\n]{0,64}?) +: ", rb"\1\2: "),
    (rb"(?m)^([VDIWEF])/([^(\s][^(\n]{0,64}?) *\( *0\): ", rb"\1/(    0): \2: "),
)
_PRINTABLE = b"quoted-printable"


JOURNALS = ("journal file", "export", "json", "verbose")
"""What is read as a journal, and is not cleaned: its fields may hold any byte."""
_BYTES = JOURNALS[:2]
"""What is no text."""


@record(frozen=True)
class PlainText:
    """A text as what it is: lines of logs, or one of the journal's own forms.

    `gap` says, when all was read, what could not be, and `whole` what it was, "" for more than
    somebody pastes; `clean` has what a console tells of itself, `kept` the end of the text before
    long lines were put together.
    """

    what: Recognised
    head: bytes
    read: Read
    clean: CleanText
    kept: Kept
    gap: Callable[[], str]
    whole: Callable[[], str]


def plain_text(read: Read, head: bytes) -> PlainText:
    """Recognise a text by its beginning, which `read` gives too, and take off what is around it."""
    what, coded = recognise(head), _nothing
    if what.kind not in _BYTES:
        text = Decoded(read)
        read, head = _peeked(text.read, len(head))
        coded, what = text.gap, recognise(head)
    if what.kind in _BYTES:
        return PlainText(what, head, read, CleanText(read), Kept(read), coded, _nothing)
    whole_text = Whole(read)
    read, gap = whole_text.read, _both(coded, whole_text.told)
    if what.kind in JOURNALS:
        return PlainText(what, head, read, CleanText(read), Kept(read), gap, _nothing)
    if what.kind in ("dmesg json", "docker json", "events json"):
        from ec2rl.host.objects import lines_of

        lines = lines_of(what.kind, read)
        (read, head), gap = _peeked(lines.read, len(head)), _both(gap, lines.gap)
    if b"\r" in head and b"\n" not in head:  # the lines of an old terminal program
        read = _lined(read)
    clean = CleanText(read)
    gap = _both(gap, clean.told)
    kept = Kept(clean.read)
    read, head = _peeked(kept.read, len(head))
    what = recognise(head)
    whole = _nothing
    if what.kind in ("dmesg", "syslog", "unknown"):
        unwrapped = _Unwrapped(read)
        read, whole, gap = unwrapped.read, unwrapped.whole, _both(gap, lambda: unwrapped.cut)
    return PlainText(what, head, read, clean, kept, gap, whole)


def _nothing() -> str:
    return ""


def _both(first: Callable[[], str], second: Callable[[], str]) -> Callable[[], str]:
    return lambda: "; ".join(filter(None, (first(), second())))


def _peeked(read: Read, size: int) -> tuple[Read, bytes]:
    from ec2rl.host.packed import Stream

    stream = Stream(read)
    return stream.read, stream.head(size)


def _lined(read: Read) -> Read:
    """The same text, with line ends for carriage returns."""
    return lambda size: read(size).replace(b"\r", b"\n")


def _pieces(convert: Read) -> Read:
    """A reader that never gives more than it is asked for."""
    data = b""

    def read(size: int) -> bytes:
        nonlocal data
        data = data or convert(_PIECE)
        taken, data = data[:size], data[size:]
        return taken

    return read


class _Unwrapped:
    """A text whose long lines a mail program broke, with those lines whole.

    One of more than 256 KiB, which nobody sends so, is left as it is.
    """

    def __init__(self, read: Read) -> None:
        data = b""
        while len(data) <= _WHOLE and (piece := read(_PIECE)):
            data += piece
        self._whole, self.cut = b"", _cut(data)
        if len(data) <= _WHOLE:
            if _PRINTABLE in data[:8192].lower():
                from binascii import a2b_qp

                data = a2b_qp(data)
            for padded, closed in _LOGCAT:
                data = re.sub(padded, closed, data)
            self._whole = data
            data = _joined(data)
        rest = iter((data,))
        self.read = _pieces(lambda size: next(rest, b"") or read(size))

    def whole(self) -> str:
        """The text with its line ends, "" for a long one."""
        return self._whole.decode("utf-8", "backslashreplace")


def _cut(data: bytes) -> str:
    """Say at which width the lines of a text are cut, "" where they are not.

    A line that goes on in the next one was broken, and not cut.
    """
    lines = data.decode("utf-8", "replace").split("\n")
    ends = [line for line, below in zip(lines, (*lines[1:], "")) if not below or has_form(below)]
    width = cut_at([line.rstrip("\r") for line in lines]) and cut_at(ends)
    return f"its lines are cut at {width} characters" if width else ""


def _joined(data: bytes) -> bytes:
    """Put a line behind the one above where it has no form, and would not have fitted there.

    How wide the text is shows its longest line.
    """
    lines = data.decode("utf-8", "surrogateescape").replace("\r\n", "\n").split("\n")
    formed = [has_form(line) for line in lines]
    odd = [not has and bool(line.strip("> \t")) for line, has in zip(lines, formed)]
    odd = [is_odd and not line.startswith(INSIDE) for line, is_odd in zip(lines, odd)]
    width = max(map(len, lines))
    whole = lines[:1]
    goes_on, is_prose = False, True
    for at in range(1, len(lines)):
        above, line = lines[at - 1], lines[at]
        words = line.strip("> \t").split(None, 1)
        is_hard = len(above) == width and width in _TERMINALS
        fits = not words or (len(above) + 1 + len(words[0]) <= width and not is_hard)
        goes_on = odd[at] and not fits and 0 < width <= _WIDEST and (goes_on or formed[at - 1])
        goes_on = goes_on and not _is_its_own(line, whole[-1])
        if goes_on:
            # A terminal breaks a line where it ends, a mail program between two words.
            between = "" if above.endswith(" ") else " "
            rest = line if is_hard else between + line.lstrip("> \t")
            is_prose = is_prose and bool(words[1:] or re.fullmatch(r"[a-z]+[,.;]?", words[0]))
            whole[-1] = whole[-1].removesuffix(JOINED) + rest + JOINED
        else:
            whole.append(line)
    joined = len(lines) - len(whole)
    # One odd word alone may be of anything, and is to stand in no message of the kernel's.
    if not joined or (joined == 1 and not is_prose):
        return data
    return "\n".join(whole).encode("utf-8", "surrogateescape")


def _is_its_own(line: str, above: str) -> bool:
    """Whether a record begins within a line, or with it a message, where a program spoke above."""
    if len(pieces(line, None)) == 1 and not re.match(rf"[> \t]*(?:{BEGINS})", line):
        return False
    found = parse_record(mended(above))
    return found is not None and not found.is_kernels
