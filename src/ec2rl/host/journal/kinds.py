"""The newest entries of a journal that have certain fields, which few entries have."""

from __future__ import annotations

import time
from collections import deque

from ec2rl.host.journal.file import JournalFile
from ec2rl.host.journal.payload import DamagedError, UnknownFormatError
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Row = tuple[int, bytes, int, str]

_LINE = 512
_AT_ONCE = 4096


@record(frozen=True)
class Kind:
    """A field and its value that few entries have, and one that they must have as well.

    `who` is the speaker that is put before their words.
    """

    name: bytes
    value: bytes
    beside: bytes
    same: bytes
    who: str


def rows_of(
    files: Sequence[tuple[str, int]],
    kinds: Sequence[Kind],
    most: int,
    seconds: float,
    enough: int = 0,
) -> tuple[list[Row], list[str]]:
    """Read the newest `most` of each kind: realtime (µs), boot, monotonic (µs) and words.

    The second is what of the files was not read, and why.  With `enough` no further file is read
    once there are as many, the newest files being first.
    """
    until = time.monotonic() + seconds
    found: list[Row] = []
    gaps: list[str] = []
    for name, fd in files:
        if enough and len(found) >= enough:
            break
        try:
            file = JournalFile(fd)
            if file.cut:
                gaps.append(f"{name}: {file.cut}")
            found.extend(_entries(file, kinds, most, until))
        except (DamagedError, UnknownFormatError) as error:
            gaps.append(f"{name}: {error}")
        except OSError as error:
            gaps.append(f"{name}: {error.strerror or error}")
    return found, gaps


def _entries(file: JournalFile, kinds: Sequence[Kind], most: int, until: float) -> Iterator[Row]:
    for kind in kinds:
        place, needed = file.find(kind.name, kind.value), file.find(kind.beside, kind.same)
        if not place or not needed:
            continue
        for at in _newest(file, place, most, until):
            entry = file.entry(at)
            if needed not in entry.objects:
                continue
            said = _message(file, entry.objects)
            yield entry.realtime, entry.boot, entry.monotonic, f"{kind.who}: {said}"
    file.forget()


def _newest(file: JournalFile, place: int, most: int, until: float) -> Iterator[int]:
    """The newest entries that hold a field; TimeoutError where a list has no end."""
    kept: deque[int] = deque(maxlen=most)
    for number, at in enumerate(file.entries(file.data(place))):
        kept.append(at)
        if number % _AT_ONCE == 0:
            _in_time(until)
    for at in kept:
        _in_time(until)
        yield at


def _in_time(until: float) -> None:
    if time.monotonic() > until:
        raise TimeoutError("time ran out before it was read to its end")


def _message(file: JournalFile, items: Sequence[int]) -> str:
    for item in items:
        name, value = file.field(item)
        if name == b"MESSAGE":
            return " ".join(value[:_LINE].decode("utf-8", "backslashreplace").split())
    return ""
