"""How much memory a compressed text takes to unpack, by its first bytes."""

from __future__ import annotations

OWN = {"xz": 24 << 20, "zstd": 8 << 20}
"""Bytes; enough for what `xz -0` to `xz -7` and `zstd -1` to `zstd -19` write."""

PROGRAMS = {"xz": 128 << 20, "zstd": 64 << 20}
"""Bytes that the programs may take, for what needs more than this process promises to stay below;
for zstd, those of its window alone."""


def needs_more(kind: str, head: bytes, memory: int) -> bool:
    """Tell whether `memory` bytes are too few; False for what cannot be told."""
    if kind == "zstd":
        return _window(head) > memory
    return kind == "xz" and _xz_needs_more(head, memory)


def _xz_needs_more(head: bytes, memory: int) -> bool:
    try:
        from lzma import FORMAT_XZ, LZMADecompressor, LZMAError
    except ImportError:
        return False
    try:
        LZMADecompressor(FORMAT_XZ, memory).decompress(head, 1)
    except LZMAError as error:
        return "limit" in str(error)
    return False


def _window(head: bytes) -> int:
    """The window of a zstd frame (RFC 8878, 3.1.1.1); 0 where none stands at the beginning."""
    if len(head) < 18 or head[:4] != b"\x28\xb5\x2f\xfd":
        return 0
    descriptor, window = head[4], head[5]
    if not descriptor & 0x20:
        base = 1 << 10 + (window >> 3)
        return base + (base >> 3) * (window & 7)
    # A single segment: the window is as large as the text.
    at = 5 + (0, 1, 2, 4)[descriptor & 3]
    size = (1, 2, 4, 8)[descriptor >> 6]
    return int.from_bytes(head[at : at + size], "little")
