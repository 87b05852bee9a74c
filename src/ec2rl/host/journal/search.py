"""Phrases in the kernel's records of the systemd journal, read from the files themselves.

journald stores equal texts once, as a DATA object that lists its entries.  So the raw files are
searched for the phrase, the DATA object around each hit is taken, and its entries are followed:
nothing is decoded but what is wanted.
"""

from __future__ import annotations

import os
import time

from ec2rl.host import Journal, JournalRecord, Phrase
from ec2rl.host.journal.file import JournalFile
from ec2rl.host.journal.folder import JournalFiles
from ec2rl.host.journal.match import MISSED, Match
from ec2rl.host.journal.payload import DamagedError, UnknownFormatError
from ec2rl.host.journal.rows import Rows
from ec2rl.host.journal.scan import OVERLAP, AlignedPiece, Piece
from ec2rl.host.journal.watched import WatchedJournal
from ec2rl.host.watched import Watched
from ec2rl.model import Unreadable, Why
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Callable, TypeVar

    from ec2rl.host.journal.program import Exported

    T = TypeVar("T")

ROOM = 20_000
"""Records that are kept from the beginning, and as many from the end."""

_TEXT_LIMIT = 8 << 20  # characters of all messages
_FETCH_SECONDS = 15  # for what was found, also when the search took all its time
_LARGE = 32 << 20  # bytes of all files: from here on memmem and a second thread pay


def search_journal(
    files: Sequence[tuple[str, int]],
    phrases: Sequence[Phrase],
    seconds: float = 60.0,
    is_ours: bool = False,
) -> Journal:
    """Search for the kernel-transport records of all boots that hold a phrase, by realtime.

    `files` are names to show and descriptors of regular files.  Of the records the first and the
    last 20,000 are kept; `hits` counts all that hold a phrase.  Records by which journald tells of
    lost kernel messages (transport "driver") come along, uncounted.  What is not read within
    `seconds`, is not sound, or changed meanwhile, is told by a gap; `is_ours` are the journals of
    this machine, which grow while they are read.  ValueError for a phrase that is empty.
    """
    if any(not 0 < len(phrase.text) < OVERLAP for phrase in phrases):
        raise ValueError("a phrase is empty or too long")
    watch = WatchedJournal if is_ours else Watched
    watched = [watch(fd) for _, fd in files]
    search = _Search(files, phrases, time.monotonic() + seconds)
    if sum(file.first.st_size for file in watched) < _LARGE:
        search.work(Piece())
    else:
        import threading

        threads = [threading.Thread(target=search.work, args=(AlignedPiece(),)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    found = search.journal()
    changes = ((name, file.changed()) for (name, _), file in zip(files, watched))
    gaps = tuple(f"{name}: it {changed}" for name, changed in changes if changed)
    return replace(found, gaps=found.gaps + gaps) if gaps else found


def search_journal_folders(
    folders: Sequence[str], phrases: Sequence[Phrase]
) -> Journal | Unreadable:
    """Do `search_journal` in this machine's files below folders such as /var/log/journal."""
    gaps: list[str] = []
    found = in_journal_folders(
        folders, lambda files: search_journal(files, phrases, is_ours=True), gaps
    )
    return found if isinstance(found, Unreadable) else replace(found, gaps=(*gaps, *found.gaps))


def in_journal_folders(
    folders: Sequence[str],
    look: Callable[[Sequence[tuple[str, int]]], T | Unreadable],
    gaps: list[str] | None = None,
) -> T | Unreadable:
    """Look into this machine's journal files below folders; `gaps` get what was not opened.

    Unreadable where there are none, or none that may be read.  Files of other machines, which
    disk images and systemd-journal-remote leave there, are passed over.
    """
    journal = JournalFiles(_machine_id())
    try:
        for folder in folders:
            try:
                fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            except OSError as error:
                journal.missing(folder, error)
                continue
            try:
                journal.add(fd, folder)
            finally:
                os.close(fd)
        if not journal.files:
            why = Why.DENIED if journal.denied else Why.FAILED if journal.gaps else Why.ABSENT
            return Unreadable("journal", why, "; ".join(journal.gaps[:3]))
        if gaps is not None:
            gaps += journal.gaps
        return look(journal.files)
    finally:
        journal.close()


def _machine_id() -> str:
    """This machine's id (machine-id(5)), "" if unknown."""
    try:
        fd = os.open("/etc/machine-id", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(fd, 32).decode("ascii", "replace")
    except OSError:
        return ""
    finally:
        os.close(fd)


class _Search:
    """Files to search, taken one by one by the threads that work, and what was found."""

    def __init__(
        self, files: Sequence[tuple[str, int]], phrases: Sequence[Phrase], until: float
    ) -> None:
        self.files = files
        self.phrases = tuple(phrases)
        self.until = until
        self.rows: list[Rows] = []
        self.matches: dict[int, Match] = {}
        self.answers: dict[int, Exported] = {}
        self.gaps: dict[int, str] = dict.fromkeys(range(len(files)), "not searched")
        self.surplus: tuple[str, ...] = ()
        self._todo = list(self.gaps)

    def work(self, piece: Piece) -> None:
        rows = Rows(ROOM)
        while True:
            try:
                number = self._todo.pop()
            except IndexError:
                break
            try:
                self.gaps[number] = self._search(number, piece, rows)
            except (DamagedError, UnknownFormatError) as error:
                self.gaps[number] = str(error)
            except OSError as error:
                self.gaps[number] = error.strerror or str(error)
        self.rows.append(rows)

    def _search(self, number: int, piece: Piece, rows: Rows) -> str:
        fd = self.files[number][1]
        try:
            match = Match(JournalFile(fd), number, self.phrases, Rows(ROOM), self.until)
            match.search(piece)
        except UnknownFormatError as reason:
            return self._ask_journalctl(number, fd, rows, str(reason))
        self.matches[number] = match
        rows.merge(match.rows)
        return match.gap

    def _ask_journalctl(self, number: int, fd: int, rows: Rows, reason: str) -> str:
        from ec2rl.host.journal.program import exported

        try:
            answer = exported(fd, self.phrases, MISSED, self.until)
        except UnknownFormatError as error:
            return f"{reason}, and {error}"
        self.answers[number] = answer
        for place, (key, kind) in enumerate(answer.rows):
            rows.add(key, number, place, kind)
        return answer.gap and f"{reason}, and {answer.gap}"

    def journal(self) -> Journal:
        rows = Rows(ROOM)
        for part in self.rows:
            rows.merge(part)
        until = time.monotonic() + _FETCH_SECONDS
        if rows.hits:
            from ec2rl.host.journal.follow import follow

            follow(rows, self.matches, until)
        records = tuple(self._records(rows, until))
        for number, match in self.matches.items():
            self.gaps[number] = match.gap
        names = [path for path, _ in self.files]
        ends = [(match.file.oldest, match.file.newest) for match in self.matches.values()]
        ends += [(answer.oldest, answer.newest) for answer in self.answers.values()]
        return Journal(
            records=records,
            hits=rows.hits,
            files=tuple(names[n] for n in sorted({*self.matches, *self.answers})),
            gaps=(*(f"{names[n]}: {gap}" for n, gap in self.gaps.items() if gap), *self.surplus),
            oldest=min((first for first, _ in ends if first is not None), default=None),
            newest=max((last for _, last in ends if last is not None), default=None),
        )

    def _records(self, rows: Rows, until: float) -> list[JournalRecord]:
        records: list[JournalRecord] = []
        room = _TEXT_LIMIT
        last: Match | None = None
        for number, place, _, hit in rows:
            match = self.matches.get(number)
            if last and last is not match:
                last.file.forget()
            last = match
            if match is None:
                record = self.answers[number].record(place)
            else:
                try:
                    record = match.file.record(place, hit=hit)
                except (DamagedError, UnknownFormatError) as error:
                    match.fault(str(error))
                    continue
            room -= len(record.message)
            if room < 0 or time.monotonic() > until:
                self.surplus = ("the journal: not all records were fetched: too many, or too long",)
                break
            records.append(record)
        return records
