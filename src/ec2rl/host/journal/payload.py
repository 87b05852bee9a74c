"""Payloads that journald packed: those of 512 bytes and more, unless Compress= says otherwise.

xz is Python's own; an lz4 block is simple enough to be read here; for zstd Python 3.14 has a
module, and before that libzstd does it, which a systemd that writes zstd is linked with.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

TEXT_LIMIT = 64 << 10
"""Bytes of a payload that are looked at; journald takes at most 8 KiB from /dev/kmsg at a time."""


class DamagedError(Exception):
    """The file is no sound journal where it was read; the message says what was met."""


class UnknownFormatError(Exception):
    """The file may be sound, but was written in a way that cannot be read here."""


def unpacked(flags: int, data: bytes) -> bytes:
    """Give the payload of a DATA object with these flags, cut at TEXT_LIMIT.

    DamagedError when it is torn, UnknownFormatError when nothing here can unpack it.
    """
    if flags == 1:
        return _xz(data)
    if flags == 2:
        return _lz4(data[8:])
    if flags == 4:
        return _zstd(data)
    raise DamagedError(f"a payload is packed in an unknown way ({flags:#x})")


def _xz(data: bytes) -> bytes:
    try:
        import lzma
    except ImportError:
        raise UnknownFormatError(
            "a payload is packed with xz, and this Python has no lzma"
        ) from None
    try:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=32 << 20).decompress(data, TEXT_LIMIT)
    except lzma.LZMAError as error:
        raise DamagedError(f"a payload packed with xz is torn: {error}") from None


def _lz4(data: bytes) -> bytes:
    """Unpack one block (lz4_Block_format.md): literals, then a copy of what was told before."""
    out = bytearray()
    at = 0
    try:
        while True:
            token = data[at]
            at, literals = _lz4_length(data, at + 1, token >> 4)
            if at + literals > len(data):
                break
            out += data[at : at + literals]
            at += literals
            if at == len(data):
                return bytes(out[:TEXT_LIMIT])
            back = data[at] | data[at + 1] << 8
            at, copied = _lz4_length(data, at + 2, token & 15)
            copied = min(copied + 4, TEXT_LIMIT)
            if not 0 < back <= len(out):
                break
            start = len(out) - back
            seen = out[start : start + copied]
            out += (seen * (copied // len(seen) + 1))[:copied]
            if len(out) >= TEXT_LIMIT:
                return bytes(out[:TEXT_LIMIT])
    except IndexError:
        pass
    raise DamagedError("a payload packed with lz4 is torn")


def _lz4_length(data: bytes, at: int, nibble: int) -> tuple[int, int]:
    """Where the bytes of a length end, and the length: 15 and 255 mean that more is to be added."""
    total = nibble
    while nibble in (15, 255):
        nibble = data[at]
        total += nibble
        at += 1
        if nibble != 255:
            break
    return at, total


_unpack_zstd: list[Callable[[bytes], bytes]] = []


def _zstd(data: bytes) -> bytes:
    if not _unpack_zstd:  # a failed import is not remembered by Python
        _unpack_zstd.append(_zstd_of_python() or _zstd_of_system())
    return _unpack_zstd[0](data)


def _zstd_of_python() -> Callable[[bytes], bytes] | None:
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return None

    def unpack(data: bytes) -> bytes:
        try:
            text: bytes = zstd.ZstdDecompressor().decompress(data, TEXT_LIMIT)
        except zstd.ZstdError as error:
            raise DamagedError(f"a payload packed with zstd is torn: {error}") from None
        return text

    return unpack


def _zstd_of_system() -> Callable[[bytes], bytes]:
    try:
        import ctypes

        library = ctypes.CDLL("libzstd.so.1")
        size_of, decompress = library.ZSTD_getFrameContentSize, library.ZSTD_decompress
    except ImportError:  # python3-minimal
        words = "a payload is packed with zstd, and this Python has no ctypes: install python3"
        raise UnknownFormatError(words) from None
    except (OSError, AttributeError):
        raise UnknownFormatError("a payload is packed with zstd, and there is no libzstd") from None
    size_of.restype = ctypes.c_ulonglong
    size_of.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    decompress.restype = ctypes.c_size_t
    decompress.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]

    def unpack(data: bytes) -> bytes:
        size = size_of(data, len(data))
        if size > TEXT_LIMIT:  # also the two numbers that mean "unknown" and "error"
            raise DamagedError("a payload packed with zstd is torn or too large")
        text = ctypes.create_string_buffer(max(size, 1))
        if decompress(text, size, data, len(data)) != size:
            raise DamagedError("a payload packed with zstd is torn")
        return text.raw[:size]

    return unpack
