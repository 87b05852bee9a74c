"""A host made of text: what tests, documents and recordings are written in.

The text is a title, then one section per look:

    The log cannot be read: room now says nothing about an hour ago, so not OK.
    -- clock --
    now=2026-11-24T02:00:00Z uptime=86400
    -- /proc/sys/net/netfilter/nf_conntrack_count --
    12
    -- /dev/kmsg --
    !denied needs CAP_SYSLOG

A body is the text that was read (a line that begins with `!`, `-- ` or `\\` has one `\\` before
it), or `!` and a reason of `Why` in one word, then words.  Other keys: `link PATH`, `inode PATH`,
`ls PATH` (without it, a folder holds what the other keys say), `journal` (lines of
`journalctl -o json`), `ethtool -S IF`, `conntrack -S`; `netns FILE: KEY` from a network namespace;
`later: KEY` after a pause.  A log file may say `; modified=TIME` and `; gap=WORDS`.
"""

from __future__ import annotations

import json
import time
from calendar import timegm
from collections.abc import Mapping, Sequence

from ec2rl.host import Clock, Host, Journal, JournalRecord, Line, Phrase, Search
from ec2rl.host.remember import LATER
from ec2rl.model import Evidence, Unreadable, Why


class CaseError(ValueError):
    """A case's text cannot be understood; the message names the line."""


def sections(text: str) -> tuple[str, dict[str, str]]:
    """Split a case into its title and its sections. CaseError when a key comes twice."""
    title: list[str] = []
    body = title
    found: dict[str, list[str]] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("-- ") and line.endswith(" --"):
            key = line[3:-3].strip()
            if key in found:
                raise CaseError(f"line {number}: a second section {key!r}")
            body = found[key] = []
        else:
            body.append(line.removeprefix("\\"))
    return "\n".join(title).strip(), {key: "\n".join(lines) for key, lines in found.items()}


def _when(text: str) -> float:
    return float(timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ")))


def journal_record(fields: Mapping[str, str]) -> JournalRecord:
    """One line of `journalctl -o json`, which prints every number as text."""
    monotonic = fields.get("_SOURCE_MONOTONIC_TIMESTAMP", fields.get("__MONOTONIC_TIMESTAMP"))
    facility = fields.get("SYSLOG_FACILITY")
    return JournalRecord(
        message=fields["MESSAGE"],
        transport=fields["_TRANSPORT"],
        facility=None if facility is None else int(facility),
        boot=fields["_BOOT_ID"],
        monotonic=None if monotonic is None else int(monotonic),
        realtime=int(fields["__REALTIME_TIMESTAMP"]),
    )


class FakeHost:
    """A host that knows what a case says; everything else was never collected, or is absent."""

    def __init__(self, looks: Mapping[str, str], name: str = "a case", prefix: str = "") -> None:
        self.name = name
        self._looks: dict[str, str] = {}
        self._notes: dict[str, dict[str, str]] = {}
        for key, body in looks.items():
            what, *notes = key.split("; ")
            self._looks[what] = body
            self._notes[what] = dict(note.partition("=")[::2] for note in notes)
        self._prefix = prefix

    def _find(self, what: str) -> tuple[str, str | Unreadable]:
        """The section for a look, and its body; the newest that a pause has not replaced."""
        prefix = self._prefix
        while True:
            key = prefix + what
            body = self._looks.get(key)
            if body is not None:
                break
            if not prefix.startswith(LATER):
                return key, Unreadable(self._source(what), Why.ABSENT)
            prefix = prefix[len(LATER) :]
        if not body.startswith("!"):
            return key, body
        reason, _, detail = body[1:].strip().partition(" ")
        for why in Why:
            if why.value.replace(" ", "-") == reason:
                return key, Unreadable(self._source(what), why, detail)
        raise CaseError(f"{key}: no such reason {reason!r}")

    def clock(self) -> Clock:
        _, body = self._find("clock")
        if isinstance(body, Unreadable):
            return Clock(0.0, None)
        words = dict(word.partition("=")[::2] for word in body.split())
        uptime = float(words["uptime"]) if "uptime" in words else None
        return Clock(_when(words["now"]), uptime)

    def read(self, path: str) -> Evidence | Unreadable:
        _, body = self._find(path)
        if isinstance(body, Unreadable):
            return body
        return Evidence(self._source(path), body if body.endswith("\n") else body + "\n")

    def _source(self, what: str) -> str:
        for kind in ("ls ", "link ", "inode "):
            what = what.removeprefix(kind)
        return self._here() + what

    def _here(self) -> str:
        return self._prefix.removeprefix(LATER)

    def names(self, path: str) -> tuple[str, ...] | Unreadable:
        _, body = self._find(f"ls {path}")
        if isinstance(body, str):
            return tuple(sorted(body.split("\n"))) if body.strip() else ()
        if body.why is not Why.ABSENT:
            return body
        inside = path.rstrip("/") + "/"
        here = self._here()
        starts = tuple(f"{here}{kind}{inside}" for kind in ("", "link ", "inode "))
        found = {
            key.partition(inside)[2].split("/")[0] for key in self._looks if key.startswith(starts)
        }
        return tuple(sorted(found)) if found else body

    def link(self, path: str) -> str | Unreadable:
        _, body = self._find(f"link {path}")
        return body if isinstance(body, Unreadable) else body.strip()

    def inode(self, path: str) -> int | Unreadable:
        _, body = self._find(f"inode {path}")
        return body if isinstance(body, Unreadable) else int(body)

    def search(
        self, paths: Sequence[str], phrases: Sequence[Phrase]
    ) -> tuple[Search | Unreadable, ...]:
        wanted = [phrase for phrase in phrases if not phrase.recent]
        return tuple(self._search(path, wanted) for path in paths)

    def _search(self, path: str, phrases: Sequence[Phrase]) -> Search | Unreadable:
        key, body = self._find(path)
        if isinstance(body, Unreadable):
            return body
        lines: list[Line] = []
        offset = more = 0
        for text in body.split("\n"):
            raw = text.encode()
            found = [phrase.after for phrase in phrases if phrase.text in raw]
            more = max([more - 1, *found])
            if found or more >= 0:
                lines.append(Line(offset, text, bool(found)))
            offset += len(raw) + 1
        notes = self._notes[key]
        modified = _when(notes["modified"]) if "modified" in notes else self.clock().now
        hits = sum(line.hit for line in lines)
        return Search(path, tuple(lines), hits, offset, modified, notes.get("gap", ""))

    def journal(self, phrases: Sequence[Phrase]) -> Journal | Unreadable:
        key, body = self._find("journal")
        if isinstance(body, Unreadable):
            return body
        records: list[JournalRecord] = []
        oldest = None
        for line in filter(None, body.split("\n")):
            fields = json.loads(line)
            record = journal_record(fields)
            oldest = min(oldest or record.realtime, record.realtime)
            missed = record.transport == "driver" and record.message.startswith("Missed ")
            raw = record.message.encode()
            if missed or any(phrase.text in raw for phrase in phrases):
                records.append(record)
        gap = self._notes[key].get("gap")
        gaps = (gap,) if gap else ()
        return Journal(tuple(records), len(records), ("journal",), gaps, oldest)

    def ethtool(self, interface: str) -> Evidence | Unreadable:
        return self.read(f"ethtool -S {interface}")

    def conntrack_stats(self) -> Evidence | Unreadable:
        return self.read("conntrack -S")

    def within(self, netns: str) -> Host:
        return self._seen_as(f"{self._prefix}netns {netns}: ")

    def later(self, seconds: float) -> Host:
        return self._seen_as(LATER + self._prefix)

    def _seen_as(self, prefix: str) -> FakeHost:
        other = FakeHost({}, self.name, prefix)
        other._looks, other._notes = self._looks, self._notes
        return other
