"""How each kind of observation is written down in a recording, and read again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ec2rl.host import Clock, Journal, JournalRecord, Line, Phrase, Search
from ec2rl.host.notes import escaped, format_time, parse_time
from ec2rl.host.query import Answer, encode_text
from ec2rl.model import Evidence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Union

    from ec2rl.host.query import Encoded

    Known = Union[Clock, Evidence, "tuple[str, ...]", str, int, Search, Journal, Answer]


def encode(observation: Known) -> Encoded:
    """Write an observation down: a text, and notes on it (None: no value)."""
    if isinstance(observation, Clock):
        uptime = "" if observation.uptime is None else f" uptime={observation.uptime!r}"
        dated = " by_file" if observation.by_file else ""
        return f"now={format_time(observation.now)}{uptime}{dated}", {}
    if isinstance(observation, Evidence):
        return encode_text(observation.text)
    if isinstance(observation, Answer):
        return observation.query.encode(observation.value)
    if isinstance(observation, Search):
        return "\n".join(line.text for line in observation.lines), _search_notes(observation)
    if isinstance(observation, Journal):
        return "\n".join(map(_journal_line, observation.records)), _journal_notes(observation)
    if isinstance(observation, tuple):
        return "\n".join(map(escaped, observation)), {}
    return escaped(str(observation)), {}


def _search_notes(observation: Search) -> dict[str, str | None]:
    notes: dict[str, str | None] = {
        "modified": format_time(observation.modified),
        "unpacked": str(observation.unpacked),
        "path": observation.path,
    }
    if observation.gap:
        notes["gap"] = observation.gap
    if observation.end:
        notes["end"] = observation.end
    if observation.is_cut:
        notes["cut"] = None
    if observation.hits != sum(line.hit for line in observation.lines):
        notes["hits"] = str(observation.hits)
    return notes


def _journal_notes(observation: Journal) -> dict[str, str | None]:
    notes: dict[str, str | None] = {"gap": "; ".join(observation.gaps)} if observation.gaps else {}
    for name, when in (("oldest", observation.oldest), ("newest", observation.newest)):
        notes[name] = "" if when is None else str(when)
    return {**notes, "hits": str(observation.hits)}


def _journal_line(one: JournalRecord) -> str:
    import json  # python3-minimal has none, and only journals need it

    fields = {
        "MESSAGE": one.message,
        "_TRANSPORT": one.transport,
        "_BOOT_ID": one.boot,
        "__REALTIME_TIMESTAMP": str(one.realtime),
    }
    if one.facility is not None:
        fields["SYSLOG_FACILITY"] = str(one.facility)
    if one.monotonic is not None:
        fields["_SOURCE_MONOTONIC_TIMESTAMP"] = str(one.monotonic)
    if not one.hit:
        fields["BEHIND_A_HIT"] = "1"
    return json.dumps(fields)


def decode_clock(text: str) -> Clock:
    """Read `now=TIME uptime=SECONDS by_file`. KeyError, ValueError."""
    words = dict(word.partition("=")[::2] for word in text.split())
    uptime = float(words["uptime"]) if "uptime" in words else None
    return Clock(parse_time(words["now"]), uptime, "by_file" in words)


def decode_search(
    path: str, text: str, notes: Mapping[str, str], phrases: Sequence[Phrase], now: float
) -> Search:
    """Look for phrases in a text log, or in the lines that were found in one. ValueError.

    Without a time of its own the log is of `now`.
    """
    lines: list[Line] = []
    above: Line | None = None
    before = any(phrase.before for phrase in phrases)
    offset = more = 0
    phrases = [phrase for phrase in phrases if phrase.text.decode() in text]
    for words in text.split("\n"):
        raw = words.encode()
        found = [phrase.after for phrase in phrases if phrase.text in raw]
        more = max([more - 1, *found])
        if found and before and above is not None:
            lines.append(above)
        above = Line(offset, words, bool(found))
        if found or more >= 0:
            lines.append(above)
            above = None
        offset += len(raw) + 1
    modified = parse_time(notes["modified"]) if "modified" in notes else now
    return Search(
        notes.get("path", path),
        tuple(lines),
        int(notes.get("hits", sum(line.hit for line in lines))),
        int(notes.get("unpacked", offset)),
        modified,
        notes.get("gap", ""),
        notes.get("end", ""),
        "cut" in notes,
    )


def decode_journal(text: str, notes: Mapping[str, str], phrases: Sequence[Phrase]) -> Journal:
    """Look for phrases in lines of `journalctl -o json`. KeyError, ValueError."""
    import json

    records: list[JournalRecord] = []
    times: list[int] = []
    for line in filter(None, text.split("\n")):
        fields = json.loads(line)
        record = journal_record(fields)
        times.append(record.realtime)
        missed = record.transport == "driver" and record.message.startswith("Missed ")
        raw = record.message.encode()
        if missed or not record.hit or any(phrase.text in raw for phrase in phrases):
            records.append(record)
    gaps = (notes["gap"],) if "gap" in notes else ()
    hits = int(notes.get("hits", sum(record.hit for record in records)))
    oldest, newest = (
        int(notes[name] or 0) or None if name in notes else end(times, default=None)
        for name, end in (("oldest", min), ("newest", max))
    )
    return Journal(tuple(records), hits, ("journal",), gaps, oldest, newest)


def journal_record(fields: Mapping[str, str]) -> JournalRecord:
    """Parse one line of `journalctl -o json`, which prints every number as text."""
    monotonic = fields.get("_SOURCE_MONOTONIC_TIMESTAMP", fields.get("__MONOTONIC_TIMESTAMP"))
    facility = fields.get("SYSLOG_FACILITY")
    return JournalRecord(
        message=fields["MESSAGE"],
        transport=fields["_TRANSPORT"],
        facility=None if facility is None else int(facility),
        boot=fields["_BOOT_ID"],
        monotonic=None if monotonic is None else int(monotonic),
        realtime=int(fields["__REALTIME_TIMESTAMP"]),
        hit="BEHIND_A_HIT" not in fields,
    )
