"""The text of a compressed log, unpacked piece by piece in constant memory.

Formats are told by their first bytes, never by a name.  A damaged or cut archive gives all text
that can be unpacked before the damage, and says in `gap` where that ended.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

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
        """What the decompressors of bz2, lzma and compression.zstd have in common."""

        @property
        def eof(self) -> bool: ...
        @property
        def needs_input(self) -> bool: ...
        @property
        def unused_data(self) -> bytes: ...
        def decompress(self, data: bytes, max_length: int) -> bytes: ...


SUFFIXES = {".gz": "gzip", ".xz": "xz", ".bz2": "bzip2", ".zst": "zstd"}
HEAD = 4096
"""Bytes; `open_archive` is told no less of the file's beginning, if it has them."""

XZ_MEMORY = 24 << 20
"""Bytes; enough for what `xz -0` to `xz -7` write. What needs more goes to the xz program."""

# `xz -9` needs 65 MiB to unpack: not in this process, which promises to stay below that.
_PROGRAMS = {
    "xz": ("xz", "-dcq", "--memlimit-decompress=128MiB"),
    "zstd": ("zstd", "-dcq", "-M64MB"),
}
_FOLDERS = ("/usr/bin/", "/bin/", "/usr/local/bin/")
_MAGIC = 6
_INPUT = 128 << 10
_PIECE = 1 << 20


def kind_of(head: bytes) -> str:
    """Tell a format by its first bytes; "" is plain text."""
    if head.startswith(b"\x1f\x8b\x08"):
        return "gzip"
    if head.startswith(b"\xfd7zXZ\x00"):
        return "xz"
    # Behind its size digit a bzip2 file has a block, or its end: "BZh2 is a format" has neither.
    if head[:3] == b"BZh" and head[3:4].isdigit() and head[4:6] in (b"1A", b"\x17r"):
        return "bzip2"
    # A zstd file may begin with a frame that carries no text (RFC 8878, 3.1.2).
    if head.startswith(b"\x28\xb5\x2f\xfd") or (
        head[1:4] == b"\x2a\x4d\x18" and head[0] & 0xF0 == 0x50
    ):
        return "zstd"
    return ""


def open_archive(
    kind: str, head: bytes, reader: Reader, fd: int | None, deadline: float
) -> Source | str:
    """Make the unpacked text of `reader`, or say why it cannot be unpacked here.

    A format that this Python lacks is left to a program, which wants the regular file `fd`;
    `deadline` is a time.monotonic(), and behind it no text comes any more.
    """
    codec = _codec(kind)
    if codec is not None and not (kind == "xz" and fd is not None and _is_large(head)):
        return Archive(kind, reader, *codec, deadline)
    argv = _PROGRAMS.get(kind)
    program = argv and next((f + argv[0] for f in _FOLDERS if os.access(f + argv[0], os.X_OK)), "")
    if not argv or not program or fd is None:
        return f"no {kind} here: not read"
    return Program(kind, program, argv, fd, deadline)


def _codec(kind: str) -> tuple[Callable[[], Decoder], type[Exception]] | None:
    try:
        if kind == "gzip":
            import zlib

            return _Gzip, zlib.error
        if kind == "bzip2":
            from bz2 import BZ2Decompressor

            return BZ2Decompressor, OSError
        if kind == "xz":
            from lzma import FORMAT_XZ, LZMADecompressor, LZMAError

            return lambda: LZMADecompressor(FORMAT_XZ, XZ_MEMORY), LZMAError
        return _zstd_codec()
    except ImportError:
        return None


def _zstd_codec() -> tuple[Callable[[], Decoder], type[Exception]]:
    """Python 3.14 has zstd; ImportError before that."""
    from importlib import import_module

    zstd = import_module("compression.zstd")
    options = {zstd.DecompressionParameter.window_log_max: 23}  # 8 MiB, all that `zstd -19` needs
    return lambda: zstd.ZstdDecompressor(options=options), zstd.ZstdError


def _is_large(head: bytes) -> bool:
    from lzma import FORMAT_XZ, LZMADecompressor, LZMAError

    try:
        LZMADecompressor(FORMAT_XZ, XZ_MEMORY).decompress(head, 1)
    except LZMAError as error:
        return "limit" in str(error)
    return False


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
        deadline: float,
    ) -> None:
        self.gap = ""
        self._kind = kind
        self._reader = reader
        self._new = new
        self._failure = failure
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
                text = self._decoder.decompress(data, min(len(view), _PIECE))
            except self._failure as error:
                raise _DamagedError(str(error)) from None
            if text:
                view[: len(text)] = text
                self._unpacked += len(text)
                return len(text)
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


class Program:
    """The text that a program unpacks from a regular file; `close` leaves no process behind."""

    def __init__(
        self, kind: str, program: str, argv: tuple[str, ...], fd: int, deadline: float
    ) -> None:
        from select import POLLIN, poll
        from signal import SIGPIPE

        self.gap = ""
        self._kind = kind
        self._unpacked = 0
        self._deadline = deadline
        self._poll = poll()
        os.lseek(fd, 0, os.SEEK_SET)
        self._pipe, end = os.pipe()
        try:
            self._pid = os.posix_spawn(
                program,
                argv,
                {"LC_ALL": "C"},
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, fd, 0),
                    (os.POSIX_SPAWN_DUP2, end, 1),
                    (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0),
                ],
                setsigdef=[SIGPIPE],  # Python ignores it, and a child would inherit that
            )
        except BaseException:
            os.close(self._pipe)
            raise
        finally:
            os.close(end)
        self._poll.register(self._pipe, POLLIN)

    def readinto(self, view: memoryview) -> int:
        if self.gap or not self._pid:
            return 0
        left = self._deadline - time.monotonic()
        if left <= 0 or not self._poll.poll(left * 1000):
            self._stop("no time left")
            return 0
        size = os.readv(self._pipe, [view])
        self._unpacked += size
        if not size and (status := self._wait()) != 0:
            self._stop(f"its program ended with status {status}")
        return size

    def close(self) -> None:
        if self._pid:
            from contextlib import suppress
            from signal import SIGKILL

            with suppress(ProcessLookupError):
                os.kill(self._pid, SIGKILL)  # not yet waited for, so the id is still its own
            self._wait()
        os.close(self._pipe)

    def _wait(self) -> int | None:
        pid, self._pid = self._pid, 0
        try:
            return os.waitpid(pid, 0)[1]
        except ChildProcessError:
            return None  # somebody else waited for it

    def _stop(self, why: str) -> None:
        self.gap = f"{self._kind}: unpacked up to byte {self._unpacked} of the text: {why}"
