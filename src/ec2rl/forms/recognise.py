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
    ("docker json", rb'\{"(?:log|stream)":"'),
    ("events json", rb'\{\s*"(?:events|searchedLogStreams|nextForwardToken)"\s*:'),
)


@record(frozen=True)
class Recognised:
    """What a text is: `kind` decides how it is read, `document` says what it is if it is no log.

    Kinds: journal file, export, verbose, json and other `... json`, dmesg, syslog, unknown,
    document.
    """

    kind: str
    document: str = ""


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
    other = not_a_log(head) or ("another program's JSON" if re.match(_OBJECT, text) else "")
    return Recognised("document", other) if other else Recognised(_kind(text))


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
