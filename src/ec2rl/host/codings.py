"""Text in whatever coding its parts are, as UTF-8: also where the coding changes on the way.

PowerShell's `>` writes UTF-16 and `>>` adds to whatever is there; a file that two programs wrote
may begin in one coding and go on in another, and one that lost a byte is read a byte out of step.
"""

from __future__ import annotations

from codecs import utf_16_be_decode, utf_16_le_decode, utf_32_be_decode, utf_32_le_decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Callable

    Read = Callable[[int], bytes]

_LITTLE, _BIG = b"\xff\xfe", b"\xfe\xff"
# These need no module of a codec, which a process without rights may not be able to open.
_CODECS = {
    _LITTLE + b"\0\0": utf_32_le_decode,
    b"\0\0" + _BIG: utf_32_be_decode,
    _LITTLE: utf_16_le_decode,
    _BIG: utf_16_be_decode,
}
"""By the mark that a text begins with; the longer mark stands before the one it begins with."""
_LETTER = rb"[\t\n\r\x1b -~]"
_PAIRS = {_LITTLE: rb"(?:%s\0){8,}" % _LETTER, _BIG: rb"(?:\0%s){8,}" % _LETTER}
# Read as UTF-16 that would be eight letters of Chinese, each of just these bytes.
_BYTES = rb"%s{16,}" % _LETTER
# What both have, and is found at the speed of a search for one byte.
_BOTH = rb"\0%s" % _LETTER * 6
_LONGEST = 32
"""Bytes: more than any of these needs to be told."""
_MARKED = (b"\xff", b"\xfe")
"""Bytes of a mark, which UTF-8 has nowhere."""
_WINDOW = 1 << 10
"""Bytes that are looked at together: codings may change in each of a text's lines."""
_PIECE = 256 << 10


class Decoder:
    """Gives a text that comes in pieces in UTF-8; what is in it already goes through as it is.

    `gap` is what could not be decoded, "" for nothing.
    """

    def __init__(self) -> None:
        self.gap = ""
        self._mark = b""  # of the coding, b"" for one byte a letter
        self._rest = b""
        self._at = 0
        self._is_begun = False

    def feed(self, data: bytes, last: bool = False) -> bytes:
        """Decode the next piece; with `last` all that was held back."""
        is_plain = self._is_begun and not self._mark and not self._rest
        if is_plain and b"\0" not in data and data[-1:] not in _MARKED:
            self._at += len(data)
            return data
        if is_plain and len(data) > _LONGEST and data == bytes(len(data)):  # of a hole in a file
            self._at += len(data)
            return data
        found: list[bytes] = []
        for at in range(0, max(len(data), 1), _WINDOW):
            self._rest += data[at : at + _WINDOW]
            found += self._found(last and at + _WINDOW >= len(data))
        return b"".join(found)

    def _found(self, last: bool) -> Iterator[bytes]:
        if not self._is_begun:
            if len(self._rest) < 4 and not last:
                return
            self._begin()
        while piece := (self._wide if self._mark else self._narrow)(last):
            yield piece

    def _begin(self) -> None:
        self._is_begun = True
        self._mark = next((mark for mark in _CODECS if self._rest.startswith(mark)), b"")
        self._take(len(self._mark))

    def _take(self, size: int) -> bytes:
        taken, self._rest = self._rest[:size], self._rest[size:]
        self._at += len(taken)
        return taken

    def _narrow(self, last: bool) -> bytes:
        """What stands before the first letters of two bytes each."""
        import re

        rest = self._rest
        is_odd = any(byte in rest[-_LONGEST:] for byte in (b"\0", *_MARKED))
        keep = _LONGEST if is_odd and not last else 0
        both = re.search(_BOTH, rest)
        if both is None:
            return self._take(max(len(rest) - keep, 0))
        either = re.compile(
            rb"(?P<be>(?:%s)?%s)|(?P<le>(?:%s)?%s)" % (_BIG, _PAIRS[_BIG], _LITTLE, _PAIRS[_LITTLE])
        ).search(rest, max(both.start() - 3, 0))
        if either is None:
            return self._take(max(len(rest) - keep, 0))
        self._mark = _BIG if either["be"] else _LITTLE
        at = either.start()
        # The end of the line above, and the first half of a letter.
        if self._mark == _LITTLE and rest[at : at + 2] == b"\n\0" and rest[at - 1 : at] != b"\n":
            self._mark, at = (_BIG, at + 1) if at else (_LITTLE, at)
        return self._take(at) or self._wide(last)

    def _wide(self, last: bool) -> bytes:
        """What stands before the first bytes of another coding."""
        import re

        rest, mark = self._rest, self._mark
        if not rest:
            return b""
        if len(mark) > 2:
            return self._decoded(len(rest), last)
        narrow = re.search(_BYTES, rest)
        other = _BIG if mark == _LITTLE else _LITTLE
        turned = next((at for at in re.finditer(_PAIRS[other], rest) if at.start() % 2 == 0), None)
        if narrow is not None and (turned is None or narrow.start() < turned.start()):
            self._mark = b""
            end = narrow.start()
            # The second byte of a letter, which the run only seems to begin with.
            end += end % 2 and mark == _BIG
            return self._decoded(end, last, mark) or self._narrow(last)
        if turned is not None:
            end = turned.start()
            if rest[end - 2 : end] == other:
                rest = self._rest = rest[: end - 2] + rest[end:]
                end -= 2
            else:
                self._lose("its letters are a byte out of step", end)
            self._mark = other
            return self._decoded(end, last, mark) or self._wide(last)
        end = len(rest) if last else max(len(rest) - _LONGEST, 0)
        return self._decoded(end if last else end & ~1, last)

    def _decoded(self, size: int, last: bool, mark: bytes = b"") -> bytes:
        decode = _CODECS[mark or self._mark]
        data = self._rest[:size]
        try:
            text, used = decode(data, "strict", False)
        except UnicodeDecodeError as error:
            self._lose("no letters in its coding", error.start)
            text, used = decode(data, "replace", False)
        told = text.replace("\ufeff", "").encode("utf-8", "replace")
        if used < size and (mark or last):  # half a letter, in front of another coding or the end
            told += data[used:].strip(b"\0")
            used = size
        self._take(used)
        return told

    def _lose(self, what: str, place: int) -> None:
        self.gap = self.gap or f"{what} at byte {self._at + place}: a part of it may be missing"


class Decoded:
    """A text that is read through it, in UTF-8, with what could not be decoded in `gap()`."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._decoder = Decoder()
        self._data = b""

    def read(self, size: int) -> bytes:
        """Read at most `size` bytes, b"" at the end; OSError as the text's own `read`."""
        while not self._data:
            piece = self._read(_PIECE)
            self._data = self._decoder.feed(piece, last=not piece)
            if not piece:
                break
        if len(self._data) <= size:
            data, self._data = self._data, b""
            return data
        data, self._data = self._data[:size], self._data[size:]
        return data

    def gap(self) -> str:
        """Say what could not be decoded, once all was read; "" for nothing."""
        return self._decoder.gap


def decoded(data: bytes) -> bytes:
    """Give a whole text in UTF-8."""
    return Decoder().feed(data, last=True)
