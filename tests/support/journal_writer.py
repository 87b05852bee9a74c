"""A writer of small journal files, so that tests need no systemd and can write what is unsound."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

XZ, LZ4, KEYED_HASH, ZSTD, COMPACT = 1, 2, 4, 8, 16
HEADER = 272


class JournalWriter:
    """A journal file in `data`; objects are appended and linked as journald does it.

    The hash is not systemd's: whoever reads without computing hashes cannot tell.
    """

    def __init__(self, *, compact: bool = False, flags: int = 0, buckets: int = 7) -> None:
        self.compact = compact
        self.buckets = buckets
        self.data = bytearray(HEADER)
        self.places: dict[bytes, int] = {}
        self.entries: list[int] = []
        self.oldest = 0
        self._fields: dict[bytes, int] = {}
        self._arrays: dict[int, tuple[int, int, int]] = {}
        self.field_table = self._append(5, bytes(16 * buckets)) + 16
        self.data_table = self._append(4, bytes(16 * buckets)) + 16
        self.flags = flags | KEYED_HASH | (COMPACT if compact else 0)

    def put(self, at: int, value: int, form: str = "<Q") -> None:
        struct.pack_into(form, self.data, at, value)

    def get(self, at: int) -> int:
        return int.from_bytes(self.data[at : at + 8], "little")

    def _append(self, kind: int, body: bytes, flags: int = 0) -> int:
        at = len(self.data)
        self.data += struct.pack("<BB6xQ", kind, flags, 16 + len(body)) + body
        self.data += bytes(-len(self.data) % 8)
        self.tail = at
        return at

    def _chain(self, table: int, hashed: int, at: int, following: int) -> None:
        """Hang an object into a hash table; `following` is where its link to the next stands."""
        bucket = table + hashed % self.buckets * 16
        if not self.get(bucket):
            self.put(bucket, at)
        else:
            self.put(self.get(bucket + 8) + following, at)
        self.put(bucket + 8, at)

    def payload(self, text: bytes, packed: bytes = b"", flags: int = 0) -> int:
        """The DATA object of `FIELD=value`, stored as `packed` if told so."""
        if text in self.places:
            return self.places[text]
        hashed = zlib.crc32(text)
        name = text.partition(b"=")[0]
        if name not in self._fields:
            field = self._append(2, struct.pack("<QQQ", zlib.crc32(name), 0, 0) + name)
            self._chain(self.field_table, zlib.crc32(name), field, 24)
            self._fields[name] = field
        head = struct.pack("<6Q", hashed, 0, self.get(self._fields[name] + 32), 0, 0, 0)
        extra = bytes(8) if self.compact else b""
        at = self._append(1, head + extra + (packed or text), flags)
        self._chain(self.data_table, hashed, at, 24)
        self.put(self._fields[name] + 32, at)
        self.places[text] = at
        return at

    def entry(
        self, texts: Sequence[bytes], realtime: int, monotonic: int = 0, boot: bytes = bytes(16)
    ) -> int:
        """An entry of payloads, linked from each of them."""
        items = sorted({self.payload(text) for text in texts})
        xor = 0
        for text in texts:
            xor ^= zlib.crc32(text)
        number = len(self.entries) + 1
        body = struct.pack("<QQQ16sQ", number, realtime, monotonic, boot, xor)
        for item in items:
            body += struct.pack("<I" if self.compact else "<Q8x", item)
        at = self._append(3, body)
        for item in items:
            self._link(item, at)
        self.entries.append(at)
        self.oldest = self.oldest or realtime
        return at

    def _link(self, item: int, entry: int) -> None:
        count = self.get(item + 56)
        self.put(item + 56, count + 1)
        if not count:
            self.put(item + 40, entry)
            return
        form = "<I" if self.compact else "<Q"
        width = struct.calcsize(form)
        array, room, used = self._arrays.get(item, (0, 0, 0))
        if used == room:
            room = max(4, room * 2)
            grown = self._append(6, bytes(8 + room * width))
            self.put(array + 16 if array else item + 48, grown)
            array, used = grown, 0
        self.put(array + 24 + used * width, entry, form)
        self._arrays[item] = array, room, used + 1

    def bytes(self, room: int = 0) -> bytes:
        """The file; `room` blank bytes are kept at its end, as journald does (8 MiB)."""
        numbers = (
            HEADER,
            len(self.data) - HEADER + room,
            self.data_table,
            self.buckets * 16,
            self.field_table,
            self.buckets * 16,
            self.tail,
            len(self.places) + len(self.entries),
            len(self.entries),
            len(self.entries),
            1,
            0,
            self.oldest,
        )
        head = struct.pack("<8sIIB71x13Q", b"LPKSHHRH", 0, self.flags, 1, *numbers)
        return head + bytes(self.data[len(head) :]) + bytes(room)


def kernel(message: bytes, facility: int | None = 0, stamp: int | None = None) -> list[bytes]:
    """The fields of a kernel record."""
    texts = [b"_TRANSPORT=kernel", b"PRIORITY=4", b"MESSAGE=" + message]
    if facility is not None:
        texts.append(b"SYSLOG_FACILITY=%d" % facility)
    if stamp is not None:
        texts.append(b"_SOURCE_MONOTONIC_TIMESTAMP=%d" % stamp)
    return texts


def zstd_stored(text: bytes) -> bytes:
    """A zstd frame (RFC 8878) of one raw block."""
    return (
        b"\x28\xb5\x2f\xfd\x60"
        + struct.pack("<H", len(text) - 256)
        + (len(text) << 3 | 1).to_bytes(3, "little")
        + text
    )


def lz4_stored(text: bytes) -> bytes:
    """What journald writes for lz4: the size, then a block, here of literals alone."""
    length = len(text) - 15
    block = b"\xf0" + b"\xff" * (length // 255) + bytes([length % 255]) + text
    return struct.pack("<Q", len(text)) + block
