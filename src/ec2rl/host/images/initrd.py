"""An initial RAM disk's parts, walked without unpacking: what each is, and whether it is whole.

Documentation/driver-api/early-userspace/buffer-format.rst: archives of cpio (newc), compressed or
not, one behind the other, with zeros between them.  RFC 8878 (zstd frames have their blocks'
sizes), lib/decompress_unlz4.c (so has lz4's legacy form, the kernel reads no other), the footer of
an .xz file.  gzip tells the size of its text at its end, and cpio's writers fill up to 4 bytes at
least: an end where no such size stands has the archive unpacked, to be sure.
"""

from __future__ import annotations

from ec2rl.host.unpack import kind_of
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    ReadAt = Callable[[int, int], bytes]
    Parts = list[tuple[str, int, int]]

CPIO = "cpio"
_MAGICS = (b"070701", b"070702")
_HEADER = 110
_PARTS, _ENTRIES, _BLOCKS = 64, 100_000, 200_000
_PIECE = 64 << 10
_ZEROS = 1 << 20
_INFLATED = 1 << 30
"""Bytes of an archive that is unpacked to see whether it is whole."""


@record(frozen=True)
class Walk:
    """The parts: the kind of each, where it begins, and where it ends (0: at the file's end).

    `is_whole` is None where it cannot be told; `why` says what is wrong, or what cannot be told.
    """

    parts: tuple[tuple[str, int, int], ...]
    is_whole: bool | None = True
    why: str = ""


def walk(read: ReadAt, size: int) -> Walk:
    """Walk over the parts of a file of `size` bytes."""
    parts: Parts = []
    at = _behind_zeros(read, 0, size)
    while at < size:
        if len(parts) >= _PARTS:
            return Walk(tuple(parts), None, f"more than {_PARTS} parts")
        head = read(at, 16)
        kind = CPIO if head[:6] in _MAGICS else kind_of(head)
        if not kind:
            why = f"what stands at byte {at:,} is of no known form"
            return Walk(tuple(parts), None, why)
        look = _LOOKS.get(kind)
        end, why = (None, _UNTOLD) if look is None else look(read, at, size)
        parts.append((kind, at, end or 0))
        if why or end is None:
            is_cut = end == -1
            parts[-1] = (kind, at, 0)
            return Walk(tuple(parts), False if is_cut else None, f"{kind}: {why}")
        at = _behind_zeros(read, end, size)
    if not parts:
        return Walk((), False, "it holds nothing")
    return Walk(tuple(parts))


def _behind_zeros(read: ReadAt, at: int, size: int) -> int:
    """Where the zeros between two parts end; more of them than any filling count as no form."""
    most = at + _ZEROS
    while at < min(size, most):
        piece = read(at, _PIECE)
        left = piece.lstrip(b"\0")
        at += len(piece) - len(left)
        if left or not piece:
            break
    return at


def names_of(read: ReadAt, at: int, size: int) -> tuple[list[str], int, str]:
    """List the names of an archive from a byte on, and where it ends (-1: it is cut), and why."""
    names: list[str] = []
    while len(names) < _ENTRIES:
        head = read(at, _HEADER)
        if head[:6] not in _MAGICS:
            left = read(at, 4)
            if at >= size or not left:
                return names, -1, "it is cut: it ends without its trailer"
            return names, -1, f"no entry where one should be, at byte {at:,}"
        try:
            length, name_length = int(head[54:62], 16), int(head[94:102], 16)
        except ValueError:
            return names, -1, f"no entry where one should be, at byte {at:,}"
        name = read(at + _HEADER, min(name_length, 4096)).split(b"\0")[0]
        body = at + _HEADER + name_length
        body += -body % 4 if not at % 4 else -(body - at) % 4
        end = body + length
        if name == b"TRAILER!!!":
            return names, body, ""
        if end > size:
            return names, -1, f"it is cut: an entry ends at byte {end:,} of {size:,}"
        names.append(name.decode("utf-8", "backslashreplace"))
        at = end + (-end % 4 if not at % 4 else -(end - at) % 4)
    return names, 0, f"more than {_ENTRIES} entries"


def _cpio(read: ReadAt, at: int, size: int) -> tuple[int | None, str]:
    _, end, why = names_of(read, at, size)
    return end or None, why


def _zstd(read: ReadAt, at: int, size: int) -> tuple[int | None, str]:
    head = read(at, 18)
    if head[:4] != b"\x28\xb5\x2f\xfd":  # a frame that carries no text
        return _in_file(at + 8 + int.from_bytes(head[4:8], "little"), size)
    told = head[4]
    is_single = bool(told & 0x20)
    counted = (1 if is_single else 0, 2, 4, 8)[told >> 6]
    at += 5 + (not is_single) + (0, 1, 2, 4)[told & 3] + counted
    for _ in range(_BLOCKS):
        block = int.from_bytes(read(at, 3), "little")
        form, length = block >> 1 & 3, block >> 3
        if form == 3:
            return -1, f"a block of no known form at byte {at:,}"
        at += 3 + (1 if form == 1 else length)
        if at > size:
            return -1, f"it is cut: a block ends at byte {at:,} of {size:,}"
        if block & 1:
            return _in_file(at + (4 if told & 4 else 0), size)
    return None, f"more than {_BLOCKS} blocks"


def _lz4(read: ReadAt, at: int, size: int) -> tuple[int | None, str]:
    if read(at, 4) != b"\x02\x21\x4c\x18":
        return None, "a form that kernels do not read"
    at += 4
    for _ in range(_BLOCKS):
        length = int.from_bytes(read(at, 4), "little")
        if at >= size or not length or length == 0x184C2102:
            return at, ""
        at += 4 + length
        if at > size:
            return -1, f"it is cut: a block ends at byte {at:,} of {size:,}"
    return None, f"more than {_BLOCKS} blocks"


def _in_file(at: int, size: int) -> tuple[int, str]:
    return (at, "") if at <= size else (-1, f"it is cut: it ends at byte {at:,} of {size:,}")


def _xz(read: ReadAt, at: int, size: int) -> tuple[int | None, str]:
    end = read(max(at, size - 4096), 4096).rstrip(b"\0")
    return (size, "") if end.endswith(b"YZ") else (-1, "it is cut: it ends without its footer")


def _gzip(read: ReadAt, at: int, size: int) -> tuple[int | None, str]:
    told = int.from_bytes(read(size - 4, 4), "little")
    if told and told % 4 == 0 and (size - at) // 2 < told < (size - at) * 64:
        return size, ""
    return _inflate(read, at, size)


def _inflate(read: ReadAt, at: int, size: int) -> tuple[int | None, str]:
    """Unpack it, and keep nothing of it."""
    from zlib import decompressobj, error

    unpacker, done, data = decompressobj(31), 0, b""
    try:
        while not unpacker.eof:
            data = unpacker.unconsumed_tail or read(at, _PIECE)
            if not data:
                return -1, f"it is cut: it ends at byte {size:,}, amid its text"
            at += 0 if unpacker.unconsumed_tail else len(data)
            done += len(unpacker.decompress(data, 1 << 20))
            if done > _INFLATED:
                return None, f"more than {_INFLATED >> 20} MiB of text"
    except error as failure:
        return -1, f"it is damaged: {failure}"
    return at - len(unpacker.unused_data), ""


_UNTOLD = "whether it is whole is not told without unpacking it"
_LOOKS = {CPIO: _cpio, "zstd": _zstd, "lz4": _lz4, "xz": _xz, "gzip": _gzip}
