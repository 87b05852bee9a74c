"""What journalctl printed with all fields, as a journal; and several journals as one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ec2rl.forms.mend import plain
from ec2rl.forms.times import epoch
from ec2rl.host import BOOT_ID, Journal, JournalRecord, Phrase
from ec2rl.host.encoding import journal_record
from ec2rl.model import Evidence
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    Read = Callable[[int], bytes]

_ROOM = 20_000
_OLDEST = 10**15
"""Microseconds since the epoch, in 2001: no journal is older."""
_FIELD = 1 << 20  # bytes; nothing of the kernel's is as long
_TEXT = 8 << 20  # characters of all messages that are kept
_WANTED = (
    "MESSAGE",
    "MESSAGE_ID",
    "SYSLOG_FACILITY",
    "_BOOT_ID",
    "_SOURCE_MONOTONIC_TIMESTAMP",
    "_TRANSPORT",
    "__MONOTONIC_TIMESTAMP",
    "__REALTIME_TIMESTAMP",
)
_GLUED = tuple(name for name in _WANTED if name.startswith("_"))
"""What stands in a message only where the end of its line was lost."""
_MISSED = "e9bf28e6e834481bb6f48f548ad13606"
"""MESSAGE_ID by which journald tells of lost kernel messages (SD_MESSAGE_JOURNAL_MISSED)."""


_TRANSPORTS = {name: name for name in ("audit", "driver", "journal", "kernel", "stdout", "syslog")}
"""Who can have written a record (systemd.journal-fields(7)); another word is a damaged record."""
_BETWEEN = tuple(" \t,]\x1e")
"""What stands between JSON's objects."""


class DamagedError(ValueError):
    """What follows is no export of a journal."""


def read_journal(name: str, read: Read, form: str, phrases: Sequence[Phrase]) -> Journal:
    """Read the kernel's records in an export (`form` "export"), in any JSON, or "verbose"."""
    found = _Found(phrases)
    gap = ""
    forms = {"export": _exported, "json": _objects, "verbose": _verbose}
    try:
        for fields in forms[form](_Lines(read)):
            found.add(fields)
    except DamagedError as error:
        gap = f"{name}: {error}"
    except OSError as error:
        gap = f"{name}: {error.strerror}"
    gaps = [gap] if gap else []
    if found.odd:
        gaps.append(f"{name}: {found.odd} records could not be understood")
    kept = tuple(found.records)
    return Journal(kept, found.hits, (name,), tuple(gaps), found.oldest, found.newest)


class Together:
    """Journals of one machine as one, in bounded memory.

    Of too many records the middle is left out, and `hits` of the whole still counts all of them;
    `count` is how many journals there were.
    """

    def __init__(self) -> None:
        self.count = 0
        self.journal = Journal((), 0, (), (), None)

    def add(self, journal: Journal) -> None:
        self.count += 1
        whole = together((self.journal, journal))
        self.journal = replace(whole, records=_ends(whole.records))

    def last_boot(self) -> Evidence | None:
        """Give the boot of the newest record, as its look; None without records."""
        records = self.journal.records
        return Evidence(BOOT_ID, f"{records[-1].boot}\n") if records else None


def _ends(records: tuple[JournalRecord, ...]) -> tuple[JournalRecord, ...]:
    """As many from either end as there is room for."""
    kept, room = 0, _TEXT
    while kept < min(len(records), _ROOM):
        place = -1 - kept // 2 if kept % 2 else kept // 2
        room -= len(records[place].message)
        if room < 0:
            break
        kept += 1
    if kept == len(records):
        return records
    return records[: kept - kept // 2] + records[len(records) - kept // 2 :]


def together(journals: Sequence[Journal]) -> Journal:
    """Several journals as one, each record once, ordered by realtime."""
    records: dict[tuple[object, ...], JournalRecord] = {}
    twice = 0
    for journal in journals:
        for one in journal.records:
            key = (one.realtime, one.boot, one.monotonic, one.message)
            twice += key in records and one.hit
            records.setdefault(key, one)
    oldest = [journal.oldest for journal in journals if journal.oldest is not None]
    return Journal(
        tuple(sorted(records.values(), key=lambda one: one.realtime)),
        sum(journal.hits for journal in journals) - twice,
        tuple(name for journal in journals for name in journal.files),
        tuple(gap for journal in journals for gap in journal.gaps),
        min(oldest, default=None),
        max((one.newest for one in journals if one.newest is not None), default=None),
    )


class _Found:
    """The records that are wanted: with a phrase, or behind one in the same boot."""

    def __init__(self, phrases: Sequence[Phrase]) -> None:
        self.records: list[JournalRecord] = []
        self.hits = self.odd = 0
        self.oldest: int | None = None
        self.newest: int | None = None
        self._phrases = [(phrase.text.decode(), phrase.after) for phrase in phrases]
        self._behind: dict[str, int] = {}
        self._room = _TEXT

    def add(self, fields: Mapping[str, str]) -> None:
        try:
            transport = _TRANSPORTS[fields["_TRANSPORT"]]
            when = int(fields["__REALTIME_TIMESTAMP"][:20])
            self.oldest = when if self.oldest is None else min(self.oldest, when)
            self.newest = when if self.newest is None else max(self.newest, when)
            missed = transport == "driver" and fields.get("MESSAGE_ID") == _MISSED
            if transport != "kernel" and not missed:
                return
            record = journal_record({"_BOOT_ID": "", **fields})
            record = replace(record, message=plain(record.message))
        except (KeyError, ValueError):
            self.odd += 1
            return
        self.odd += any(f"{name}=" in record.message for name in _GLUED)
        after = [after for text, after in self._phrases if text in record.message]
        left = self._behind.get(record.boot, 0)
        if not (after or left or missed):
            return
        self.hits += bool(after)
        if len(self._behind) < 10_000:
            self._behind[record.boot] = max([left - 1, *after, 0])
        self._room -= len(record.message)
        if len(self.records) < _ROOM and self._room > 0:
            self.records.append(replace(record, hit=bool(after)))


class _Lines:
    """Lines and bytes of a stream, in bounded memory."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._data = b""
        self._at = 0

    def line(self) -> bytes | None:
        """The next line without its end, cut at 1 MiB; None at the end of the stream."""
        parts: list[bytes] = []
        size = 0
        while True:
            end = self._data.find(b"\n", self._at)
            part = self._data[self._at : end if end >= 0 else None]
            if size <= _FIELD:
                parts.append(part)
                size += len(part)
            if end >= 0:
                self._at = end + 1
                return b"".join(parts)
            if not self._more():
                self._data, self._at = b"", 0
                return b"".join(parts) if size else None

    def bytes(self, size: int) -> bytes:
        """So many bytes, of which the first MiB is kept; DamagedError when there are fewer."""
        found = b""
        while size:
            if self._at >= len(self._data) and not self._more():
                raise DamagedError("it ends within a field")
            part = self._data[self._at : self._at + size]
            self._at += len(part)
            size -= len(part)
            found = (found + part)[:_FIELD]
        return found

    def _more(self) -> bool:
        self._data, self._at = self._read(256 << 10), 0
        return bool(self._data)


def _exported(lines: _Lines) -> Iterator[dict[str, str]]:
    """Journal Export Format (systemd.io/JOURNAL_EXPORT_FORMATS)."""
    fields: dict[str, str] = {}
    while (line := lines.line()) is not None:
        line = line.rstrip(b"\r")  # a value that ends so is written with its length
        if not line:
            if fields:
                yield fields
            fields = {}
            continue
        name, equals, value = line.partition(b"=")
        if not equals:
            value = lines.bytes(int.from_bytes(lines.bytes(8), "little"))
            if lines.bytes(1) != b"\n":
                raise DamagedError("a field does not end where it says")
        key = name.decode("ascii", "replace")
        if key in fields or not key.replace("_", "").isalnum() or key != key.upper():
            yield {}  # two records in one, or part of a field that was broken
        if key in _WANTED:
            fields.setdefault(key, value.decode("utf-8", "backslashreplace"))
    if fields:  # a blank line ends each record
        yield fields
        raise DamagedError("its last record is cut off")


def _objects(lines: _Lines) -> Iterator[dict[str, str]]:
    """JSON objects: one a line, or over several lines, alone, in a list, as events (SSE, RFC 7464).

    What cannot be understood comes as a record without fields.
    """
    begun = b""
    while (line := lines.line()) is not None:
        text = line.strip(b" \t\r\x1e")
        if not begun:
            text = text.removeprefix(b"data:").lstrip().removeprefix(b"[").lstrip()
            if text in (b"", b"]", b","):
                continue
        if begun and text[:1] not in b'"{}[],0123456789-':
            yield {}  # it goes on with a string that was broken
        is_end = text.rstrip(b",]") == b"}" or (not begun and text != b"{")
        begun += text + b" "
        if is_end or len(begun) > _FIELD:
            yield from _glued(begun)
            begun = b""
    if begun:
        yield from _glued(begun)


def _glued(text: bytes) -> Iterator[dict[str, str]]:
    """The objects that stand one behind the other."""
    from json import JSONDecoder  # python3-minimal has none, and the other forms do without

    decode = JSONDecoder().raw_decode
    said = text.decode("utf-8", "backslashreplace")
    at = 0
    try:
        while at < len(said):
            found, at = decode(said, at)
            fields = found if isinstance(found, dict) else {}
            told = {key: _string(fields[key]) for key in _WANTED if key in fields}
            yield {key: value for key, value in told.items() if value is not None}
            while said[at : at + 1] in _BETWEEN:
                at += 1
    except (ValueError, RecursionError):
        yield {}


def _verbose(lines: _Lines) -> Iterator[dict[str, str]]:
    """`journalctl -o verbose`: a head with the cursor, then a field a line, by four blanks.

    Further lines of a field stand below its value (systemd, src/shared/logs-show.c, output_verbose
    and print_multiline).  Where they stand elsewhere something broke a line; a program's may be
    farther in, of the kernel's own nearly none is.
    """
    import re

    head = re.compile(
        rb"(.*) \[s=[0-9a-f]+;i=[0-9a-f]+;b=([0-9a-f]{32});m=([0-9a-f]+);t=([0-9a-f]+);"
        rb"x=[0-9a-f]+\]"
    )
    fields: dict[str, str] = {}
    inside, is_odd = 4, False
    while (line := lines.line()) is not None:
        line = line.rstrip(b"\r")
        found = head.fullmatch(line)
        if found is not None:
            yield from _ended(fields, is_odd)
            inside, is_odd = 4, False
            fields = _of_head(*found.groups())
        elif line[:4] == b"    " and line[4:5] != b" ":
            name, _, value = line[4:].partition(b"=")
            key = name.decode("ascii", "replace")
            if key in fields and key != "_BOOT_ID":  # which the head has, too
                yield {}  # two records in one
            if key in _WANTED:
                fields.setdefault(key, value.decode("utf-8", "backslashreplace"))
            inside = 4 + len(name) + 1
        elif line.strip() and line[:1] != b"-":
            blanks = len(line) - len(line.lstrip(b" "))
            is_odd = is_odd or blanks > inside
            if blanks < inside:
                yield {}  # no line of this form: part of one that was broken
    yield from _ended(fields, is_odd)


def _ended(fields: dict[str, str], is_odd: bool) -> Iterator[dict[str, str]]:
    """A record that has ended, and one that is none where it may be broken."""
    if fields:
        yield fields
    if is_odd and fields.get("_TRANSPORT") in ("kernel", None):
        yield {}


def _of_head(shown: bytes, boot: bytes, monotonic: bytes, realtime: bytes) -> dict[str, str]:
    """The fields that the head of a record has."""
    when = int(realtime, 16)
    if when < _OLDEST:  # not what the head shows: somebody changed it
        when = int((epoch(shown.decode("utf-8", "replace"), 0.0) or 0.0) * 1e6)
    return {
        "_BOOT_ID": boot.decode(),
        "__MONOTONIC_TIMESTAMP": str(int(monotonic, 16)),
        "__REALTIME_TIMESTAMP": str(when),
    }


def _string(value: object) -> str | None:
    """A field's only value; journalctl prints what is no text as a list of bytes.

    None for several values, and for what was too large to be printed (null).
    """
    if isinstance(value, list):
        if value and all(isinstance(byte, int) and 0 <= byte < 256 for byte in value):
            return bytes(value).decode("utf-8", "backslashreplace")
        return _string(value[0]) if len(value) == 1 else None
    return None if value is None else str(value)
