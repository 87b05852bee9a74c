"""One file of the systemd journal, read in place: headers, objects and the links between them.

The format is told by systemd (docs/JOURNAL_FILE_FORMAT.md; journal-def.h, v252 and v257): all
numbers are little-endian, objects begin at multiples of 8, and equal `FIELD=value` payloads are
stored once, as a DATA object that lists the entries holding it.

A file may be torn, hostile, or growing while it is read.  So nothing is mapped (a truncated map
kills the process), every offset is checked, and every chain must run in the one direction in
which journald builds it: it cannot loop.
"""

from __future__ import annotations

import os
import struct

from ec2rl.host import JournalRecord
from ec2rl.host.journal.fields import make_record
from ec2rl.host.journal.payload import TEXT_LIMIT, DamagedError, UnknownFormatError, unpacked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

DATA, FIELD, ENTRY, ENTRY_ARRAY = 1, 2, 3, 6
XZ, LZ4, KEYED_HASH, ZSTD, COMPACT = 1, 2, 4, 8, 16
"""What a file says of itself; hashes are never computed here, so that a key changes nothing."""

_HEADER = struct.Struct("<8sIIB71x12QQQ")
_OBJECT = struct.Struct("<BB6xQ")
_DATA = struct.Struct("<BB6xQQQQQQQ")
_FIELD = struct.Struct("<BB6xQQQQ")
_ENTRY = struct.Struct("<BB6xQQQQ16sQ")
_ARRAY = struct.Struct("<BB6xQQ")

_ITEMS_LIMIT = 1024  # fields of an entry (ENTRY_FIELD_COUNT_MAX)
_CHAIN_LIMIT = 100_000  # journald rotates a file whose hash chains are longer than 100
_CACHE_LIMIT = 4096
_BLOCK = 4096


class Data:
    """The head of a DATA object: `flags` of compression, and the entries that hold it."""

    __slots__ = ("array", "count", "entry", "flags", "hash", "next_field", "next_hash", "size")

    def __init__(self, head: bytes) -> None:
        numbers = _DATA.unpack(head)
        _, self.flags, self.size, self.hash, self.next_hash, self.next_field = numbers[:6]
        self.entry, self.array, self.count = numbers[6:]


class Entry:
    """The head of an ENTRY object; `key` is equal in copies of the entry, and sorts by time."""

    __slots__ = ("boot", "key", "monotonic", "objects", "realtime")

    def __init__(self, head: bytes, objects: tuple[int, ...]) -> None:
        _, _, _, _, self.realtime, self.monotonic, boot, xor = _ENTRY.unpack(head)
        self.boot: bytes = boot
        self.objects = objects
        # The xor of the payloads' Jenkins hashes, also in files whose own hashes are keyed.
        self.key = struct.pack(">QQ16sQ", self.realtime, self.monotonic, boot, xor)


class JournalFile:
    """A journal file behind a descriptor; DamagedError or UnknownFormatError when it is none.

    `cut` says what the header promises and the file does not hold ("" when all is there);
    `oldest` and `newest` are the first and the last entry's realtime in µs, None without entries.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        head = os.pread(fd, _HEADER.size, 0)
        if len(head) < _HEADER.size or head[:8] != b"LPKSHHRH":
            raise DamagedError("it has no journal header")
        (
            _,
            _,
            self.flags,
            _,
            self.start,
            arena,
            self._hashes,
            self._hashes_size,
            self._fields,
            self._fields_size,
            tail,
            _,
            entries,
            _,
            _,
            _,
            oldest,
            newest,
        ) = _HEADER.unpack(head)
        self.oldest: int | None = oldest if entries else None
        self.newest: int | None = (newest or None) if entries else None
        if unknown := self.flags & ~(XZ | LZ4 | KEYED_HASH | ZSTD | COMPACT):
            raise UnknownFormatError(f"its format has unknown flags {unknown:#x}")
        self.size = os.fstat(fd).st_size
        self.compact = bool(self.flags & COMPACT)
        self.payload = 72 if self.compact else 64
        self._item = struct.Struct("<I" if self.compact else "<Q")
        self._cache: dict[int, tuple[bytes, bytes]] = {}
        self.cut = ""
        if self.start + arena > self.size:
            self.cut = f"it ends at byte {self.size} of {self.start + arena}"
        elif tail >= self.size or (tail and os.pread(fd, 1, tail) == b"\0"):
            self.cut = f"its last object, at byte {tail}, is blank"
        for table, size in (self._hashes, self._hashes_size), (self._fields, self._fields_size):
            if table + size > self.size:
                raise DamagedError("its hash tables are beyond its end")

    @property
    def behind_tables(self) -> int:
        """Where other objects can begin: journald puts the hash tables, 0.7 to 3.6 MiB, first.

        Of a file that is laid out otherwise, where its header ends.
        """
        at: int = self.start
        tables = (self._hashes, self._hashes_size), (self._fields, self._fields_size)
        for table, size in sorted(tables):
            if table == at + _OBJECT.size:
                at = table + size
        return at

    def read(self, size: int, offset: int) -> bytes:
        try:
            return os.pread(self.fd, size, offset)
        except OSError as error:
            raise DamagedError(f"{error.strerror} at byte {offset}") from None

    def forget(self) -> None:
        """Give back the memory of what was met."""
        self._cache.clear()

    def _object(self, offset: int, kind: int, head: int, room: int = 0) -> bytes:
        """The first `head` bytes of an object of this kind and at most `room` that follow them."""
        if offset < self.start or offset % 8 or offset >= self.size:
            raise DamagedError(f"an object cannot be at byte {offset}")
        data = self.read(head + room, offset)
        if len(data) < head:
            raise DamagedError(f"an object at byte {offset} is cut off")
        found, _, size = _OBJECT.unpack_from(data)
        if found != kind or size < head or offset + size > self.size:
            raise DamagedError(f"at byte {offset} is no sound object of type {kind}")
        return data[:size]

    def data(self, offset: int) -> Data:
        return Data(self._object(offset, DATA, _DATA.size))

    def field(self, offset: int) -> tuple[bytes, bytes]:
        """Give name and value of a DATA object, unpacked; what follows 64 KiB is cut off."""
        known = self._cache.get(offset)
        if known is None:
            text = self._object(offset, DATA, self.payload, 256)
            if len(text) == self.payload + 256:
                text = self._object(offset, DATA, self.payload, TEXT_LIMIT)
            flags, stored = text[1], text[self.payload :]
            if flags:
                stored = unpacked(flags, stored)
            name, _, value = stored.partition(b"=")
            known = name, value
            if len(stored) <= 256:
                if len(self._cache) >= _CACHE_LIMIT:
                    self._cache.clear()
                self._cache[offset] = known
        return known

    def linked(self, offset: int, data: Data) -> bool:
        """Tell whether journald made this DATA object.

        Whoever logs can put a false one in a payload.

        The file's hash table, which only journald writes, must lead to it.
        """
        buckets = self._hashes_size // 16
        if not buckets:
            return False
        place = self.read(8, self._hashes + data.hash % buckets * 16)
        at = int.from_bytes(place, "little")
        for _ in range(_CHAIN_LIMIT):
            if at == offset:
                return True
            if at > offset or not at:
                return False
            following = self.data(at).next_hash
            if following and following <= at:
                break
            at = following
        raise DamagedError(f"a hash chain runs astray at byte {at}")

    def values(self, name: bytes) -> Iterator[tuple[int, bytes]]:
        """Offset and value of every DATA object of a field that the file knows."""
        table = self.read(min(self._fields_size, 1 << 20), self._fields)
        for at, _ in struct.iter_unpack("<QQ", table[: len(table) // 16 * 16]):
            while at:
                found = self._object(at, FIELD, _FIELD.size, 64)
                _, _, _, _, following, newest = _FIELD.unpack_from(found)
                if found[_FIELD.size :] == name:
                    yield from self._values(newest)
                    return
                if following and following <= at:
                    raise DamagedError(f"a chain of fields runs astray at byte {at}")
                at = following

    def _values(self, at: int) -> Iterator[tuple[int, bytes]]:
        for _ in range(_CHAIN_LIMIT):
            if not at:
                return
            yield at, self.field(at)[1]
            following = self.data(at).next_field
            if following >= at:
                raise DamagedError(f"a chain of values runs astray at byte {at}")
            at = following
        raise DamagedError("a field has too many values")

    def find(self, name: bytes, value: bytes) -> int:
        """Give the DATA object of this field, or 0."""
        return next((offset for offset, found in self.values(name) if found == value), 0)

    def entries(self, data: Data) -> Iterator[int]:
        """Yield the offsets of the entries that hold a DATA object, in the order of writing."""
        left = data.count
        if not left:
            return
        yield data.entry
        left -= 1
        array = data.array
        while left:
            _, _, size, following = _ARRAY.unpack(self._object(array, ENTRY_ARRAY, _ARRAY.size))
            room = min(left, (size - _ARRAY.size) // self._item.size)
            left -= room
            at = array + _ARRAY.size
            while room:
                block = self.read(min(room, _BLOCK) * self._item.size, at)
                at += len(block)
                room -= len(block) // self._item.size
                if not block or len(block) % self._item.size:
                    raise DamagedError(f"a list of entries at byte {array} is cut off")
                for (entry,) in self._item.iter_unpack(block):
                    yield entry
            if left and following < array + size:
                raise DamagedError(f"a list of entries ends at byte {array}, {left} too early")
            array = following

    def entry(self, offset: int) -> Entry:
        found = self._object(offset, ENTRY, _ENTRY.size, 512)
        size: int = _OBJECT.unpack_from(found)[1]
        stride = 4 if self.compact else 16
        if size > _ENTRY.size + _ITEMS_LIMIT * stride:
            raise DamagedError(f"an entry at byte {offset} has too many fields")
        if size > len(found):
            found = self._object(offset, ENTRY, size)
        items = found[_ENTRY.size :]
        numbers = struct.unpack_from(
            f"<{len(items) // self._item.size}{self._item.format[1]}", items
        )
        return Entry(found[: _ENTRY.size], numbers if self.compact else numbers[::2])

    def record(self, offset: int, *, hit: bool) -> JournalRecord:
        """Give the record at an entry's offset."""
        entry = self.entry(offset)
        fields: dict[bytes, bytes] = {}
        for item in entry.objects:
            name, value = self.field(item)
            if name == b"SYSLOG_FACILITY":  # of two the one that claims less
                value = max(value, fields.get(name, b""))
            fields[name] = value
        return make_record(fields, entry.boot.hex(), entry.monotonic, entry.realtime, hit=hit)
