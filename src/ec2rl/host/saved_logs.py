"""Logs that somebody saved: text, journal exports and journal files, each told by what it is.

All of them together are the evidence of one machine.  They are read once, by a process without
rights, and what is found is written down as a recording (recording.py), and this is what answers.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Sequence

from ec2rl.host import Clock, Phrase, Search
from ec2rl.host.fake import FakeHost, sections
from ec2rl.host.packed import Packed
from ec2rl.host.saved_journal import BOOT_ID, Together, read_journal
from ec2rl.host.sos_collect import BEGINNING
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.host.remember import Look
    from ec2rl.host.unpack import Source

SECONDS = 900.0

_LOGS = 256
_HEAD = 16 << 10
_LINES = 10 << 20
"""Bytes of memory for the lines that are kept of all logs."""

# What dmesg, a serial console and `journalctl -o short-monotonic` begin a line with.
_STAMPED = rb"(?m)^(?:<\d{1,3}>)?(?:\w+ *: *\w+ *: )?\[ *\d{1,9}\.\d{6}\]"
_DATED = rb"(?m)^(?:\w+ *: *\w+ *: )?\[[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}\]"
_SYSLOG = (
    rb"(?m)^(?:<\d{1,3}>)?(?:[A-Z][a-z]{2} [ \d]\d \d\d:|\d{4}-\d\d-\d\d[T ]\d\d:)\S+ \S+ \S+:"
)


@record(frozen=True)
class Log:
    """A file to read, or standard input: its name for people, and its descriptor."""

    name: str
    fd: int


def open_logs(paths: Sequence[str], phrases: Sequence[Phrase]) -> FakeHost | Unreadable:
    """The machine that these logs are of; `-` is standard input."""
    from ec2rl.host.apart import apart
    from ec2rl.host.live import unreadable

    logs: list[Log] = []
    if len(paths) > _LOGS:
        return Unreadable(paths[0], Why.FAILED, f"more than {_LOGS} logs")
    try:
        for path in paths:
            if path == "-":
                logs.append(Log("standard input", os.dup(0)))
                continue
            try:
                # Somebody names it on purpose, so a pipe is welcome, as in `--log <(zcat ...)`.
                fd = os.open(path, os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
            except OSError as error:
                return unreadable(path, error)
            logs.append(Log(path, fd))
            kind = os.fstat(fd).st_mode
            if not (stat.S_ISREG(kind) or stat.S_ISFIFO(kind)):
                return Unreadable(path, Why.FAILED, "not a file")
        text = apart(", ".join(paths), lambda: read_logs(logs, phrases), SECONDS)
    finally:
        for log in logs:
            os.close(log.fd)
    if isinstance(text, Unreadable):
        return text
    shown = ", ".join(log.name for log in logs[:3]) + ", ..." * (len(logs) > 3)
    return FakeHost(sections(text)[1], f"the log {shown}", missing=Why.NOT_COLLECTED)


def read_logs(logs: Sequence[Log], phrases: Sequence[Phrase]) -> str:
    """The recording of saved logs."""
    from ec2rl.host.recording import case

    reader = _Reader(phrases, len(logs))
    for log in logs:
        reader.add(log)
    return case(reader.looks(), [])


class _Reader:
    def __init__(self, phrases: Sequence[Phrase], count: int) -> None:
        self._logs = tuple(phrases)
        self._kernels = (*(replace(phrase, recent=False) for phrase in phrases), BEGINNING)
        self._room = _LINES // count
        self._deadline = time.monotonic() + SECONDS
        self._memory: dict[str, Look] = {}
        self._journals = Together()
        self._gaps: list[str] = []
        self._recorded = 0.0

    def add(self, log: Log) -> None:
        try:
            self._add(log)
        except OSError as error:
            self._gaps.append(f"{log.name}: {error.strerror}")

    def _add(self, log: Log) -> None:
        from ec2rl.host.search import Budget, search_stream

        source = _Text(log, self._deadline)
        if source.refused:
            self._gaps.append(f"{log.name}: {source.refused}")
            return
        modified = os.fstat(log.fd).st_mtime
        self._recorded = max(self._recorded, modified)
        head = source.peek(_HEAD)
        what = kind_of_log(head)
        if what == "journal file":
            from ec2rl.host.journal.search import search_journal

            self._journals.add(search_journal([(log.name, log.fd)], self._kernels))
        elif what in ("export", "json"):
            found = read_journal(log.name, source.read, what, self._kernels)
            gaps = (*found.gaps, *([f"{log.name}: {source.gap}"] if source.gap else []))
            self._journals.add(replace(found, gaps=gaps))
        else:
            is_kernels = what == "dmesg" and "search dmesg" not in self._memory
            phrases = self._kernels if is_kernels else self._logs
            budget = Budget(kept=self._room)
            text = search_stream(log.name, source.read, phrases, budget, modified)
            key = "dmesg" if is_kernels else f"/var/log/messages-{len(self._memory)}"
            if isinstance(text, Search) and source.gap:
                text = replace(text, gap="; ".join(filter(None, (text.gap, source.gap))))
            if not head:
                self._gaps.append(f"{log.name}: it is empty")
            elif what == "unknown":
                self._gaps.append(f"{log.name}: no line of its beginning is a log's")
            self._memory[f"search {key}"] = text
        source.close()

    def looks(self) -> dict[str, Look]:
        memory: dict[str, Look] = {"clock": Clock(self._recorded, None), **self._memory}
        logs = [key for key in self._memory if key.startswith("search /var/log/")]
        if logs:
            memory["ls /var/log"] = tuple(sorted(key.rpartition("/")[2] for key in logs))
        if self._journals.count:
            memory["journal"] = self._journals.journal
            boot = self._journals.last_boot()
            if boot is not None:
                memory[BOOT_ID] = boot
        memory["ls /proc"] = Unreadable("/proc", Why.NOT_COLLECTED)
        if self._gaps:
            memory["gaps"] = Evidence("gaps", "\n".join(self._gaps) + "\n")
        return memory


def kind_of_log(head: bytes) -> str:
    """What a text is by its beginning: dmesg, syslog, export, json, journal file or unknown."""
    if head.startswith(b"LPKSHHRH"):
        return "journal file"
    if re.match(rb"(?:__[A-Z_]+|_[A-Z_]+|[A-Z_]+)(?:=.*\n|\n)(?:_|[A-Z])", head) and b"__" in head:
        return "export"
    if re.match(rb'\s*\{\s*"', head):
        return "json"
    stamped = len(re.findall(_STAMPED, head)) + len(re.findall(_DATED, head))
    dated = len(re.findall(_SYSLOG, head))
    if stamped > dated:
        return "dmesg"
    return "syslog" if dated else "unknown"


class _Text:
    """The text of a log, unpacked if it was packed; its beginning can be seen first."""

    def __init__(self, log: Log, deadline: float) -> None:
        from ec2rl.host.unpack import HEAD, kind_of, open_archive

        self.refused = ""
        self._ahead = b""
        self._at = log.fd if stat.S_ISREG(os.fstat(log.fd).st_mode) else None
        self._file = Packed(log.fd) if self._at is not None else _Pipe(log.fd)
        self._source: Source = self._file
        kind = kind_of(self._file.head(HEAD))
        if kind:
            opened = open_archive(kind, self._file.head(HEAD), self._file, self._at, deadline)
            if isinstance(opened, str):
                self.refused = opened
            else:
                self._source = opened

    @property
    def gap(self) -> str:
        return self._source.gap

    def peek(self, size: int) -> bytes:
        while len(self._ahead) < size and (more := self._next(size)):
            self._ahead += more
        return self._ahead[:size]

    def read(self, size: int) -> bytes:
        found, self._ahead = self._ahead[:size], self._ahead[size:]
        return found or self._next(size)

    def _next(self, size: int) -> bytes:
        data = bytearray(min(size, 256 << 10))
        return bytes(data[: self._source.readinto(memoryview(data))])

    def close(self) -> None:
        self._source.close()


class _Pipe:
    """What comes through a pipe, once."""

    gap = ""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._ahead = b""

    def head(self, size: int) -> bytes:
        while len(self._ahead) < size and (more := os.read(self._fd, size)):
            self._ahead += more
        return self._ahead[:size]

    def read(self, size: int) -> bytes:
        found, self._ahead = self._ahead[:size], self._ahead[size:]
        return found or os.read(self._fd, size)

    def readinto(self, view: memoryview) -> int:
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def rewind(self) -> bool:
        return False

    def close(self) -> None:
        """Leave the descriptor to its owner."""
