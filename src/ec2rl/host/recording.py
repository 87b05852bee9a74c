"""A memory as a case: what was seen, in the words that `fake.FakeHost` reads again."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence

from ec2rl.host import Clock, Journal, Search
from ec2rl.model import Evidence, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.host.remember import Look


def case(memory: Mapping[str, Look], expected: Sequence[str]) -> str:
    """All looks as sections, and the verdicts as what a replay is expected to say."""
    parts = ["A recording; read it before you send it: it holds log lines and settings.\n"]
    for key, look in memory.items():
        head, body = _section(key, look)
        lines = "\n".join(_guarded(line) for line in body.split("\n"))
        parts.append(
            f"-- {head} --\n{lines}\n" if not body.startswith("!") else f"-- {head} --\n{body}\n"
        )
    parts.append("-- expect --\n" + "\n".join(expected) + "\n")
    return "".join(parts)


def _guarded(line: str) -> str:
    """Mark a line that would be taken for a section, a reason or a mark."""
    line = line.replace("\r", "\\x0d")
    return "\\" + line if line.startswith(("-- ", "!", "\\")) else line


def _stamp(when: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when))


def _section(key: str, look: Look) -> tuple[str, str]:
    if isinstance(look, Unreadable):
        return _key(key), f"!{look.why.value.replace(' ', '-')} {look.detail}".strip().replace(
            "\n", " "
        )
    if isinstance(look, Clock):
        uptime = "" if look.uptime is None else f" uptime={look.uptime:.6f}"
        return key, f"now={_stamp(look.now)}{uptime}"
    if isinstance(look, Evidence):
        return key, look.text.removesuffix("\n")
    if isinstance(look, Search):
        notes = f"; modified={_stamp(look.modified)}" + (f"; gap={look.gap}" if look.gap else "")
        return _key(key) + notes, "\n".join(line.text for line in look.lines)
    if isinstance(look, Journal):
        return key + (f"; gap={'; '.join(look.gaps)}" if look.gaps else ""), _journal(look)
    if isinstance(look, tuple):
        return key, "\n".join(look)
    return key, str(look)


def _key(key: str) -> str:
    """A searched file stands under its own name, as it would in a case written by hand."""
    return (
        key.replace("search ", "", 1) if key.replace("later: ", "").startswith("search ") else key
    )


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
        lines.append(json.dumps(fields))
    return "\n".join(lines)
