"""The table of processes in the OOM killer's report, in pages of memory.

mm/oom_kill.c (dump_tasks): a line of titles, which differ from kernel to kernel, and a line for
each process; read in 2.6.32, 3.10, 4.4, 4.14, 4.19, 5.10, 6.1, 6.12 and 6.18.
"""

from __future__ import annotations

from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

TABLE = 800
"""Lines of a report that are wanted: some 100 of memory, and one for each process."""

_PAGES = (4 << 10, 16 << 10, 64 << 10)
"""Sizes of a page in bytes, of x86 and arm64."""
_ENOUGH = 256
"""Pages of a process whose bytes are told as well, which tell how large a page is."""


@record(frozen=True)
class Process:
    """A process, and the memory that it held: in bytes, or in pages if nothing tells their size."""

    task: str
    pid: int
    pages: int | None = None
    resident: int | None = None


def largest(lines: Sequence[str], known: tuple[int, int] | None) -> Process | None:
    """Give the process of a whole table that holds the most; None where there is none, or a part.

    `known` is the pid of one, and what it held in bytes.
    """
    rows = _rows(lines)
    if not rows or len(lines) >= TABLE:
        return None
    most = max(rows, key=lambda row: row.pages or 0)
    pages = next((row.pages for row in rows if known is not None and row.pid == known[0]), None)
    if known is None or most.pages is None or pages is None or pages < _ENOUGH:
        return most
    size = min(_PAGES, key=lambda size: abs(size - known[1] / pages))
    return Process(most.task, most.pid, most.pages, most.pages * size)


def _rows(lines: Sequence[str]) -> list[Process]:
    import re

    titles: list[str] = []
    rows: list[Process] = []
    for line in lines:
        head = re.fullmatch(r"\[ *pid *\] +(uid .*\brss\b.* name)\s*", line)
        if head is not None:
            titles, rows = head[1].split(), []
            continue
        row = re.fullmatch(r"\[ *(\d{1,10})\] +(\S.*)", line) if titles else None
        values = row[2].split(None, len(titles) - 1) if row is not None else []
        if row is not None and len(values) == len(titles):
            pages = values[titles.index("rss")]
            if pages.isdigit() and len(pages) <= 18:
                rows.append(Process(values[-1].strip(), int(row[1]), int(pages)))
    return rows
