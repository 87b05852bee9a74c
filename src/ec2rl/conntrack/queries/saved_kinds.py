"""What people save of connection tracking, told by how it begins."""

from __future__ import annotations

import re

from ec2rl.evidence.kinds import FIRST, Kind, Row, Use, begins, mostly, share

# What its tools and the kernel print alike: addresses in their place in an entry.
_HEAD = rb".{0,64}?(?<![\w=])[a-z][\w-]*[ \t]+\d{1,3}(?:[ \t][\w=,]*)*?[ \t]src="
_ENTRY = _HEAD + rb"\S+[ \t]dst="
_OF_SIX = _HEAD + rb"[0-9a-fA-F]*:"
_EVENT = rb"\s*(?:\[[\d.]+\s*\]\s+)?\[(?:NEW|UPDATE|DESTROY)\] "
_SAVE = rb"-A (?:-\w \S+ )+"
_XML = rb"\s*(?:<\?xml[^>]*>\s*)?<conntrack>"
# conntrack-tools, src/conntrack.c: a line a CPU; before 1.0.1 /proc's own columns, one a line.
_STATS = (
    rb"(?s).{0,512}?^cpu=\d+\s+(?:found|searched|clashres|entries)=\d+|entries\s+\d+\s*\nsearched\s"
)
_PROC = rb"entries +(?:clashres +|searched +)found +new +invalid "
_FAILED = rb"conntrack v[\w.]+ \(conntrack-tools\): (?!\d+ (?:flow entries|expectations))"
_SHOWN = rb"conntrack v[\w.]+ \(conntrack-tools\): \d+ flow entries have been shown\."
_TABLES = _ENTRY + rb"|conntrack v[\w.]+ \(conntrack-tools\): \d+ flow entries"
_ALLOWANCE = rb"\s*conntrack_allowance_\w+: \d+$"
_NUMBERS = rb"\s*\d{1,10}\s*(?:\n\s*\d{1,10}\s*){0,9}$"
_TABLE = "conntrack -L"
_A_NUMBER = "a number, and nothing says of what (if conntrack -C, put `# conntrack -C` above it)"


def _is_table(head: bytes) -> bool:
    """Some are wrapped, by mail, into three lines an entry."""
    return share(head, _ENTRY) >= 0.3


def _is_of_six(head: bytes) -> bool:
    return _is_table(head) and share(head, _OF_SIX) >= 0.9


KINDS = (
    Row(Kind("conntrack -E: events, no table", Use.NOTHING), mostly(_EVENT), _EVENT),
    Row(Kind(f"{_TABLE} -o xml", Use.STREAM, _TABLE), begins(_XML)),
    Row(Kind(f"{_TABLE} -o save", Use.STREAM, _TABLE), mostly(_SAVE), _SAVE),
    Row(Kind(f"{_TABLE} of IPv6", Use.STREAM, _TABLE, "IPv6"), _is_of_six, _TABLES),
    Row(Kind(_TABLE, Use.STREAM, _TABLE), _is_table, _TABLES),
    Row(
        Kind("conntrack -S", Use.TEXT, "conntrack -S"),
        lambda head: re.match(_STATS, head, re.MULTILINE) is not None,
        rb"cpu=\d+\s|\w+\s+\d+\s*$",
        rb"cpu=\d+\s|entries\s+\d+\s*$",
    ),
    Row(
        Kind("/proc/net/stat/nf_conntrack", Use.TEXT, "/proc/net/stat/nf_conntrack"),
        begins(FIRST + _PROC),
        rb"(?:[0-9a-f]{8} +){8}",
        _PROC,
    ),
    Row(Kind("conntrack, which failed", Use.NOTHING), begins(_FAILED)),
    Row(Kind(_TABLE, Use.STREAM, _TABLE), begins(_SHOWN)),
    Row(Kind("ethtool -S", Use.TEXT, "ethtool -S"), mostly(_ALLOWANCE), _ALLOWANCE),
    Row(Kind(_A_NUMBER, Use.TEXT, "conntrack -C"), begins(_NUMBERS)),
)
