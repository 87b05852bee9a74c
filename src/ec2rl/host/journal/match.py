"""The kernel's records of one journal file that hold a phrase."""

from __future__ import annotations

import time

from ec2rl.host import Phrase
from ec2rl.host.journal.file import LZ4, XZ, ZSTD, Data, JournalFile
from ec2rl.host.journal.payload import TEXT_LIMIT, DamagedError
from ec2rl.host.journal.rows import HIT, MARKER, Rows
from ec2rl.host.journal.scan import Piece, scan

MISSED = b"e9bf28e6e834481bb6f48f548ad13606"
"""SD_MESSAGE_JOURNAL_MISSED (sd-messages.h): journald was overrun, and tells how many it lost."""

_PACKED = (
    # flag of the file, flag of the object, bytes to look for, and whether they begin the payload
    (XZ, 1, b"\xfd7zXZ\0", True),
    (ZSTD, 4, b"\x28\xb5\x2f\xfd", True),
    (LZ4, 2, b"\x01\x02\0", False),
)
_BYTES_PER_ENTRY = 32 << 10
"""As much of a file is searched in the time that it takes to read one entry."""


class Match:
    """The search of one file for phrases; `gap` tells what was not sound, or not reached.

    Two ways lead to the same records.  Where the kernel's entries are few, they are read one by
    one.  Else the raw file is searched for the phrases, and for packed payloads: those that belong
    to an entry of the kernel's are unpacked.
    """

    def __init__(
        self, file: JournalFile, number: int, phrases: tuple[Phrase, ...], rows: Rows, until: float
    ) -> None:
        self.file = file
        self.number = number
        self.phrases = phrases
        self.rows = rows
        self.until = until
        self.kernel = 0
        self.gap = file.cut

    def search(self, piece: Piece) -> None:
        """Fill `rows`; UnknownFormatError where a payload of the kernel's cannot be unpacked."""
        try:
            if self.file.oldest is not None and not any(self.file.values(b"_TRANSPORT")):
                self.fault("it tells no entry's _TRANSPORT, as if that were lost")
            self.kernel = self.file.find(b"_TRANSPORT", b"kernel")
            if self.kernel:
                kernel = self.file.data(self.kernel)
                if kernel.count * _BYTES_PER_ENTRY < self.file.size:
                    self._walk(kernel)
                else:
                    self._scan(piece)
            if driver := self.file.find(b"_TRANSPORT", b"driver"):
                self._markers(driver)
        except DamagedError as error:
            self.fault(str(error))
        except OSError as error:
            self.fault(error.strerror or str(error))
        finally:
            self.file.forget()

    def fault(self, text: str) -> None:
        """Remember what was not sound: the first of it tells enough."""
        self.gap = self.gap or text

    def _in_time(self) -> None:
        if time.monotonic() > self.until:
            raise TimeoutError("time ran out before it was read to its end")

    def _markers(self, driver: int) -> None:
        missed = self.file.find(b"MESSAGE_ID", MISSED)
        if not missed:
            return
        for place in self.file.entries(self.file.data(missed)):
            self._in_time()
            entry = self.file.entry(place)
            if driver in entry.objects:
                self.rows.add(entry.key, self.number, place, MARKER)

    def _walk(self, kernel: Data) -> None:
        for place in self.file.entries(kernel):
            try:
                entry = self.file.entry(place)
                for item in entry.objects:
                    self._in_time()
                    name, value = self.file.field(item)
                    after = [p.after for p in self.phrases if p.text in value]
                    if after and name == b"MESSAGE":
                        self.rows.add(entry.key, self.number, place, HIT, max(after))
                        break
            except DamagedError as error:
                self.fault(str(error))

    def _scan(self, piece: Piece) -> None:
        packed = [kind for kind in _PACKED if kind[0] & self.file.flags]
        needles = [phrase.text for phrase in self.phrases] + [kind[2] for kind in packed]
        plain = len(self.phrases)
        beyond = [0] * len(needles)
        for number, offset in scan(
            self.file.fd, needles, piece, self.until, self.file.behind_tables
        ):
            if offset < beyond[number]:
                continue
            self._in_time()
            try:
                if number < plain:
                    place, data = self._around(offset)
                else:
                    place, data = self._packed(offset, *packed[number - plain][1:])
                if data and self.file.linked(place, data):
                    beyond[number] = place + data.size
                    self._message(place, data, number if number < plain else None)
            except DamagedError as error:
                self.fault(str(error))

    def _around(self, offset: int) -> tuple[int, Data | None]:
        """The DATA object of the message that the byte at `offset` is part of."""
        for reach in (512, TEXT_LIMIT):
            start = max(self.file.start, offset - reach)
            text = self.file.read(offset - start, start)
            found = len(text)
            while (found := text.rfind(b"MESSAGE=", 0, found)) >= 0:
                self._in_time()
                place = start + found - self.file.payload
                data = None if place % 8 else self._sound(place)
                if data and self.file.linked(place, data):
                    # Objects do not overlap: if it ends before `offset`, no message is there.
                    return place, data if place + data.size > offset and not data.flags else None
        return 0, None

    def _packed(
        self, offset: int, flag: int, magic: bytes, begins: bool
    ) -> tuple[int, Data | None]:
        """The packed DATA object that this magic is of, if entries of the kernel's may hold it."""
        place = offset - self.file.payload if begins else offset
        data = None if place % 8 else self._sound(place)
        if not data or data.flags != flag:
            return 0, None
        # Most are texts of programs, with one entry; it costs less to ask that than to unpack.
        if data.count <= 4 and not any(
            self.kernel in self.file.entry(entry).objects for entry in self.file.entries(data)
        ):
            return 0, None
        return place, data if self.file.linked(place, data) else None

    def _sound(self, place: int) -> Data | None:
        try:
            return self.file.data(place)
        except DamagedError:
            return None

    def _message(self, place: int, data: Data, number: int | None) -> None:
        """Take the kernel's entries of a message, the first time that one of its phrases is met."""
        name, value = self.file.field(place)
        phrases = [n for n, phrase in enumerate(self.phrases) if phrase.text in value]
        if name != b"MESSAGE" or not phrases or number not in (None, phrases[0]):
            return
        after = max(self.phrases[n].after for n in phrases)
        for at in self.file.entries(data):
            self._in_time()
            entry = self.file.entry(at)
            if self.kernel in entry.objects:
                self.rows.add(entry.key, self.number, at, HIT, after)
