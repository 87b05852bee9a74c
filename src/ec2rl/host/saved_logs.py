"""Logs that somebody saved: text, journal exports and journal files, each told by what it is.

All of them together are the evidence of one machine.  They are read once, by a process without
rights, and what is found is written down as a recording (recording.py), and this is what answers.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from io import BytesIO
from itertools import chain, islice

from ec2rl.forms.begun import begun
from ec2rl.forms.line_ends import broken, dressed
from ec2rl.forms.mend import JOINED
from ec2rl.forms.months import month
from ec2rl.forms.not_a_log import PACKED
from ec2rl.forms.parse import parse_record
from ec2rl.forms.recognise import Recognised
from ec2rl.forms.times import epoch
from ec2rl.host import (
    ABOUT_TEXTS,
    BEGINNING,
    BEGINNING_OF_TEXT,
    BOOT_ID,
    BROKEN,
    CONSOLES,
    DMESGS,
    DOCUMENTS,
    JOURNALCTLS,
    Clock,
    Journal,
    Phrase,
    Search,
)
from ec2rl.host.console import MOST as CONSOLE
from ec2rl.host.console import document_text, is_document, is_other_json, unfinished
from ec2rl.host.queries.boot_journal import BootJournal
from ec2rl.host.queries.boot_text import BootText
from ec2rl.host.queries.login_text import LoginText, of_logins
from ec2rl.host.queries.service_text import ServiceText, of_services
from ec2rl.host.queries.sshd_journal import SshdJournal
from ec2rl.host.queries.units_journal import UnitsJournal
from ec2rl.host.query import Answer
from ec2rl.host.recording import RecordedHost, sections
from ec2rl.host.saved import Saved, Text, close_saved, names_of, open_saved
from ec2rl.host.saved_journal import Together, read_journal
from ec2rl.host.spool import MOST, Spool
from ec2rl.host.telltales import Telltales
from ec2rl.host.transcode import JOURNALS, PlainText, plain_text
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from ec2rl.host.caching import Observation
    from ec2rl.host.journal.folder import JournalFiles
    from ec2rl.host.queries.boot_text import Printed

SECONDS = 900.0

_HEAD = 16 << 10
_DAY = 86400.0
_NAMES = {"dmesg": DMESGS, "console": CONSOLES, "document": DOCUMENTS}
_BROKEN = 512
"""Lines that may go on behind their end, of all logs."""
_LINES = 4 << 20
"""Bytes of memory for the lines that are kept of all logs: each module looks at each of them."""


def open_logs(paths: Sequence[str], phrases: Sequence[Phrase]) -> RecordedHost | Unreadable:
    """Open the machine that these logs are of; `-` is standard input, a folder one of a journal."""
    from ec2rl.host.sandbox import read_in_sandbox

    folders = [path for path in paths if os.path.isdir(path)]
    logs = open_saved([path for path in paths if path not in folders])
    if isinstance(logs, Unreadable):
        return logs
    gaps: list[str] = []
    try:
        for path in folders:
            journal = _journal_folder(path)
            if isinstance(journal, Unreadable):
                return journal
            logs += [Saved(*file) for file in journal.files]
            gaps += journal.gaps
        name = ", ".join(paths) if folders else names_of(logs)
        text = read_in_sandbox(name, lambda: read_logs(logs, phrases, gaps), SECONDS, MOST)
    finally:
        close_saved(logs)
    if isinstance(text, Unreadable):
        return text
    return RecordedHost(sections(text)[1], f"the log {name}", missing=Why.NOT_COLLECTED)


def _journal_folder(path: str) -> JournalFiles | Unreadable:
    """The files of a journal, of one machine or of several, that a folder holds."""
    from ec2rl.host.files import unreadable
    from ec2rl.host.journal.folder import JournalFiles

    journal = JournalFiles()
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        return unreadable(path, error)
    try:
        journal.add(fd, path, itself=True)
    finally:
        os.close(fd)
    if journal.files:
        return journal
    return Unreadable(path, Why.FAILED, "; ".join(journal.gaps[:3]) or "a folder without a journal")


def read_logs(logs: Sequence[Saved], phrases: Sequence[Phrase], gaps: Sequence[str] = ()) -> str:
    """Make the recording of saved logs; `gaps` are known before."""
    from ec2rl.host.recording import case

    reader = LogReader(phrases, max(1, len(logs)), gaps)
    for log in logs:
        reader.add(log)
    return case(reader.observations(), [])


class LogReader:
    """Takes the logs of one machine one by one, and gives the looks that they answer."""

    def __init__(self, phrases: Sequence[Phrase], count: int, gaps: Sequence[str]) -> None:
        # The one log that somebody hands over is looked through for all that there is to find.
        self._logs = tuple(replace(phrase, recent=False) for phrase in phrases)
        self._kernels = tuple(
            replace(phrase, recent=False, before=True) for phrase in (*phrases, BEGINNING)
        )
        self._texts = (*self._kernels[:-1], BEGINNING_OF_TEXT)
        self._room = _LINES // count
        self._deadline = time.monotonic() + SECONDS
        self._memory: dict[str, Observation] = {}
        self._journals = Together()
        self.telltales = Telltales()
        self._gaps = list(gaps)
        self._notes: list[str] = []
        self._is_cut = bool(gaps)
        self._recorded = 0.0
        self._fetched = self._boot_at = 0.0
        """When the console being read was fetched, and the one whose boots are told; 0: unknown."""
        self._end = 0.0
        """The last time that the logs themselves tell, 0 where none does."""
        self._words = [phrase.text.decode() for phrase in phrases]
        self._messages = [message for phrase in phrases for message in phrase.messages]
        self._broken: list[tuple[str, ...]] = []

    def add(self, log: Saved) -> None:
        """Read a log, whatever its form is."""
        try:
            self._add(log)
        except OSError as error:
            self._lose(log, error.strerror or str(error))

    def _lose(self, log: Saved, why: str) -> None:
        self._gaps.append(f"{log.name}: {why}")
        self._is_cut = True

    def _add(self, log: Saved) -> None:
        source = Text(log, self._deadline)
        if source.refused:
            self._lose(log, source.refused)
            return
        modified = os.fstat(log.fd).st_mtime
        head = source.begin(_HEAD)
        read: Callable[[int], bytes] = source.read
        is_clouds, self._fetched = is_document(head), 0.0
        if is_clouds:
            when = None
            try:
                text = _whole(source.read)
                is_clouds = not is_other_json(text)
                if is_clouds:
                    text, when = document_text(text)
            except ValueError as error:
                self._lose(log, str(error))
                return
            self._end, self._fetched = max(self._end, when or 0.0), when or 0.0
            modified, head, read = when or modified, text[:_HEAD], BytesIO(text).read
        self._recorded = max(self._recorded, modified)
        plain = plain_text(read, head)
        if plain.what.kind in JOURNALS:
            if plain.what.kind == "journal file":
                found = self._journal(log, source)
            else:
                found = read_journal(log.name, plain.read, plain.what.kind, self._kernels)
            told = [f"{log.name}: {gap}" for gap in (plain.gap(), source.gap) if gap]
            if told:
                gaps = dict.fromkeys((*found.gaps, *told))
                found = replace(found, gaps=tuple(gaps))
            self._journals.add(found)
            self._end = max(self._end, (found.newest or 0) / 1e6)
            self._is_cut = self._is_cut or bool(found.gaps)
        else:
            if is_clouds:
                plain = replace(plain, what=Recognised("console"))
            self._search(log, source, plain, modified)
        source.close()

    def _search(self, log: Saved, source: Text, text: PlainText, modified: float) -> None:
        """Look for phrases in a text, under the name of what printed it."""
        from ec2rl.host.search import Budget, search_stream

        what = text.what.kind
        is_journal = what == "syslog" and is_journalctl(log.name, text.head)
        sent = sent_at(text.head)
        modified = (is_journal and journal_until(text.head)) or sent or modified
        phrases = self._logs or (BEGINNING,)  # modules that look for none read it all the same
        if what not in ("syslog", "document") or is_journal:
            phrases = self._kernels if is_journal else (*self._texts, *ABOUT_TEXTS)
        budget = Budget(kept=self._room)
        # Of what a text is its name says nothing.
        read = self.telltales.watched(log.name, text.read)
        answer = search_stream("", read, phrases, budget, modified)
        if what in ("dmesg", "unknown") and text.clean.is_console:
            what = "console"
        names: tuple[str, ...] = _NAMES.get(what, ())
        names = JOURNALCTLS if is_journal else names
        free = [name for name in names if f"search {name}" not in self._memory]
        key = free[0] if free else f"/var/log/messages-{len(self._memory)}"
        self._is_cut = self._is_cut or isinstance(answer, Unreadable)
        if isinstance(answer, Unreadable):
            answer = replace(answer, source=log.name)
        else:
            gap = "; ".join(dict.fromkeys(filter(None, (answer.gap, text.gap(), source.gap))))
            self._is_cut = self._is_cut or bool(gap)
            tail = text.clean.tail
            if what in ("dmesg", "console"):
                gap = "; ".join(filter(None, (gap, unfinished(tail))))
            self._end = max(self._end, _last_time(tail, modified) or sent or 0.0)
            end = tail.decode("utf-8", "backslashreplace") if what == "console" else ""
            is_cut = _reaches_end(answer) and not tail.endswith(b"\n")
            answer = replace(answer, path=log.name, gap=gap, end=end, is_cut=is_cut)
        whole = text.whole()
        odd = (*dressed(whole, self._words), *begun(whole, self._words, self._messages))
        lines = chain(broken(whole, self._words), ((line,) for line in dict.fromkeys(odd)))
        self._broken += islice(lines, _BROKEN - len(self._broken))
        if names and not free:
            why = f"one of more than {len(names)} texts of {names[0]}: read as hearsay"
            self._notes.append(f"{log.name}: {why}")
        self._keep_end(text.kept.printed(what, log.name))
        if not text.head:
            self._gaps.append(f"{log.name}: it is empty")
        elif what == "unknown":
            why = "no line of its beginning is a log's: what it says counts as not verified"
            self._notes.append(f"{log.name}: {why}")
        elif what == "document":
            self._gaps.append(f"{log.name}: {text.what.no_log}")
            # What words it holds was looked for; a packed folder has its files' in another form.
            self._is_cut = self._is_cut or text.what.document in PACKED
        self._memory[f"search {key}"] = answer

    def _keep_end(self, printed: Printed) -> None:
        """Keep what the end of a text may tell: of a boot, of logins, or of services."""
        if printed.kind in ("console", "dmesg", "unknown"):
            self._keep_boot(printed)
        elif printed.kind == "syslog":
            self._keep_lines(LoginText(), of_logins(printed))
            self._keep_lines(ServiceText(), of_services(printed))

    def _keep_boot(self, printed: Printed) -> None:
        """Keep what may tell how a machine boots: of several texts a console, the newest one.

        Where nothing tells when they were fetched it is the first.
        """
        query = BootText()
        known = self._memory.get(query.key)
        is_console = printed.kind == "console"
        if isinstance(known, Answer) and known.value.kind == "console":
            if not is_console:
                return
            is_newer = self._fetched > self._boot_at > 0
            judged, other = (printed, known.value) if is_newer else (known.value, printed)
            why = f"one more console: bootstopped judges {judged.path}; run this one alone"
            self._notes.append(f"{other.path}: {why}")
            if not is_newer:
                return
        elif isinstance(known, Answer) and not is_console:
            return
        self._memory[query.key], self._boot_at = Answer(query, printed), self._fetched

    def _keep_lines(self, query: BootText, printed: Printed) -> None:
        """Keep lines that tell of a subject, of all texts in the order in which they were given."""
        known = self._memory.get(query.key)
        if isinstance(known, Answer):
            printed = replace(printed, text=known.value.text + printed.text)
        if printed.text:
            self._memory[query.key] = Answer(query, printed)

    def _journal(self, log: Saved, source: Text) -> Journal:
        """What a journal file holds, also one that was packed, or that comes through a pipe."""
        if source.is_plain:
            return self._searched(log.name, log.fd)
        spool = Spool()
        try:
            fd, gap = spool.take(source)
            found = self._searched(log.name, fd)
        finally:
            spool.close()
        return replace(found, gaps=(f"{log.name}: {gap}", *found.gaps)) if gap else found

    def _searched(self, name: str, fd: int) -> Journal:
        """What a journal file holds of the kernel's, and of what systemd said of the last boot."""
        from ec2rl.host.journal.search import search_journal

        query = BootJournal()
        told, known = query.search([(name, fd)]), self._memory.get(query.key)
        if not isinstance(told, Unreadable):
            is_older = isinstance(known, Answer) and known.value.until >= told.until
            if not is_older:
                self._memory[query.key] = Answer(query, told)
        self._keep_sshd(SshdJournal().search([(name, fd)]))
        self._keep_units(UnitsJournal().search([(name, fd)]))
        return search_journal([(name, fd)], self._kernels)

    def _keep_sshd(self, told: Evidence | Unreadable) -> None:
        """Keep what sshd wrote to the journal's files, in the order of its time."""
        query = SshdJournal()
        known = self._memory.get(query.key)
        if isinstance(told, Evidence) and told.text:
            lines = told.text.splitlines(keepends=True)
            if isinstance(known, Answer):
                lines += known.value.text.splitlines(keepends=True)
            self._memory[query.key] = Answer(query, replace(told, text="".join(sorted(lines))))

    def _keep_units(self, told: Evidence | Unreadable) -> None:
        """Keep what systemd wrote of units: of several files of the newest boot."""
        query = UnitsJournal()
        known = self._memory.get(query.key)
        if isinstance(told, Evidence):
            is_newer = not isinstance(known, Answer) or _ends(told) > _ends(known.value)
            if is_newer:
                self._memory[query.key] = Answer(query, told)

    def observations(self) -> dict[str, Observation]:
        clock = Clock(self._end or self._recorded, None, by_file=not self._end)
        memory: dict[str, Observation] = {"clock": clock, **self._memory}
        logs = [key for key in self._memory if key.startswith("search /var/log/")]
        if logs:
            memory["ls /var/log"] = tuple(sorted(key.rpartition("/")[2] for key in logs))
        if self._journals.count:
            memory["journal"] = self._journals.journal
            boot = self._journals.last_boot()
            if boot is not None:
                memory[BOOT_ID] = boot
        memory.update(self.telltales.observations())
        memory["ls /proc"] = Unreadable("/proc", Why.NOT_COLLECTED)
        if len(self._broken) == _BROKEN:
            self._is_cut = True
            self._gaps.append("more of their lines are broken than were looked at")
        if self._broken:
            lines = "".join(JOINED.join(parts) + "\n" for parts in self._broken)
            memory[BROKEN] = Evidence(BROKEN, lines)
        if self._is_cut:
            memory["cut"] = Evidence("cut", "not all of the logs could be read\n")
        if self._gaps:
            memory["gaps"] = Evidence("gaps", "\n".join(self._gaps) + "\n")
        if self._notes:
            memory["notes"] = Evidence("notes", "\n".join(self._notes) + "\n")
        return memory


def _last_time(tail: bytes, modified: float) -> float | None:
    """The time of the last line that has one (seconds since the epoch), of a text's end."""
    for line in reversed(tail.decode("utf-8", "replace").split("\n")):
        found = parse_record(line)
        if found is not None and found.stamp:
            return epoch(found.stamp, modified + _DAY)
    return None


def _reaches_end(found: Search) -> bool:
    """Whether the last line that was found is the last of the text."""
    return any(
        line.offset + len(line.text.encode()) + 1 >= found.unpacked for line in found.lines[-1:]
    )


def _whole(read: Callable[[int], bytes]) -> bytes:
    """All of a small text. ValueError for a large one."""
    data = b""
    while piece := read(256 << 10):
        data += piece
        if len(data) > CONSOLE:
            raise ValueError("it is too large for a console output")
    return data


def is_journalctl(name: str, head: bytes) -> bool:
    """Tell whether a text says that journalctl printed it, or has the name that sosreports give it.

    journalctl shows who said a line as journald knows it; other texts of that form, a syslog
    daemon's, show what a program called itself (journalctl(1), the lines that begin with `--`).
    """
    header = rb"-- (?:Logs begin at |Journal begins at |Boot [0-9a-f]{32} --)"
    return re.match(header, head) is not None or name.rpartition("/")[2].startswith("journalctl_")


def journal_until(head: bytes) -> float | None:
    """When a journal ended that journalctl printed, in seconds since the epoch, as its head says.

    journalctl(1): `-- Logs begin at TIME, end at TIME. --` up to 245, `Journal begins` up to 250.
    """
    said = re.match(
        rb"-- (?:Logs begin|Journal begins) at .{1,60}?, ends? at (.{1,60}?)\. --", head
    )
    return None if said is None else epoch(said[1].decode("utf-8", "replace"), 0.0)


def _ends(told: Evidence) -> int:
    """The seconds that the last line of a journal's words begins with."""
    return int(told.text.rstrip("\n").rpartition("\n")[2].split(" ")[0])


_HEADERS = (
    rb"(?:From [^\n]*\n)?(?:[A-Z][A-Za-z-]{1,40}:[ \t][^\n]*\n(?:[ \t][^\n]*\n)*){2,200}\r?\n"
)
_SENT = (
    rb"(?m)^Date: *(?:[A-Z][a-z]{2}, *)?(\d{1,2}) +([A-Z][a-z]{2}) +(\d{4}) +(\d\d:\d\d)(:\d\d)?"
    rb" +([+-]\d{4}|UT|GMT|Z)"
)


def sent_at(head: bytes) -> float | None:
    """When a mail was sent that a text is, in seconds since the epoch, as its headers say.

    RFC 5322, 3.3.  None for what is no mail.
    """
    headers = re.match(_HEADERS, head)
    sent = headers and re.search(_SENT, headers[0])
    if not sent:
        return None
    day, name, year, minute, second, zone = ((part or b"").decode() for part in sent.groups())
    return epoch(
        f"{year}-{month(name) or 0:02}-{int(day):02}T{minute}{second or ':00'}"
        f"{zone if zone[0] in '+-' else 'Z'}",
        0.0,
    )
