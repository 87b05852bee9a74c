"""A curve in plain characters: the table's size against a timeout."""

from __future__ import annotations

from ec2rl.quantities import grouped, span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.conntrack.table.whatif import Point

HEIGHT = 8
_COLUMN = 2
"""Characters of a column, where there is room for as many; else one."""


def curve(points: Sequence[Point], wanted: int, today: int | None, columns: int = 80) -> list[str]:
    """Draw entries over timeouts, which grow to the right by a third of an octave a column.

    Above the axis stands `#` for what the table would hold, `^` below it marks the wanted timeout.
    Nothing where a terminal of so many columns has no room for it.
    """
    most = max((point.entries for point in points), default=0)
    if most == 0:
        return []
    width = max(len(grouped(most)), 7)
    room = columns - width - 2
    wide = _COLUMN if _COLUMN * len(points) <= room else 1
    if wide * len(points) > room:
        return []
    lines = []
    for row in range(HEIGHT, 0, -1):
        level = grouped(most * row // HEIGHT) if row in (HEIGHT, HEIGHT // 2) else ""
        bars = ("#" * wide if _reaches(p.entries, most, row) else " " * wide for p in points)
        lines.append(f"{level:>{width}} |{''.join(bars)}".rstrip())
    lines.append(f"{0:>{width}} +{'-' * (wide * len(points))}")
    lines.append(f"{'':{width}}  {_labels(points, wide)}")
    mark = max((at for at, p in enumerate(points) if p.timeout <= wanted), default=0)
    words = f"^ wanted: {span(wanted)}" + (f", today {span(today)}" if today else "")
    place = wide * mark
    if place + len(words) > min(wide * len(points) + 4, room):
        words = words[2:] + " ^"
        place = max(0, place - len(words) + 1)
    lines.append(f"{'':{width}}  {' ' * place}{words}")
    return lines


def _reaches(entries: int, most: int, row: int) -> bool:
    """Whether a bar covers a row; a single entry is shown in the lowest."""
    return entries * HEIGHT >= most * (row - 1) + most / 2 or (row == 1 and entries > 0)


def _labels(points: Sequence[Point], wide: int) -> str:
    """Timeouts below the axis, as many as there is room for."""
    line = ""
    for at, point in enumerate(points):
        if at % 6 == 0 and len(line) <= wide * at:
            line = f"{line.ljust(wide * at)}{span(point.timeout)} "
    return line.rstrip()
