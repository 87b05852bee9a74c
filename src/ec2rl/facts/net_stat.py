"""The tables in /proc/net/stat: a header of names, then a row of hexadecimal numbers a CPU."""

from __future__ import annotations

from collections.abc import Collection


def parse_rows(text: str, names: Collection[str], digits: int) -> list[dict[str, int]] | None:
    """Read each CPU's numbers of these names, where the kernel has them; None for no such table.

    `digits` is the most that a number has.
    """
    lines = text.splitlines()
    if len(lines) < 2:
        return None
    header = lines[0].split()
    rows = []
    for line in lines[1:]:
        cells = line.split()
        if len(cells) != len(header) or not all(_is_hex(cell, digits) for cell in cells):
            return None
        rows.append({name: int(cell, 16) for name, cell in zip(header, cells) if name in names})
    return rows


def _is_hex(cell: str, digits: int) -> bool:
    return 0 < len(cell) <= digits and not cell.strip("0123456789abcdefABCDEF")
