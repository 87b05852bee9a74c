"""gzip unpacked by libz itself, straight to where the text is wanted.

Python's own zlib module makes new bytes for each piece and copies them once more; without that, a
log is unpacked in three quarters of the time.  Importing ctypes takes 4 ms.
"""

from __future__ import annotations

import ctypes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_STREAM_END = 1
_BUF_ERROR = -5  # no more input, or no more room: no error
_GZIP = 31  # a window of 32 KiB, and gzip's header and checksum


class _Stream(ctypes.Structure):
    """z_stream of zlib.h, the same since zlib 1.0."""

    _fields_ = (
        ("next_in", ctypes.c_char_p),
        ("avail_in", ctypes.c_uint),
        ("total_in", ctypes.c_ulong),
        ("next_out", ctypes.c_void_p),
        ("avail_out", ctypes.c_uint),
        ("total_out", ctypes.c_ulong),
        ("msg", ctypes.c_char_p),
        ("state", ctypes.c_void_p),
        ("zalloc", ctypes.c_void_p),
        ("zfree", ctypes.c_void_p),
        ("opaque", ctypes.c_void_p),
        ("data_type", ctypes.c_int),
        ("adler", ctypes.c_ulong),
        ("reserved", ctypes.c_ulong),
    )


class InflateError(Exception):
    """The file is damaged; all text before the damage was given out."""


class Inflate:
    """One gzip member; as a decompressor of the standard library, but that it fills a view."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.eof = False
        self.needs_input = True
        self._library = library
        self._data = b""
        self._stream = _Stream()
        self._reference = ctypes.byref(self._stream)
        size = ctypes.sizeof(_Stream)
        if library.inflateInit2_(self._reference, _GZIP, library.zlibVersion(), size):
            raise MemoryError

    def __del__(self) -> None:
        self._library.inflateEnd(self._reference)

    @property
    def unused_data(self) -> bytes:
        return self._data[len(self._data) - self._stream.avail_in :]

    def unpack(self, data: bytes, view: memoryview) -> int:
        """Go on, with `data` if input is needed; fill the front of `view`, return how many bytes.

        Raises InflateError.
        """
        stream = self._stream
        if data:
            self._data = data
            stream.next_in = data
            stream.avail_in = len(data)
        stream.next_out = ctypes.addressof(ctypes.c_char.from_buffer(view))
        stream.avail_out = len(view)
        code = self._library.inflate(self._reference, 0)
        size = len(view) - int(stream.avail_out)
        self.eof = code == _STREAM_END
        is_damaged = code not in (0, _STREAM_END, _BUF_ERROR)
        # A full view may leave text inside although all input is taken; and what came before
        # damage is given out first: the next call meets it again.
        self.needs_input = not is_damaged and not stream.avail_in and size < len(view)
        if is_damaged and not size:
            raise InflateError(f"Error {code} while decompressing data: {_text(stream.msg)}")
        return size


def inflate() -> Callable[[], Inflate]:
    """Makes decompressors; OSError where there is no libz.so.1 beside Python's own."""
    library = ctypes.CDLL("libz.so.1")
    library.zlibVersion.restype = ctypes.c_char_p
    library.inflateInit2_.argtypes = (
        ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int,
    )  # fmt: skip
    library.inflate.argtypes = (ctypes.c_void_p, ctypes.c_int)
    library.inflateEnd.argtypes = (ctypes.c_void_p,)
    return lambda: Inflate(library)


def _text(message: bytes | None) -> str:
    return (message or b"").decode("ascii", "replace")
