"""The text of a compressed log, unpacked piece by piece in constant memory.

Formats are told by their first bytes, never by a name.  A damaged or cut archive gives all text
that can be unpacked before the damage, and says in `gap` where that ended.
"""

from __future__ import annotations

import time

from ec2rl.host.unpack_memory import OWN, PROGRAMS, needs_more

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    class Reader(Protocol):
        """The packed bytes."""

        def read(self, size: int) -> bytes:
            """Up to `size` bytes, b"" at the end; raises OSError."""

        def rewind(self) -> bool:
            """Start anew; False where that cannot be."""

    class Source(Protocol):
        """Text that is read once, from its beginning to its end."""

        gap: str
        """Why the text ended too early; "" while it did not."""

        def readinto(self, view: memoryview) -> int:
            """Fill the front of `view`, return how many bytes; 0 is the end. Raises OSError."""

        def close(self) -> None: ...

    class Decoder(Protocol):
        """What unpacks one member of an archive."""

        @property
        def eof(self) -> bool: ...
        @property
        def needs_input(self) -> bool: ...
        @property
        def unused_data(self) -> bytes: ...

    # Makes decoders, what they raise, and how one goes on: with more data if it needs input, to
    # fill the front of a view.
    Unpack = Callable[[Any, bytes, memoryview], int]
    Codec = tuple[Callable[[], Decoder], type[Exception], Unpack]


SUFFIXES = {".gz": "gzip", ".xz": "xz", ".bz2": "bzip2", ".zst": "zstd", ".lz4": "lz4"}
_OTHERS = {
    b"\x04\x22\x4d\x18": "lz4",
    b"\x02\x21\x4c\x18": "lz4",
    b"\x5d\x00\x00": "lzma",
    b"\x1f\x9d": "compress",
    b"LZIP\x01": "lzip",
    b"\x89LZO\x00": "lzop",
}
"""What is left to programs, or not unpacked, by its first bytes (file(1))."""

HEAD = 4096
"""Bytes; `open_archive` is told no less of the file's beginning, if it has them."""

IN_PYTHON = ("gzip", "xz", "bzip2")
"""What every Python unpacks."""

_MAGIC = 6
_INPUT = 128 << 10
_PIECE = 1 << 20


def kind_of(head: bytes) -> str:
    """Tell a format by its first bytes, or by what is left of them; "" is plain text."""
    is_cut = 3 <= len(head) < _MAGIC
    if head.startswith(b"\x1f\x8b\x08"):
        return "gzip"
    if head.startswith(b"\xfd7zXZ\x00") or (is_cut and b"\xfd7zXZ\x00".startswith(head)):
        return "xz"
    # Behind its size digit a bzip2 file has a block, or its end: "BZh2 is a format" has neither.
    begins = head[:3] == b"BZh" and head[3:4].isdigit()
    if begins and (is_cut or head[4:6] in (b"1A", b"\x17r")):
        return "bzip2"
    # A zstd file may begin with a frame that carries no text (RFC 8878, 3.1.2).
    if head.startswith(b"\x28\xb5\x2f\xfd") or (
        head[1:4] == b"\x2a\x4d\x18" and head[0] & 0xF0 == 0x50
    ):
        return "zstd"
    return next((name for magic, name in _OTHERS.items() if head.startswith(magic)), "")


def open_archive(
    kind: str, head: bytes, reader: Reader, fd: int | None, deadline: float, is_large: bool = False
) -> Source | str:
    """Make the unpacked text of `reader`, or say why it cannot be unpacked here.

    A format that this Python lacks is left to a program, which wants the regular file `fd`;
    `deadline` is a time.monotonic(), and behind it no text comes any more.
    """
    codec = _codec(kind, is_large)
    if codec is not None and (fd is None or not needs_more(kind, head, OWN.get(kind, 0))):
        return Archive(kind, reader, *codec, deadline)
    if needs_more(kind, head, most := PROGRAMS.get(kind, 0)):
        return f"{kind}: more than {most >> 20} MiB of memory are needed to unpack it: not read"
    from ec2rl.host.unpack_program import open_program

    program = None if fd is None else open_program(kind, fd, deadline)
    return program or f"no {kind} here: not read"


def _codec(kind: str, is_large: bool) -> Codec | None:
    try:
        if kind == "gzip":
            return (is_large and _libz_codec()) or _zlib_codec()
        if kind == "bzip2":
            from bz2 import BZ2Decompressor

            return BZ2Decompressor, OSError, _copied
        if kind == "xz":
            from lzma import FORMAT_XZ, LZMADecompressor, LZMAError

            return lambda: LZMADecompressor(FORMAT_XZ, OWN["xz"]), LZMAError, _copied
        return _zstd_codec() if kind == "zstd" else None
    except ImportError:
        return None


def _libz_codec() -> Codec | None:
    try:
        from ec2rl.host.libz import Inflate, InflateError, inflate

        return inflate(), InflateError, Inflate.unpack
    except (ImportError, AttributeError, OSError):
        return None


def _zlib_codec() -> Codec:
    from zlib import error

    return _Gzip, error, _copied


def _zstd_codec() -> Codec:
    """Python 3.14 has zstd; ImportError before that."""
    from importlib import import_module

    zstd = import_module("compression.zstd")
    options = {zstd.DecompressionParameter.window_log_max: 23}  # 8 MiB, all that `zstd -19` needs
    return lambda: zstd.ZstdDecompressor(options=options), zstd.ZstdError, _copied


class _Gzip:
    """zlib's decompressor with the interface that those of bz2 and lzma have."""

    def __init__(self) -> None:
        from zlib import decompressobj

        self._zlib = decompressobj(31)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        text = self._zlib.decompress(data or self._zlib.unconsumed_tail, max_length)
        # A full piece may leave text inside although all input is taken.
        self.needs_input = not self._zlib.unconsumed_tail and len(text) < max_length
        return text


def _copied(decompressor: Any, data: bytes, view: memoryview) -> int:
    """What a decompressor of the standard library gives, copied to where it is wanted."""
    text: bytes = decompressor.decompress(data, min(len(view), _PIECE))
    view[: len(text)] = text
    return len(text)


class _DamagedError(Exception):
    pass


class Archive:
    """The text of all members of a gzip, xz, bzip2 or zstd file, unpacked in this process."""

    def __init__(
        self,
        kind: str,
        reader: Reader,
        new: Callable[[], Decoder],
        failure: type[Exception],
        unpack: Unpack,
        deadline: float,
    ) -> None:
        self.gap = ""
        self._kind = kind
        self._reader = reader
        self._new = new
        self._failure = failure
        self._unpack = unpack
        self._deadline = deadline
        self._decoder: Decoder | None = None
        self._rest = b""
        self._unpacked = 0

    def close(self) -> None:
        self._decoder = None

    def readinto(self, view: memoryview) -> int:
        if self.gap:
            return 0
        try:
            return self._decode(view)
        except _DamagedError as error:
            return self._salvage(view, str(error))

    def _decode(self, view: memoryview) -> int:
        while not self._is_late():
            if self._decoder is None or self._decoder.eof:
                self._next_member()
                if self._decoder is None:
                    return 0
            data = b""
            if self._decoder.needs_input:
                data = self._rest or self._reader.read(_INPUT)
                self._rest = b""
                if not data:
                    self._stop("the file is cut short")
                    return 0
            try:
                size = self._unpack(self._decoder, data, view)
            except self._failure as error:
                raise _DamagedError(str(error)) from None
            if size:
                self._unpacked += size
                return size
        return 0

    def _next_member(self) -> None:
        first = self._decoder is None
        rest = b"" if self._decoder is None else self._decoder.unused_data
        self._decoder = None
        while not self._is_late():
            if not first:
                rest = rest.lstrip(b"\x00")  # padding, to whole blocks of a tape or of xz
            if len(rest) >= _MAGIC:
                break
            more = self._reader.read(_INPUT)
            if not more:
                break
            rest += more
        if rest and not first and kind_of(rest) != self._kind:
            self._stop(f"what follows there is no {self._kind}")
        elif rest:
            self._decoder = self._new()
            self._rest = rest

    def _salvage(self, view: memoryview, why: str) -> int:
        # Decompressors drop what they had unpacked in the call that met the damage: go there once
        # more, and on in steps of one byte.
        good, size = self._unpacked, 0
        try:
            if self._reader.rewind():
                self._decoder, self._rest, self._unpacked = None, b"", 0
                while self._unpacked < good and self._decode(view[: good - self._unpacked]):
                    pass
                while size < len(view) and self._decode(view[size : size + 1]):
                    size += 1
        except _DamagedError:
            pass
        self._unpacked = good + size
        self._stop(why)
        return size

    def _is_late(self) -> bool:
        if time.monotonic() < self._deadline:
            return False
        self._stop("no time left")
        return True

    def _stop(self, why: str) -> None:
        self.gap = f"{self._kind}: unpacked up to byte {self._unpacked} of the text: {why}"
