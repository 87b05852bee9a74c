"""LOOK: a machine that can be looked at and cannot be touched.

Everything that a diagnostic knows of a machine it learns through a `Host`: this machine
(`live`), this machine seen from another network namespace (`live`), a recorded one
(`recording`), any of them with a memory (`remember`).  A look never raises for what the machine
does: what cannot be read comes back as `Unreadable`, with its reason.
"""

from __future__ import annotations

from ec2rl.model import Evidence, Unreadable
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol, TypeVar

    from ec2rl.host.query import Query

    T = TypeVar("T")
else:
    Protocol = object

EMERG, ALERT, CRIT, ERR, WARNING, NOTICE, INFO, DEBUG = range(8)
"""Levels of the kernel's messages (include/linux/kern_levels.h)."""

KMSG = "/dev/kmsg"
BOOT_ID = "/proc/sys/kernel/random/boot_id"


@record(frozen=True)
class Phrase:
    """Words to look for in logs, as bytes; `after` lines behind each hit are wanted as well.

    With `before` the line above each hit is wanted too: both may be parts of one message.
    With `recent` it is looked for only in the kernel's ring buffer and the journal: text logs
    can be many GiB, and each phrase costs one more pass over them.  `level` is the weakest at which
    the kernel tells such an event (include/linux/kern_levels.h): a console shows it only where its
    own level is higher.  `messages` are whole ones of its subject, one of each wording: a line that
    a screen cut is known by their beginnings; what stands for a name or a number may be any.
    `aside` are words of another subject, which explain what was found of this one: a line with
    them that is not understood is none of its own.
    """

    text: bytes
    after: int = 0
    recent: bool = False
    before: bool = False
    level: int = DEBUG
    messages: tuple[str, ...] = ()
    aside: bool = False


DMESGS = ("dmesg", *(f"dmesg {number}" for number in range(2, 65)))
JOURNALCTLS = ("journalctl", *(f"journalctl {number}" for number in range(2, 65)))
CONSOLES = ("console", *(f"console {number}" for number in range(2, 65)))
DOCUMENTS = ("document", *(f"document {number}" for number in range(2, 65)))
"""Under what names texts are searched that dmesg, journalctl and consoles printed, each of its own;
and what is no log: a page, a picture, another program's data."""

BROKEN = "broken lines"
"""Under what name lines are read that may go on behind their end, the parts of each apart."""

DF, DF_INODES = "df", "df -i"
"""Under what names the output of df(1) is read that somebody saved."""

SETTINGS_OF = "files of settings"
"""Under what name the files are told that somebody saved and from which the settings are; a line
each."""

ODD = "not understood"
"""Begins the name under which lines are read that hold what a subject counts, in a form that is not
known: each the name of its file, and the line."""

BEGINNING = Phrase(b"Linux version ")
"""The first thing that a kernel prints (on some architectures the second, at the same time)."""

BEGINNING_OF_TEXT = Phrase(BEGINNING.text, after=40, before=True)
"""The same in a text that may show a boot twice: what stands behind it tells whether it does."""

_USERS = b"overlayfs: |mount option | parameter '| name '| value for '|process '|input: "
_NAMES = b"Product: |Manufacturer: |SerialNumber: "
USERS = tuple(map(Phrase, (*_USERS.split(b"|"), *_NAMES.split(b"|"))))
"""Stand before strings of users that the kernel prints as they are, line ends and all."""

DROPPED = Phrase(b" printk messages dropped **")
"""Where a console got less than the kernel said (kernel/printk/printk.c, 3.16 to 7.1)."""

ABOUT_CONSOLES = (
    DROPPED,
    Phrase(b"ommand line: "),
    Phrase(b"kernel.printk = "),
    Phrase(b"Loglevel set to "),
)
"""What tells how much a console shows of what the kernel says."""

ABOUT_TEXTS = (*USERS, *ABOUT_CONSOLES)
"""What tells how far a text of the kernel's can be believed."""


BEYOND = "\x1e"
"""What stands before words that were found in a line behind where it was cut."""


@record(frozen=True)
class Line:
    """A line of a text log that holds a phrase (`hit`), or that stands beside one that does.

    `offset` is its place in the (unpacked) text, in bytes; `text` is cut at 4 KiB.  Of the phrases
    that stand beyond, each is quoted behind that once, after BEYOND.
    """

    offset: int
    text: str
    hit: bool = True


@record(frozen=True)
class Search:
    """The lines of one text log that hold a phrase.

    `hits` counts all of them, also those beyond what `lines` has room for; `unpacked` is how many
    bytes of text were looked at; `modified` is the file's mtime in seconds since the epoch.
    `gap` is "" when the text was read from its first byte to its last, else it says what was not.
    `end` are the last lines of a console; `is_cut` means that the text ends within the last line of
    these.
    """

    path: str
    lines: tuple[Line, ...]
    hits: int
    unpacked: int
    modified: float
    gap: str = ""
    end: str = ""
    is_cut: bool = False


@record(frozen=True)
class JournalRecord:
    """One record of the systemd journal, as journald stored it (systemd.journal-fields(7)).

    `monotonic` (CLOCK_MONOTONIC, for kernel records the kernel's own stamp) and `realtime` are in
    microseconds; `facility` is None where the record has no SYSLOG_FACILITY.
    """

    message: str
    transport: str
    facility: int | None
    boot: str
    monotonic: int | None
    realtime: int
    hit: bool = True


@record(frozen=True)
class Journal:
    """The kernel-transport records of every boot in the journal that hold a phrase.

    `files` were read, `gaps` say which files (or parts) were not, and why; `oldest` is the
    realtime (µs) of the oldest entry of any kind, `newest` that of the newest, None for an empty
    journal.
    """

    records: tuple[JournalRecord, ...]
    hits: int
    files: tuple[str, ...]
    gaps: tuple[str, ...]
    oldest: int | None
    newest: int | None = None


@record(frozen=True)
class Door:
    """A file that a network namespace can be entered by.

    `inode` is the number of the namespace that must stand there (None: whatever does): processes
    move and end, names are bound anew.  `fd` is that namespace's where somebody holds it open.
    """

    path: str
    inode: int | None = None
    fd: int | None = None


@record(frozen=True)
class Clock:
    """What the machine's clocks said: seconds since the epoch, and since boot (None if unknown).

    `by_file` is whether the time is that of a file alone, and nothing in it tells one.
    """

    now: float
    uptime: float | None
    by_file: bool = False


class Host(Protocol):
    """A machine to look at; paths are absolute, and mean the machine's own root."""

    @property
    def name(self) -> str: ...

    @property
    def is_live(self) -> bool:
        """Whether a running kernel is asked, or was: else these are files that somebody saved."""

    def clock(self) -> Clock: ...

    def read(self, path: str) -> Evidence | Unreadable:
        """Read the whole text of a file of at most 16 MiB.

        Of /dev/kmsg all records that are left.
        """

    def read_own(self, path: str) -> Evidence | Unreadable:
        """Read a file that nobody but root can have written, as far as that can be told."""

    def names(self, path: str) -> tuple[str, ...] | Unreadable:
        """List the names in a folder, sorted."""

    def link(self, path: str) -> str | Unreadable:
        """Tell where a symbolic link points, unresolved."""

    def inode(self, path: str) -> int | Unreadable:
        """Give the inode number of what a path leads to: of a namespace's file, the namespace's."""

    def search(
        self, paths: Sequence[str], phrases: Sequence[Phrase]
    ) -> tuple[Search | Unreadable, ...]:
        """Look for phrases in text logs, compressed or not, of any size; one answer a path."""

    def journal(self, phrases: Sequence[Phrase]) -> Journal | Unreadable:
        """Look for phrases in the kernel's records of the systemd journal, all boots."""

    def query(self, query: Query[T]) -> T | Unreadable:
        """Ask what no file tells, in the network namespace that the machine is seen from."""

    def within(self, door: Door) -> Host:
        """Look at the machine from the network namespace behind a door.

        Each look makes sure that it is the one that was meant; else it is ABSENT.
        """

    def later(self, seconds: float) -> Host:
        """Look at the machine `seconds` later: what was remembered is looked at anew."""
