"""A memory as a case: what was seen, in the words that `fake.FakeHost` reads again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from ec2rl.host import Clock, Journal, Search
from ec2rl.host.fake import PLAIN, RETURNED
from ec2rl.host.notes import escaped, format_time
from ec2rl.host.query import Answer, encode_text
from ec2rl.host.remember import LATER
from ec2rl.model import Evidence, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.host.remember import Look


def case(memory: Mapping[str, Look], expected: Sequence[str], options: str = "") -> str:
    """All looks as sections, and the verdicts as what a replay is expected to say.

    `options` are words about how was looked, for the replay to look alike.
    """
    parts = ["A recording; read it before you send it: it holds log lines and settings.\n"]
    if options:
        parts.append(f"-- options --\n{options}\n")
    for key, look in memory.items():
        name = key.removeprefix(LATER)
        # A searched file stands under its own name, unless it was read whole as well.
        if name.startswith("search ") and (plain := key.replace("search ", "", 1)) not in memory:
            key = plain
        parts.append(f"-- {'; '.join([escaped(key), *_notes(look)])} --\n{_body(look)}\n")
    parts.append("-- expect --\n" + "\n".join(map(_guarded, expected)) + "\n")
    return "".join(parts)


def inert(text: str) -> str:
    """The same with each line a comment, whoever reads it: sh, cron, sudo, ld.so, sysctl, Python.

    A carriage return ends a line for some, so a line begins behind it too.  `fake.sections` reads
    both.
    """
    lines = text.removesuffix("\n").replace("\n", f"\n{PLAIN}").replace("\r", f"\n{RETURNED}")
    return f"{PLAIN}{lines}\n"


def _guarded(line: str) -> str:
    """Mark a line that would be taken for a section, a reason or a mark."""
    return "\\" + line if line.startswith(("-- ", "!", "\\")) else line


def _notes(look: Look) -> list[str]:
    """What else is to be known of an answer, behind its key."""
    if isinstance(look, Evidence):
        return _shown(encode_text(look.text)[1])
    if isinstance(look, Answer):
        return _shown(look.query.encode(look.value)[1])
    if isinstance(look, Search):
        known = sum(line.hit for line in look.lines)
        notes = [f"modified={format_time(look.modified)}", f"unpacked={look.unpacked}"]
        notes += [f"path={escaped(look.path)}", *([f"gap={escaped(look.gap)}"] * bool(look.gap))]
        return [*notes, f"hits={look.hits}"] if look.hits != known else notes
    if isinstance(look, Journal):
        notes = [f"gap={escaped('; '.join(look.gaps))}"] if look.gaps else []
        ends = {"oldest": look.oldest, "newest": look.newest}
        notes += [f"{name}={'' if when is None else when}" for name, when in ends.items()]
        return [*notes, f"hits={look.hits}"]
    return []


def _shown(notes: Mapping[str, str | None]) -> list[str]:
    return [n if value is None else f"{n}={escaped(value)}" for n, value in notes.items()]


def _body(look: Look) -> str:
    if isinstance(look, Unreadable):
        reason = look.why.value.replace(" ", "-")
        return f"!{reason} {' '.join(look.detail.splitlines())}".rstrip()
    return "\n".join(map(_guarded, _text(look).split("\n")))


def _text(look: Look) -> str:
    if isinstance(look, Clock):
        uptime = "" if look.uptime is None else f" uptime={look.uptime!r}"
        return f"now={format_time(look.now)}{uptime}"
    if isinstance(look, Evidence):
        return encode_text(look.text)[0]
    if isinstance(look, Answer):
        return look.query.encode(look.value)[0]
    if isinstance(look, Search):
        return "\n".join(line.text for line in look.lines)
    if isinstance(look, Journal):
        return _journal(look)
    if isinstance(look, tuple):
        return "\n".join(map(escaped, look))
    return escaped(str(look))


def _journal(look: Journal) -> str:
    lines = []
    for one in look.records:
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
        lines.append(json.dumps(fields))
    return "\n".join(lines)
