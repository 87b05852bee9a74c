"""What a text is, by its beginning: told by what stands in it, never by a name."""

from __future__ import annotations

import re

from ec2rl.forms.mend import margin, mended, plain
from ec2rl.forms.not_a_log import not_a_log
from ec2rl.forms.parse import kind_of, parse_record, pieces
from ec2rl.forms.table import Kind
from ec2rl.record import record

_LINES = 400
_NO_STAMPS = r"Linux version 2\.[0-6]\."
"""How dmesg began before stamps were usual (RHEL 5)."""

# `journalctl -o short-monotonic`: a host, and who wrote it, as dmesg never has them in each line.
_MONOTONIC = r"(?m)^\[ *\d{1,9}\.\d{6}[^\]]*\] ([\w.-]+) (?:kernel|[^\n:\[]{1,64}\[\d+\]): "
_EXPORT = rb"(?:__[A-Z_]+|_[A-Z_]+|[A-Z_]+)(?:=.*\n|\n)(?:_|[A-Z])"
_VERBOSE = rb"(?m)^[A-Z][a-z]{2} \d{4}-\d\d-\d\d \S+ \S+ \[s=[0-9a-f]+;i=[0-9a-f]+;b=[0-9a-f]{32};"
_OBJECT = rb'[\s\x1e]*(?:data: ?)?(?:\[\s*)?\{\s*"'
_JOURNAL = rb'"(?:__REALTIME_TIMESTAMP|__CURSOR|_BOOT_ID|MESSAGE)"\s*:'
_OBJECTS = (
    ("json", _JOURNAL),
    ("dmesg json", rb'\{\s*"dmesg"\s*:'),
    # Docker's json-file, and what passes its lines on: one object a line, its keys in any order.
    ("docker json", rb'\{(?=[^\n]*"log"\s*:\s*")(?=[^\n]*"(?:stream|time|timestamp)"\s*:\s*")'),
    ("events json", rb'\{\s*"(?:events|searchedLogStreams|nextForwardToken)"\s*:'),
)


_SAID = rb'"(msg|message|MESSAGE|log|text|line|body|@message)"\s*:\s*"'
"""The keys under which programs put what somebody said into an object."""


@record(frozen=True)
class Recognised:
    """What a text is: `kind` decides how it is read, `document` says what it is if it is no log.

    `instead` is how its messages are had as text, "" where nothing tells.

    Kinds: journal file, export, verbose, json and other `... json`, dmesg, syslog, unknown,
    document.
    """

    kind: str
    document: str = ""
    instead: str = ""

    @property
    def no_log(self) -> str:
        """Say what it is instead of a log, and what to do with it."""
        how = f"; its messages as text: {self.instead}" if self.instead else ""
        return f"{self.document}, not a log{how}"


def recognise(head: bytes) -> Recognised:
    """Recognise a text by its first bytes, 16 KiB or all of them."""
    if head.startswith(b"LPKSHHRH"):
        return Recognised("journal file")
    text = head.removeprefix(b"\xef\xbb\xbf")
    if re.match(_EXPORT, text) and b"__" in text:
        return Recognised("export")
    if re.match(_OBJECT, text):
        for kind, keys in _OBJECTS:
            if re.search(keys, text):
                return Recognised(kind)
    if re.search(_VERBOSE, text):
        return Recognised("verbose")
    if other := not_a_log(head):
        return Recognised("document", other)
    if re.match(_OBJECT, text):
        return Recognised("document", "another program's JSON", _messages(text))
    return Recognised(_kind(text))


def _messages(text: bytes) -> str:
    """Say what to type for the messages in JSON, "" where no key of them is known."""
    key = re.search(_SAID, text)
    if key is None:
        return ""
    name = key[1].decode()
    path = f".{name}" if name.isidentifier() else f'."{name}"'
    is_flat = re.match(rb"\s*\{[^{}\[\]]*\}\s*(?:\n|\Z)", text) is not None
    return f"jq -r '{path if is_flat else f'.. | {path}? | strings'}' FILE > TEXT"


def _kind(head: bytes) -> str:
    """What kind of text most lines with a known form are of."""
    lines = [plain(line) for line in head.decode("utf-8", "replace").split("\n")[:_LINES]]
    width = len(margin(lines))
    lines = [mended(line[width:]) for line in lines]
    rings = logs = 0
    for line in lines:
        for part in pieces(line, parse_record(line)):
            found = parse_record(part)
            rings += found is not None and kind_of(found) is Kind.RING
            logs += found is not None and kind_of(found) is Kind.LOG
    hosts = re.findall(_MONOTONIC, "\n".join(lines))
    if hosts and hosts.count(hosts[0]) >= 0.9 * (rings + logs):
        return "syslog"
    if rings > logs:
        return "dmesg"
    if not logs and re.match(_NO_STAMPS, lines[0]):
        return "dmesg"
    return "syslog" if logs else "unknown"
