"""What is left of a kernel that died: pstore's records and kdump's, in text.

/sys/fs/pstore is what firmware kept of the last death; systemd-pstore moves it to
/var/lib/systemd/pstore (systemd-pstore.service(8)).  UEFI keeps it in pieces of 1 KiB, the last
words first: a name ends with two digits for the piece and three for the death (efi-pstore.c, the
same from 4.14 to 6.12).  kdump writes /var/crash: `vmcore-dmesg.txt` (makedumpfile of Fedora, RHEL,
Amazon Linux), `dmesg.DATE` (Debian, Ubuntu), `dmesg.txt` (SUSE).
Only root can write to these folders.
"""

from __future__ import annotations

from ec2rl.facts.log import LogLine
from ec2rl.facts.period import ALL, Period
from ec2rl.facts.trust import Grade
from ec2rl.host import USERS, Host, Phrase, Search
from ec2rl.model import Unreadable, Why
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

PSTORE = "/sys/fs/pstore"
FOLDERS = (PSTORE, "/var/lib/systemd/pstore", "/var/crash")

_PACKED = ".enc.z"
"""What the kernel adds to the name of a record that it could not unpack (fs/pstore/inode.c)."""
_ANY = Phrase(b"] ")
"""Stands in each line of the kernel's, behind its time."""
_ENDING = 5
_DEPTH = 3
_MOST = 64
"""Files, the newest names first; folders are looked into at most as often."""


@record(frozen=True)
class CrashRecords:
    """Lines of dead kernels that hold a phrase, and where they were looked for.

    `files` were read, `dumps` are images of memory, which are not; `unread` could not be looked at.
    """

    lines: tuple[LogLine, ...] = ()
    files: tuple[str, ...] = ()
    dumps: tuple[str, ...] = ()
    unread: tuple[Unreadable, ...] = ()


def read_crash_records(host: Host, phrases: Sequence[Phrase], period: Period = ALL) -> CrashRecords:
    """Look for phrases in all that dead kernels left; their time is that of the file.

    What was left at another time than `period` does not count.
    """
    files: list[str] = []
    dumps: list[str] = []
    unread: list[Unreadable] = []
    folders = [(folder, 1) for folder in FOLDERS]
    looks = 0
    while folders and looks < _MOST:
        folder, depth = folders.pop(0)
        looks += 1
        names = host.names(folder)
        if isinstance(names, Unreadable):
            unread += [names] if names.why is not Why.ABSENT else []
            continue
        kinds = [(f"{folder}/{name}", _kind(name)) for name in reversed(names)]
        files += [path for path, kind in kinds if kind == "text"]
        dumps += [path for path, kind in kinds if kind == "image"]
        packed = [path for path, kind in kinds if kind == "packed"]
        unread += [Unreadable(path, Why.FAILED, "the kernel did not unpack it") for path in packed]
        if depth < _DEPTH:
            folders += [(path, depth + 1) for path, kind in kinds if not kind]
    if len(files) > _MOST or folders:
        unread.append(Unreadable("crash records", Why.PARTIAL, f"more than {_MOST} of them"))
    if not files:
        return CrashRecords((), (), tuple(dumps), tuple(unread))
    wanted = [replace(phrase, recent=False, before=True) for phrase in phrases]
    read = sorted(files[:_MOST], key=_is_piece)
    whole = sum(not _is_piece(path) for path in read)
    # A trace goes on in the next piece, which need not hold a phrase.
    found = [
        *(host.search(read[:whole], (*wanted, *USERS)) if whole else ()),
        *(host.search(read[whole:], (_ANY,)) if read[whole:] else ()),
    ]
    unread += [one for one in found if isinstance(one, Unreadable)]
    unread += [
        Unreadable(one.path, Why.PARTIAL, one.gap)
        for one in found
        if isinstance(one, Search) and one.gap
    ]
    deaths: dict[str, list[Search]] = {}
    for path, one in zip(read, found):
        if isinstance(one, Search) and period.may_have(one.modified):
            deaths.setdefault(path[:-_ENDING] if _is_piece(path) else path, []).append(one)
    lines = [line for pieces in deaths.values() for line in _lines(_joined(pieces, wanted))]
    return CrashRecords(tuple(lines), tuple(read), tuple(dumps), tuple(unread))


def _is_piece(path: str) -> bool:
    return path.rpartition("/")[2].startswith("dmesg-efi")


def _kind(name: str) -> str:
    """What a file's name says of it; "" for a folder, or whatever else it is."""
    if name.startswith("dmesg"):
        return "packed" if name.endswith(_PACKED) else "text"
    if name.startswith("vmcore-dmesg"):
        return "text"
    return "image" if name.startswith(("vmcore", "dump.")) else ""


def _joined(pieces: Sequence[Search], phrases: Sequence[Phrase]) -> Search:
    """The pieces of a death as one text, less the line `Panic#1 Part2` that each begins with."""
    from ec2rl.facts.syslog import hits_of

    lines = [line for piece in pieces for line in piece.lines]
    return replace(pieces[-1], lines=hits_of(lines, phrases))


def _lines(found: Search) -> list[LogLine]:
    if not found.lines:
        return []
    from ec2rl.facts.syslog import parse_lines

    return [
        replace(line, time=found.modified, this_boot=False)
        for line in parse_lines(found.path, found.lines, found.modified, None, Grade.KERNEL)
    ]
