"""Partition tables: GPT with both of its copies, and MBR with its chain of logical partitions.

As the kernel (block/partitions/efi.c, msdos.c, 5.14 to 6.18) and libblkid 2.38 read them.
"""

from __future__ import annotations

from binascii import crc32
from struct import unpack_from

from ec2rl.host.disks.content import dashed
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ec2rl.host.disks import At

EXTENDED = ("05", "0f", "85")
_PROTECTIVE = 0xEE
_MOST = 1 << 20
"""Bytes of the entries of a GPT; 16 KiB are usual."""
_LINKS = 128
"""Logical partitions that a chain is followed over."""


@record(frozen=True)
class Entry:
    """A partition of a table: `start` and `size` in bytes, `kind` is its type's id or number."""

    number: int
    start: int
    size: int
    kind: str
    uuid: str = ""
    label: bytes = b""


@record(frozen=True)
class Table:
    """A partition table; `backup` is where a GPT has its second header, in bytes, 0 for none.

    `fault` says which copy of a GPT is damaged, "" for none.
    """

    kind: str
    id: str
    entries: tuple[Entry, ...]
    backup: int = 0
    fault: str = ""


def read_table(at: At, size: int, sector: int) -> Table | None:
    """Read the table of a device of `size` bytes, in sectors of `sector`; None for none."""
    first = at(0, 512)
    if len(first) < 512 or first[510:512] != b"\x55\xaa":
        return None
    rows = [_Row(*unpack_from("<B3xB3xII", first, 446 + 16 * n)) for n in range(4)]
    if any(row.kind == _PROTECTIVE for row in rows):
        return _gpt(at, size, sector)
    is_table = all(row.flag in (0, 0x80) for row in rows) and any(row.sectors for row in rows)
    return _mbr(at, first, rows, sector) if is_table else None


class _Row:
    """A row of an MBR, or of one of its links."""

    def __init__(self, flag: int, kind: int, start: int, sectors: int) -> None:
        self.flag, self.kind, self.start, self.sectors = flag, kind, start, sectors

    @property
    def is_extended(self) -> bool:
        return f"{self.kind:02x}" in EXTENDED


def _mbr(at: At, first: bytes, rows: list[_Row], sector: int) -> Table:
    number = unpack_from("<I", first, 440)[0]
    disk = f"{number:08x}" if number else ""
    entries = [_entry(disk, n, row.start, row, sector) for n, row in enumerate(rows, 1)]
    found = [one for one in entries if one.size]
    extended = next((row for row in rows if row.is_extended and row.sectors), None)
    if extended is not None:
        found += _logical(at, disk, extended, sector)
    return Table("dos", disk, tuple(found))


def _entry(disk: str, number: int, start: int, row: _Row, sector: int) -> Entry:
    uuid = f"{disk}-{number:02x}" if disk else ""
    return Entry(number, start * sector, row.sectors * sector, f"{row.kind:02x}", uuid)


def _logical(at: At, disk: str, extended: _Row, sector: int) -> Iterator[Entry]:
    """Follow the links; what points back at what was seen ends it."""
    here, length, number = extended.start, extended.sectors, 5
    seen: set[int] = set()
    known: set[int] = set()
    while here not in seen and len(seen) < _LINKS:
        seen.add(here)
        data = at(here * sector, 512)
        if len(data) < 512 or data[510:512] != b"\x55\xaa":
            return
        rows = [_Row(*unpack_from("<B3xB3xII", data, 446 + 16 * n)) for n in range(4)]
        for n, row in enumerate(rows):
            start = here + row.start
            if not row.sectors or row.is_extended:
                continue
            is_inside = (
                row.start + row.sectors <= length
                and extended.start <= start
                and start + row.sectors <= extended.start + extended.sectors
            )
            if n > 1 and not is_inside:
                continue
            if start in known:
                return
            known.add(start)
            yield _entry(disk, number, start, row, sector)
            number += 1
        link = next((row for row in rows if row.is_extended and row.sectors), None)
        if link is None:
            return
        here, length = extended.start + link.start, link.sectors


def _gpt(at: At, size: int, sector: int) -> Table | None:
    last = size // sector - 1
    primary = _copy(at, 1, last, sector)
    if primary is None:
        copy = _copy(at, last, last, sector)
        return None if copy is None else _table(copy, sector, last * sector, "first")
    alternate = unpack_from("<Q", primary[0], 32)[0]
    is_whole = alternate <= last and _copy(at, alternate, last, sector) is not None
    return _table(primary, sector, alternate * sector, "" if is_whole else "second")


def _copy(at: At, where: int, last: int, sector: int) -> tuple[bytes, bytes] | None:
    """Read the header at a sector and its entries; None where a sum is wrong (UEFI 2.10, 5.3)."""
    if where < 1:
        return None
    data = at(where * sector, sector)
    if len(data) < 92 or data[:8] != b"EFI PART":
        return None
    length, told = unpack_from("<II", data, 12)
    mine, _, first, end = unpack_from("<QQQQ", data, 24)
    start, number, each, sum_ = unpack_from("<QIII", data, 72)
    if not 92 <= length <= len(data) or mine != where or not first <= end <= last:
        return None
    if crc32(data[:16] + bytes(4) + data[20:length]) != told:
        return None
    if each < 128 or not 0 < number * each <= _MOST or start > last:
        return None
    entries = at(start * sector, number * each)
    return (data, entries) if crc32(entries) == sum_ else None


def _table(copy: tuple[bytes, bytes], sector: int, backup: int, fault: str) -> Table:
    header, entries = copy
    first, last = unpack_from("<QQ", header, 40)
    each = unpack_from("<I", header, 84)[0]
    found = []
    for number in range(1, len(entries) // each + 1):
        data = entries[(number - 1) * each : number * each]
        start, end = unpack_from("<QQ", data, 32)
        if any(data[:16]) and first <= start <= end <= last:
            label = data[56:128].decode("utf-16-le", "replace").split("\0")[0].encode()
            size = (end - start + 1) * sector
            found.append(
                Entry(number, start * sector, size, guid(data[:16]), guid(data[16:32]), label)
            )
    return Table("gpt", guid(header[56:72]), tuple(found), backup, fault)


def guid(data: bytes) -> str:
    """Write a GUID of GPT, whose first three numbers are in little endian."""
    return dashed(data[3::-1] + data[5:3:-1] + data[7:5:-1] + data[8:])
