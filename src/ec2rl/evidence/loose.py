"""Files that somebody saved, of any kind: recognised, and those of one machine read as a recording.

Both are done by a process without rights, as whatever unpacks and parses what others wrote is.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256

from ec2rl import slices
from ec2rl.evidence.identity import Identity, identity_of
from ec2rl.evidence.kinds import FORM, HEAD, Kind, Use, kind_of, plain
from ec2rl.evidence.machines import Item
from ec2rl.evidence.parts import Part, may_have_parts, parts_of
from ec2rl.host import BOOT_ID, SETTINGS_OF, Clock, Journal, Phrase
from ec2rl.host.bare import bare, commands_of
from ec2rl.host.holes import hole
from ec2rl.host.packed import Packed
from ec2rl.host.recording import RecordedHost, case, sections
from ec2rl.host.saved import BLANK, Saved, Text
from ec2rl.host.saved_logs import SECONDS, LogReader
from ec2rl.host.sos_layout import SETTING, SETTINGS, settings
from ec2rl.host.spool import MOST
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ec2rl.host.caching import Observation

    _Found = tuple[str, list[Any], str]

_RECOGNISING = 120.0
_MARK, _TOLD, _LARGE = 5, 6, " and more"
"""Where a file's mark, and whose it is, stand in a row; what the mark of a beginning ends with."""
_TEXT, _TEXTS = 4 << 20, 16 << 20
"""Bytes of a text that is read whole, and of all of them."""
_PARTS = 16 << 20
"""Bytes of texts that are split into parts, of all files."""
_RECORDING = 40 << 20
_SET = f"(?m)^{SETTING}$".encode()
_ETHTOOL = "ethtool -S "
_WHOLE = 100
"""Lines of `sysctl -a`; who asks for some keys asks for fewer, and may ask again for others."""
_INTERFACE = r"(?<![a-zA-Z0-9])(?:eth|en[opsxX]|bond|team|wlan)\d\w{0,13}"
"""systemd.net-naming-scheme(7); what `ethtool -S` prints does not name it."""


def recognise(files: list[Saved]) -> list[Item] | Unreadable:
    """Tell each file by its content: which kind it is, how it is packed, and whose.

    Of a text in which several programs printed each part becomes a file of its own, behind these.
    """
    from ec2rl.host.sandbox import read_in_sandbox

    def work() -> str:
        deadline, room = time.monotonic() + _RECOGNISING, _PARTS
        found = []
        for file in files:
            found.append(_recognised(file, deadline, room))
            room -= sum(len(text) for _, _, text in found[-1][1])
        rows = [row for row, _ in found]
        for at, mark in _marks(files, [row[_MARK] for row in rows], deadline):
            rows[at][_MARK] = mark
        return json.dumps(found)

    text = read_in_sandbox("the files", work, _RECOGNISING)
    if isinstance(text, Unreadable):
        return text
    items = []
    for index, (row, parts) in enumerate(json.loads(text)):
        item = _item(files[index].name, index, row)
        items.append(replace(item, parts=tuple(_part(files, item, *one) for one in parts)))
    return items


def _part(files: list[Saved], whole: Item, name: str, row: list[Any], text: str) -> Item:
    """A part of a text, as a file that nobody else can see; of the same time."""
    fd = os.memfd_create("ec2rl-part", os.MFD_CLOEXEC)
    with os.fdopen(os.dup(fd), "wb") as file:
        file.write(text.encode("utf-8", "surrogateescape"))
    when = os.fstat(files[whole.index].fd).st_mtime_ns
    os.utime(fd, ns=(when, when))
    files.append(Saved(f"{whole.name}, {name}" if name else whole.name, fd, whole.name))
    return replace(_item(files[-1].name, len(files) - 1, row), whole=whole.index)


def _marks(
    files: Sequence[Saved], marks: Sequence[str], deadline: float
) -> Iterator[tuple[int, str]]:
    """Tell large files of the same size and beginning apart, by all of their bytes."""
    for at, mark in enumerate(marks):
        if mark.endswith(_LARGE) and marks.count(mark) > 1:
            whole, file = sha256(), Packed(files[at].fd)
            while (data := file.read(HEAD)) and time.monotonic() < deadline:
                whole.update(data)
            yield at, f"{whole.hexdigest()} {at if data else ''}"


def _recognised(file: Saved, deadline: float, room: int) -> tuple[list[Any], list[_Found]]:
    """A file as a row, and its parts, each with its name, its row and its text."""
    text = Text(file, deadline)
    parts: list[Part] = []
    try:
        head = b""
        if not text.refused:
            text.begin(FORM)
            head = text.peek(HEAD)
        why = text.refused or ("" if head.strip(BLANK) else text.gap)
        kind = Kind(why, Use.LOST) if why else kind_of(head)
        if not why and may_have_parts(kind, plain(head)):
            data = _read_at_most(text, min(_TEXT, room)) if len(head) == HEAD else head
            if len(data) <= min(_TEXT, room) and not text.gap:
                parts = parts_of(kind, plain(data))
    except OSError as error:
        kind, head = Kind(error.strerror or str(error), Use.LOST), b""
    finally:
        text.close()
    status = os.fstat(file.fd)
    size = f"{status.st_size}{_LARGE}" if len(head) >= HEAD else str(len(head))
    row = _row(kind, file.name, head, size, text.packing, status.st_mtime)
    if not parts:
        row[0] += _several(kind, head)
    found = []
    for part in parts:
        size = str(len(part.text))
        one = _row(part.kind, file.name, part.text[:HEAD], size, text.packing, status.st_mtime)
        one[_TOLD]["host"] = one[_TOLD]["host"] or part.host
        told = part.text.decode("utf-8", "surrogateescape")
        found.append((_place(part.lines) if len(parts) > 1 else "", one, told))
    return row, found


def _row(kind: Kind, name: str, head: bytes, size: str, packing: str, modified: float) -> list[Any]:
    mark = f"{sha256(head).hexdigest()} {size}"
    kind = _more(kind, name, head, mark)
    told = dict(vars(identity_of(kind, head, modified)))
    return [kind.name, kind.use.name, kind.key, kind.part, packing, mark, told]


def _place(lines: tuple[int, int]) -> str:
    first, last = lines
    return f"line {first}" if first == last else f"lines {first}-{last}"


def _several(kind: Kind, head: bytes) -> str:
    """Say of a text in which several commands printed that it was read as one of them."""
    if kind.use not in (Use.TEXT, Use.SETTINGS, Use.STREAM, Use.LOG):
        return ""
    commands = commands_of(plain(head), kind.use is Use.SETTINGS)
    if len(commands) <= (kind.use is not Use.SETTINGS):
        return ""
    return f" (output of {', '.join(commands[:8])}: read as one of them; save each in its own file)"


def _more(kind: Kind, name: str, head: bytes, mark: str) -> Kind:
    """What a kind's own text does not say: of which interface it is; that it is a part."""
    if kind.use is Use.SETTINGS and head.count(b"\n") < _WHOLE:
        return replace(kind, name="sysctl, some keys", part=mark)
    if kind.key == _ETHTOOL.strip():
        found = re.findall(_INTERFACE, name.rpartition("/")[2])
        interface = found[0] if len(set(found)) == 1 else "?"
        return replace(kind, key=_ETHTOOL + interface)
    return kind


def _item(name: str, index: int, row: list[Any]) -> Item:
    """What the reader says of a file."""
    kind, use, key, part, packing, mark, told = row
    known = dict(told)
    known["lines"] = tuple((float(at), int(line)) for at, line in known["lines"])
    return Item(name, Kind(kind, Use[use], key, part), packing, Identity(**known), mark, index)


def open_loose(
    name: str, files: Sequence[tuple[Saved, Kind]], phrases: Sequence[Phrase], gaps: Sequence[str]
) -> RecordedHost | Unreadable:
    """Give the machine that these files are of; `gaps` are known before."""
    from ec2rl.host.sandbox import read_in_sandbox

    text = read_in_sandbox(name, lambda: _Reader(files, phrases, gaps).text(), SECONDS, MOST)
    if isinstance(text, Unreadable):
        return text
    return RecordedHost(sections(text)[1], name, missing=Why.NOT_COLLECTED)


def recording_text(file: Saved) -> tuple[str, str] | Unreadable:
    """Give the text of a recording, unpacked if it was packed, and why it is not whole ("")."""
    from ec2rl.host.sandbox import read_in_sandbox

    def work() -> str:
        source = Text(file, time.monotonic() + _RECOGNISING)
        data = _read_at_most(source, _RECORDING)
        gap = f"larger than {_RECORDING >> 20} MiB" if len(data) > _RECORDING else source.gap
        source.close()
        return f"{gap}\n{data[:_RECORDING].decode('utf-8', 'backslashreplace')}"

    said = read_in_sandbox(file.name, work, _RECOGNISING)
    if isinstance(said, Unreadable):
        return said
    gap, _, text = said.partition("\n")
    return text, gap


def _read_at_most(source: Text, limit: int) -> bytes:
    """A text's bytes, one more than `limit` if it has more."""
    data = bytearray()
    while len(data) <= limit and (piece := source.read(limit + 1 - len(data))):
        data += piece
    return bytes(data)


class _Reader:
    """Reads the files of one machine into the looks that they answer."""

    def __init__(
        self,
        files: Sequence[tuple[Saved, Kind]],
        phrases: Sequence[Phrase],
        gaps: Sequence[str],
    ) -> None:
        self._files = files
        self._phrases = phrases
        self._gaps = list(gaps)
        self._cut = ""
        self._deadline = time.monotonic() + SECONDS
        self._texts = _TEXTS
        self._settings_of: dict[str, None] = {}
        self._memory: dict[str, Observation] = {}

    def text(self) -> str:
        """The recording of them."""
        by_use: dict[Use, list[tuple[Saved, Kind]]] = {}
        for file, kind in self._files:
            by_use.setdefault(kind.use, []).append((file, kind))
        logs = by_use.get(Use.LOG, [])
        reader = LogReader(self._phrases, max(1, len(self._files)), ())
        for file, _ in logs:
            reader.add(file)
        for use in (Use.TEXT, Use.SETTINGS, Use.RELEASE):
            for file, kind in by_use.get(use, ()):
                data = self._read(file, kind)
                own = re.sub(_SET, b"", data) if use is Use.SETTINGS else data
                reader.telltales.look(file.name, own, kind.key)
                if any(phrase.text in data for phrase in self._phrases):
                    reader.add(file)  # somebody put lines of a log into it
        streams: dict[str, list[Saved]] = {}
        for file, kind in by_use.get(Use.STREAM, ()):
            streams.setdefault(kind.key, []).append(file)
        for key, several in streams.items():
            self._count(key, several)
        return case(self._together(reader.observations()), [])

    def _read(self, file: Saved, kind: Kind) -> bytes:
        source = Text(file, self._deadline)
        limit = min(_TEXT, self._texts)
        data = _read_at_most(source, limit)
        self._texts -= len(data)
        gap = "too large to be read whole" if len(data) > limit else source.gap or hole(data)
        source.close()
        if gap:
            self._lose(f"{file.name}: {gap}")
        data = plain(data)
        text = bare(data).decode("utf-8", "backslashreplace")
        if kind.use is Use.SETTINGS:
            self._settings_of[file.file] = None
            self._set(file.name, settings(text, SETTINGS))
        elif kind.use is Use.RELEASE:
            path = "/proc/sys/kernel/osrelease"
            self._memory.setdefault(path, Evidence(path, f"{text.split()[2]}\n"))
        elif gap:
            self._memory[kind.key] = Unreadable(kind.key, Why.PARTIAL, gap)
        else:
            self._memory[kind.key] = Evidence(kind.key, text)
        return data

    def _set(self, name: str, values: Mapping[str, str]) -> None:
        """Keep settings; two values of one are of two moments."""
        for path, value in values.items():
            known = self._memory.setdefault(path, Evidence(path, value))
            if isinstance(known, Evidence) and known.text != value:
                self._lose(f"{name}: another value of {path}: of another moment or machine")
                return

    def _count(self, key: str, files: Sequence[Saved]) -> None:
        forms = slices.parts("saved_evidence").values()
        form = next(form for form in forms if key == form.KEY)
        name = ", ".join(dict.fromkeys(file.file for file in files))
        found = form.read_files(name, files, self._deadline)
        self._memory[key] = form.kept(found)[1]
        if isinstance(found, Unreadable) or found.gap:
            why = found.detail if isinstance(found, Unreadable) else found.gap
            self._lose(f"{name}: {why}")

    def _lose(self, gap: str) -> None:
        self._gaps.append(gap)
        self._cut = self._cut or "not all of the files could be read"

    def _compare(self, boot: str, journal: Observation | None) -> None:
        """See that no boot is behind the one of which the settings are."""
        records = journal.records if isinstance(journal, Journal) else ()
        boots = [record.boot.replace("-", "") for record in records]
        here = boot.replace("-", "")
        if here in boots and boots[-1] != here:
            self._lose(f"the settings are of boot {boot}, and the journal has a later one")

    def _together(self, logs: dict[str, Observation]) -> dict[str, Observation]:
        """The looks of the logs, and those of all else."""
        clock = logs.pop("clock")
        if not isinstance(clock, Clock) or clock.by_file:
            newest = max(os.fstat(file.fd).st_mtime for file, _ in self._files)
            clock = Clock(newest, None, by_file=True)
        boot = self._memory.get(BOOT_ID)
        if isinstance(boot, Evidence):
            logs.pop(BOOT_ID, None)
            self._compare(boot.text.strip(), logs.get("journal"))
        told = logs.pop("gaps", None)
        gaps = [*self._gaps, *(told.text.splitlines() if isinstance(told, Evidence) else ())]
        asked = [key[len(_ETHTOOL) :] for key in self._memory if key.startswith(_ETHTOOL)]
        if asked:
            self._memory["ls /sys/class/net"] = tuple(sorted(asked))
        memory = {"clock": clock, **self._memory, **logs}
        if self._settings_of:
            memory[SETTINGS_OF] = Evidence(SETTINGS_OF, "\n".join(self._settings_of))
        if gaps:
            memory["gaps"] = Evidence("gaps", "".join(f"{gap}\n" for gap in gaps))
        if self._cut:
            memory.setdefault("cut", Evidence("cut", f"{self._cut}\n"))
        return memory
