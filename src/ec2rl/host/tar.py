"""The members of a tar archive as a stream: one pass, constant memory, nothing written anywhere.

What an archive claims is believed only as far as bytes follow.  pax (POSIX.1-2001, "pax
Interchange Format") and GNU headers are understood as far as names, sizes and times go; a sparse
member is told and not read.
"""

from __future__ import annotations

import time
from enum import Enum

from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ec2rl.host.unpack import Source

BLOCK = 512
MEMBERS = 400_000
"""More than these are not looked at: a sosreport has some thousand, a large node's 100,000."""

_WORDS = 64 << 10  # bytes of one extended header; a path has at most 4 KiB (PATH_MAX)
_IN_A_ROW = 8
_USUAL = 10 << 10  # bytes of a record, which an archive's end fills up
_SURE = 512 << 10
_RECORD = 64 << 20  # as many where `tar -b` was asked for it
_BUFFER = 256 << 10
_LARGEST = 1 << 62


class Kind(Enum):
    FILE = "file"
    SYMLINK = "symbolic link"
    HARD_LINK = "hard link"
    FOLDER = "folder"
    OTHER = "device, FIFO, sparse or unknown"


@record(frozen=True)
class Member:
    """One member: `target` is a link's, `modified` in seconds since the epoch."""

    name: str
    kind: Kind
    size: int
    modified: float
    target: str
    body: Source


class DamagedError(ValueError):
    """The archive cannot be followed any further."""


class Body:
    """What a member holds, to be read before the next one is asked for: a `Source`."""

    def __init__(self, tape: _Tape, size: int) -> None:
        self.gap = ""
        self.left = size
        self._tape = tape

    def readinto(self, view: memoryview) -> int:
        try:
            size = self._tape.readinto(view[: self.left]) if self.left else 0
        except DamagedError as error:
            size, self.gap = 0, str(error)
        self.left -= size
        if not size and self.left and not self.gap:
            self.gap = "the archive ends in it"
        return size

    def close(self) -> None:
        self.left = 0


class Nothing:
    """The body of what has none."""

    gap = ""

    def readinto(self, view: memoryview) -> int:
        return 0

    def close(self) -> None:
        """There is nothing to close."""


NOTHING = Nothing()


class Tar:
    """Iterate over the members of one archive; `gap` then says what could not be followed.

    `is_none` is what does not begin as an archive does.
    """

    def __init__(self, source: Source, deadline: float) -> None:
        self.gap = ""
        self.is_none = False
        self._tape = _Tape(source, deadline)

    def __iter__(self) -> Iterator[Member]:
        try:
            yield from self._members()
        except DamagedError as error:
            self.gap = f"tar: read up to byte {self._tape.offset}: {error}"

    def _members(self) -> Iterator[Member]:
        for _ in range(MEMBERS):
            member = self._next()
            if member is None:
                return
            end = self._tape.offset + member.size
            yield member
            self._tape.skip_to(end + -end % BLOCK)
        raise DamagedError(f"it has more than {MEMBERS} members")

    def _next(self) -> Member | None:
        known: dict[str, str] = {}
        for _ in range(_IN_A_ROW):
            header = self._tape.take(BLOCK)
            if not header.strip(b"\0"):
                self._end(header)
                return None
            if len(header) < BLOCK:
                raise DamagedError("it is cut short")
            self._check(header)
            kind, size = header[156:157], _number(header[124:136])
            if kind not in b"xgLKXNVM" or kind == b"\0":
                return self._member(header, kind, size, known)
            words = self._words(size)
            if kind in b"LK":
                known["path" if kind == b"L" else "linkpath"] = _text(words.split(b"\0")[0])
            elif kind in b"xX":
                known.update(_pax(words))
        raise DamagedError("it has more headers in a row than any archive needs")

    def _check(self, header: bytes) -> None:
        if not _is_header(header):
            self.is_none = self._tape.offset == BLOCK
            raise DamagedError("no header is there")

    def _end(self, block: bytes) -> None:
        """See that the archive ends here: with two blank blocks, and with blanks up to its size.

        How much is blank is left to who wrote it: up to 10 KiB are filled, or a whole record of
        the size that was asked for, a power of two (`tar -b`).  A download that was given its room
        at once and was cut is blank as well, and so is what a power cut left; but its size is that
        of an archive in records of 10 KiB.  Such a one is believed to fill records of another size
        only from 512 KiB on: one in 256 does so by chance.
        """
        if not block and not self._tape.offset:
            return  # an empty file
        if not block:
            raise DamagedError("it has no end")
        most = self._tape.offset + _RECORD
        blank = len(block)
        while rest := self._tape.take(_BUFFER):
            blank += len(rest)
            if rest.strip(b"\0"):
                raise DamagedError("something follows its end")
            if self._tape.offset > most:
                raise DamagedError("it ends in blanks, as a file that was never filled")
        if blank - 2 * BLOCK >= _USUAL and not _fills_a_record(self._tape.offset, blank):
            raise DamagedError("it ends in blanks, as a file that was never filled")
        if blank < 2 * BLOCK:
            raise DamagedError("its end is cut off")

    def _words(self, size: int) -> bytes:
        """What an extended header holds; b"" for more than any path needs."""
        end = self._tape.offset + size
        words = self._tape.take(size) if size <= _WORDS else b""
        if size <= _WORDS and len(words) < size:
            raise DamagedError("it is cut short")
        self._tape.skip_to(end + -end % BLOCK)
        return words

    def _member(self, header: bytes, kind: bytes, size: int, known: dict[str, str]) -> Member:
        name = _text(header[:100].split(b"\0")[0])
        if header[257:263] == b"ustar\0" and header[345:346] != b"\0":
            name = _text(header[345:500].split(b"\0")[0]) + "/" + name
        name = known.get("GNU.sparse.name", known.get("path", name))
        if "size" in known:
            size = _decimal(known["size"])
        what = _KINDS.get(kind, Kind.OTHER)
        if what is Kind.FILE and name.endswith("/"):
            what = Kind.FOLDER
        if any(key.startswith("GNU.sparse") for key in known):
            what = Kind.OTHER
        if kind == b"S":
            self._skip_sparse_maps(header)
        elif kind in b"123456":
            size = 0  # what these say of a size is about something else
        target = known.get("linkpath", _text(header[157:257].split(b"\0")[0]))
        return Member(name, what, size, _time(header, known), target, Body(self._tape, size))

    def _skip_sparse_maps(self, header: bytes) -> None:
        more = header[482]
        while more:
            block = self._tape.take(BLOCK)
            if len(block) < BLOCK:
                raise DamagedError("it is cut short")
            more = block[504]


_KINDS = {
    b"0": Kind.FILE,
    b"\0": Kind.FILE,
    b"7": Kind.FILE,
    b"1": Kind.HARD_LINK,
    b"2": Kind.SYMLINK,
    b"5": Kind.FOLDER,
}


def _fills_a_record(size: int, blank: int) -> bool:
    """Whether so many bytes at the end of an archive of this size fill a record of 2^n bytes."""
    record = 1 << (blank - 2 * BLOCK - 1).bit_length()  # one may be blank behind the two blocks
    if size % _USUAL == 0:
        record = max(record, _SURE)
    return size % record == 0


def _is_header(header: bytes) -> bool:
    """Compare the checksum, in which signed bytes were taken for unsigned by old programs."""
    try:
        said = _number(header[148:156])
    except DamagedError:
        said = -1
    rest = header[:148] + b" " * 8 + header[156:]
    return said in (sum(rest), sum(rest) - 256 * sum(byte > 127 for byte in rest))


def _number(field: bytes) -> int:
    """A number of a header: octal digits, or 63 and more bits in binary (GNU)."""
    if field[0] & 0x80:
        value = int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
    else:
        digits = field.strip(b" \0")
        if digits.strip(b"01234567"):
            raise DamagedError("a number is none")
        value = int(digits or b"0", 8)
    if value > _LARGEST:  # the binary ones below zero, too
        raise DamagedError("a size cannot be")
    return value


def _decimal(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20) or int(text) > _LARGEST:
        raise DamagedError("a size cannot be")
    return int(text)


def _pax(words: bytes) -> dict[str, str]:
    """The records `LENGTH KEY=VALUE\\n` of an extended header."""
    found: dict[str, str] = {}
    at = 0
    while at < len(words):
        length, space, _ = words[at : at + 8].partition(b" ")
        if not (space and length.isdigit() and len(length) < 6):
            raise DamagedError("an extended header is damaged")
        end = at + int(length)
        key, equals, value = words[at + len(length) + 1 : end - 1].partition(b"=")
        if not equals or words[end - 1 : end] != b"\n" or end <= at:
            raise DamagedError("an extended header is damaged")
        found[_text(key)] = _text(value)
        at = end
    return found


def _time(header: bytes, known: dict[str, str]) -> float:
    """A member's mtime; 0 for one that cannot be."""
    try:
        when = float(_decimal(known["mtime"].partition(".")[0])) if "mtime" in known else 0.0
        when = when or float(_number(header[136:148]))
    except DamagedError:
        return 0.0
    return when if when < 1 << 33 else 0.0


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")


class _Tape:
    """A source that is taken from its beginning to its end, with a deadline."""

    def __init__(self, source: Source, deadline: float) -> None:
        self.offset = 0
        self._source = source
        self._deadline = deadline
        self._buffer = memoryview(bytearray(_BUFFER))
        self._rest = self._buffer[:0]

    def readinto(self, view: memoryview) -> int:
        if not self._rest:
            if len(view) >= BLOCK * 8:
                size = self._fill(view)
                self.offset += size
                return size
            self._rest = self._buffer[: self._fill(self._buffer)]
        size = min(len(view), len(self._rest))
        view[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        self.offset += size
        return size

    def take(self, size: int) -> bytes:
        """So many bytes, or fewer at the end."""
        if size <= len(self._rest):
            found = bytes(self._rest[:size])
            self._rest = self._rest[size:]
            self.offset += size
            return found
        data = memoryview(bytearray(size))
        done = 0
        while done < size and (more := self.readinto(data[done:])):
            done += more
        return bytes(data[:done])

    def skip_to(self, offset: int) -> None:
        """Go on to a place; DamagedError when the archive ends before it."""
        while self.offset < offset:
            if not self._rest:
                self._rest = self._buffer[: self._fill(self._buffer)]
                if not self._rest:
                    raise DamagedError("it is cut short")
            size = min(offset - self.offset, len(self._rest))
            self._rest = self._rest[size:]
            self.offset += size

    def _fill(self, view: memoryview) -> int:
        if time.monotonic() > self._deadline:
            raise DamagedError("no time left")
        try:
            size = self._source.readinto(view)
        except OSError as error:
            raise DamagedError(f"it cannot be read: {error.strerror}") from None
        if not size and self._source.gap:
            raise DamagedError(self._source.gap)
        return size
