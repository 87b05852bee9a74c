"""What systemd as PID 1 said of its units in the last boot that a journal has.

systemd gives a job that ended a MESSAGE_ID (src/core/job.c, job_done_mid(); sd-messages.h, 205 to
257); journald adds `_PID` and `_UID` by what the kernel tells it of the sender, so that no user can
write such an entry.
"""

from __future__ import annotations

import time
from collections import deque

from ec2rl.host.journal.file import JournalFile
from ec2rl.host.journal.payload import DamagedError, UnknownFormatError
from ec2rl.model import Unreadable, Why
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_STARTED = b"39f53479d3a045ac8e11786248231fbf"
_FAILED = b"be02cf6855d2428ba40df7e9d022f03d"
_KINDS = (
    (b"MESSAGE_ID", _STARTED, b"_PID", b"1"),
    (b"MESSAGE_ID", _FAILED, b"_PID", b"1"),
    # fsck.c says why it asks for emergency.target; mount(8)'s words say why a mount failed.
    (b"_COMM", b"systemd-fsck", b"_UID", b"0"),
    (b"_COMM", b"mount", b"_UID", b"0"),
)
"""A field and its value that few entries have, and what they must have as well."""

_MOST = 4096
"""Entries of each kind, the newest: a boot has some hundreds."""
_SECONDS = 10.0
_LINE = 512


@record(frozen=True)
class Told:
    """Lines as the kernel would stamp them, and when the last entry of that boot was written.

    `until` is in seconds since the epoch; `gaps` say what of the files was not read.
    """

    text: str
    until: float
    gaps: tuple[str, ...] = ()


def last_boot(files: Sequence[tuple[str, int]]) -> Told | Unreadable:
    """Read what the files hold of it; ABSENT where they hold no word of systemd's."""
    until = time.monotonic() + _SECONDS
    found: list[tuple[int, bytes, int, str]] = []
    gaps: list[str] = []
    newest, boot = 0, b""
    for name, fd in files:
        try:
            file = JournalFile(fd)
            if file.cut:
                gaps.append(f"{name}: {file.cut}")
            for row in _entries(file, until):
                found.append(row)
                newest, boot = max((newest, boot), row[:2])
        except (DamagedError, UnknownFormatError) as error:
            gaps.append(f"{name}: {error}")
        except OSError as error:
            gaps.append(f"{name}: {error.strerror or error}")
    if not found:
        why = Why.FAILED if gaps else Why.ABSENT
        return Unreadable("journal", why, "; ".join(gaps[:3]) or "no entry of systemd's")
    rows = sorted({row for row in found if row[1] == boot})
    lines = [f"[{stamp // 1000000:5d}.{stamp % 1000000:06d}] {said}" for _, _, stamp, said in rows]
    return Told("".join(f"{line}\n" for line in lines), newest / 1e6, tuple(gaps))


def _entries(file: JournalFile, until: float) -> Iterator[tuple[int, bytes, int, str]]:
    """Realtime, boot, monotonic time and words of the entries of these kinds."""
    for name, value, beside, same in _KINDS:
        place, needed = file.find(name, value), file.find(beside, same)
        if not place or not needed:
            continue
        for at in _newest(file, place, until):
            entry = file.entry(at)
            if needed not in entry.objects:
                continue
            who = "systemd[1]" if name == b"MESSAGE_ID" else f"{value.decode()}[1]"
            said = _message(file, entry.objects)
            yield entry.realtime, entry.boot, entry.monotonic, f"{who}: {said}"
    file.forget()


def _newest(file: JournalFile, place: int, until: float) -> Iterator[int]:
    """The newest entries that hold a field; TimeoutError where a list has no end."""
    kept: deque[int] = deque(maxlen=_MOST)
    for number, at in enumerate(file.entries(file.data(place))):
        kept.append(at)
        if number % _MOST == 0:
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
