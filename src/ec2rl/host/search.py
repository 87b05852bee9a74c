"""Phrases in text logs: plain or compressed, of any size, several files side by side."""

from __future__ import annotations

import os
import time

from ec2rl.host import Line, Phrase, Search
from ec2rl.host.packed import Packed, Stream
from ec2rl.host.scan import WINDOW, Scan, cost
from ec2rl.host.split_scan import Halves, middle, scan_halves
from ec2rl.host.unpack import HEAD, SUFFIXES, kind_of, open_archive
from ec2rl.host.watched import Watched
from ec2rl.model import Unreadable, Why
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ec2rl.host.unpack import Source

_DONTCACHE = 0x80
"""RWF_DONTCACHE (linux/fs.h, 6.14): what was not in the page cache before is not there after."""

_LARGE = 32 << 20
_LARGE_PACKED = 2 << 20
"""Bytes; for more than that, importing ctypes pays off."""

_PACKED_WINDOW = 128 << 10

_HEAVY_PLAIN = 16 << 20
_HEAVY_PACKED = 256 << 10
"""Bytes; two files of at least that are worth a second thread."""

_HALVED = 64 << 20
"""Bytes; one file of more than that, with no other beside it, is shared by two threads."""

_EVERYTHING = 1 << 62


@record(frozen=True)
class Budget:
    """Absolute bounds: a genuine flood of one line compresses better than any bomb.

    `unpacked` is the text of one archive, in bytes; `seconds` is the time of a whole call, and
    `kept` what all lines that it returns may take of memory, in bytes.
    """

    unpacked: int = 16 << 30
    seconds: float = 60.0
    kept: int = 10 << 20


@record(frozen=True)
class _Found:
    """What one file gave; `split` of its lines stand before the gap where lines were left out."""

    search: Search
    lines: list[Line]
    split: int | None
    cost: int


def search_files(
    files: Sequence[tuple[str, int]],
    phrases: Sequence[Phrase],
    budget: Budget = Budget(),  # noqa: B008 - a frozen value
) -> tuple[Search | Unreadable, ...]:
    """Look for phrases in regular files: pairs of a name to show and a descriptor at offset 0.

    The descriptors stay the caller's.  Where the lines of all files take too much memory, those
    with the most keep only their first and last ones.
    """
    return _search_all([(path, Watched(fd)) for path, fd in files], phrases, budget)


def _search_all(
    files: Sequence[tuple[str, Watched]], phrases: Sequence[Phrase], budget: Budget
) -> tuple[Search | Unreadable, ...]:
    deadline = time.monotonic() + budget.seconds
    answers: dict[int, _Found | Unreadable] = {}

    def search(index: int) -> None:
        path, file = files[index]
        answers[index] = _search_file(path, file, phrases, budget, deadline, alone)

    weights = [_weight(path, file.first.st_size) for path, file in files]
    order = sorted(range(len(files)), key=lambda index: -weights[index])
    processors = len(os.sched_getaffinity(0))
    workers = min(sum(weight >= 1 for weight in weights), processors)
    alone = workers < 2 <= processors
    _work(search, lambda: _share(answers, budget.kept), order, workers)
    return tuple(_answer(answers[index]) for index in range(len(files)))


def search_paths(
    paths: Sequence[str],
    open_path: Callable[[str], int | Unreadable],
    phrases: Sequence[Phrase],
) -> tuple[Search | Unreadable, ...]:
    """Look for phrases in the regular files that `open_path` gives descriptors of."""
    opened: dict[str, Watched] = {}
    answers: dict[str, Search | Unreadable] = {}
    try:
        for path in paths:
            fd = open_path(path)
            if isinstance(fd, Unreadable):
                answers[path] = fd
            else:
                opened[path] = Watched(fd)
        found = _search_all(tuple(opened.items()), phrases, Budget())
        answers.update(zip(opened, found))
    finally:
        for file in opened.values():
            os.close(file.fd)
    return tuple(answers[path] for path in paths)


def search_stream(
    path: str,
    read: Callable[[int], bytes],
    phrases: Sequence[Phrase],
    budget: Budget = Budget(),  # noqa: B008 - a frozen value
    modified: float = 0.0,
) -> Search | Unreadable:
    """Look for phrases in a stream, plain or compressed, that `read` gives from its beginning.

    `read(n)` returns at most n bytes, b"" at the end, and may raise OSError; it is not hurried:
    time runs out only between two reads.
    """
    deadline = time.monotonic() + budget.seconds
    return _answer(_search(path, Stream(read), None, phrases, budget, deadline, 0, modified))


def _weight(path: str, size: int) -> float:
    return size / (_HEAVY_PACKED if path.endswith(tuple(SUFFIXES)) else _HEAVY_PLAIN)


def _work(
    search: Callable[[int], None], share: Callable[[], None], order: list[int], workers: int
) -> None:
    if workers < 2:
        for index in order:
            search(index)
            share()
        return
    from threading import Lock, Thread

    todo = iter(order)
    lock = Lock()

    def work() -> None:
        while True:
            with lock:
                index = next(todo, None)
            if index is None:
                return
            search(index)
            with lock:
                share()

    threads = [Thread(target=work, daemon=True) for _ in range(workers - 1)]
    for thread in threads:
        thread.start()
    work()
    for thread in threads:
        thread.join()


def _search_file(
    path: str,
    watched: Watched,
    phrases: Sequence[Phrase],
    budget: Budget,
    deadline: float,
    alone: bool,
) -> _Found | Unreadable:
    fd, size = watched.fd, watched.first.st_size
    file = Packed(fd, flags=_DONTCACHE)
    found = _search(
        path, file, fd, phrases, budget, deadline, size, watched.first.st_mtime,
        alone and size > _HALVED,
    )  # fmt: skip
    changed = watched.changed(file.at)
    if isinstance(found, _Found) and changed:
        gap = "; ".join(filter(None, (found.search.gap, changed)))
        return replace(found, search=replace(found.search, gap=gap))
    return found


def _search(
    path: str,
    reader: Packed | Stream,
    fd: int | None,
    phrases: Sequence[Phrase],
    budget: Budget,
    deadline: float,
    size: int,
    modified: float,
    alone: bool = False,
) -> _Found | Unreadable:
    wanted = tuple(phrase for phrase in phrases if not phrase.recent)
    if not wanted:
        search = Search(path, (), 0, 0, modified, "nothing was looked for in text logs")
        return _Found(search, [], None, 0)
    source: Source = reader
    gap = ""
    try:
        head = reader.head(HEAD)
        kind = kind_of(head)
        named = next((kind for end, kind in SUFFIXES.items() if path.endswith(end)), "")
        if kind:
            opened = open_archive(kind, head, reader, fd, deadline, size > _LARGE_PACKED)
            if isinstance(opened, str):
                return Unreadable(path, Why.FAILED, opened)
            source = opened
        elif named:
            gap = f"is no {named}, as its name says: read as it stands"
        is_large = size > (_LARGE_PACKED if kind else _LARGE)
        window = min(_PACKED_WINDOW if kind else WINDOW, max(size + 1, 4096) if size else WINDOW)
        scan: Scan | Halves
        cut = middle(reader.fd, size) if alone and not kind and isinstance(reader, Packed) else None
        if cut is not None and isinstance(reader, Packed):
            scan, unread = scan_halves(
                reader.fd, cut, wanted, budget.kept, reader.part, deadline
            )  # fmt: skip
        else:
            if kind and is_large and len(os.sched_getaffinity(0)) > 1:
                from ec2rl.host.readahead import Ahead

                source = Ahead(source)
            scan = Scan(wanted, budget.kept, window, is_large=is_large)
            limit = budget.unpacked if kind or fd is None else _EVERYTHING
            unread = scan.run(source, limit, deadline)
    except OSError as error:
        return Unreadable(path, Why.FAILED, os.strerror(error.errno or 0))
    finally:
        source.close()
    lines, split = scan.lines()
    gap = "; ".join(filter(None, (gap, unread, scan.hole)))
    search = Search(path, (), scan.hits, scan.unpacked, modified, gap)
    return _Found(search, lines, split, sum(cost(line.text) for line in lines))


def _share(answers: dict[int, _Found | Unreadable], kept: int) -> None:
    """Cut the largest answers to one size, so that all of them fit; order does not matter."""
    found = {key: value for key, value in list(answers.items()) if isinstance(value, _Found)}
    room, level = kept, kept
    costs = sorted(value.cost for value in found.values())
    for rank, size in enumerate(costs):
        level = room // (len(costs) - rank)
        if size > level:
            break
        room -= size
    else:
        return
    for key, value in found.items():
        if value.cost > level:
            lines, split = _ends(value.lines, value.split, level // 2)
            answers[key] = replace(value, lines=lines, split=split)


def _ends(lines: list[Line], split: int | None, half: int) -> tuple[list[Line], int]:
    first = _fitting(lines[:split], half)
    last = lines[first:] if split is None else lines[split:]
    return lines[:first] + last[len(last) - _fitting(last[::-1], half) :], first


def _fitting(lines: list[Line], room: int) -> int:
    for index, line in enumerate(lines):
        room -= cost(line.text)
        if room < 0:
            return index
    return len(lines)


def _answer(found: _Found | Unreadable) -> Search | Unreadable:
    if isinstance(found, Unreadable):
        return found
    return replace(found.search, lines=tuple(found.lines))
